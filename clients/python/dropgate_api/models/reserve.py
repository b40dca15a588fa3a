from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.line import Line


T = TypeVar("T", bound="Reserve")


@_attrs_define
class Reserve:
    """
    Attributes:
        customer_id (str):
        lines (list[Line]): Up to 20 SKUs; lines of one SKU are added up.
        ttl_seconds (int | Unset):
    """

    customer_id: str
    lines: list[Line]
    ttl_seconds: int | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        from ..models.line import Line  # noqa: PLC0415

        customer_id = self.customer_id

        lines = []
        for componentsschemas_lines_item_data in self.lines:
            componentsschemas_lines_item = componentsschemas_lines_item_data.to_dict()
            lines.append(componentsschemas_lines_item)

        ttl_seconds = self.ttl_seconds

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "customer_id": customer_id,
                "lines": lines,
            }
        )
        if ttl_seconds is not UNSET:
            field_dict["ttl_seconds"] = ttl_seconds

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.line import Line  # noqa: PLC0415

        d = dict(src_dict)
        customer_id = d.pop("customer_id")

        lines = []
        _lines = d.pop("lines")
        for componentsschemas_lines_item_data in _lines:
            componentsschemas_lines_item = Line.from_dict(componentsschemas_lines_item_data)

            lines.append(componentsschemas_lines_item)

        ttl_seconds = d.pop("ttl_seconds", UNSET)

        reserve = cls(
            customer_id=customer_id,
            lines=lines,
            ttl_seconds=ttl_seconds,
        )

        return reserve
