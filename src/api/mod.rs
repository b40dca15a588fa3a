//! The HTTP API: the only part that knows axum.
//!
//! In reading order: `router` shows every route; `storefront`, `public`, `admin`,
//! `keys` and `operations` are the handlers by audience; `extract`, `query`, `idempotency`, `request`
//! and `value` turn what came over the wire into the types of the domain, and past them there
//! are no bare strings; `view` is what goes back; `problem` is the one error table; `openapi`
//! describes it all; `limits` and `address` say who calls too fast; `carried` and `server` run it
//! on connections; `ids`, `envelope`, `cors`, `logged` and `measured` are what is done for every
//! call; `front` puts another design behind it.
//!
//! Invariants: a key is checked before anything else of a request is read; every answer that
//! is no success is a problem document; a call that changes something runs to its end even
//! when its client has gone.

mod address;
mod admin;
mod auth;
mod body;
mod carried;
mod cors;
mod envelope;
mod etag;
mod extract;
pub mod front;
mod idempotency;
mod ids;
mod keys;
mod limits;
mod logged;
mod measured;
mod openapi;
mod operations;
mod problem;
mod public;
mod query;
mod request;
mod router;
mod server;
mod storefront;
#[cfg(test)]
mod tests;
mod value;
mod view;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use address::Addresses;
use carried::Carried;
use limits::Shared;

use crate::config::{KeySettings, LimitSettings};
use crate::engine::{CallError, Engine};

pub use server::serve;

/// How much longer than the engine a call may take, so that the engine's own answer, which
/// says more, comes first.
const GRACE: Duration = Duration::from_millis(250);

/// What the handlers share.
pub struct Api {
    engine: Arc<Engine>,
    keys: Arc<auth::Keys>,
    /// How fast holds may be asked for one customer.
    customers: Option<Shared>,
    addresses: Option<Addresses>,
    /// The engine bounds its answers itself; this bounds them whatever it does.
    answer_within: Duration,
    stop: CancellationToken,
}

impl Api {
    /// The API over `engine`, for holders of `keys`, as fast as `limits` allow. `answer_timeout` is the engine's own bound;
    /// once `stop` is cancelled it is not ready any more.
    #[must_use]
    pub fn new(
        engine: Arc<Engine>,
        keys: &KeySettings,
        limits: LimitSettings,
        answer_timeout: Duration,
        stop: CancellationToken,
    ) -> Api {
        let answer_within = answer_timeout + GRACE;
        let shared = |name, limit| Shared { rates: engine.rates(), limit, name };
        let of_key = limits.key.map(|limit| shared("key", limit));
        let customers = limits.customer.map(|limit| shared("customer", limit));
        let addresses = limits.address.and_then(|limit| Addresses::new(limit, limits.proxies));
        let keys = Arc::new(auth::Keys::new(keys, engine.keyring(), of_key));
        Api { engine, keys, customers, addresses, answer_within, stop }
    }

    /// Runs a call that may change something. A client that goes away does not cut it off
    /// between its steps.
    async fn change<T, F>(&self, call: impl FnOnce(Arc<Engine>) -> F) -> Result<T, CallError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, CallError>> + Send + 'static,
    {
        let call = Carried::new(call(Arc::clone(&self.engine)));
        match tokio::time::timeout(self.answer_within, call).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => {
                tracing::error!("a call ended in a panic, which is told above");
                Err(CallError::unknown("the call broke down"))
            }
            Err(_) => Err(CallError::unknown("the engine gave no answer in time")),
        }
    }

    /// Runs a call that changes nothing.
    async fn read<T>(
        &self,
        call: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        tokio::time::timeout(self.answer_within, call)
            .await
            .unwrap_or_else(|_| Err(CallError::none("the engine gave no answer in time")))
    }
}
