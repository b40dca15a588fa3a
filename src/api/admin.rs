//! What a merchant does: set up drops and SKUs, restock, take returns, look at the books.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::Api;
use super::auth::{OnlyDrops, Opens};
use super::extract::{
    DropPath, JsonBody, NewDropPath, NewSkuPath, OptionalJsonBody, ReservationPath, SkuPath,
};
use super::idempotency::IdempotencyKey;
use super::problem::{Problem, Refused};
use super::query::{Query, opaque};
use super::request;
use super::storefront::{answer, page, parsed, shown};
use super::view::{AdminDrop, AdminSku, ReservationView, SkuCounts};
use crate::command::DropAction;
use crate::domain::{CustomerId, DropId, Page};
use crate::engine::{AuditReport, CallError, SaleFigures, Success};

/// `PUT /v1/admin/drops/{drop}`
pub(super) async fn put_drop(
    State(api): State<Arc<Api>>,
    NewDropPath(drop): NewDropPath,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let patch = request::drop_patch(&body)?;
    let path = format!("/v1/admin/drops/{drop}");
    let (created, full) = api
        .change(|engine| async move { engine.put_drop(&drop, patch).await })
        .await
        .map_err(problem)?;
    Ok(put(created, &path, &AdminDrop::of(&full, api.engine.now())))
}

/// `PUT /v1/admin/drops/{drop}/skus/{sku}`
pub(super) async fn put_sku(
    State(api): State<Arc<Api>>,
    NewSkuPath(drop, sku): NewSkuPath,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let patch = request::sku_patch(&body)?;
    let path = format!("/v1/drops/{drop}/skus/{sku}");
    let (created, sku) = api
        .change(|engine| async move { engine.put_sku(&drop, &sku, patch).await })
        .await
        .map_err(problem)?;
    Ok(put(created, &path, &AdminSku::of(&sku.view, &sku.details)))
}

/// What a PUT answers: 201 with the address of what it created, or 200.
fn put(created: bool, path: &str, body: &impl Serialize) -> Response {
    if !created {
        return Json(body).into_response();
    }
    let mut response = (StatusCode::CREATED, Json(body)).into_response();
    if let Ok(location) = HeaderValue::from_str(path) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// `POST …/skus/{sku}/restock`
pub(super) async fn restock(
    State(api): State<Arc<Api>>,
    SkuPath(drop, sku): SkuPath,
    key: IdempotencyKey,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let path = format!("/v1/admin/drops/{drop}/skus/{sku}/restock");
    let key = key.required(&Method::POST, &path, &body)?;
    let request::Restock { quantity, reason, reference } = request::Restock::read(&body)?;
    let (of_drop, of_sku) = (drop.clone(), sku.clone());
    let Success { value: stock, replayed } = api
        .change(|engine| async move {
            engine.restock(&of_drop, &of_sku, quantity, reason, reference, key).await
        })
        .await
        .map_err(problem)?;
    Ok(answer(Success { value: SkuCounts { drop: &drop, sku: &sku, stock }, replayed }))
}

/// `POST …/open`
pub(super) async fn open(
    state: State<Arc<Api>>,
    drop: DropPath,
    body: OptionalJsonBody,
) -> Result<Response, Problem> {
    act(state, drop, body, DropAction::Open).await
}

/// `POST …/pause`
pub(super) async fn pause(
    state: State<Arc<Api>>,
    drop: DropPath,
    body: OptionalJsonBody,
) -> Result<Response, Problem> {
    act(state, drop, body, DropAction::Pause).await
}

/// `POST …/close`
pub(super) async fn close(
    state: State<Arc<Api>>,
    drop: DropPath,
    body: OptionalJsonBody,
) -> Result<Response, Problem> {
    act(state, drop, body, DropAction::Close).await
}

async fn act(
    State(api): State<Arc<Api>>,
    DropPath(drop): DropPath,
    OptionalJsonBody(body): OptionalJsonBody,
    action: DropAction,
) -> Result<Response, Problem> {
    request::nothing(&body)?;
    let full = api
        .change(|engine| async move {
            engine.act(&drop, action).await?;
            engine.drop_behind(&drop).await
        })
        .await
        .map_err(problem)?;
    Ok(Json(AdminDrop::of(&full, api.engine.now())).into_response())
}

/// `GET /v1/admin/drops`: those that the key is for.
pub(super) async fn drops(
    State(api): State<Arc<Api>>,
    only: Option<Extension<OnlyDrops>>,
    mut query: Query,
) -> Result<Response, Problem> {
    let cursor = query.cursor::<DropId>();
    let limit = query.limit(500, 50);
    query.finish()?;
    let only = only.as_ref().and_then(|only| only.drops());
    let page = api.read(api.engine.drops_of(only, cursor, limit)).await.map_err(problem)?;
    let now = api.engine.now();
    let items = page.items.iter().map(|drop| AdminDrop::of(drop, now)).collect();
    Ok(Json(Page { items, next_cursor: opaque(page.next_cursor) }).into_response())
}

/// `GET /v1/admin/drops/{drop}`
pub(super) async fn drop(
    State(api): State<Arc<Api>>,
    DropPath(drop): DropPath,
) -> Result<Response, Problem> {
    let full = api.read(api.engine.full_drop(&drop)).await.map_err(problem)?;
    Ok(Json(AdminDrop::of(&full, api.engine.now())).into_response())
}

/// `GET …/reservations`: everybody's.
pub(super) async fn reservations(
    State(api): State<Arc<Api>>,
    DropPath(drop): DropPath,
    mut query: Query,
) -> Result<Json<Page<ReservationView>>, Problem> {
    let customer: Option<CustomerId> = query.optional("customer_id", parsed);
    page(&api, &drop, customer, query).await
}

/// `POST …/reservations/{id}/return`
pub(super) async fn return_units(
    State(api): State<Arc<Api>>,
    ReservationPath(drop, id): ReservationPath,
    key: IdempotencyKey,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Response, Problem> {
    let path = format!("/v1/admin/drops/{drop}/reservations/{id}/return");
    let key = key.of(&Method::POST, &path, &body);
    let request::Return { lines, reason, restock } = request::Return::read(&body)?;
    api.change(
        |engine| async move { engine.return_units(&drop, id, lines, reason, restock, key).await },
    )
    .await
    .map(|success| shown(success, &api.live.key))
    .map_err(|error| Refused::Return.problem(error))
}

/// `GET …/sale`
pub(super) async fn sale(
    State(api): State<Arc<Api>>,
    DropPath(drop): DropPath,
) -> Result<Json<SaleFigures>, Problem> {
    api.read(api.engine.sale(&drop)).await.map(Json).map_err(problem)
}

/// `GET /v1/admin/key`: what the key that came along opens.
pub(super) async fn own_key(Extension(opens): Extension<Opens>) -> Json<Opens> {
    Json(opens)
}

/// `GET …/audit`
pub(super) async fn audit(
    State(api): State<Arc<Api>>,
    DropPath(drop): DropPath,
) -> Result<Json<AuditReport>, Problem> {
    api.read(api.engine.audit(&drop)).await.map(Json).map_err(problem)
}

fn problem(error: CallError) -> Problem {
    Refused::Call.problem(error)
}
