//! Which pages of other origins a browser lets read answers.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::ids::{REQUEST_ID, TRACEPARENT, TRACERESPONSE};
use super::limits;
use crate::config::CorsOrigins;

/// How long a browser remembers what it was allowed.
const REMEMBERED: Duration = Duration::from_secs(600);
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The layer that answers preflights and marks answers; `None` leaves everything to the browser,
/// which lets no other origin read. Credentials are never allowed: keys travel in a header that a
/// page sets by itself, so a browser has none of its own to send along.
pub(super) fn layer(origins: &CorsOrigins) -> Option<CorsLayer> {
    let allowed = match origins {
        CorsOrigins::None => return None,
        CorsOrigins::Any => AllowOrigin::any(),
        CorsOrigins::These(origins) => {
            let value = |origin: &String| HeaderValue::try_from(origin).ok();
            AllowOrigin::list(origins.iter().filter_map(value))
        }
    };
    let layer = CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_NONE_MATCH,
            LAST_EVENT_ID,
            IDEMPOTENCY_KEY,
            REQUEST_ID,
            TRACEPARENT,
        ])
        .expose_headers([
            header::ETAG,
            header::LOCATION,
            header::RETRY_AFTER,
            IDEMPOTENCY_REPLAYED,
            limits::POLICY,
            limits::STANDING,
            REQUEST_ID,
            TRACERESPONSE,
        ])
        .max_age(REMEMBERED);
    Some(layer)
}
