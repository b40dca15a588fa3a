from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="SalePerSecond")


@_attrs_define
class SalePerSecond:
    """
    Attributes:
        confirms (list[int]): Confirms in each second, the newest last.
        holds (list[int]): New holds in each second, the newest last.
        refusals (list[int] | None): New holds that were refused; null while Redis can't be read.
        until (datetime.datetime): In UTC, with milliseconds.
    """

    confirms: list[int]
    holds: list[int]
    refusals: list[int] | None
    until: datetime.datetime
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        confirms = self.confirms

        holds = self.holds

        refusals: list[int] | None
        if isinstance(self.refusals, list):
            refusals = self.refusals

        else:
            refusals = self.refusals

        until = self.until.isoformat()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "confirms": confirms,
                "holds": holds,
                "refusals": refusals,
                "until": until,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        confirms = cast(list[int], d.pop("confirms"))

        holds = cast(list[int], d.pop("holds"))

        def _parse_refusals(data: object) -> list[int] | None:
            if data is None:
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                refusals_type_0 = cast(list[int], data)

                return refusals_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[int] | None, data)

        refusals = _parse_refusals(d.pop("refusals"))

        until = datetime.datetime.fromisoformat(d.pop("until"))

        sale_per_second = cls(
            confirms=confirms,
            holds=holds,
            refusals=refusals,
            until=until,
        )

        sale_per_second.additional_properties = d
        return sale_per_second

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
