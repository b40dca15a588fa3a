from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.delivery_state import DeliveryState
from ..types import UNSET, Unset

T = TypeVar("T", bound="Delivery")


@_attrs_define
class Delivery:
    """
    Attributes:
        attempts (int): How often it was sent.
        drop (str):
        error (None | str): What went wrong last, in words; null when it was delivered.
        event (str): Of its first event: `{epoch}-{seq}`.
        first_at (datetime.datetime): In UTC, with milliseconds.
        id (UUID):
        last_at (datetime.datetime): In UTC, with milliseconds.
        next_at (datetime.datetime | None): When it is sent next; null: not again.
        state (DeliveryState):
        status (int | None): The last HTTP status that the receiver gave; null when there was none.
        type_ (str): The kind of its first event, as in the ledger.
    """

    attempts: int
    drop: str
    error: None | str
    event: str
    first_at: datetime.datetime
    id: UUID
    last_at: datetime.datetime
    next_at: datetime.datetime | None
    state: DeliveryState
    status: int | None
    type_: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        attempts = self.attempts

        drop = self.drop

        error: None | str
        error = self.error

        event = self.event

        first_at = self.first_at.isoformat()

        id = str(self.id)

        last_at = self.last_at.isoformat()

        next_at: None | str
        if isinstance(self.next_at, datetime.datetime):
            next_at = self.next_at.isoformat()
        else:
            next_at = self.next_at

        state = self.state.value

        status: int | None
        status = self.status

        type_ = self.type_

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "attempts": attempts,
                "drop": drop,
                "error": error,
                "event": event,
                "first_at": first_at,
                "id": id,
                "last_at": last_at,
                "next_at": next_at,
                "state": state,
                "status": status,
                "type": type_,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        attempts = d.pop("attempts")

        drop = d.pop("drop")

        def _parse_error(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        error = _parse_error(d.pop("error"))

        event = d.pop("event")

        first_at = datetime.datetime.fromisoformat(d.pop("first_at"))

        id = UUID(d.pop("id"))

        last_at = datetime.datetime.fromisoformat(d.pop("last_at"))

        def _parse_next_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                next_at_type_0 = datetime.datetime.fromisoformat(data)

                return next_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        next_at = _parse_next_at(d.pop("next_at"))

        state = DeliveryState(d.pop("state"))

        def _parse_status(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        status = _parse_status(d.pop("status"))

        type_ = d.pop("type")

        delivery = cls(
            attempts=attempts,
            drop=drop,
            error=error,
            event=event,
            first_at=first_at,
            id=id,
            last_at=last_at,
            next_at=next_at,
            state=state,
            status=status,
            type_=type_,
        )

        delivery.additional_properties = d
        return delivery

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
