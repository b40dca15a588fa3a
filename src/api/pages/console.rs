//! The admin console: one page. What it shows it reads by the API, with the key that its visitor
//! signs in with; this side has nothing for it that the API hasn't.

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

use super::super::Api;
use super::{ASK, POLICY};

const PAGE: &str = include_str!("../../../web/console/console.html");

pub(super) fn router() -> Router<Arc<Api>> {
    Router::new().route("/console", get(page))
}

async fn page() -> Response {
    let headers = [(header::CONTENT_SECURITY_POLICY, POLICY), (header::CACHE_CONTROL, ASK)];
    (headers, Html(PAGE)).into_response()
}
