from enum import StrEnum


class DropState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    PAUSED = "paused"
    SCHEDULED = "scheduled"

    def __str__(self) -> str:
        return str(self.value)
