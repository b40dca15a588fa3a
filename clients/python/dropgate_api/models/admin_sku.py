from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.admin_sku_details import AdminSkuDetails


T = TypeVar("T", bound="AdminSku")


@_attrs_define
class AdminSku:
    """
    Attributes:
        available (int):
        details (AdminSkuDetails): Whatever a page needs to show of it: description, price, picture.
        held (int):
        limit_per_customer (int | None): The most units that one customer may have, held or sold; null: no limit.
        low_stock_threshold (int):
        name (str): A name for people.
        sku (str):
        sold (int):
        total (int):
        version (int):
    """

    available: int
    details: AdminSkuDetails
    held: int
    limit_per_customer: int | None
    low_stock_threshold: int
    name: str
    sku: str
    sold: int
    total: int
    version: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.admin_sku_details import AdminSkuDetails  # noqa: PLC0415

        available = self.available

        details = self.details.to_dict()

        held = self.held

        limit_per_customer: int | None
        limit_per_customer = self.limit_per_customer

        low_stock_threshold = self.low_stock_threshold

        name = self.name

        sku = self.sku

        sold = self.sold

        total = self.total

        version = self.version

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "available": available,
                "details": details,
                "held": held,
                "limit_per_customer": limit_per_customer,
                "low_stock_threshold": low_stock_threshold,
                "name": name,
                "sku": sku,
                "sold": sold,
                "total": total,
                "version": version,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.admin_sku_details import AdminSkuDetails  # noqa: PLC0415

        d = dict(src_dict)
        available = d.pop("available")

        details = AdminSkuDetails.from_dict(d.pop("details"))

        held = d.pop("held")

        def _parse_limit_per_customer(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        limit_per_customer = _parse_limit_per_customer(d.pop("limit_per_customer"))

        low_stock_threshold = d.pop("low_stock_threshold")

        name = d.pop("name")

        sku = d.pop("sku")

        sold = d.pop("sold")

        total = d.pop("total")

        version = d.pop("version")

        admin_sku = cls(
            available=available,
            details=details,
            held=held,
            limit_per_customer=limit_per_customer,
            low_stock_threshold=low_stock_threshold,
            name=name,
            sku=sku,
            sold=sold,
            total=total,
            version=version,
        )

        admin_sku.additional_properties = d
        return admin_sku

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
