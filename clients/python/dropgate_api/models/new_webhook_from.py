from enum import StrEnum


class NewWebhookFrom(StrEnum):
    NOW = "now"
    START = "start"

    def __str__(self) -> str:
        return str(self.value)
