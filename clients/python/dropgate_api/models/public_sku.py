from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.stock_status import StockStatus
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.public_sku_details import PublicSkuDetails


T = TypeVar("T", bound="PublicSku")


@_attrs_define
class PublicSku:
    """
    Attributes:
        available (int):
        details (PublicSkuDetails): Whatever a page needs to show of it: description, price, picture.
        message (None | str): What a page may say when few are left; else null.
        name (str): A name for people.
        sku (str):
        status (StockStatus):
        version (int):
    """

    available: int
    details: PublicSkuDetails
    message: None | str
    name: str
    sku: str
    status: StockStatus
    version: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.public_sku_details import PublicSkuDetails  # noqa: PLC0415

        available = self.available

        details = self.details.to_dict()

        message: None | str
        message = self.message

        name = self.name

        sku = self.sku

        status = self.status.value

        version = self.version

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "available": available,
                "details": details,
                "message": message,
                "name": name,
                "sku": sku,
                "status": status,
                "version": version,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.public_sku_details import PublicSkuDetails  # noqa: PLC0415

        d = dict(src_dict)
        available = d.pop("available")

        details = PublicSkuDetails.from_dict(d.pop("details"))

        def _parse_message(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        message = _parse_message(d.pop("message"))

        name = d.pop("name")

        sku = d.pop("sku")

        status = StockStatus(d.pop("status"))

        version = d.pop("version")

        public_sku = cls(
            available=available,
            details=details,
            message=message,
            name=name,
            sku=sku,
            status=status,
            version=version,
        )

        public_sku.additional_properties = d
        return public_sku

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
