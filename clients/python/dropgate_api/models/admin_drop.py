from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.drop_state import DropState
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.admin_sku import AdminSku


T = TypeVar("T", bound="AdminDrop")


@_attrs_define
class AdminDrop:
    """
    Attributes:
        closes_at (datetime.datetime | None): When the drop closes by itself; null: never.
        epoch (int):
        expiring_soon_seconds (list[int]): How long before its deadline the holder of a hold is warned.
        hold_ttl_seconds (int):
        id (str):
        limit_per_customer (int | None): The most units that one customer may have, held or sold; null: no limit.
        max_hold_seconds (int):
        name (str): A name for people.
        opens_at (datetime.datetime | None): When the drop opens by itself; null: not by itself.
        seq (int):
        skus (list[AdminSku]): What the drop sells.
        state (DropState):
    """

    closes_at: datetime.datetime | None
    epoch: int
    expiring_soon_seconds: list[int]
    hold_ttl_seconds: int
    id: str
    limit_per_customer: int | None
    max_hold_seconds: int
    name: str
    opens_at: datetime.datetime | None
    seq: int
    skus: list[AdminSku]
    state: DropState
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.admin_sku import AdminSku  # noqa: PLC0415

        closes_at: None | str
        if isinstance(self.closes_at, datetime.datetime):
            closes_at = self.closes_at.isoformat()
        else:
            closes_at = self.closes_at

        epoch = self.epoch

        expiring_soon_seconds = self.expiring_soon_seconds

        hold_ttl_seconds = self.hold_ttl_seconds

        id = self.id

        limit_per_customer: int | None
        limit_per_customer = self.limit_per_customer

        max_hold_seconds = self.max_hold_seconds

        name = self.name

        opens_at: None | str
        if isinstance(self.opens_at, datetime.datetime):
            opens_at = self.opens_at.isoformat()
        else:
            opens_at = self.opens_at

        seq = self.seq

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
                "epoch": epoch,
                "expiring_soon_seconds": expiring_soon_seconds,
                "hold_ttl_seconds": hold_ttl_seconds,
                "id": id,
                "limit_per_customer": limit_per_customer,
                "max_hold_seconds": max_hold_seconds,
                "name": name,
                "opens_at": opens_at,
                "seq": seq,
                "skus": skus,
                "state": state,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.admin_sku import AdminSku  # noqa: PLC0415

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

        epoch = d.pop("epoch")

        expiring_soon_seconds = cast(list[int], d.pop("expiring_soon_seconds"))

        hold_ttl_seconds = d.pop("hold_ttl_seconds")

        id = d.pop("id")

        def _parse_limit_per_customer(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        limit_per_customer = _parse_limit_per_customer(d.pop("limit_per_customer"))

        max_hold_seconds = d.pop("max_hold_seconds")

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

        seq = d.pop("seq")

        skus = []
        _skus = d.pop("skus")
        for skus_item_data in _skus:
            skus_item = AdminSku.from_dict(skus_item_data)

            skus.append(skus_item)

        state = DropState(d.pop("state"))

        admin_drop = cls(
            closes_at=closes_at,
            epoch=epoch,
            expiring_soon_seconds=expiring_soon_seconds,
            hold_ttl_seconds=hold_ttl_seconds,
            id=id,
            limit_per_customer=limit_per_customer,
            max_hold_seconds=max_hold_seconds,
            name=name,
            opens_at=opens_at,
            seq=seq,
            skus=skus,
            state=state,
        )

        admin_drop.additional_properties = d
        return admin_drop

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
