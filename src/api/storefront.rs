//! What a shop does for its customers: reserve, change, extend, confirm, release.

use std::fmt::{self, Display};
use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts as _, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Api;
use super::envelope;
use super::extract::{DropPath, JsonBody, OptionalJsonBody, ReservationPath};
use super::idempotency::IdempotencyKey;
use super::problem::{Problem, Refused};
use super::query::{Query, opaque};
use super::request;
use super::view::ReservationView;
use crate::domain::{
    CustomerId, DropId, Lines, Page, RequestKey, Reservation, ReservationId, ReservationState,
    WatchKey,
};
use crate::engine::{Answer, Engine, ReservationFilter, Success};

const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// What `POST …/reservations` asks for, and the id that the reservation gets.
#[derive(Debug)]
pub struct Hold {
    /// Of which drop.
    pub drop: DropId,
    /// The reservation's id.
    pub id: ReservationId,
    /// For whom.
    pub customer_id: CustomerId,
    /// What.
    pub lines: Lines,
    /// For how long, in seconds; `None` for the drop's TTL.
    pub ttl_seconds: Option<i64>,
    /// The idempotency key, if one came along.
    pub key: Option<RequestKey>,
}

/// A [`Hold`] as it comes over the wire.
pub(super) struct Asked(pub(super) Hold);

impl<S: Send + Sync> FromRequest<S> for Asked {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Asked, Problem> {
        let (mut parts, body) = request.into_parts();
        let DropPath(drop) = DropPath::from_request_parts(&mut parts, state).await?;
        let key = IdempotencyKey::from_request_parts(&mut parts, state).await?;
        let request = Request::from_parts(parts, body);
        let JsonBody(body) = JsonBody::from_request(request, state).await?;
        let key = key.of(&Method::POST, reservations_of(&drop), &body);
        let request::Reserve { customer_id, lines, ttl_seconds } = request::Reserve::read(&body)?;
        let id = ReservationId::generate();
        Ok(Asked(Hold { drop, id, customer_id, lines, ttl_seconds, key }))
    }
}

/// `POST …/reservations`
pub(super) async fn reserve(
    State(api): State<Arc<Api>>,
    Asked(hold): Asked,
) -> Result<Response, Problem> {
    if let Some(limit) = &api.customers
        && let Some(refusal) = limit.turns_away(hold.customer_id.as_str()).await
    {
        return Ok(refusal);
    }
    let call = |engine: Arc<Engine>| async move {
        let Hold { drop, id, customer_id, lines, ttl_seconds, key } = hold;
        engine.reserve(&drop, id, customer_id, lines, ttl_seconds, key).await
    };
    held(api.change(call).await, &api.live.key)
}

/// What a client hears of a hold.
pub(super) fn held(answer_of: Answer<Reservation>, key: &WatchKey) -> Result<Response, Problem> {
    let success = answer_of.map_err(|error| Refused::Call.problem(error))?;
    let Reservation { drop, id, .. } = &success.value;
    let location = HeaderValue::try_from(format!("{}/{id}", reservations_of(drop)));
    let mut response = (StatusCode::CREATED, shown(success, key)).into_response();
    if let Ok(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

fn reservations_of(drop: &DropId) -> impl Display {
    fmt::from_fn(move |f| write!(f, "/v1/drops/{drop}/reservations"))
}

/// `GET …/reservations`: one customer's.
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    DropPath(drop): DropPath,
    mut query: Query,
) -> Result<Json<Page<ReservationView>>, Problem> {
    let customer: Option<CustomerId> = query.required("customer_id", parsed);
    page(&api, &drop, customer, query).await
}

/// One page of a drop's reservations, of `customer` if given.
pub(super) async fn page(
    api: &Api,
    drop: &DropId,
    customer: Option<CustomerId>,
    mut query: Query,
) -> Result<Json<Page<ReservationView>>, Problem> {
    let state: Option<ReservationState> = query.optional("state", parsed);
    let cursor = query.cursor::<ReservationId>();
    let limit = query.limit(500, 50);
    query.finish()?;
    let filter = ReservationFilter { customer, state, cursor, limit };
    let page = api
        .read(api.engine.reservations(drop, filter))
        .await
        .map_err(|error| Refused::Call.problem(error))?;
    let view = |reservation| ReservationView::of(reservation, &api.live.key);
    let items = page.items.into_iter().map(view).collect();
    Ok(Json(Page { items, next_cursor: opaque(page.next_cursor) }))
}

/// An id or a word of the query.
pub(super) fn parsed<T>(text: &str) -> Result<T, String>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    text.parse().map_err(|error: T::Err| format!("is not valid: {error}"))
}

/// `GET …/reservations/{id}`
pub(super) async fn read(
    State(api): State<Arc<Api>>,
    ReservationPath(drop, id): ReservationPath,
) -> Result<Json<ReservationView>, Problem> {
    let found = api.read(api.engine.reservation(&drop, id)).await;
    let view = |reservation| Json(ReservationView::of(reservation, &api.live.key));
    found.map(view).map_err(|error| Refused::Call.problem(error))
}

/// `PUT …/reservations/{id}/lines`
pub(super) async fn change(
    State(api): State<Arc<Api>>,
    ReservationPath(drop, id): ReservationPath,
    key: IdempotencyKey,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let key = key.of(&Method::PUT, path_of(&drop, id, "lines"), &body);
    let lines = request::lines_only(&body)?;
    api.change(|engine| async move { engine.change(&drop, id, lines, key).await })
        .await
        .map(|success| shown(success, &api.live.key))
        .map_err(|error| Refused::Call.problem(error))
}

/// `POST …/reservations/{id}/extend`
pub(super) async fn extend(
    State(api): State<Arc<Api>>,
    ReservationPath(drop, id): ReservationPath,
    key: IdempotencyKey,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Response, Problem> {
    let key = key.of(&Method::POST, path_of(&drop, id, "extend"), &body);
    let ttl_seconds = request::extend(&body)?;
    api.change(|engine| async move { engine.extend(&drop, id, ttl_seconds, key).await })
        .await
        .map(|success| shown(success, &api.live.key))
        .map_err(|error| Refused::Call.problem(error))
}

/// `POST …/reservations/{id}/confirm`
pub(super) async fn confirm(
    State(api): State<Arc<Api>>,
    ReservationPath(drop, id): ReservationPath,
    key: IdempotencyKey,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let key = key.of(&Method::POST, path_of(&drop, id, "confirm"), &body);
    let request::Confirm { order_id, reacquire } = request::Confirm::read(&body)?;
    api.change(|engine| async move { engine.confirm(&drop, id, order_id, reacquire, key).await })
        .await
        .map(|success| shown(success, &api.live.key))
        .map_err(|error| Refused::Call.problem(error))
}

/// `POST …/reservations/{id}/release`
pub(super) async fn release(
    State(api): State<Arc<Api>>,
    ReservationPath(drop, id): ReservationPath,
    key: IdempotencyKey,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Response, Problem> {
    let key = key.of(&Method::POST, path_of(&drop, id, "release"), &body);
    request::nothing(&body)?;
    api.change(|engine| async move { engine.release(&drop, id, key).await })
        .await
        .map(|success| shown(success, &api.live.key))
        .map_err(|error| Refused::Call.problem(error))
}

fn path_of(drop: &DropId, id: ReservationId, verb: &str) -> impl Display {
    fmt::from_fn(move |f| write!(f, "{}/{id}/{verb}", reservations_of(drop)))
}

/// A success that is a reservation.
pub(super) fn shown(success: Success<Reservation>, key: &WatchKey) -> Response {
    let Success { value, replayed } = success;
    answer(Success { value: ReservationView::of(value, key), replayed })
}

/// The value of a success as JSON, marked if it is the repeated answer of an earlier request.
pub(super) fn answer<T: serde::Serialize>(success: Success<T>) -> Response {
    let mut response = Json(success.value).into_response();
    response.headers_mut().reserve(envelope::HEADERS);
    if success.replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}
