//! What everybody may read, without a key: a drop and its SKUs, as far as they are durable.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::Api;
use super::etag;
use super::extract::{DropPath, SkuPath};
use super::problem::{Problem, Refused, unknown_sku};
use super::view::{PublicDrop, PublicSku};

/// `GET /v1/drops/{drop}`
pub(super) async fn drop(
    State(api): State<Arc<Api>>,
    DropPath(drop): DropPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let view = api
        .read(api.engine.drop_view(&drop))
        .await
        .map_err(|error| Refused::Call.problem(error))?;
    let now = api.engine.now();
    // Times open and close a drop without an event, so the state belongs to the version.
    let version = format!("{}-{}", view.seq, view.settings.state_at(now).as_str());
    Ok(etag::answer(&headers, &version, &PublicDrop::of(&view, now)))
}

/// `GET /v1/drops/{drop}/skus/{sku}`
pub(super) async fn sku(
    State(api): State<Arc<Api>>,
    SkuPath(drop, sku): SkuPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let view = api
        .read(api.engine.drop_view(&drop))
        .await
        .map_err(|error| Refused::Call.problem(error))?;
    let found = view.skus.iter().find(|view| view.stock.sku == sku).ok_or_else(unknown_sku)?;
    // Every event of the SKU, of its settings too, raises its version.
    Ok(etag::answer(&headers, &found.stock.version.to_string(), &PublicSku::of(found)))
}
