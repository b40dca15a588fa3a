//! The engine's front with another design behind it: connections, key, path, body and answer
//! are the engine's own, and only what becomes of a hold differs. Benchmarks measure with it.

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::post;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::storefront::Asked;
use super::{auth, server, storefront};
use crate::config::{KeySettings, ServerSettings};
use crate::domain::{Reservation, SECRET_BYTES, WatchKey};
use crate::engine::Answer;

pub use super::storefront::Hold;

/// The route of a hold, for holders of `keys`, answered by `design`.
pub fn router<F, A>(keys: &KeySettings, design: F) -> Router
where
    F: Fn(Hold) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Answer<Reservation>> + Send + 'static,
{
    let keys = auth::Keys::new(keys, Arc::default(), None);
    // What is made for each answer is part of what the front costs.
    let key = WatchKey::new(&[0; SECRET_BYTES]);
    let handler = async move |Asked(hold): Asked| storefront::held(design(hold).await, &key);
    Router::new()
        .route("/v1/drops/{drop}/reservations", post(handler))
        .route_layer(from_fn_with_state(Arc::new(keys), auth::storefront))
}

/// Serves `router` on `listener` until `stop` is cancelled, as [`super::serve`] serves the API.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let settings = ServerSettings { connections: 20_000, ..ServerSettings::default() };
    server::serve_with(listener, |_| router.clone(), stop, &settings).await;
}
