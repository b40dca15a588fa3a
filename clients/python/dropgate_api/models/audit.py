from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.audit_sku import AuditSku


T = TypeVar("T", bound="Audit")


@_attrs_define
class Audit:
    """
    Attributes:
        balanced (bool): Whether Redis, with the journal's rest, and the ledger agree, and both with themselves.
        drop (str):
        durable_seq (int):
        epoch (int):
        seq (int):
        skus (list[AuditSku]): What the drop sells.
        violations (list[str]): What does not agree, a sentence each.
    """

    balanced: bool
    drop: str
    durable_seq: int
    epoch: int
    seq: int
    skus: list[AuditSku]
    violations: list[str]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.audit_sku import AuditSku  # noqa: PLC0415

        balanced = self.balanced

        drop = self.drop

        durable_seq = self.durable_seq

        epoch = self.epoch

        seq = self.seq

        skus = []
        for skus_item_data in self.skus:
            skus_item = skus_item_data.to_dict()
            skus.append(skus_item)

        violations = self.violations

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "balanced": balanced,
                "drop": drop,
                "durable_seq": durable_seq,
                "epoch": epoch,
                "seq": seq,
                "skus": skus,
                "violations": violations,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.audit_sku import AuditSku  # noqa: PLC0415

        d = dict(src_dict)
        balanced = d.pop("balanced")

        drop = d.pop("drop")

        durable_seq = d.pop("durable_seq")

        epoch = d.pop("epoch")

        seq = d.pop("seq")

        skus = []
        _skus = d.pop("skus")
        for skus_item_data in _skus:
            skus_item = AuditSku.from_dict(skus_item_data)

            skus.append(skus_item)

        violations = cast(list[str], d.pop("violations"))

        audit = cls(
            balanced=balanced,
            drop=drop,
            durable_seq=durable_seq,
            epoch=epoch,
            seq=seq,
            skus=skus,
            violations=violations,
        )

        audit.additional_properties = d
        return audit

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
