from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.event_kind import EventKind
from ..models.webhook_patch_state import WebhookPatchState
from ..types import UNSET, Unset

T = TypeVar("T", bound="WebhookPatch")


@_attrs_define
class WebhookPatch:
    """
    Attributes:
        batch (int | Unset): Events that one request carries at most.
        description (str | Unset):
        drops (list[str] | None | Unset): The only drops that count; null or left out: all.
        state (WebhookPatchState | Unset): `paused` sends nothing and forgets nothing.
        types (list[EventKind] | None | Unset): The only kinds of events that count; null or left out: all.
        url (str | Unset): A public https address, unless the engine allows others.
    """

    batch: int | Unset = UNSET
    description: str | Unset = UNSET
    drops: list[str] | None | Unset = UNSET
    state: WebhookPatchState | Unset = UNSET
    types: list[EventKind] | None | Unset = UNSET
    url: str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        batch = self.batch

        description = self.description

        drops: list[str] | None | Unset
        if isinstance(self.drops, Unset):
            drops = UNSET
        elif isinstance(self.drops, list):
            drops = self.drops

        else:
            drops = self.drops

        state: str | Unset = UNSET
        if not isinstance(self.state, Unset):
            state = self.state.value

        types: list[str] | None | Unset
        if isinstance(self.types, Unset):
            types = UNSET
        elif isinstance(self.types, list):
            types = []
            for types_type_0_item_data in self.types:
                types_type_0_item = types_type_0_item_data.value
                types.append(types_type_0_item)

        else:
            types = self.types

        url = self.url

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if batch is not UNSET:
            field_dict["batch"] = batch
        if description is not UNSET:
            field_dict["description"] = description
        if drops is not UNSET:
            field_dict["drops"] = drops
        if state is not UNSET:
            field_dict["state"] = state
        if types is not UNSET:
            field_dict["types"] = types
        if url is not UNSET:
            field_dict["url"] = url

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        batch = d.pop("batch", UNSET)

        description = d.pop("description", UNSET)

        def _parse_drops(data: object) -> list[str] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                drops_type_0 = cast(list[str], data)

                return drops_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[str] | None | Unset, data)

        drops = _parse_drops(d.pop("drops", UNSET))

        _state = d.pop("state", UNSET)
        state: WebhookPatchState | Unset
        if isinstance(_state, Unset):
            state = UNSET
        else:
            state = WebhookPatchState(_state)

        def _parse_types(data: object) -> list[EventKind] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
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
            return cast(list[EventKind] | None | Unset, data)

        types = _parse_types(d.pop("types", UNSET))

        url = d.pop("url", UNSET)

        webhook_patch = cls(
            batch=batch,
            description=description,
            drops=drops,
            state=state,
            types=types,
            url=url,
        )

        return webhook_patch
