from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="SaleEvents")


@_attrs_define
class SaleEvents:
    """How many of each kind the ledger has.

    Attributes:
        changed (int):
        configured (int):
        confirmed (int):
        expired (int):
        extended (int):
        held (int):
        released (int):
        restocked (int):
        returned (int):
    """

    changed: int
    configured: int
    confirmed: int
    expired: int
    extended: int
    held: int
    released: int
    restocked: int
    returned: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        changed = self.changed

        configured = self.configured

        confirmed = self.confirmed

        expired = self.expired

        extended = self.extended

        held = self.held

        released = self.released

        restocked = self.restocked

        returned = self.returned

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "changed": changed,
                "configured": configured,
                "confirmed": confirmed,
                "expired": expired,
                "extended": extended,
                "held": held,
                "released": released,
                "restocked": restocked,
                "returned": returned,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        changed = d.pop("changed")

        configured = d.pop("configured")

        confirmed = d.pop("confirmed")

        expired = d.pop("expired")

        extended = d.pop("extended")

        held = d.pop("held")

        released = d.pop("released")

        restocked = d.pop("restocked")

        returned = d.pop("returned")

        sale_events = cls(
            changed=changed,
            configured=configured,
            confirmed=confirmed,
            expired=expired,
            extended=extended,
            held=held,
            released=released,
            restocked=restocked,
            returned=returned,
        )

        sale_events.additional_properties = d
        return sale_events

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
