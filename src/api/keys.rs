//! Keys: made, listed, rotated and revoked.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::Api;
use super::extract::{JsonBody, KeyPath, OptionalJsonBody};
use super::problem::{Code, Problem, Refused, unknown_key};
use super::query::{Query, opaque};
use super::request;
use crate::domain::{ApiKeyId, ApiKeyState, KeyChange, Page, ShownApiKey};
use crate::engine::CallError;

/// `POST /v1/admin/keys`
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let key = request::new_key(&body, api.engine.now())?;
    let made =
        api.change(|engine| async move { engine.create_key(&key).await }).await.map_err(problem)?;
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

/// `GET /v1/admin/keys`
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    mut query: Query,
) -> Result<Json<Page<ShownApiKey>>, Problem> {
    let cursor = query.cursor::<ApiKeyId>();
    let limit = query.limit(500, 50);
    query.finish()?;
    let page = api.read(api.engine.keys(cursor, limit)).await.map_err(problem)?;
    Ok(Json(Page { items: page.items, next_cursor: opaque(page.next_cursor) }))
}

/// `POST /v1/admin/keys/{id}/rotate`
pub(super) async fn rotate(
    State(api): State<Arc<Api>>,
    KeyPath(id): KeyPath,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Json<ShownApiKey>, Problem> {
    let overlap = request::rotate(&body)?;
    let rotated = api.change(|engine| async move { engine.rotate_key(id, overlap).await }).await;
    let (change, secret) = rotated.map_err(problem)?;
    Ok(Json(shown(&api, change)?.with(&secret)))
}

/// `DELETE /v1/admin/keys/{id}`
pub(super) async fn revoke(
    State(api): State<Arc<Api>>,
    KeyPath(id): KeyPath,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Json<ShownApiKey>, Problem> {
    request::nothing(&body)?;
    let change = api.change(|engine| async move { engine.revoke_key(id).await }).await;
    Ok(Json(shown(&api, change.map_err(problem)?)?))
}

fn shown(api: &Api, change: KeyChange) -> Result<ShownApiKey, Problem> {
    match change {
        KeyChange::Done(key) => Ok(ShownApiKey::of(key, api.engine.now())),
        KeyChange::Unknown => Err(unknown_key()),
        KeyChange::Ended(state) => Err(ended(state)),
    }
}

/// A key that was to be changed opens nothing any more.
pub(super) fn ended(state: ApiKeyState) -> Problem {
    Problem::new(Code::KeyEnded, "It opens nothing any more. Make a new key.")
        .with("state", state.as_str())
}

fn problem(error: CallError) -> Problem {
    Refused::Call.problem(error)
}
