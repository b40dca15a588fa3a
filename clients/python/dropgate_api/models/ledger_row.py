from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.ledger_row_kind import LedgerRowKind
from ..types import UNSET, Unset

T = TypeVar("T", bound="LedgerRow")


@_attrs_define
class LedgerRow:
    """
    Attributes:
        customer_id (None | str): The shop's own id of the customer: best one that names nobody.
        epoch (int):
        kind (LedgerRowKind): What happened.
        occurred_at (datetime.datetime): In UTC, with milliseconds.
        order_id (None | str): The shop's own id of the order that it was confirmed for; else null.
        quantity (int): Units that it was about; negative where a restock took some away.
        reason (None | str): Why, for people; it stands in the ledger.
        reference (None | str): What a restock was known by elsewhere.
        reservation_id (None | str): The reservation that it was about, if it was about one.
        seq (int):
        settings (Any): What settings became, in an event that changed some; else null.
        sku (None | str): The SKU's id.
    """

    customer_id: None | str
    epoch: int
    kind: LedgerRowKind
    occurred_at: datetime.datetime
    order_id: None | str
    quantity: int
    reason: None | str
    reference: None | str
    reservation_id: None | str
    seq: int
    settings: Any
    sku: None | str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        customer_id: None | str
        customer_id = self.customer_id

        epoch = self.epoch

        kind = self.kind.value

        occurred_at = self.occurred_at.isoformat()

        order_id: None | str
        order_id = self.order_id

        quantity = self.quantity

        reason: None | str
        reason = self.reason

        reference: None | str
        reference = self.reference

        reservation_id: None | str
        reservation_id = self.reservation_id

        seq = self.seq

        settings = self.settings

        sku: None | str
        sku = self.sku

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "customer_id": customer_id,
                "epoch": epoch,
                "kind": kind,
                "occurred_at": occurred_at,
                "order_id": order_id,
                "quantity": quantity,
                "reason": reason,
                "reference": reference,
                "reservation_id": reservation_id,
                "seq": seq,
                "settings": settings,
                "sku": sku,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_customer_id(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        customer_id = _parse_customer_id(d.pop("customer_id"))

        epoch = d.pop("epoch")

        kind = LedgerRowKind(d.pop("kind"))

        occurred_at = datetime.datetime.fromisoformat(d.pop("occurred_at"))

        def _parse_order_id(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        order_id = _parse_order_id(d.pop("order_id"))

        quantity = d.pop("quantity")

        def _parse_reason(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        reason = _parse_reason(d.pop("reason"))

        def _parse_reference(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        reference = _parse_reference(d.pop("reference"))

        def _parse_reservation_id(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        reservation_id = _parse_reservation_id(d.pop("reservation_id"))

        seq = d.pop("seq")

        settings = d.pop("settings")

        def _parse_sku(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        sku = _parse_sku(d.pop("sku"))

        ledger_row = cls(
            customer_id=customer_id,
            epoch=epoch,
            kind=kind,
            occurred_at=occurred_at,
            order_id=order_id,
            quantity=quantity,
            reason=reason,
            reference=reference,
            reservation_id=reservation_id,
            seq=seq,
            settings=settings,
            sku=sku,
        )

        ledger_row.additional_properties = d
        return ledger_row

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
