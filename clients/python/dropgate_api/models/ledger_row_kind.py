from enum import StrEnum


class LedgerRowKind(StrEnum):
    CHANGED = "changed"
    CONFIGURED = "configured"
    CONFIRMED = "confirmed"
    EXPIRED = "expired"
    EXTENDED = "extended"
    HELD = "held"
    RELEASED = "released"
    RESTOCKED = "restocked"
    RETURNED = "returned"

    def __str__(self) -> str:
        return str(self.value)
