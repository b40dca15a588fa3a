from enum import StrEnum


class DeliveryState(StrEnum):
    DEAD = "dead"
    DELIVERED = "delivered"
    RETRYING = "retrying"

    def __str__(self) -> str:
        return str(self.value)
