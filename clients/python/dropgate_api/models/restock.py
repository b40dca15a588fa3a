from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="Restock")


@_attrs_define
class Restock:
    """
    Attributes:
        quantity (int): Units; negative takes free ones away.
        reason (str | Unset):
        reference (str | Unset):
    """

    quantity: int
    reason: str | Unset = UNSET
    reference: str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        quantity = self.quantity

        reason = self.reason

        reference = self.reference

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "quantity": quantity,
            }
        )
        if reason is not UNSET:
            field_dict["reason"] = reason
        if reference is not UNSET:
            field_dict["reference"] = reference

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        quantity = d.pop("quantity")

        reason = d.pop("reason", UNSET)

        reference = d.pop("reference", UNSET)

        restock = cls(
            quantity=quantity,
            reason=reason,
            reference=reference,
        )

        return restock
