from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="SaleHoldsUnder")


@_attrs_define
class SaleHoldsUnder:
    """
    Attributes:
        holds (int): Holds with less time than that, and no less than the entry before.
        under_seconds (int | None): 0: due already; null: more than all others.
    """

    holds: int
    under_seconds: int | None
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        holds = self.holds

        under_seconds: int | None
        under_seconds = self.under_seconds

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "holds": holds,
                "under_seconds": under_seconds,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        holds = d.pop("holds")

        def _parse_under_seconds(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        under_seconds = _parse_under_seconds(d.pop("under_seconds"))

        sale_holds_under = cls(
            holds=holds,
            under_seconds=under_seconds,
        )

        sale_holds_under.additional_properties = d
        return sale_holds_under

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
