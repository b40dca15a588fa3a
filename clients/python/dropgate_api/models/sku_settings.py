from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.sku_settings_details import SkuSettingsDetails


T = TypeVar("T", bound="SkuSettings")


@_attrs_define
class SkuSettings:
    """
    Attributes:
        details (SkuSettingsDetails | Unset): At most 16 KB of JSON, its numbers at most 1e100.
        initial_stock (int | Unset):
        limit_per_customer (int | None | Unset): The most units that one customer may have, held or sold; null: no
            limit.
        low_stock_threshold (int | Unset):
        name (str | Unset):
    """

    details: SkuSettingsDetails | Unset = UNSET
    initial_stock: int | Unset = UNSET
    limit_per_customer: int | None | Unset = UNSET
    low_stock_threshold: int | Unset = UNSET
    name: str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        from ..models.sku_settings_details import SkuSettingsDetails  # noqa: PLC0415

        details: dict[str, Any] | Unset = UNSET
        if not isinstance(self.details, Unset):
            details = self.details.to_dict()

        initial_stock = self.initial_stock

        limit_per_customer: int | None | Unset
        if isinstance(self.limit_per_customer, Unset):
            limit_per_customer = UNSET
        else:
            limit_per_customer = self.limit_per_customer

        low_stock_threshold = self.low_stock_threshold

        name = self.name

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if details is not UNSET:
            field_dict["details"] = details
        if initial_stock is not UNSET:
            field_dict["initial_stock"] = initial_stock
        if limit_per_customer is not UNSET:
            field_dict["limit_per_customer"] = limit_per_customer
        if low_stock_threshold is not UNSET:
            field_dict["low_stock_threshold"] = low_stock_threshold
        if name is not UNSET:
            field_dict["name"] = name

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.sku_settings_details import SkuSettingsDetails  # noqa: PLC0415

        d = dict(src_dict)
        _details = d.pop("details", UNSET)
        details: SkuSettingsDetails | Unset
        if isinstance(_details, Unset):
            details = UNSET
        else:
            details = SkuSettingsDetails.from_dict(_details)

        initial_stock = d.pop("initial_stock", UNSET)

        def _parse_limit_per_customer(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        limit_per_customer = _parse_limit_per_customer(d.pop("limit_per_customer", UNSET))

        low_stock_threshold = d.pop("low_stock_threshold", UNSET)

        name = d.pop("name", UNSET)

        sku_settings = cls(
            details=details,
            initial_stock=initial_stock,
            limit_per_customer=limit_per_customer,
            low_stock_threshold=low_stock_threshold,
            name=name,
        )

        return sku_settings
