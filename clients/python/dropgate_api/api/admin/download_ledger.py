import datetime
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote
from uuid import UUID

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.problem import Problem
from ...types import UNSET, Response, Unset


def _get_kwargs(
    drop: str,
    *,
    after_seq: int | Unset = UNSET,
    before_seq: int | Unset = UNSET,
    kind: str | Unset = UNSET,
    sku: str | Unset = UNSET,
    customer_id: str | Unset = UNSET,
    reservation_id: UUID | Unset = UNSET,
    since: datetime.datetime | Unset = UNSET,
    until: datetime.datetime | Unset = UNSET,
    x_request_id: str | Unset = UNSET,
    traceparent: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(x_request_id, Unset):
        headers["X-Request-Id"] = x_request_id

    if not isinstance(traceparent, Unset):
        headers["traceparent"] = traceparent

    params: dict[str, Any] = {}

    params["after_seq"] = after_seq

    params["before_seq"] = before_seq

    params["kind"] = kind

    params["sku"] = sku

    params["customer_id"] = customer_id

    json_reservation_id: str | Unset = UNSET
    if not isinstance(reservation_id, Unset):
        json_reservation_id = str(reservation_id)
    params["reservation_id"] = json_reservation_id

    json_since: str | Unset = UNSET
    if not isinstance(since, Unset):
        json_since = since.isoformat()
    params["since"] = json_since

    json_until: str | Unset = UNSET
    if not isinstance(until, Unset):
        json_until = until.isoformat()
    params["until"] = json_until

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/admin/drops/{drop}/ledger.csv".format(
            drop=quote(str(drop), safe=""),
        ),
        "params": params,
    }

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Problem | str | None:
    if response.status_code == 200:
        response_200 = response.text
        return response_200

    if response.status_code == 401:
        response_401 = Problem.from_dict(response.json())

        return response_401

    if response.status_code == 403:
        response_403 = Problem.from_dict(response.json())

        return response_403

    if response.status_code == 404:
        response_404 = Problem.from_dict(response.json())

        return response_404

    if response.status_code == 405:
        response_405 = Problem.from_dict(response.json())

        return response_405

    if response.status_code == 422:
        response_422 = Problem.from_dict(response.json())

        return response_422

    if response.status_code == 429:
        response_429 = Problem.from_dict(response.json())

        return response_429

    if response.status_code == 503:
        response_503 = Problem.from_dict(response.json())

        return response_503

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[Problem | str]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    drop: str,
    *,
    client: AuthenticatedClient,
    after_seq: int | Unset = UNSET,
    before_seq: int | Unset = UNSET,
    kind: str | Unset = UNSET,
    sku: str | Unset = UNSET,
    customer_id: str | Unset = UNSET,
    reservation_id: UUID | Unset = UNSET,
    since: datetime.datetime | Unset = UNSET,
    until: datetime.datetime | Unset = UNSET,
    x_request_id: str | Unset = UNSET,
    traceparent: str | Unset = UNSET,
) -> Response[Problem | str]:
    """Everything that happened and fits, as CSV with a header

    Args:
        drop (str):
        after_seq (int | Unset):
        before_seq (int | Unset):
        kind (str | Unset): Kinds with commas between.
        sku (str | Unset):
        customer_id (str | Unset):
        reservation_id (UUID | Unset):
        since (datetime.datetime | Unset): RFC 3339, from 1970 to 9999; milliseconds count.
        until (datetime.datetime | Unset): RFC 3339, from 1970 to 9999; milliseconds count.
        x_request_id (str | Unset):
        traceparent (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | str]
    """

    kwargs = _get_kwargs(
        drop=drop,
        after_seq=after_seq,
        before_seq=before_seq,
        kind=kind,
        sku=sku,
        customer_id=customer_id,
        reservation_id=reservation_id,
        since=since,
        until=until,
        x_request_id=x_request_id,
        traceparent=traceparent,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    drop: str,
    *,
    client: AuthenticatedClient,
    after_seq: int | Unset = UNSET,
    before_seq: int | Unset = UNSET,
    kind: str | Unset = UNSET,
    sku: str | Unset = UNSET,
    customer_id: str | Unset = UNSET,
    reservation_id: UUID | Unset = UNSET,
    since: datetime.datetime | Unset = UNSET,
    until: datetime.datetime | Unset = UNSET,
    x_request_id: str | Unset = UNSET,
    traceparent: str | Unset = UNSET,
) -> Problem | str | None:
    """Everything that happened and fits, as CSV with a header

    Args:
        drop (str):
        after_seq (int | Unset):
        before_seq (int | Unset):
        kind (str | Unset): Kinds with commas between.
        sku (str | Unset):
        customer_id (str | Unset):
        reservation_id (UUID | Unset):
        since (datetime.datetime | Unset): RFC 3339, from 1970 to 9999; milliseconds count.
        until (datetime.datetime | Unset): RFC 3339, from 1970 to 9999; milliseconds count.
        x_request_id (str | Unset):
        traceparent (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | str
    """

    return sync_detailed(
        drop=drop,
        client=client,
        after_seq=after_seq,
        before_seq=before_seq,
        kind=kind,
        sku=sku,
        customer_id=customer_id,
        reservation_id=reservation_id,
        since=since,
        until=until,
        x_request_id=x_request_id,
        traceparent=traceparent,
    ).parsed


async def asyncio_detailed(
    drop: str,
    *,
    client: AuthenticatedClient,
    after_seq: int | Unset = UNSET,
    before_seq: int | Unset = UNSET,
    kind: str | Unset = UNSET,
    sku: str | Unset = UNSET,
    customer_id: str | Unset = UNSET,
    reservation_id: UUID | Unset = UNSET,
    since: datetime.datetime | Unset = UNSET,
    until: datetime.datetime | Unset = UNSET,
    x_request_id: str | Unset = UNSET,
    traceparent: str | Unset = UNSET,
) -> Response[Problem | str]:
    """Everything that happened and fits, as CSV with a header

    Args:
        drop (str):
        after_seq (int | Unset):
        before_seq (int | Unset):
        kind (str | Unset): Kinds with commas between.
        sku (str | Unset):
        customer_id (str | Unset):
        reservation_id (UUID | Unset):
        since (datetime.datetime | Unset): RFC 3339, from 1970 to 9999; milliseconds count.
        until (datetime.datetime | Unset): RFC 3339, from 1970 to 9999; milliseconds count.
        x_request_id (str | Unset):
        traceparent (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | str]
    """

    kwargs = _get_kwargs(
        drop=drop,
        after_seq=after_seq,
        before_seq=before_seq,
        kind=kind,
        sku=sku,
        customer_id=customer_id,
        reservation_id=reservation_id,
        since=since,
        until=until,
        x_request_id=x_request_id,
        traceparent=traceparent,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    drop: str,
    *,
    client: AuthenticatedClient,
    after_seq: int | Unset = UNSET,
    before_seq: int | Unset = UNSET,
    kind: str | Unset = UNSET,
    sku: str | Unset = UNSET,
    customer_id: str | Unset = UNSET,
    reservation_id: UUID | Unset = UNSET,
    since: datetime.datetime | Unset = UNSET,
    until: datetime.datetime | Unset = UNSET,
    x_request_id: str | Unset = UNSET,
    traceparent: str | Unset = UNSET,
) -> Problem | str | None:
    """Everything that happened and fits, as CSV with a header

    Args:
        drop (str):
        after_seq (int | Unset):
        before_seq (int | Unset):
        kind (str | Unset): Kinds with commas between.
        sku (str | Unset):
        customer_id (str | Unset):
        reservation_id (UUID | Unset):
        since (datetime.datetime | Unset): RFC 3339, from 1970 to 9999; milliseconds count.
        until (datetime.datetime | Unset): RFC 3339, from 1970 to 9999; milliseconds count.
        x_request_id (str | Unset):
        traceparent (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | str
    """

    return (
        await asyncio_detailed(
            drop=drop,
            client=client,
            after_seq=after_seq,
            before_seq=before_seq,
            kind=kind,
            sku=sku,
            customer_id=customer_id,
            reservation_id=reservation_id,
            since=since,
            until=until,
            x_request_id=x_request_id,
            traceparent=traceparent,
        )
    ).parsed
