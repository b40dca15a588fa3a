from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="SaleFunnel")


@_attrs_define
class SaleFunnel:
    """
    Attributes:
        attempts (int | None): Calls for a new hold, without repeats and without those whose outcome nobody knows; null
            while Redis can't be read.
        confirms (int): Reservations that were confirmed.
        holds (int): Reservations that were made.
    """

    attempts: int | None
    confirms: int
    holds: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        attempts: int | None
        attempts = self.attempts

        confirms = self.confirms

        holds = self.holds

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "attempts": attempts,
                "confirms": confirms,
                "holds": holds,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_attempts(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        attempts = _parse_attempts(d.pop("attempts"))

        confirms = d.pop("confirms")

        holds = d.pop("holds")

        sale_funnel = cls(
            attempts=attempts,
            confirms=confirms,
            holds=holds,
        )

        sale_funnel.additional_properties = d
        return sale_funnel

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
