//! What the directed tests say over and over: a call is answered in time, a refusal says what it
//! must, the ledger has what was told, and a drop is well again soon after a fault.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use dropgate_nemesis::cluster::{Cluster, PATIENCE, Reply};
use reqwest::StatusCode;
use tokio::task::AbortHandle;

/// Everybody gets an answer within 5 seconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// So soon after a fault has ended, a hold succeeds on every engine.
const WELL_WITHIN: Duration = Duration::from_secs(10);

/// Measures time, and how late a machine is that has too much to do: a bound on time is a promise
/// of the engine, and says nothing of a machine that lets nobody run.
pub(crate) struct Stopwatch {
    since: Instant,
    /// Milliseconds by which sleepers were woken too late.
    late: Arc<AtomicU64>,
    sleeper: AbortHandle,
}

impl Stopwatch {
    /// How often it looks how late the machine is.
    const STEP: Duration = Duration::from_millis(10);
    /// What is waited for goes through as many hands (client, proxy, engine and back) that may
    /// each be as late as the one that is measured.
    const HANDS: u32 = 4;
    /// What the best machine may add.
    const GRACE: Duration = Duration::from_millis(500);

    pub(crate) fn start() -> Stopwatch {
        let late = Arc::new(AtomicU64::new(0));
        let sum = Arc::clone(&late);
        let sleeper = tokio::spawn(async move {
            loop {
                let asleep = Instant::now();
                tokio::time::sleep(Stopwatch::STEP).await;
                let over = asleep.elapsed().saturating_sub(Stopwatch::STEP).as_millis();
                sum.fetch_add(u64::try_from(over).unwrap_or(u64::MAX), Ordering::Relaxed);
            }
        });
        Stopwatch { since: Instant::now(), late, sleeper: sleeper.abort_handle() }
    }

    /// Asserts that no more than this has passed, but for what the machine was late; says how
    /// much has.
    pub(crate) fn assert_within(&self, limit: Duration, what: impl FnOnce() -> String) -> Duration {
        let took = self.since.elapsed();
        let late = Duration::from_millis(self.late.load(Ordering::Relaxed));
        let excused = Stopwatch::GRACE + late * Stopwatch::HANDS;
        assert!(took < limit + excused, "{} took {took:?}, {excused:?} excused", what());
        took
    }
}

impl Drop for Stopwatch {
    fn drop(&mut self) {
        self.sleeper.abort();
    }
}

/// The answer of a call, which must come in time.
pub(crate) async fn answered(call: impl Future<Output = Option<Reply>>) -> Reply {
    let watch = Stopwatch::start();
    let reply = call.await;
    watch.assert_within(ANSWER_WITHIN, || format!("{reply:?}"));
    reply.expect("an answer")
}

/// Asserts that a call was turned away as a fault demands; says the outcome.
pub(crate) fn assert_unavailable(reply: &Reply) -> String {
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{reply:?}");
    assert_eq!(reply.code(), "unavailable", "{reply:?}");
    assert!(reply.headers.contains_key("Retry-After"), "{reply:?}");
    let outcome = reply.body["outcome"].as_str().unwrap_or_default().to_owned();
    assert!(["none", "unknown"].contains(&outcome.as_str()), "{reply:?}");
    outcome
}

/// Asserts that a hold succeeds on each of these engines soon, and prints how soon.
pub(crate) async fn assert_well(cluster: &Cluster, engines: &[usize], drop: &str, after: &str) {
    for engine in engines {
        let watch = Stopwatch::start();
        cluster.until_held(*engine, drop).await;
        let took = watch.assert_within(WELL_WITHIN, || format!("a hold after {after}"));
        println!("after {after}: a hold on engine {engine} succeeded after {took:?}");
    }
}

/// Repeats a hold with its key until it is granted, and says its id.
pub(crate) async fn resolve(cluster: &Cluster, engine: usize, drop: &str, key: &str) -> String {
    let since = Instant::now();
    loop {
        let reply = cluster.hold(engine, drop, key, Some(key), None).await;
        if let Some(reply) = &reply
            && reply.status == StatusCode::CREATED
        {
            return reply.id().to_owned();
        }
        assert!(since.elapsed() < PATIENCE, "{key} is not resolved: {reply:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// What the ledger has of a drop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) epoch: i64,
    pub(crate) seq: i64,
    /// Events of epochs below `epoch`.
    pub(crate) old_events: i64,
    /// Reservations that were ever made, counted by their `held`.
    pub(crate) holds: i64,
}

/// Reads what the ledger has, past the engines.
pub(crate) async fn recorded(cluster: &Cluster, drop: &str) -> Recorded {
    let sql = "SELECT d.epoch, d.last_seq,
            (SELECT count(*) FROM ledger l WHERE l.drop_id = d.id AND l.epoch < d.epoch),
            (SELECT count(DISTINCT reservation_id) FROM ledger l
             WHERE l.drop_id = d.id AND l.kind = 'held')
        FROM drops d WHERE d.id = $1";
    let row = cluster.sql().await.expect("Postgres").query_one(sql, &[&drop]).await;
    let row = row.expect("the drop");
    Recorded { epoch: row.get(0), seq: row.get(1), old_events: row.get(2), holds: row.get(3) }
}

/// The units of `s` that the ledger counts as held and as sold.
pub(crate) async fn held_and_sold(cluster: &Cluster, drop: &str) -> (i64, i64) {
    let sql = "SELECT held, sold FROM stock WHERE drop_id = $1 AND sku = 's'";
    let row = cluster.sql().await.expect("Postgres").query_one(sql, &[&drop]).await;
    let row = row.expect("the SKU");
    (row.get(0), row.get(1))
}

/// Whether the ledger has a reservation.
pub(crate) async fn in_ledger(cluster: &Cluster, drop: &str, id: &str) -> bool {
    let sql = "SELECT 1 FROM reservations WHERE drop_id = $1 AND id::text = $2";
    let row = cluster.sql().await.expect("Postgres").query_opt(sql, &[&drop, &id]).await;
    row.expect("an answer").is_some()
}

/// Waits for something that a test has caused.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut look: impl FnMut() -> F) {
    let since = Instant::now();
    while !look().await {
        assert!(since.elapsed() < PATIENCE, "it never came: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Removes every key of a drop from Redis, as a wiped server would.
pub(crate) async fn wipe(cluster: &Cluster, drop: &str) {
    let names = dropgate::store::DropKeys::new(&drop.parse().expect("an id")).all;
    let words: Vec<&str> = ["DEL"].into_iter().chain(names.iter().map(String::as_str)).collect();
    cluster.redis(&words).await;
}
