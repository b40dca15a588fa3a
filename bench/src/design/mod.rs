//! The designs behind the front. They live here and nowhere else.
//!
//! Each sells one SKU, `s`, of one drop, and lets a customer hold [`LIMIT`] units of it. What it
//! needs it makes before it listens, unless it is there from an earlier start. Environment
//! variables say how much: `BENCH_DROP` names the drop (`d`), `BENCH_UNITS` is its stock
//! (1,000,000), and `BENCH_POOL` (16) how many connections a pool has.

mod conditional_update;
mod evalsha;
mod for_update;
mod least;
mod none;
mod pool;
mod redis_lock;
mod request;
mod unit_rows;

use std::{fmt::Display, future::Future, str::FromStr};

use anyhow::{Context as _, anyhow};
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

/// Units of a SKU that one customer may hold.
pub const LIMIT: i64 = 10;
/// How long a hold lasts, in milliseconds.
const TTL: i64 = 900_000;

/// What stands behind the front.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Design {
    /// No work at all: the limit.
    None,
    /// The least that makes a hold durable as the engine does, and nothing else: no rival, a limit too.
    Least,
    /// A script in Redis for each request, and nothing else.
    Evalsha,
    /// A lock in Redis around read, check and write; who does not get it tries again soon.
    RedisLockSpin,
    /// The same; who does not get it waits for a message.
    RedisLockMessage,
    /// A Postgres transaction that locks the stock's row first: `SELECT … FOR UPDATE`.
    ForUpdate,
    /// One Postgres statement: `UPDATE … WHERE available >= n`.
    ConditionalUpdate,
    /// One Postgres row a unit: `SELECT … FOR UPDATE SKIP LOCKED`.
    UnitRows,
}

/// Serves a design until the process is killed. `DROPGATE_LISTEN`, `DROPGATE_REDIS_URL` and
/// `DROPGATE_DATABASE_URL` say where.
///
/// # Errors
/// When a server can't be reached.
pub async fn serve(design: Design) -> anyhow::Result<()> {
    // Whoever started this takes a connection for a sign that all is set up.
    let router = match design {
        Design::None => none::router(),
        Design::Least => least::router().await?,
        Design::Evalsha => evalsha::router().await?,
        Design::RedisLockSpin => redis_lock::spin::router().await?,
        Design::RedisLockMessage => redis_lock::message::router().await?,
        Design::ForUpdate => for_update::router().await?,
        Design::ConditionalUpdate => conditional_update::router().await?,
        Design::UnitRows => unit_rows::router().await?,
    };
    let listener = TcpListener::bind(required("DROPGATE_LISTEN")?).await?;
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

/// What is on sale.
struct Offer {
    drop: String,
    sku: &'static str,
    units: i64,
}

impl Offer {
    fn from_env() -> anyhow::Result<Offer> {
        let (drop, units) =
            (setting("BENCH_DROP", "d".to_owned())?, setting("BENCH_UNITS", 1_000_000)?);
        Ok(Offer { drop, sku: "s", units })
    }
}

fn required(name: &str) -> anyhow::Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set"))
}

fn setting<T>(name: &str, default: T) -> anyhow::Result<T>
where
    T: FromStr<Err: Display>,
{
    let Ok(text) = std::env::var(name) else { return Ok(default) };
    text.parse().map_err(|error| anyhow!("{name}={text}: {error}"))
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
        expires_at: now.plus(TTL),
    };
    Ok(Success { value, replayed: false })
}
