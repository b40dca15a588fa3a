//! The HTTP API: the only part that knows axum.
//!
//! In reading order: `router` shows every route; `storefront`, `public`, `admin`, `ledger`,
//! `keys`, `customers`, `webhooks` and `operations` are the handlers by audience; `extract`, `query`, `idempotency`, `request`
//! and `value` turn what came over the wire into the types of the domain, and past them there
//! are no bare strings; `view` is what goes back; `problem` is the one error table; `openapi`
//! describes it all; `limits` and `address` say who calls too fast, `shed` what goes when all do; `carried` and `server` run it
//! on connections; `ids`, `envelope`, `cors`, `logged` and `measured` are what is done for every
//! call; `live` is the feed, `pages` are for people; `front` puts another design behind it.
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
mod customers;
mod envelope;
mod etag;
mod extract;
pub mod front;
mod idempotency;
mod ids;
mod keys;
mod ledger;
mod ledger_csv;
mod limits;
mod live;
mod logged;
mod measured;
mod openapi;
mod operations;
mod pages;
mod problem;
mod public;
mod query;
mod request;
mod router;
mod server;
mod shed;
mod storefront;
#[cfg(test)]
mod tests;
mod value;
mod view;
mod webhooks;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use address::Addresses;
use carried::Carried;
use limits::{Limited, Policies, Shared};
use live::Live;

use crate::config::{KeySettings, LimitSettings};
use crate::domain::WatchKey;
use crate::engine::{CallError, Engine};
use crate::sink::Sender;

pub use ledger_csv::ledger_csv;
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
    policies: Arc<Policies>,
    live: Live,
    /// Tries webhooks.
    sender: Sender,
    /// Whether the storefront page has a cart.
    shop_sells: bool,
    /// From how many calls under way on the least useful ones are turned away.
    shed_above: Option<usize>,
    /// The engine bounds its answers itself; this bounds them whatever it does.
    answer_within: Duration,
    stop: CancellationToken,
}

/// What live streams need.
#[derive(Debug)]
pub struct LiveSettings {
    /// What the tokens of reservations are made with.
    pub key: WatchKey,
    /// The most streams at a time.
    pub streams: usize,
}

impl Api {
    /// The API over `engine`, for holders of `keys`, as fast as `limits` allow; webhooks are tried
    /// by `sender`. `answer_timeout` is the engine's own bound;
    /// once `stop` is cancelled it is not ready any more.
    #[must_use]
    #[expect(clippy::too_many_arguments, reason = "each is named where it is made")]
    pub fn new(
        engine: Arc<Engine>,
        keys: &KeySettings,
        limits: LimitSettings,
        live: LiveSettings,
        sender: Sender,
        shop_sells: bool,
        answer_timeout: Duration,
        stop: CancellationToken,
    ) -> Api {
        let answer_within = answer_timeout + GRACE;
        let policies = Arc::new(Policies::of(&limits));
        let shared = |limited, limit| Shared::new(&engine, limited, limit);
        let of_key = limits.key.map(|limit| shared(Limited::Key, limit));
        let customers = limits.customer.map(|limit| shared(Limited::Customer, limit));
        let shed_above = limits.shed_above;
        let addresses = limits.address.and_then(|limit| Addresses::new(limit, limits.proxies));
        let keys = Arc::new(auth::Keys::new(keys, engine.keyring(), of_key));
        let live = Live::new(live.key, live.streams);
        Api {
            engine,
            keys,
            customers,
            addresses,
            policies,
            live,
            sender,
            shop_sells,
            shed_above,
            answer_within,
            stop,
        }
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
