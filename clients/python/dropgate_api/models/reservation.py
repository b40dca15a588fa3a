from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.reservation_state import ReservationState
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.line import Line


T = TypeVar("T", bound="Reservation")


@_attrs_define
class Reservation:
    """
    Attributes:
        created_at (datetime.datetime): In UTC, with milliseconds.
        customer_id (str):
        drop (str):
        expires_at (datetime.datetime): In UTC, with milliseconds.
        id (UUID):
        lines (list[Line]): What it is about; of a return in part, what is still sold.
        order_id (None | str): The shop's own id of the order that it was confirmed for; else null.
        state (ReservationState):
        watch_token (str): Lets a browser watch one reservation, and do nothing else.
    """

    created_at: datetime.datetime
    customer_id: str
    drop: str
    expires_at: datetime.datetime
    id: UUID
    lines: list[Line]
    order_id: None | str
    state: ReservationState
    watch_token: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.line import Line  # noqa: PLC0415

        created_at = self.created_at.isoformat()

        customer_id = self.customer_id

        drop = self.drop

        expires_at = self.expires_at.isoformat()

        id = str(self.id)

        lines = []
        for lines_item_data in self.lines:
            lines_item = lines_item_data.to_dict()
            lines.append(lines_item)

        order_id: None | str
        order_id = self.order_id

        state = self.state.value

        watch_token = self.watch_token

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "created_at": created_at,
                "customer_id": customer_id,
                "drop": drop,
                "expires_at": expires_at,
                "id": id,
                "lines": lines,
                "order_id": order_id,
                "state": state,
                "watch_token": watch_token,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.line import Line  # noqa: PLC0415

        d = dict(src_dict)
        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        customer_id = d.pop("customer_id")

        drop = d.pop("drop")

        expires_at = datetime.datetime.fromisoformat(d.pop("expires_at"))

        id = UUID(d.pop("id"))

        lines = []
        _lines = d.pop("lines")
        for lines_item_data in _lines:
            lines_item = Line.from_dict(lines_item_data)

            lines.append(lines_item)

        def _parse_order_id(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        order_id = _parse_order_id(d.pop("order_id"))

        state = ReservationState(d.pop("state"))

        watch_token = d.pop("watch_token")

        reservation = cls(
            created_at=created_at,
            customer_id=customer_id,
            drop=drop,
            expires_at=expires_at,
            id=id,
            lines=lines,
            order_id=order_id,
            state=state,
            watch_token=watch_token,
        )

        reservation.additional_properties = d
        return reservation

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
