from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.stock_status import StockStatus
from ..types import UNSET, Unset

T = TypeVar("T", bound="PublicSkuLine")


@_attrs_define
class PublicSkuLine:
    """
    Attributes:
        available (int):
        message (None | str): What a page may say when few are left; else null.
        name (str): A name for people.
        sku (str):
        status (StockStatus):
        version (int):
    """

    available: int
    message: None | str
    name: str
    sku: str
    status: StockStatus
    version: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        available = self.available

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
        d = dict(src_dict)
        available = d.pop("available")

        def _parse_message(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        message = _parse_message(d.pop("message"))

        name = d.pop("name")

        sku = d.pop("sku")

        status = StockStatus(d.pop("status"))

        version = d.pop("version")

        public_sku_line = cls(
            available=available,
            message=message,
            name=name,
            sku=sku,
            status=status,
            version=version,
        )

        public_sku_line.additional_properties = d
        return public_sku_line

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
