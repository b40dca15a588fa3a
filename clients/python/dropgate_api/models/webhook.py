from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.event_kind import EventKind
from ..models.webhook_state import WebhookState
from ..types import UNSET, Unset

T = TypeVar("T", bound="Webhook")


@_attrs_define
class Webhook:
    """
    Attributes:
        batch (int): Events that one request carries at most.
        created_at (datetime.datetime): In UTC, with milliseconds.
        dead (int):
        description (str):
        drops (list[str] | None): The only drops of which it is told; null: all.
        failing_since (datetime.datetime | None): Since when nothing gets through; null while it does.
        id (UUID):
        last_delivered_at (datetime.datetime | None): When something last got through; null: never.
        last_error (None | str): What went wrong last; null: nothing yet.
        pending (int):
        state (WebhookState):
        types (list[EventKind] | None): The only kinds of events of which it is told; null: all.
        url (str): A public https address, unless the engine allows others.
    """

    batch: int
    created_at: datetime.datetime
    dead: int
    description: str
    drops: list[str] | None
    failing_since: datetime.datetime | None
    id: UUID
    last_delivered_at: datetime.datetime | None
    last_error: None | str
    pending: int
    state: WebhookState
    types: list[EventKind] | None
    url: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        batch = self.batch

        created_at = self.created_at.isoformat()

        dead = self.dead

        description = self.description

        drops: list[str] | None
        if isinstance(self.drops, list):
            drops = self.drops

        else:
            drops = self.drops

        failing_since: None | str
        if isinstance(self.failing_since, datetime.datetime):
            failing_since = self.failing_since.isoformat()
        else:
            failing_since = self.failing_since

        id = str(self.id)

        last_delivered_at: None | str
        if isinstance(self.last_delivered_at, datetime.datetime):
            last_delivered_at = self.last_delivered_at.isoformat()
        else:
            last_delivered_at = self.last_delivered_at

        last_error: None | str
        last_error = self.last_error

        pending = self.pending

        state = self.state.value

        types: list[str] | None
        if isinstance(self.types, list):
            types = []
            for types_type_0_item_data in self.types:
                types_type_0_item = types_type_0_item_data.value
                types.append(types_type_0_item)

        else:
            types = self.types

        url = self.url

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "batch": batch,
                "created_at": created_at,
                "dead": dead,
                "description": description,
                "drops": drops,
                "failing_since": failing_since,
                "id": id,
                "last_delivered_at": last_delivered_at,
                "last_error": last_error,
                "pending": pending,
                "state": state,
                "types": types,
                "url": url,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        batch = d.pop("batch")

        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        dead = d.pop("dead")

        description = d.pop("description")

        def _parse_drops(data: object) -> list[str] | None:
            if data is None:
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                drops_type_0 = cast(list[str], data)

                return drops_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[str] | None, data)

        drops = _parse_drops(d.pop("drops"))

        def _parse_failing_since(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                failing_since_type_0 = datetime.datetime.fromisoformat(data)

                return failing_since_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        failing_since = _parse_failing_since(d.pop("failing_since"))

        id = UUID(d.pop("id"))

        def _parse_last_delivered_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                last_delivered_at_type_0 = datetime.datetime.fromisoformat(data)

                return last_delivered_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        last_delivered_at = _parse_last_delivered_at(d.pop("last_delivered_at"))

        def _parse_last_error(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        last_error = _parse_last_error(d.pop("last_error"))

        pending = d.pop("pending")

        state = WebhookState(d.pop("state"))

        def _parse_types(data: object) -> list[EventKind] | None:
            if data is None:
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                types_type_0 = []
                _types_type_0 = data
                for types_type_0_item_data in _types_type_0:
                    types_type_0_item = EventKind(types_type_0_item_data)

                    types_type_0.append(types_type_0_item)

                return types_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[EventKind] | None, data)

        types = _parse_types(d.pop("types"))

        url = d.pop("url")

        webhook = cls(
            batch=batch,
            created_at=created_at,
            dead=dead,
            description=description,
            drops=drops,
            failing_since=failing_since,
            id=id,
            last_delivered_at=last_delivered_at,
            last_error=last_error,
            pending=pending,
            state=state,
            types=types,
            url=url,
        )

        webhook.additional_properties = d
        return webhook

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
