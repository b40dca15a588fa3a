//! A lock in Redis; who does not get it waits for a token in a list.
//!
//! Waiting is part of the round trip that takes the lock and reads: the next in line has read
//! before its client knows, so from one holder to the next it takes one round trip. Messages
//! over publish and subscribe take one more, as the lock is tried for only once they arrive.

use axum::Router;

use super::Waiting;

/// See [`super::router`].
pub(in super::super) async fn router() -> anyhow::Result<Router> {
    super::router("redis-lock-message", Waiting::Message).await
}
