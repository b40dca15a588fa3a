//! A lock in Redis; who does not get it tries again in 1 to 5 milliseconds.

use axum::Router;

use super::Waiting;

/// See [`super::router`].
pub(in super::super) async fn router() -> anyhow::Result<Router> {
    super::router("redis-lock-spin", Waiting::Spin).await
}
