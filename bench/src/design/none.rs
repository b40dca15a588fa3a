//! No work at all: what HTTP itself costs.

use axum::{
    Router,
    http::{HeaderName, header},
    routing::get,
};
use dropgate::clock;

const SKU: &str = r#"{"sku":"s","name":"s","available":100,"status":"in_stock","message":null,"version":7,"details":{}}"#;
const HEADERS: [(HeaderName, &str); 3] = [
    (header::CONTENT_TYPE, "application/json"),
    (header::ETAG, "\"7\""),
    (header::CACHE_CONTROL, "public, max-age=1"),
];

/// Every hold is taken, every SKU is the same.
pub(super) fn router() -> Router {
    super::router(async |hold| super::held(hold, clock::now()))
        .route("/v1/drops/{drop}/skus/{sku}", get(async || (HEADERS, SKU)))
}
