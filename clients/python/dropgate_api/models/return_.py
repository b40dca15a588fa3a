from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.line import Line


T = TypeVar("T", bound="Return")


@_attrs_define
class Return:
    """
    Attributes:
        lines (list[Line] | Unset): Up to 20 SKUs; lines of one SKU are added up.
        reason (str | Unset):
        restock (bool | Unset): Whether they can be sold again; `false`: they are damaged, and leave the total. Default:
            True.
    """

    lines: list[Line] | Unset = UNSET
    reason: str | Unset = UNSET
    restock: bool | Unset = True

    def to_dict(self) -> dict[str, Any]:
        from ..models.line import Line  # noqa: PLC0415

        lines: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.lines, Unset):
            lines = []
            for componentsschemas_lines_item_data in self.lines:
                componentsschemas_lines_item = componentsschemas_lines_item_data.to_dict()
                lines.append(componentsschemas_lines_item)

        reason = self.reason

        restock = self.restock

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if lines is not UNSET:
            field_dict["lines"] = lines
        if reason is not UNSET:
            field_dict["reason"] = reason
        if restock is not UNSET:
            field_dict["restock"] = restock

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.line import Line  # noqa: PLC0415

        d = dict(src_dict)
        _lines = d.pop("lines", UNSET)
        lines: list[Line] | Unset = UNSET
        if _lines is not UNSET:
            lines = []
            for componentsschemas_lines_item_data in _lines:
                componentsschemas_lines_item = Line.from_dict(componentsschemas_lines_item_data)

                lines.append(componentsschemas_lines_item)

        reason = d.pop("reason", UNSET)

        restock = d.pop("restock", UNSET)

        return_ = cls(
            lines=lines,
            reason=reason,
            restock=restock,
        )

        return return_
