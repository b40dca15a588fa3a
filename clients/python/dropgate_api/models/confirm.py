from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="Confirm")


@_attrs_define
class Confirm:
    """
    Attributes:
        order_id (str):
        reacquire (bool | Unset): Whether a hold that had expired is taken again, if units and limits allow. Default:
            False.
    """

    order_id: str
    reacquire: bool | Unset = False

    def to_dict(self) -> dict[str, Any]:
        order_id = self.order_id

        reacquire = self.reacquire

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "order_id": order_id,
            }
        )
        if reacquire is not UNSET:
            field_dict["reacquire"] = reacquire

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        order_id = d.pop("order_id")

        reacquire = d.pop("reacquire", UNSET)

        confirm = cls(
            order_id=order_id,
            reacquire=reacquire,
        )

        return confirm
