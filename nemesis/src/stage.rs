//! The cluster of a run with what changes about it: which Redis is the present one, what each
//! engine is ordered, when something was out of order.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use dropgate::local::RedisServer;
use rand::{SeedableRng as _, rngs::StdRng};
use tempfile::TempDir;

use crate::{
    books::now,
    checker::{Damage, EpochSeen, Outage},
    clients::{Field, Stall},
    cluster::{Cluster, ClusterOptions, redis_at},
    proxy::Link,
    replica::Replica,
};

/// A server or an engine that was down is back within this time, or something is wrong.
pub(crate) const BACK: Duration = Duration::from_secs(60);
/// How long one look at a server may take.
const LOOK: Duration = Duration::from_secs(3);

/// Everything that faults are done to.
#[derive(Debug)]
pub struct Stage {
    /// Servers, proxies and engines.
    pub cluster: Cluster,
    /// The clients' side.
    pub field: Arc<Field>,
    /// The drops.
    pub stalls: Vec<Stall>,
    seen: Mutex<Seen>,
    /// Replicas by the order in which they took over; the last is the present Redis.
    replicas: Mutex<Vec<Arc<Replica>>>,
    orders: Mutex<Vec<Orders>>,
    folder: TempDir,
}

#[derive(Debug, Default)]
struct Seen {
    outages: Vec<Outage>,
    damages: Vec<Damage>,
    epochs: Vec<EpochSeen>,
    /// Engines that were started again and may not be ready, and since when they were out.
    starting: Vec<(usize, i64)>,
}

/// What an engine is ordered.
#[derive(Clone, Debug, Default)]
struct Orders {
    /// For the whole run: a mutant.
    always: String,
    clock: Option<i64>,
    failpoint: Option<String>,
}

/// The Redis in use: the first one, or a replica that took over.
pub(crate) enum Present<'a> {
    First(&'a RedisServer),
    Replica(Arc<Replica>),
}

impl Present<'_> {
    pub(crate) fn server(&self) -> &RedisServer {
        match self {
            Present::First(server) => server,
            Present::Replica(replica) => replica.server(),
        }
    }
}

impl Stage {
    /// Starts a cluster with its drops, a folder for the books, and clients that go on asking
    /// for `last_answers` at the end. The engines have these settings and are ordered `always`.
    ///
    /// # Errors
    /// When something can't be started.
    pub async fn start(
        program: &Path,
        engines: usize,
        stalls: Vec<Stall>,
        always: &str,
        last_answers: Duration,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Stage> {
        let options = ClusterOptions { engines: 0, ..ClusterOptions::new(program) };
        let mut cluster = Cluster::start(options).await?;
        // A rule of the scripts must be gone before the first script is asked for. Without some
        // of the others no drop can be made.
        let at_once = always.contains("script_") || always.contains("sweep_");
        for _ in 0..engines {
            let engine = cluster.prepare_engine(settings).await?;
            engine.orders(if at_once { always } else { "" });
            engine.start()?;
        }
        for engine in &cluster.engines {
            engine.await_ready(BACK).await?;
        }
        let folder = tempfile::Builder::new().prefix("dropgate-nemesis-").tempdir()?;
        let urls: Vec<String> = cluster.engines.iter().map(|e| e.url().to_owned()).collect();
        let field = Field::new(urls, &folder.path().join("books.jsonl"), last_answers)?;
        let orders = Orders { always: always.to_owned(), ..Orders::default() };
        let stage = Stage {
            orders: Mutex::new(vec![orders; engines]),
            cluster,
            field: Arc::new(field),
            stalls,
            seen: Mutex::default(),
            replicas: Mutex::default(),
            folder,
        };
        let mut rng = StdRng::seed_from_u64(0);
        for stall in &stage.stalls {
            stall.set_up(&stage.field, &mut rng).await?;
        }
        for engine in 0..stage.engines() {
            stage.order(engine, |_| {});
        }
        Ok(stage)
    }

    /// How many engines there are.
    #[must_use]
    pub fn engines(&self) -> usize {
        self.cluster.engines.len()
    }

    /// A file of the run.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Leaves the folder with the books behind; says where it is.
    #[must_use]
    pub fn keep(mut self) -> PathBuf {
        self.folder.disable_cleanup(true);
        for (number, engine) in self.cluster.engines.iter().enumerate() {
            let log = self.folder.path().join(format!("engine-{number}.log"));
            let _ = std::fs::write(log, engine.log());
        }
        self.folder.path().to_owned()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that an engine can't be expected to answer, from `from` until now.
    pub(crate) fn was_out(&self, engine: usize, from: i64) {
        self.seen().outages.push(Outage { engine, from, until: now() });
    }

    /// Notes that an engine is out since `from`, until it is ready: see [`Stage::settle`].
    pub(crate) fn is_out(&self, engine: usize, from: i64) {
        self.seen().starting.push((engine, from));
    }

    /// Waits until every engine that was started again is ready.
    ///
    /// # Errors
    /// When one does not get ready.
    pub(crate) async fn settle(&self) -> anyhow::Result<()> {
        let starting = std::mem::take(&mut self.seen().starting);
        for (engine, from) in starting {
            let ready = self.cluster.engines[engine].await_ready(BACK).await;
            self.was_out(engine, from);
            ready?;
        }
        Ok(())
    }

    /// Notes that Redis was damaged from `from` until now.
    pub fn was_damaged(&self, from: i64) {
        self.seen().damages.push(Damage { drop: None, from, until: now() });
    }

    /// When engines were out, when Redis was damaged, and the epochs that were seen.
    pub(crate) fn noted(&self) -> (Vec<Outage>, Vec<Damage>, Vec<EpochSeen>) {
        let seen = self.seen();
        (seen.outages.clone(), seen.damages.clone(), seen.epochs.clone())
    }

    /// The Redis in use.
    pub(crate) fn redis(&self) -> Present<'_> {
        let replicas = self.replicas.lock().unwrap_or_else(PoisonError::into_inner);
        match replicas.last() {
            Some(replica) => Present::Replica(Arc::clone(replica)),
            None => Present::First(self.cluster.servers.redis()),
        }
    }

    /// From now on this is the Redis in use.
    pub(crate) fn took_over(&self, replica: Arc<Replica>) {
        let mut replicas = self.replicas.lock().unwrap_or_else(PoisonError::into_inner);
        replicas.push(replica);
    }

    /// Lets go of the Redis that were in use before.
    pub(crate) async fn bury(&self) {
        let old: Vec<_> = {
            let mut replicas = self.replicas.lock().unwrap_or_else(PoisonError::into_inner);
            let last = replicas.len().saturating_sub(1);
            replicas.drain(..last).collect()
        };
        drop(old);
        if matches!(self.redis(), Present::Replica(_)) {
            let _ = self.cluster.servers.redis().kill().await;
        }
    }

    /// A command to the Redis in use.
    ///
    /// # Errors
    /// What it says, or that it does not answer.
    pub async fn tell_redis(&self, words: &[&str]) -> anyhow::Result<redis::Value> {
        let url = self.redis().server().url();
        let told = tokio::time::timeout(LOOK, redis_at(&url, words)).await;
        Ok(told.context("Redis does not answer")??)
    }

    /// Starts the Redis in use again.
    pub(crate) async fn start_redis(&self) -> anyhow::Result<()> {
        let redis = self.redis();
        redis.server().restart().await?;
        if let Present::Replica(replica) = &redis {
            // It was started as somebody's replica, and still is by its arguments.
            replica.promote().await?;
        }
        Ok(())
    }

    fn order(&self, engine: usize, change: impl FnOnce(&mut Orders)) {
        let mut all = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let orders = &mut all[engine];
        change(orders);
        let clock = orders.clock.map(|millis| format!("clock {millis}\n")).unwrap_or_default();
        let failpoint = orders.failpoint.clone().unwrap_or_default();
        self.cluster.engines[engine].orders(&format!("{}\n{clock}{failpoint}\n", orders.always));
    }

    /// Sets or resets an engine's clock.
    pub(crate) fn set_clock(&self, engine: usize, millis: Option<i64>) {
        self.order(engine, |orders| orders.clock = millis);
    }

    /// Gives an engine an order for its failpoints, or takes it back.
    pub fn set_failpoint(&self, engine: usize, failpoint: Option<&str>) {
        self.order(engine, |orders| orders.failpoint = failpoint.map(str::to_owned));
    }

    /// Starts an engine that is down.
    ///
    /// # Errors
    /// When its program can't be run.
    pub fn start_engine(&self, engine: usize) -> anyhow::Result<()> {
        self.cluster.engines[engine].start()?;
        self.field.restarted(engine);
        Ok(())
    }

    /// Puts right whatever is still wrong: nothing of a fault outlives its group.
    ///
    /// # Errors
    /// When something can't be brought back.
    pub async fn mend(&self) -> anyhow::Result<()> {
        for proxy in self.cluster.redis_proxies.iter().chain(&self.cluster.postgres_proxies) {
            proxy.forget_plots();
            proxy.set(Link::Fine);
        }
        let postgres = self.cluster.servers.postgres();
        postgres.thaw();
        self.redis().server().thaw();
        if self.tell_redis(&["PING"]).await.is_err() {
            self.start_redis().await.context("Redis")?;
        }
        if !matches!(tokio::time::timeout(LOOK, self.cluster.sql()).await, Ok(Ok(_))) {
            postgres.restart().await.context("Postgres")?;
        }
        for stall in &self.stalls {
            self.set_skew(&stall.drop, "0").await?;
        }
        for engine in 0..self.engines() {
            self.set_clock(engine, None);
            self.set_failpoint(engine, None);
            let process = &self.cluster.engines[engine];
            process.thaw();
            if process.pid().is_none() {
                self.start_engine(engine)?;
            }
        }
        Ok(())
    }

    /// Watches the epochs, for as long as it is polled.
    pub(crate) async fn watch(&self) {
        loop {
            if let Ok(Ok(client)) = tokio::time::timeout(LOOK, self.cluster.sql()).await {
                while let Ok(rows) = client.query("SELECT id, epoch FROM drops", &[]).await {
                    for row in rows {
                        self.see(row.get(0), row.get(1));
                    }
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    fn see(&self, drop: String, epoch: i64) {
        let epochs = &mut self.seen().epochs;
        let last = epochs.iter().rev().find(|seen| seen.drop == drop);
        if last.is_none_or(|last| last.epoch < epoch) {
            epochs.push(EpochSeen { drop, epoch, at: now() });
        }
    }
}
