from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.problem_outcome import ProblemOutcome
from ..models.problem_policy import ProblemPolicy
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.invalid_field import InvalidField
    from ..models.shortage import Shortage


T = TypeVar("T", bound="Problem")


@_attrs_define
class Problem:
    """An error (RFC 9457). Build on `code`; the words of `title` and `detail` may change.

    Attributes:
        code (str): Stable; build on this one.
        detail (str): What to do next.
        status (int): The HTTP status.
        title (str): What happened, for people.
        type_ (str): Names the kind of problem, as `code` does.
        available (int | Unset):
        drops (list[str] | Unset): Those in which the customer has holds.
        errors (list[InvalidField] | Unset): `invalid_request`: what is wrong, and where.
        limit (int | Unset):
        lines (list[Shortage] | Unset): `sold_out`: the lines that fall short.
        opens_at (datetime.datetime | Unset): In UTC, with milliseconds.
        outcome (ProblemOutcome | Unset): `none`: nothing happened. `unknown`: repeat the call with the same
            Idempotency-Key to learn.
        policy (ProblemPolicy | Unset): `rate_limited`: which of the limits.
        requested (int | Unset):
        reservations (list[UUID] | Unset): The customer's, in this drop.
        sku (str | Unset):
        state (str | Unset): Of the reservation, or of the key.
        unreachable (list[str] | Unset): `/readyz`: what can't be reached.
        used (int | Unset):
    """

    code: str
    detail: str
    status: int
    title: str
    type_: str
    available: int | Unset = UNSET
    drops: list[str] | Unset = UNSET
    errors: list[InvalidField] | Unset = UNSET
    limit: int | Unset = UNSET
    lines: list[Shortage] | Unset = UNSET
    opens_at: datetime.datetime | Unset = UNSET
    outcome: ProblemOutcome | Unset = UNSET
    policy: ProblemPolicy | Unset = UNSET
    requested: int | Unset = UNSET
    reservations: list[UUID] | Unset = UNSET
    sku: str | Unset = UNSET
    state: str | Unset = UNSET
    unreachable: list[str] | Unset = UNSET
    used: int | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.invalid_field import InvalidField  # noqa: PLC0415
        from ..models.shortage import Shortage  # noqa: PLC0415

        code = self.code

        detail = self.detail

        status = self.status

        title = self.title

        type_ = self.type_

        available = self.available

        drops: list[str] | Unset = UNSET
        if not isinstance(self.drops, Unset):
            drops = self.drops

        errors: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.errors, Unset):
            errors = []
            for errors_item_data in self.errors:
                errors_item = errors_item_data.to_dict()
                errors.append(errors_item)

        limit = self.limit

        lines: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.lines, Unset):
            lines = []
            for lines_item_data in self.lines:
                lines_item = lines_item_data.to_dict()
                lines.append(lines_item)

        opens_at: str | Unset = UNSET
        if not isinstance(self.opens_at, Unset):
            opens_at = self.opens_at.isoformat()

        outcome: str | Unset = UNSET
        if not isinstance(self.outcome, Unset):
            outcome = self.outcome.value

        policy: str | Unset = UNSET
        if not isinstance(self.policy, Unset):
            policy = self.policy.value

        requested = self.requested

        reservations: list[str] | Unset = UNSET
        if not isinstance(self.reservations, Unset):
            reservations = []
            for reservations_item_data in self.reservations:
                reservations_item = str(reservations_item_data)
                reservations.append(reservations_item)

        sku = self.sku

        state = self.state

        unreachable: list[str] | Unset = UNSET
        if not isinstance(self.unreachable, Unset):
            unreachable = self.unreachable

        used = self.used

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "code": code,
                "detail": detail,
                "status": status,
                "title": title,
                "type": type_,
            }
        )
        if available is not UNSET:
            field_dict["available"] = available
        if drops is not UNSET:
            field_dict["drops"] = drops
        if errors is not UNSET:
            field_dict["errors"] = errors
        if limit is not UNSET:
            field_dict["limit"] = limit
        if lines is not UNSET:
            field_dict["lines"] = lines
        if opens_at is not UNSET:
            field_dict["opens_at"] = opens_at
        if outcome is not UNSET:
            field_dict["outcome"] = outcome
        if policy is not UNSET:
            field_dict["policy"] = policy
        if requested is not UNSET:
            field_dict["requested"] = requested
        if reservations is not UNSET:
            field_dict["reservations"] = reservations
        if sku is not UNSET:
            field_dict["sku"] = sku
        if state is not UNSET:
            field_dict["state"] = state
        if unreachable is not UNSET:
            field_dict["unreachable"] = unreachable
        if used is not UNSET:
            field_dict["used"] = used

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.invalid_field import InvalidField  # noqa: PLC0415
        from ..models.shortage import Shortage  # noqa: PLC0415

        d = dict(src_dict)
        code = d.pop("code")

        detail = d.pop("detail")

        status = d.pop("status")

        title = d.pop("title")

        type_ = d.pop("type")

        available = d.pop("available", UNSET)

        drops = cast(list[str], d.pop("drops", UNSET))

        _errors = d.pop("errors", UNSET)
        errors: list[InvalidField] | Unset = UNSET
        if _errors is not UNSET:
            errors = []
            for errors_item_data in _errors:
                errors_item = InvalidField.from_dict(errors_item_data)

                errors.append(errors_item)

        limit = d.pop("limit", UNSET)

        _lines = d.pop("lines", UNSET)
        lines: list[Shortage] | Unset = UNSET
        if _lines is not UNSET:
            lines = []
            for lines_item_data in _lines:
                lines_item = Shortage.from_dict(lines_item_data)

                lines.append(lines_item)

        _opens_at = d.pop("opens_at", UNSET)
        opens_at: datetime.datetime | Unset
        if isinstance(_opens_at, Unset):
            opens_at = UNSET
        else:
            opens_at = datetime.datetime.fromisoformat(_opens_at)

        _outcome = d.pop("outcome", UNSET)
        outcome: ProblemOutcome | Unset
        if isinstance(_outcome, Unset):
            outcome = UNSET
        else:
            outcome = ProblemOutcome(_outcome)

        _policy = d.pop("policy", UNSET)
        policy: ProblemPolicy | Unset
        if isinstance(_policy, Unset):
            policy = UNSET
        else:
            policy = ProblemPolicy(_policy)

        requested = d.pop("requested", UNSET)

        _reservations = d.pop("reservations", UNSET)
        reservations: list[UUID] | Unset = UNSET
        if _reservations is not UNSET:
            reservations = []
            for reservations_item_data in _reservations:
                reservations_item = UUID(reservations_item_data)

                reservations.append(reservations_item)

        sku = d.pop("sku", UNSET)

        state = d.pop("state", UNSET)

        unreachable = cast(list[str], d.pop("unreachable", UNSET))

        used = d.pop("used", UNSET)

        problem = cls(
            code=code,
            detail=detail,
            status=status,
            title=title,
            type_=type_,
            available=available,
            drops=drops,
            errors=errors,
            limit=limit,
            lines=lines,
            opens_at=opens_at,
            outcome=outcome,
            policy=policy,
            requested=requested,
            reservations=reservations,
            sku=sku,
            state=state,
            unreachable=unreachable,
            used=used,
        )

        problem.additional_properties = d
        return problem

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
