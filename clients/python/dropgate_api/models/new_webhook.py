from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.event_kind import EventKind
from ..models.new_webhook_from import NewWebhookFrom
from ..types import UNSET, Unset

T = TypeVar("T", bound="NewWebhook")


@_attrs_define
class NewWebhook:
    """
    Attributes:
        url (str): A public https address, unless the engine allows others.
        batch (int | Unset): Events that one request carries at most. Default: 1.
        description (str | Unset):
        drops (list[str] | None | Unset): The only drops that count; null or left out: all.
        from_ (NewWebhookFrom | Unset): Where it begins: with what happens from now on, or at the start of each ledger.
            Default: NewWebhookFrom.NOW.
        types (list[EventKind] | None | Unset): The only kinds of events that count; null or left out: all.
    """

    url: str
    batch: int | Unset = 1
    description: str | Unset = UNSET
    drops: list[str] | None | Unset = UNSET
    from_: NewWebhookFrom | Unset = NewWebhookFrom.NOW
    types: list[EventKind] | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        url = self.url

        batch = self.batch

        description = self.description

        drops: list[str] | None | Unset
        if isinstance(self.drops, Unset):
            drops = UNSET
        elif isinstance(self.drops, list):
            drops = self.drops

        else:
            drops = self.drops

        from_: str | Unset = UNSET
        if not isinstance(self.from_, Unset):
            from_ = self.from_.value

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

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "url": url,
            }
        )
        if batch is not UNSET:
            field_dict["batch"] = batch
        if description is not UNSET:
            field_dict["description"] = description
        if drops is not UNSET:
            field_dict["drops"] = drops
        if from_ is not UNSET:
            field_dict["from"] = from_
        if types is not UNSET:
            field_dict["types"] = types

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        url = d.pop("url")

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

        _from_ = d.pop("from", UNSET)
        from_: NewWebhookFrom | Unset
        if isinstance(_from_, Unset):
            from_ = UNSET
        else:
            from_ = NewWebhookFrom(_from_)

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

        new_webhook = cls(
            url=url,
            batch=batch,
            description=description,
            drops=drops,
            from_=from_,
            types=types,
        )

        return new_webhook
