//! Webhooks: made, listed, changed, tried, ended; and what they did not take.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Api;
use super::extract::{DeliveryPath, JsonBody, OptionalJsonBody, WebhookPath};
use super::problem::{Problem, Refused, unknown_delivery, unknown_webhook};
use super::query::{Query, opaque};
use super::request;
use crate::domain::{
    Attempt, Delivery, DeliveryId, DeliveryState, Page, Webhook, WebhookId, WebhookWithSecret,
};
use crate::engine::CallError;

/// `POST /v1/admin/webhooks`
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let new = request::new_webhook(&body)?;
    check(&api, &new.url).await?;
    let made = api.change(|engine| async move { engine.create_webhook(&new).await }).await;
    let made = made.map_err(problem)?;
    let location = HeaderValue::try_from(format!("/v1/admin/webhooks/{}", made.webhook().id));
    let mut response = (StatusCode::CREATED, Json(made)).into_response();
    if let Ok(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// `GET /v1/admin/webhooks`
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    mut query: Query,
) -> Result<Json<Page<Webhook>>, Problem> {
    let cursor = query.cursor::<WebhookId>();
    let limit = query.limit(500, 50);
    query.finish()?;
    let page = api.read(api.engine.webhooks(cursor, limit)).await.map_err(problem)?;
    Ok(Json(Page { items: page.items, next_cursor: opaque(page.next_cursor) }))
}

/// `GET /v1/admin/webhooks/{webhook}`
pub(super) async fn read(
    State(api): State<Arc<Api>>,
    WebhookPath(id): WebhookPath,
) -> Result<Json<Webhook>, Problem> {
    let webhook = api.read(api.engine.webhook(id)).await.map_err(problem)?;
    webhook.map(Json).ok_or_else(unknown_webhook)
}

/// `PATCH /v1/admin/webhooks/{webhook}`
pub(super) async fn change(
    State(api): State<Arc<Api>>,
    WebhookPath(id): WebhookPath,
    JsonBody(body): JsonBody,
) -> Result<Json<Webhook>, Problem> {
    let patch = request::webhook_patch(&body)?;
    if let Some(url) = &patch.url {
        check(&api, url).await?;
    }
    let changed = api.change(|engine| async move { engine.change_webhook(id, &patch).await }).await;
    changed.map_err(problem)?.map(Json).ok_or_else(unknown_webhook)
}

/// `DELETE /v1/admin/webhooks/{webhook}`
pub(super) async fn delete(
    State(api): State<Arc<Api>>,
    WebhookPath(id): WebhookPath,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Json<Webhook>, Problem> {
    request::nothing(&body)?;
    let deleted = api.change(|engine| async move { engine.delete_webhook(id).await }).await;
    deleted.map_err(problem)?.map(Json).ok_or_else(unknown_webhook)
}

/// `POST /v1/admin/webhooks/{webhook}/rotate`
pub(super) async fn rotate(
    State(api): State<Arc<Api>>,
    WebhookPath(id): WebhookPath,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Json<WebhookWithSecret>, Problem> {
    request::nothing(&body)?;
    let rotated = api.change(|engine| async move { engine.rotate_webhook(id).await }).await;
    rotated.map_err(problem)?.map(Json).ok_or_else(unknown_webhook)
}

/// `POST /v1/admin/webhooks/{webhook}/test`: one that doesn't answer in the time that a call has is
/// told as a failure, like every other that comes to nothing.
pub(super) async fn test(
    State(api): State<Arc<Api>>,
    WebhookPath(id): WebhookPath,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Json<Attempt>, Problem> {
    request::nothing(&body)?;
    let endpoint = api.read(api.engine.endpoint(id)).await.map_err(problem)?;
    let endpoint = endpoint.ok_or_else(unknown_webhook)?;
    let within = api.answer_within.saturating_sub(TEST_MARGIN);
    let attempt = tokio::time::timeout(within, api.sender.test(&endpoint)).await;
    Ok(Json(attempt.unwrap_or_else(|_| Attempt {
        delivered: false,
        status: None,
        error: Some(format!("no answer within {} ms", within.as_millis())),
        milliseconds: u64::try_from(within.as_millis()).unwrap_or(u64::MAX),
    })))
}

/// What is left of the time of a call for everything but the request itself.
const TEST_MARGIN: std::time::Duration = std::time::Duration::from_millis(500);

/// `GET /v1/admin/webhooks/{webhook}/deliveries`
pub(super) async fn deliveries(
    State(api): State<Arc<Api>>,
    WebhookPath(id): WebhookPath,
    mut query: Query,
) -> Result<Json<Page<Delivery>>, Problem> {
    let state = query.optional("state", |text| {
        text.parse::<DeliveryState>().map_err(|error| format!("is not valid: {error}"))
    });
    let cursor = query.cursor::<DeliveryId>();
    let limit = query.limit(500, 50);
    query.finish()?;
    let page = api.read(api.engine.deliveries(id, state, cursor, limit)).await.map_err(problem)?;
    let page = page.ok_or_else(unknown_webhook)?;
    Ok(Json(Page { items: page.items, next_cursor: opaque(page.next_cursor) }))
}

/// `POST /v1/admin/webhooks/{webhook}/deliveries/{delivery}/resend`
pub(super) async fn resend(
    State(api): State<Arc<Api>>,
    DeliveryPath(webhook, id): DeliveryPath,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Response, Problem> {
    request::nothing(&body)?;
    let wanted = api.change(|engine| async move { engine.resend(webhook, id).await }).await;
    match wanted.map_err(problem)? {
        Some(delivery) => Ok((StatusCode::ACCEPTED, Json(delivery)).into_response()),
        None => match api.read(api.engine.webhook(webhook)).await.map_err(problem)? {
            Some(_) => Err(unknown_delivery()),
            None => Err(unknown_webhook()),
        },
    }
}

async fn check(api: &Api, url: &str) -> Result<(), Problem> {
    api.sender.check(url).await.map_err(|wrong| Problem::invalid_field("/url", wrong))
}

fn problem(error: CallError) -> Problem {
    Refused::Call.problem(error)
}
