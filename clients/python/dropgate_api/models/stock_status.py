from enum import StrEnum


class StockStatus(StrEnum):
    IN_STOCK = "in_stock"
    LOW = "low"
    SOLD_OUT = "sold_out"

    def __str__(self) -> str:
        return str(self.value)
