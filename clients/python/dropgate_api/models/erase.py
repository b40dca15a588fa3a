from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="Erase")


@_attrs_define
class Erase:
    """
    Attributes:
        customer_id (str):
        drop (None | str | Unset): Only in this drop; null or left out: in all.
    """

    customer_id: str
    drop: None | str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        customer_id = self.customer_id

        drop: None | str | Unset
        if isinstance(self.drop, Unset):
            drop = UNSET
        else:
            drop = self.drop

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "customer_id": customer_id,
            }
        )
        if drop is not UNSET:
            field_dict["drop"] = drop

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        customer_id = d.pop("customer_id")

        def _parse_drop(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        drop = _parse_drop(d.pop("drop", UNSET))

        erase = cls(
            customer_id=customer_id,
            drop=drop,
        )

        return erase
