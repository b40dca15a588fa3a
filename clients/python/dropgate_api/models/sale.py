from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.drop_state import DropState
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.counts import Counts
    from ..models.sale_events import SaleEvents
    from ..models.sale_expiry import SaleExpiry
    from ..models.sale_funnel import SaleFunnel
    from ..models.sale_holds_under import SaleHoldsUnder
    from ..models.sale_per_second import SalePerSecond
    from ..models.sale_rates import SaleRates
    from ..models.sale_sku import SaleSku
    from ..models.sale_to_confirm import SaleToConfirm
    from ..models.sale_unheld import SaleUnheld
    from ..models.sale_write_behind import SaleWriteBehind


T = TypeVar("T", bound="Sale")


@_attrs_define
class Sale:
    """
    Attributes:
        at (datetime.datetime): In UTC, with milliseconds.
        counts (Counts):
        drop (str):
        epoch (int):
        events (SaleEvents): How many of each kind the ledger has.
        expiry (None | SaleExpiry): null as remaining.
        funnel (SaleFunnel):
        hold_to_confirm (SaleToConfirm):
        name (str): A name for people.
        per_second (SalePerSecond):
        rates (SaleRates):
        remaining (list[SaleHoldsUnder] | None): null where there are too many holds to look at.
        seq (int):
        skus (list[SaleSku]): What the drop sells.
        state (DropState):
        unheld (None | SaleUnheld): Calls that left nothing in the ledger; null while Redis can't be read.
        write_behind (None | SaleWriteBehind): What Redis has and the ledger lacks; null while Redis does not have the
            drop as the ledger has it.
    """

    at: datetime.datetime
    counts: Counts
    drop: str
    epoch: int
    events: SaleEvents
    expiry: None | SaleExpiry
    funnel: SaleFunnel
    hold_to_confirm: SaleToConfirm
    name: str
    per_second: SalePerSecond
    rates: SaleRates
    remaining: list[SaleHoldsUnder] | None
    seq: int
    skus: list[SaleSku]
    state: DropState
    unheld: None | SaleUnheld
    write_behind: None | SaleWriteBehind
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.counts import Counts  # noqa: PLC0415
        from ..models.sale_events import SaleEvents  # noqa: PLC0415
        from ..models.sale_expiry import SaleExpiry  # noqa: PLC0415
        from ..models.sale_funnel import SaleFunnel  # noqa: PLC0415
        from ..models.sale_holds_under import SaleHoldsUnder  # noqa: PLC0415
        from ..models.sale_per_second import SalePerSecond  # noqa: PLC0415
        from ..models.sale_rates import SaleRates  # noqa: PLC0415
        from ..models.sale_sku import SaleSku  # noqa: PLC0415
        from ..models.sale_to_confirm import SaleToConfirm  # noqa: PLC0415
        from ..models.sale_unheld import SaleUnheld  # noqa: PLC0415
        from ..models.sale_write_behind import SaleWriteBehind  # noqa: PLC0415

        at = self.at.isoformat()

        counts = self.counts.to_dict()

        drop = self.drop

        epoch = self.epoch

        events = self.events.to_dict()

        expiry: dict[str, Any] | None
        if isinstance(self.expiry, SaleExpiry):
            expiry = self.expiry.to_dict()
        else:
            expiry = self.expiry

        funnel = self.funnel.to_dict()

        hold_to_confirm = self.hold_to_confirm.to_dict()

        name = self.name

        per_second = self.per_second.to_dict()

        rates = self.rates.to_dict()

        remaining: list[dict[str, Any]] | None
        if isinstance(self.remaining, list):
            remaining = []
            for remaining_type_0_item_data in self.remaining:
                remaining_type_0_item = remaining_type_0_item_data.to_dict()
                remaining.append(remaining_type_0_item)

        else:
            remaining = self.remaining

        seq = self.seq

        skus = []
        for skus_item_data in self.skus:
            skus_item = skus_item_data.to_dict()
            skus.append(skus_item)

        state = self.state.value

        unheld: dict[str, Any] | None
        if isinstance(self.unheld, SaleUnheld):
            unheld = self.unheld.to_dict()
        else:
            unheld = self.unheld

        write_behind: dict[str, Any] | None
        if isinstance(self.write_behind, SaleWriteBehind):
            write_behind = self.write_behind.to_dict()
        else:
            write_behind = self.write_behind

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "at": at,
                "counts": counts,
                "drop": drop,
                "epoch": epoch,
                "events": events,
                "expiry": expiry,
                "funnel": funnel,
                "hold_to_confirm": hold_to_confirm,
                "name": name,
                "per_second": per_second,
                "rates": rates,
                "remaining": remaining,
                "seq": seq,
                "skus": skus,
                "state": state,
                "unheld": unheld,
                "write_behind": write_behind,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.counts import Counts  # noqa: PLC0415
        from ..models.sale_events import SaleEvents  # noqa: PLC0415
        from ..models.sale_expiry import SaleExpiry  # noqa: PLC0415
        from ..models.sale_funnel import SaleFunnel  # noqa: PLC0415
        from ..models.sale_holds_under import SaleHoldsUnder  # noqa: PLC0415
        from ..models.sale_per_second import SalePerSecond  # noqa: PLC0415
        from ..models.sale_rates import SaleRates  # noqa: PLC0415
        from ..models.sale_sku import SaleSku  # noqa: PLC0415
        from ..models.sale_to_confirm import SaleToConfirm  # noqa: PLC0415
        from ..models.sale_unheld import SaleUnheld  # noqa: PLC0415
        from ..models.sale_write_behind import SaleWriteBehind  # noqa: PLC0415

        d = dict(src_dict)
        at = datetime.datetime.fromisoformat(d.pop("at"))

        counts = Counts.from_dict(d.pop("counts"))

        drop = d.pop("drop")

        epoch = d.pop("epoch")

        events = SaleEvents.from_dict(d.pop("events"))

        def _parse_expiry(data: object) -> None | SaleExpiry:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                expiry_type_0 = SaleExpiry.from_dict(data)

                return expiry_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | SaleExpiry, data)

        expiry = _parse_expiry(d.pop("expiry"))

        funnel = SaleFunnel.from_dict(d.pop("funnel"))

        hold_to_confirm = SaleToConfirm.from_dict(d.pop("hold_to_confirm"))

        name = d.pop("name")

        per_second = SalePerSecond.from_dict(d.pop("per_second"))

        rates = SaleRates.from_dict(d.pop("rates"))

        def _parse_remaining(data: object) -> list[SaleHoldsUnder] | None:
            if data is None:
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                remaining_type_0 = []
                _remaining_type_0 = data
                for remaining_type_0_item_data in _remaining_type_0:
                    remaining_type_0_item = SaleHoldsUnder.from_dict(remaining_type_0_item_data)

                    remaining_type_0.append(remaining_type_0_item)

                return remaining_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[SaleHoldsUnder] | None, data)

        remaining = _parse_remaining(d.pop("remaining"))

        seq = d.pop("seq")

        skus = []
        _skus = d.pop("skus")
        for skus_item_data in _skus:
            skus_item = SaleSku.from_dict(skus_item_data)

            skus.append(skus_item)

        state = DropState(d.pop("state"))

        def _parse_unheld(data: object) -> None | SaleUnheld:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                unheld_type_0 = SaleUnheld.from_dict(data)

                return unheld_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | SaleUnheld, data)

        unheld = _parse_unheld(d.pop("unheld"))

        def _parse_write_behind(data: object) -> None | SaleWriteBehind:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                write_behind_type_0 = SaleWriteBehind.from_dict(data)

                return write_behind_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | SaleWriteBehind, data)

        write_behind = _parse_write_behind(d.pop("write_behind"))

        sale = cls(
            at=at,
            counts=counts,
            drop=drop,
            epoch=epoch,
            events=events,
            expiry=expiry,
            funnel=funnel,
            hold_to_confirm=hold_to_confirm,
            name=name,
            per_second=per_second,
            rates=rates,
            remaining=remaining,
            seq=seq,
            skus=skus,
            state=state,
            unheld=unheld,
            write_behind=write_behind,
        )

        sale.additional_properties = d
        return sale

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
