//! A lock in Redis for each SKU: take it, read, check, write, let it go.
//!
//! `SET … NX PX` takes the lock. It ends by itself, so a holder that dies holds nobody up for
//! long; and a holder that was only slow must not write after that. That is why it watches its
//! own lock: the transaction that writes and lets the lock go takes place only if the lock still
//! is the holder's, which is more than the usual script that compares and deletes can promise.
//!
//! Tuned: what a holder reads comes with the lock in one round trip, and what it writes goes
//! with letting go in a second one. A refusal costs the same.

pub(super) mod message;
pub(super) mod spin;

use std::{sync::Arc, time::Duration};

use axum::Router;
use dropgate::{
    api::front,
    domain::Reservation,
    engine::{Answer, CallError},
};
use redis::{Pipeline, RedisResult, aio::MultiplexedConnection};
use tokio::time::Instant;

use super::{
    LIMIT, Offer,
    pool::{Leased, PATIENCE, Redis, RedisPool},
    request::{Outcome, Request, failed},
};

/// The lock ends after so many milliseconds, whatever became of its holder.
const LOCK_MS: u64 = 5_000;
/// After so long one that waits for a token tries without.
const TOKEN_SECONDS: u64 = 1;

/// What one that waits for the lock does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waiting {
    /// Tries again after a while, chosen at random so that no two keep in step.
    Spin,
    /// Takes a token out of a list, in which each that lets go puts one. The token is no more
    /// than a wake-up: who has it still has to take the lock. So no harm is done when one is
    /// lost, as with a holder that dies, except that the next waits for [`TOKEN_SECONDS`].
    Message,
}

struct Lock {
    design: &'static str,
    waiting: Waiting,
    pool: RedisPool,
}

/// The keys of one SKU.
struct Keys {
    lock: String,
    tokens: String,
    stock: String,
    customers: String,
    holds: String,
    deadlines: String,
}

/// What stands in Redis, read under the lock.
struct Seen {
    available: Option<i64>,
    used: i64,
}

impl Keys {
    fn new(design: &str, drop: &str, sku: &str) -> Keys {
        let key = |name| format!("{design}:{{{drop}}}:{name}:{sku}");
        Keys {
            lock: key("lock"),
            tokens: key("tokens"),
            stock: key("stock"),
            customers: key("customers"),
            holds: key("holds"),
            deadlines: key("deadlines"),
        }
    }
}

/// Stocks the SKU.
async fn router(design: &'static str, waiting: Waiting) -> anyhow::Result<Router> {
    let (offer, redis) = (Offer::from_env()?, Redis::from_env()?);
    let mut connection = redis.connect().await?;
    let keys = Keys::new(design, &offer.drop, offer.sku);
    let stock = redis::cmd("SETNX").arg(&keys.stock).arg(offer.units).take();
    let made: bool = stock.query_async(&mut connection).await?;
    if made {
        // The lock is free.
        redis::cmd("LPUSH").arg(&keys.tokens).arg(1).exec_async(&mut connection).await?;
    }
    let lock = Arc::new(Lock { design, waiting, pool: RedisPool::new(redis)? });
    Ok(super::router(move |hold| {
        let lock = Arc::clone(&lock);
        async move {
            // A caller that hangs up must not leave the lock behind, as cancelling would.
            tokio::spawn(async move { lock.reserve(hold).await }).await.map_err(failed)?
        }
    }))
}

impl Lock {
    async fn reserve(&self, hold: front::Hold) -> Answer<Reservation> {
        let request = Request::new(hold)?;
        let keys = Keys::new(self.design, request.drop(), request.sku.as_str());
        let mut leased = self.pool.get().await?;
        let outcome = self.under_lock(&mut leased, &keys, &request).await?;
        leased.give_back();
        request.answer(outcome)
    }

    async fn under_lock(
        &self,
        leased: &mut Leased<'_>,
        keys: &Keys,
        request: &Request,
    ) -> Result<Outcome, CallError> {
        let (connection, token) = (&mut leased.connection, request.short_id());
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(seen) =
                self.take(connection, keys, request, &token).await.map_err(failed)?
            {
                let outcome = judge(&seen, request.quantity);
                let change = if matches!(outcome, Outcome::Held) {
                    changes(keys, request, &token)
                } else {
                    Pipeline::new()
                };
                if self.let_go(connection, keys, change).await.map_err(failed)? {
                    return Ok(outcome);
                }
            }
            if Instant::now() > until {
                return Err(CallError::none("the lock is not to be had"));
            }
            if self.waiting == Waiting::Spin {
                tokio::time::sleep(Duration::from_micros(rand::random_range(1_000..5_000))).await;
            }
        }
    }

    /// Tries to take the lock, and reads what it guards; `None` if another has it.
    async fn take(
        &self,
        connection: &mut MultiplexedConnection,
        keys: &Keys,
        request: &Request,
        token: &str,
    ) -> RedisResult<Option<Seen>> {
        let mut pipe = Pipeline::with_capacity(6);
        // An earlier try watched a lock that was another's.
        pipe.cmd("UNWATCH").ignore();
        if self.waiting == Waiting::Message {
            // Redis holds back what follows until there is a token or it is time.
            pipe.cmd("BLPOP").arg(&keys.tokens).arg(TOKEN_SECONDS).ignore();
        }
        pipe.cmd("SET").arg(&keys.lock).arg(token).arg("NX").arg("PX").arg(LOCK_MS).ignore();
        pipe.cmd("WATCH").arg(&keys.lock).ignore();
        // Once it is watched, it has to be the caller's still: no time may pass unseen.
        pipe.cmd("MGET").arg(&keys.lock).arg(&keys.stock);
        pipe.cmd("HGET").arg(&keys.customers).arg(request.customer());
        let ((holder, available), used): ((Option<String>, Option<i64>), Option<i64>) =
            pipe.query_async(connection).await?;
        let taken = holder.is_some_and(|holder| holder == token);
        Ok(taken.then_some(Seen { available, used: used.unwrap_or(0) }))
    }

    /// Makes the changes and lets go of the lock, at once; `false` if it was lost, and nothing
    /// was done.
    async fn let_go(
        &self,
        connection: &mut MultiplexedConnection,
        keys: &Keys,
        mut changes: Pipeline,
    ) -> RedisResult<bool> {
        changes.atomic().cmd("DEL").arg(&keys.lock);
        if self.waiting == Waiting::Message {
            changes.cmd("LPUSH").arg(&keys.tokens).arg(1).ignore();
        }
        let done: Option<(i64,)> = changes.query_async(connection).await?;
        Ok(done.is_some())
    }
}

fn judge(seen: &Seen, quantity: i64) -> Outcome {
    let Some(available) = seen.available else { return Outcome::UnknownSku };
    if seen.used + quantity > LIMIT {
        return Outcome::LimitExceeded { used: seen.used };
    }
    if available < quantity {
        return Outcome::SoldOut { available };
    }
    Outcome::Held
}

fn changes(keys: &Keys, request: &Request, id: &str) -> Pipeline {
    let mut pipe = Pipeline::with_capacity(6);
    pipe.cmd("DECRBY").arg(&keys.stock).arg(request.quantity).ignore();
    let customer = request.customer();
    pipe.cmd("HINCRBY").arg(&keys.customers).arg(customer).arg(request.quantity).ignore();
    pipe.cmd("HSET").arg(&keys.holds).arg(id).arg(request.packed()).ignore();
    pipe.cmd("ZADD").arg(&keys.deadlines).arg(request.deadline().0).arg(id).ignore();
    pipe
}
