//! The feed as Server-Sent Events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt as _, stream};

use super::super::Api;
use super::super::extract::DropPath;
use super::super::problem::Problem;
use super::super::query::Query;
use super::follow;
use super::follower::{Follower, Message};

/// Between two signs of life where nothing happens: below what proxies wait at least.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Clients that lost their stream together come back over so long a time.
const COME_BACK_MS: std::ops::Range<u64> = 500..3000;
/// Tells nginx to pass events on at once.
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// `GET /v1/drops/{drop}/events`
pub(in super::super) async fn events(
    State(api): State<Arc<Api>>,
    DropPath(drop): DropPath,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let follower = follow(&api, &drop, query, &headers).await?;
    let come_back = Duration::from_millis(rand::random_range(COME_BACK_MS));
    let begin = stream::once(std::future::ready(Ok(Event::default().retry(come_back))));
    let rest = stream::unfold(Box::new(follower), next);
    let alive = KeepAlive::new().interval(HEARTBEAT);
    let mut response = Sse::new(begin.chain(rest)).keep_alive(alive).into_response();
    let headers = response.headers_mut();
    headers.insert(BUFFERING, HeaderValue::from_static("no"));
    headers.insert(axum::http::header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

async fn next(mut follower: Box<Follower>) -> Option<(Result<Event, Infallible>, Box<Follower>)> {
    let Message { event, data, id } = follower.next().await?;
    let mut sent = Event::default().event(event).data(data);
    if let Some(id) = id {
        sent = sent.id(id.to_string());
    }
    Some((Ok(sent), follower))
}
