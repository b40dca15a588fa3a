from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="SaleToConfirm")


@_attrs_define
class SaleToConfirm:
    """
    Attributes:
        confirms (int): How many confirms that is of: the newest.
        median_ms (int | None): Half of them took no longer, from hold to confirm.
        p95_ms (int | None): 95 of 100 took no longer.
    """

    confirms: int
    median_ms: int | None
    p95_ms: int | None
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        confirms = self.confirms

        median_ms: int | None
        median_ms = self.median_ms

        p95_ms: int | None
        p95_ms = self.p95_ms

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "confirms": confirms,
                "median_ms": median_ms,
                "p95_ms": p95_ms,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        confirms = d.pop("confirms")

        def _parse_median_ms(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        median_ms = _parse_median_ms(d.pop("median_ms"))

        def _parse_p95_ms(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        p95_ms = _parse_p95_ms(d.pop("p95_ms"))

        sale_to_confirm = cls(
            confirms=confirms,
            median_ms=median_ms,
            p95_ms=p95_ms,
        )

        sale_to_confirm.additional_properties = d
        return sale_to_confirm

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
