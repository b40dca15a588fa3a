from enum import StrEnum


class Scope(StrEnum):
    ADMIN = "admin"
    READ = "read"
    STOREFRONT = "storefront"

    def __str__(self) -> str:
        return str(self.value)
