from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="SaleRates")


@_attrs_define
class SaleRates:
    """
    Attributes:
        confirms (float): Confirms a second.
        holds (float): New holds a second.
        over_seconds (int):
        refusals (float | None): Refused new holds a second; null while Redis can't be read.
    """

    confirms: float
    holds: float
    over_seconds: int
    refusals: float | None
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        confirms = self.confirms

        holds = self.holds

        over_seconds = self.over_seconds

        refusals: float | None
        refusals = self.refusals

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "confirms": confirms,
                "holds": holds,
                "over_seconds": over_seconds,
                "refusals": refusals,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        confirms = d.pop("confirms")

        holds = d.pop("holds")

        over_seconds = d.pop("over_seconds")

        def _parse_refusals(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        refusals = _parse_refusals(d.pop("refusals"))

        sale_rates = cls(
            confirms=confirms,
            holds=holds,
            over_seconds=over_seconds,
            refusals=refusals,
        )

        sale_rates.additional_properties = d
        return sale_rates

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
