//! The designs behind the front. They live here and nowhere else.

mod none;

use std::future::Future;

use anyhow::Context as _;
use axum::Router;
use dropgate::{
    api::front,
    config::KeySettings,
    domain::{Millis, Reservation, ReservationState},
    engine::{CallError, Success},
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// The key of everybody who calls, and the header that carries it.
pub const STOREFRONT_KEY: &str = "storefront-key-of-the-benchmark";
/// See [`STOREFRONT_KEY`].
pub const STOREFRONT: &str = "Bearer storefront-key-of-the-benchmark";
/// The admin's.
pub const ADMIN_KEY: &str = "admin-key-of-the-benchmark";
/// See [`ADMIN_KEY`].
pub const ADMIN: &str = "Bearer admin-key-of-the-benchmark";

/// What stands behind the front.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Design {
    /// No work at all: the limit.
    None,
}

/// Serves a design until the process is killed. `DROPGATE_LISTEN`, `DROPGATE_REDIS_URL` and
/// `DROPGATE_DATABASE_URL` say where.
///
/// # Errors
/// When a server can't be reached.
pub async fn serve(design: Design) -> anyhow::Result<()> {
    let listen = std::env::var("DROPGATE_LISTEN").context("DROPGATE_LISTEN")?;
    let listener = TcpListener::bind(listen).await?;
    let router = match design {
        Design::None => none::router(),
    };
    front::serve(listener, router, CancellationToken::new()).await;
    Ok(())
}

/// The front with `design` behind it, for the benchmark's keys.
fn router<F, A>(design: F) -> Router
where
    F: Fn(front::Hold) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = dropgate::engine::Answer<Reservation>> + Send + 'static,
{
    let keys = KeySettings::new(ADMIN_KEY.to_owned(), STOREFRONT_KEY.to_owned());
    front::router(&keys.unwrap_or_else(|error| unreachable!("{error}")), design)
}

/// The answer to a hold that was taken at `now`.
fn held(hold: front::Hold, now: Millis) -> Result<Success<Reservation>, CallError> {
    let value = Reservation {
        id: hold.id,
        drop: hold.drop,
        customer_id: hold.customer_id,
        state: ReservationState::Held,
        lines: hold.lines.as_slice().to_vec(),
        order_id: None,
        created_at: now,
        expires_at: now.plus(900_000),
    };
    Ok(Success { value, replayed: false })
}
