from enum import StrEnum


class ReservationState(StrEnum):
    CONFIRMED = "confirmed"
    EXPIRED = "expired"
    HELD = "held"
    RELEASED = "released"
    RETURNED = "returned"

    def __str__(self) -> str:
        return str(self.value)
