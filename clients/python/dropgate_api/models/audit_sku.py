from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.counts import Counts


T = TypeVar("T", bound="AuditSku")


@_attrs_define
class AuditSku:
    """
    Attributes:
        ledger (Counts | None): Its counts in the ledger; null where it is not.
        redis (Counts | None): Its counts in Redis; null where it is not.
        sku (str):
    """

    ledger: Counts | None
    redis: Counts | None
    sku: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.counts import Counts  # noqa: PLC0415

        ledger: dict[str, Any] | None
        if isinstance(self.ledger, Counts):
            ledger = self.ledger.to_dict()
        else:
            ledger = self.ledger

        redis: dict[str, Any] | None
        if isinstance(self.redis, Counts):
            redis = self.redis.to_dict()
        else:
            redis = self.redis

        sku = self.sku

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "ledger": ledger,
                "redis": redis,
                "sku": sku,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.counts import Counts  # noqa: PLC0415

        d = dict(src_dict)

        def _parse_ledger(data: object) -> Counts | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                ledger_type_0 = Counts.from_dict(data)

                return ledger_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(Counts | None, data)

        ledger = _parse_ledger(d.pop("ledger"))

        def _parse_redis(data: object) -> Counts | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                redis_type_0 = Counts.from_dict(data)

                return redis_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(Counts | None, data)

        redis = _parse_redis(d.pop("redis"))

        sku = d.pop("sku")

        audit_sku = cls(
            ledger=ledger,
            redis=redis,
            sku=sku,
        )

        audit_sku.additional_properties = d
        return audit_sku

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
