from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.erased_drops_item import ErasedDropsItem


T = TypeVar("T", bound="Erased")


@_attrs_define
class Erased:
    """
    Attributes:
        drops (list[ErasedDropsItem]): Where the customer was found.
    """

    drops: list[ErasedDropsItem]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.erased_drops_item import ErasedDropsItem  # noqa: PLC0415

        drops = []
        for drops_item_data in self.drops:
            drops_item = drops_item_data.to_dict()
            drops.append(drops_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "drops": drops,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.erased_drops_item import ErasedDropsItem  # noqa: PLC0415

        d = dict(src_dict)
        drops = []
        _drops = d.pop("drops")
        for drops_item_data in _drops:
            drops_item = ErasedDropsItem.from_dict(drops_item_data)

            drops.append(drops_item)

        erased = cls(
            drops=drops,
        )

        erased.additional_properties = d
        return erased

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
