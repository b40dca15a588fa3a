from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.drop_state import DropState
from ..types import UNSET, Unset

T = TypeVar("T", bound="DropSettings")


@_attrs_define
class DropSettings:
    """
    Attributes:
        closes_at (datetime.datetime | None | Unset): When the drop closes by itself; null: never.
        expiring_soon_seconds (list[int] | Unset): How long before its deadline the holder of a hold is warned.
        hold_ttl_seconds (int | Unset):
        limit_per_customer (int | None | Unset): The most units that one customer may have, held or sold; null: no
            limit.
        max_hold_seconds (int | Unset):
        name (str | Unset):
        opens_at (datetime.datetime | None | Unset): When the drop opens by itself; null: not by itself.
        state (DropState | Unset):
    """

    closes_at: datetime.datetime | None | Unset = UNSET
    expiring_soon_seconds: list[int] | Unset = UNSET
    hold_ttl_seconds: int | Unset = UNSET
    limit_per_customer: int | None | Unset = UNSET
    max_hold_seconds: int | Unset = UNSET
    name: str | Unset = UNSET
    opens_at: datetime.datetime | None | Unset = UNSET
    state: DropState | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        closes_at: None | str | Unset
        if isinstance(self.closes_at, Unset):
            closes_at = UNSET
        elif isinstance(self.closes_at, datetime.datetime):
            closes_at = self.closes_at.isoformat()
        else:
            closes_at = self.closes_at

        expiring_soon_seconds: list[int] | Unset = UNSET
        if not isinstance(self.expiring_soon_seconds, Unset):
            expiring_soon_seconds = self.expiring_soon_seconds

        hold_ttl_seconds = self.hold_ttl_seconds

        limit_per_customer: int | None | Unset
        if isinstance(self.limit_per_customer, Unset):
            limit_per_customer = UNSET
        else:
            limit_per_customer = self.limit_per_customer

        max_hold_seconds = self.max_hold_seconds

        name = self.name

        opens_at: None | str | Unset
        if isinstance(self.opens_at, Unset):
            opens_at = UNSET
        elif isinstance(self.opens_at, datetime.datetime):
            opens_at = self.opens_at.isoformat()
        else:
            opens_at = self.opens_at

        state: str | Unset = UNSET
        if not isinstance(self.state, Unset):
            state = self.state.value

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if closes_at is not UNSET:
            field_dict["closes_at"] = closes_at
        if expiring_soon_seconds is not UNSET:
            field_dict["expiring_soon_seconds"] = expiring_soon_seconds
        if hold_ttl_seconds is not UNSET:
            field_dict["hold_ttl_seconds"] = hold_ttl_seconds
        if limit_per_customer is not UNSET:
            field_dict["limit_per_customer"] = limit_per_customer
        if max_hold_seconds is not UNSET:
            field_dict["max_hold_seconds"] = max_hold_seconds
        if name is not UNSET:
            field_dict["name"] = name
        if opens_at is not UNSET:
            field_dict["opens_at"] = opens_at
        if state is not UNSET:
            field_dict["state"] = state

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_closes_at(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                closes_at_type_0 = datetime.datetime.fromisoformat(data)

                return closes_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        closes_at = _parse_closes_at(d.pop("closes_at", UNSET))

        expiring_soon_seconds = cast(list[int], d.pop("expiring_soon_seconds", UNSET))

        hold_ttl_seconds = d.pop("hold_ttl_seconds", UNSET)

        def _parse_limit_per_customer(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        limit_per_customer = _parse_limit_per_customer(d.pop("limit_per_customer", UNSET))

        max_hold_seconds = d.pop("max_hold_seconds", UNSET)

        name = d.pop("name", UNSET)

        def _parse_opens_at(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                opens_at_type_0 = datetime.datetime.fromisoformat(data)

                return opens_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        opens_at = _parse_opens_at(d.pop("opens_at", UNSET))

        _state = d.pop("state", UNSET)
        state: DropState | Unset
        if isinstance(_state, Unset):
            state = UNSET
        else:
            state = DropState(_state)

        drop_settings = cls(
            closes_at=closes_at,
            expiring_soon_seconds=expiring_soon_seconds,
            hold_ttl_seconds=hold_ttl_seconds,
            limit_per_customer=limit_per_customer,
            max_hold_seconds=max_hold_seconds,
            name=name,
            opens_at=opens_at,
            state=state,
        )

        return drop_settings
