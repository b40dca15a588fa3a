from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.drop_state import DropState
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.public_sku_line import PublicSkuLine


T = TypeVar("T", bound="PublicDrop")


@_attrs_define
class PublicDrop:
    """
    Attributes:
        closes_at (datetime.datetime | None): When the drop closes by itself; null: never.
        hold_ttl_seconds (int):
        id (str):
        name (str): A name for people.
        opens_at (datetime.datetime | None): When the drop opens by itself; null: not by itself.
        skus (list[PublicSkuLine]): What the drop sells.
        state (DropState):
    """

    closes_at: datetime.datetime | None
    hold_ttl_seconds: int
    id: str
    name: str
    opens_at: datetime.datetime | None
    skus: list[PublicSkuLine]
    state: DropState
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.public_sku_line import PublicSkuLine  # noqa: PLC0415

        closes_at: None | str
        if isinstance(self.closes_at, datetime.datetime):
            closes_at = self.closes_at.isoformat()
        else:
            closes_at = self.closes_at

        hold_ttl_seconds = self.hold_ttl_seconds

        id = self.id

        name = self.name

        opens_at: None | str
        if isinstance(self.opens_at, datetime.datetime):
            opens_at = self.opens_at.isoformat()
        else:
            opens_at = self.opens_at

        skus = []
        for skus_item_data in self.skus:
            skus_item = skus_item_data.to_dict()
            skus.append(skus_item)

        state = self.state.value

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "closes_at": closes_at,
                "hold_ttl_seconds": hold_ttl_seconds,
                "id": id,
                "name": name,
                "opens_at": opens_at,
                "skus": skus,
                "state": state,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.public_sku_line import PublicSkuLine  # noqa: PLC0415

        d = dict(src_dict)

        def _parse_closes_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                closes_at_type_0 = datetime.datetime.fromisoformat(data)

                return closes_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        closes_at = _parse_closes_at(d.pop("closes_at"))

        hold_ttl_seconds = d.pop("hold_ttl_seconds")

        id = d.pop("id")

        name = d.pop("name")

        def _parse_opens_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                opens_at_type_0 = datetime.datetime.fromisoformat(data)

                return opens_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        opens_at = _parse_opens_at(d.pop("opens_at"))

        skus = []
        _skus = d.pop("skus")
        for skus_item_data in _skus:
            skus_item = PublicSkuLine.from_dict(skus_item_data)

            skus.append(skus_item)

        state = DropState(d.pop("state"))

        public_drop = cls(
            closes_at=closes_at,
            hold_ttl_seconds=hold_ttl_seconds,
            id=id,
            name=name,
            opens_at=opens_at,
            skus=skus,
            state=state,
        )

        public_drop.additional_properties = d
        return public_drop

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
