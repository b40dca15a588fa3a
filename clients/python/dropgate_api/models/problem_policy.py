from enum import StrEnum


class ProblemPolicy(StrEnum):
    ADDRESS = "address"
    CUSTOMER = "customer"
    KEY = "key"

    def __str__(self) -> str:
        return str(self.value)
