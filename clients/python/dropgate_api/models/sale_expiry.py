from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="SaleExpiry")


@_attrs_define
class SaleExpiry:
    """
    Attributes:
        due (int): Holds whose deadline has passed and that are not freed yet.
        lag_seconds (float): How long the oldest of them is due.
        looked_at (datetime.datetime): In UTC, with milliseconds.
    """

    due: int
    lag_seconds: float
    looked_at: datetime.datetime
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        due = self.due

        lag_seconds = self.lag_seconds

        looked_at = self.looked_at.isoformat()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "due": due,
                "lag_seconds": lag_seconds,
                "looked_at": looked_at,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        due = d.pop("due")

        lag_seconds = d.pop("lag_seconds")

        looked_at = datetime.datetime.fromisoformat(d.pop("looked_at"))

        sale_expiry = cls(
            due=due,
            lag_seconds=lag_seconds,
            looked_at=looked_at,
        )

        sale_expiry.additional_properties = d
        return sale_expiry

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
