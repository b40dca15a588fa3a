//! The least that makes a hold durable as the engine does: calls share a script call, script calls
//! share a commit, and an answer waits for its commit. It writes what the ledger's tables promise to
//! show, and does nothing else: one SKU a drop, no keys, no expiry, no fence, no rebuild, no news, no
//! figures. What Redis loses is lost. `BENCH_DROP` may name several drops, with commas in between; each has a
//! script call of its own, as in a cluster it must.
//!
//! It is no rival, but tells how much of what a hold costs nobody could save who writes that. With
//! `BENCH_ACK=redis` an answer waits for its script call only. A call that waits longer for others than
//! it has to makes nothing faster here: that was tried.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use anyhow::Context as _;
use axum::Router;
use chrono::{DateTime, Utc};
use deadpool_postgres::Pool;
use dropgate::{api::front, domain::Reservation, engine::Answer};
use redis::{Script, aio::MultiplexedConnection};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::{
    LIMIT, Offer,
    pool::{self, Redis},
    request::{Outcome, Request, failed},
    setting,
};

/// Holds of one script call.
const MOST: usize = 500;
/// What stands behind a drop's name in its keys.
const KEYS: [&str; 5] = ["stock", "customers", "holds", "deadlines", "journal"];
/// The script's code for a hold that was taken.
const HELD: i64 = 0;

const COMMIT: &str = "
WITH d AS MATERIALIZED (
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS d (id, seq, units)
    LIMIT cardinality($1)
), h AS MATERIALIZED (
    SELECT * FROM unnest($5::text[], $6::bigint[], $7::uuid[], $8::text[], $9::bigint[],
        $10::timestamptz[], $11::timestamptz[])
        AS h (drop, seq, id, customer, quantity, at, expires)
), heads AS (
    UPDATE least_drops AS old SET last_seq = d.seq FROM d WHERE old.id = d.id
), facts AS (
    INSERT INTO least_ledger (drop_id, epoch, seq, kind, reservation_id, customer_id, sku,
        quantity, occurred_at)
    SELECT drop, 0, seq, 'held', id, customer, $4::text, quantity, at FROM h
), lines AS (
    INSERT INTO least_lines SELECT drop, id, $4, quantity FROM h
), made AS (
    INSERT INTO least_reservations SELECT drop, id, customer, 'held', at, expires FROM h
)
UPDATE least_stock AS old SET available = old.available - d.units, held = old.held + d.units
FROM d WHERE old.drop_id = d.id AND old.sku = $4";

/// A hold on its way.
struct Call {
    drop: String,
    id: Uuid,
    short: String,
    customer: String,
    quantity: i64,
    created: DateTime<Utc>,
    expires: DateTime<Utc>,
    /// Told the script's code; taken by whoever tells it.
    answer: Option<oneshot::Sender<i64>>,
}

impl Call {
    fn tell(&mut self, code: i64) {
        if let Some(answer) = self.answer.take() {
            // A caller that has gone needs no answer.
            let _ = answer.send(code);
        }
    }
}

/// Creates the tables, loads the script, stocks the SKU.
pub(super) async fn router() -> anyhow::Result<Router> {
    let offer = Arc::new(Offer::from_env()?);
    let known: Arc<HashSet<String>> =
        Arc::new(offer.drop.split(',').map(ToOwned::to_owned).collect());
    let (calls, queue) = mpsc::unbounded_channel();
    let (ready, begun) = oneshot::channel();
    // A thread of its own, as in the engine: what comes from Redis and Postgres is seen at once.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::spawn(move || runtime.block_on(work(queue, ready)));
    begun.await.context("the work behind the front")??;
    Ok(super::router(move |hold| reserve(Arc::clone(&known), offer.sku, calls.clone(), hold)))
}

async fn reserve(
    drops: Arc<HashSet<String>>,
    sku: &'static str,
    calls: mpsc::UnboundedSender<Call>,
    hold: front::Hold,
) -> Answer<Reservation> {
    let request = Request::new(hold)?;
    if request.sku.as_str() != sku || !drops.contains(request.drop()) {
        return request.answer(Outcome::UnknownSku);
    }
    let (answer, outcome) = oneshot::channel();
    let call = Call {
        drop: request.drop().to_owned(),
        id: request.id(),
        short: request.short_id(),
        customer: request.customer().to_owned(),
        quantity: request.quantity,
        created: request.created(),
        expires: request.expires(),
        answer: Some(answer),
    };
    calls.send(call).map_err(failed)?;
    let code = outcome.await.map_err(failed)?;
    request.answer(Outcome::read(code, 0)?)
}

/// Where the script's and the ledger's work is done.
struct Work {
    sku: &'static str,
    script: Script,
    redis: MultiplexedConnection,
    pool: Pool,
    /// Whether a hold is answered before it is durable.
    early: bool,
}

async fn work(
    mut queue: mpsc::UnboundedReceiver<Call>,
    ready: oneshot::Sender<anyhow::Result<()>>,
) {
    let work = match Work::begin().await {
        Ok(work) => Arc::new(work),
        Err(error) => return ready.send(Err(error)).unwrap_or_default(),
    };
    // Whoever started this has not gone.
    let _ = ready.send(Ok(()));
    let (held, held_queue) = mpsc::unbounded_channel();
    tokio::spawn(commit(Arc::clone(&work), held_queue));
    let mut batch = Vec::with_capacity(MOST);
    while queue.recv_many(&mut batch, MOST).await > 0 {
        // Calls of a drop stand together.
        batch.sort_by(|a: &Call, b: &Call| a.drop.cmp(&b.drop));
        let Ok(codes) = work.run(&batch).await else { return };
        let mut taken = Vec::with_capacity(batch.len());
        for (mut call, code) in batch.drain(..).zip(codes.into_iter().flatten()) {
            if code != HELD || work.early {
                call.tell(code);
            }
            if code == HELD {
                taken.push(call);
            }
        }
        if held.send(taken).is_err() {
            return;
        }
    }
}

/// Commits what has been held while the last commit was under way, and answers.
async fn commit(work: Arc<Work>, mut held: mpsc::UnboundedReceiver<Vec<Call>>) {
    let (mut batches, mut seqs) = (Vec::new(), HashMap::new());
    while held.recv_many(&mut batches, MOST).await > 0 {
        let mut calls: Vec<Call> = batches.drain(..).flatten().collect();
        // Whoever waits is told that there is no answer.
        let Ok(()) = work.commit(&calls, &mut seqs).await else { return };
        calls.iter_mut().for_each(|call| call.tell(HELD));
    }
}

/// A key of a drop.
fn key(drop: &str, name: &str) -> String {
    format!("least:{{{drop}}}:{name}")
}

impl Work {
    async fn begin() -> anyhow::Result<Work> {
        let (offer, pool) = (Offer::from_env()?, pool::postgres()?);
        pool::create(&pool, include_str!("least.sql")).await?;
        let connection = pool.get().await?;
        let drops: Vec<&str> = offer.drop.split(',').collect();
        let rows = "INSERT INTO least_drops SELECT unnest($1::text[]), 0";
        connection.execute(rows, &[&drops]).await?;
        let rows = "INSERT INTO least_stock SELECT unnest($1::text[]), $2, $3, $3, 0";
        connection.execute(rows, &[&drops, &offer.sku, &offer.units]).await?;
        drop(connection);
        let mut redis = Redis::from_env()?.connect().await?;
        let script = Script::new(include_str!("least.lua"));
        script.load_async(&mut redis).await?;
        for drop in drops {
            let mut stock = redis::cmd("SET");
            stock.arg(key(drop, "stock")).arg(offer.units).exec_async(&mut redis).await?;
        }
        let early = setting("BENCH_ACK", "ledger".to_owned())? == "redis";
        Ok(Work { sku: offer.sku, script, redis, pool, early })
    }

    /// One script call a drop, all in one round trip; a code each hold.
    async fn run(&self, batch: &[Call]) -> redis::RedisResult<Vec<Vec<i64>>> {
        let mut pipe = redis::pipe();
        for calls in batch.chunk_by(|a, b| a.drop == b.drop) {
            let [first, ..] = calls else { continue };
            pipe.cmd("EVALSHA").arg(self.script.get_hash()).arg(KEYS.len());
            for name in KEYS {
                pipe.arg(key(&first.drop, name));
            }
            pipe.arg(LIMIT).arg(first.expires.timestamp_millis());
            for Call { short, customer, quantity, .. } in calls {
                pipe.arg(short).arg(customer).arg(quantity);
            }
        }
        pipe.query_async(&mut self.redis.clone()).await
    }

    /// One commit of all; `seqs` has the last seq of each drop.
    async fn commit(&self, held: &[Call], seqs: &mut HashMap<String, i64>) -> anyhow::Result<()> {
        if held.is_empty() {
            return Ok(());
        }
        let mut numbers: Vec<i64> = Vec::with_capacity(held.len());
        let mut moved: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
        for call in held {
            let seq = seqs.entry(call.drop.clone()).or_default();
            *seq += 1;
            numbers.push(*seq);
            let (last, units) = moved.entry(&call.drop).or_default();
            (*last, *units) = (*seq, *units + call.quantity);
        }
        let heads: Vec<&str> = moved.keys().copied().collect();
        let (last, units): (Vec<i64>, Vec<i64>) = moved.values().copied().unzip();
        let drops: Vec<&str> = held.iter().map(|call| call.drop.as_str()).collect();
        let ids: Vec<Uuid> = held.iter().map(|call| call.id).collect();
        let customers: Vec<&str> = held.iter().map(|call| call.customer.as_str()).collect();
        let quantities: Vec<i64> = held.iter().map(|call| call.quantity).collect();
        let created: Vec<DateTime<Utc>> = held.iter().map(|call| call.created).collect();
        let expires: Vec<DateTime<Utc>> = held.iter().map(|call| call.expires).collect();
        let connection = self.pool.get().await?;
        let statement = connection.prepare_cached(COMMIT).await?;
        #[rustfmt::skip]
        connection
            .execute(&statement, &[
                &heads, &last, &units, &self.sku,
                &drops, &numbers, &ids, &customers, &quantities, &created, &expires,
            ])
            .await?;
        Ok(())
    }
}
