//! What whoever runs the process asks: is it up, can it serve.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{Uri, header};
use axum::response::{Html, IntoResponse, Response};
use serde_json::json;

use super::Api;
use super::openapi;
use super::problem::{Code, Problem};
use crate::engine::Effect;
use crate::telemetry;

/// `GET /healthz`: it answers, so it is up. It asks nothing and nobody.
pub(super) async fn healthz() -> Response {
    Json(json!({ "status": "ok" })).into_response()
}

/// `GET /readyz`: whether calls would be served. While stopping it is not ready, before
/// anything else of the process ends.
pub(super) async fn readyz(State(api): State<Arc<Api>>) -> Result<Response, Problem> {
    let not_ready = |unreachable: Vec<String>, detail: String| {
        Problem::unavailable(Effect::None).because(detail).with("unreachable", unreachable)
    };
    if api.stop.is_cancelled() {
        return Err(not_ready(Vec::new(), "The process is stopping.".to_owned()));
    }
    let unreachable = tokio::time::timeout(api.answer_within, api.engine.ready())
        .await
        .unwrap_or_else(|_| vec!["the engine".to_owned()]);
    if unreachable.is_empty() {
        return Ok(Json(json!({ "status": "ready" })).into_response());
    }
    let detail = format!("It can't reach {}.", unreachable.join(" and "));
    Err(not_ready(unreachable, detail))
}

/// `GET /metrics`: what the process counts, as Prometheus reads it.
pub(super) async fn metrics(State(api): State<Arc<Api>>) -> Response {
    const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
    api.engine.sample();
    ([(header::CONTENT_TYPE, PROMETHEUS_TEXT)], telemetry::metrics_text()).into_response()
}

/// `GET /openapi.json`: the API's own description.
pub(super) async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], openapi::DOCUMENT.as_str()).into_response()
}

/// `GET /docs`: the same as a page, which loads nothing from elsewhere.
pub(super) async fn docs() -> Response {
    let policy = [(header::CONTENT_SECURITY_POLICY, openapi::policy())];
    (policy, Html(openapi::PAGE.as_str())).into_response()
}

/// Any address that no route has.
pub(super) async fn not_found(uri: Uri) -> Problem {
    let hint = if uri.path().len() > 1 && uri.path().ends_with('/') {
        "Leave out the slash at the end of the address."
    } else {
        "Check the address; /docs shows every route."
    };
    Problem::new(Code::NotFound, hint)
}

/// A route that exists, asked with a method it does not have.
pub(super) async fn method_not_allowed() -> Problem {
    Problem::new(
        Code::MethodNotAllowed,
        "Use one of the methods that the Allow header names (`curl -i` shows it).",
    )
}
