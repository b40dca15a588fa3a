//! Servers and engines of a benchmark.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use dropgate::local::{TestConfig, TestDatabase, TestServers};
use serde_json::{Value, json};

use crate::{
    design::{ADMIN, ADMIN_KEY, Design, STOREFRONT, STOREFRONT_KEY},
    load::{CONNECTIONS, Call, Connection, Until, closed_until},
    process::Process,
    watch::Watch,
};

/// Nobody runs out of them.
pub const UNITS: u64 = 100_000_000;
/// Holds with which a process warms up that has just been started.
const WARM_HOLDS: u64 = 2_000;
/// No part of the benchmark takes longer.
const HOLD_SECONDS: u32 = 86_400;

/// A Redis and a Postgres, durable as in production, and a database.
#[derive(Debug)]
pub struct Stage {
    // Before the servers: it is dropped while they run.
    database: TestDatabase,
    program: PathBuf,
    /// Both servers.
    pub servers: TestServers,
}

impl Stage {
    /// Starts both servers. Engines and fronts will be processes of `program`, which is
    /// `dropgate-bench`.
    ///
    /// # Errors
    /// When one does not start.
    pub async fn start(program: &Path) -> anyhow::Result<Stage> {
        let settings = [
            ("shared_buffers", "512MB"),
            ("max_wal_size", "8GB"),
            ("checkpoint_timeout", "15min"),
            ("max_connections", "400"),
        ];
        let owned = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let config = TestConfig { postgres_settings: owned.into(), ..TestConfig::default() };
        let servers = TestServers::start_with(config).await?;
        let database = servers.new_database("bench").await?;
        Ok(Stage { database, program: program.to_owned(), servers })
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("DROPGATE_REDIS_URL", self.servers.redis().url()),
            ("DROPGATE_DATABASE_URL", self.database.url().to_owned()),
            ("DROPGATE_ADMIN_KEY", ADMIN_KEY.to_owned()),
            ("DROPGATE_STOREFRONT_KEY", STOREFRONT_KEY.to_owned()),
            ("DROPGATE_LOG", "warn".to_owned()),
        ]
    }

    /// Starts an engine. `hold_ack` is `ledger` or `redis`.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn engine(&self, hold_ack: &str) -> anyhow::Result<Process> {
        self.engine_with(hold_ack, &[]).await
    }

    /// Starts an engine with more settings.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn engine_with(
        &self,
        hold_ack: &str,
        more: &[(&'static str, &str)],
    ) -> anyhow::Result<Process> {
        let mut settings = self.settings();
        settings.push(("DROPGATE_HOLD_ACK", hold_ack.to_owned()));
        settings.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        Process::start(&self.program, &["engine", "serve"], &settings).await
    }

    /// Starts a front with a design behind it.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn front(&self, design: Design) -> anyhow::Result<Process> {
        self.front_with(design, &[]).await
    }

    /// Starts a front with a design behind it that reads `settings` too.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn front_with(
        &self,
        design: Design,
        settings: &[(&'static str, String)],
    ) -> anyhow::Result<Process> {
        let name = clap::ValueEnum::to_possible_value(&design).context("a name")?;
        let mut all = self.settings();
        all.extend_from_slice(settings);
        Process::start(&self.program, &["front", name.get_name()], &all).await
    }

    /// Starts the least that makes holds of `drops` durable, which answers them as an engine with this
    /// `hold_ack`.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn least(&self, drops: &[String], hold_ack: &str) -> anyhow::Result<Process> {
        let settings = [
            ("BENCH_DROP", drops.join(",")),
            ("BENCH_UNITS", UNITS.to_string()),
            ("BENCH_ACK", hold_ack.to_owned()),
        ];
        let process = self.front_with(Design::Least, &settings).await?;
        // Its first holds find nothing prepared.
        let drops = drops.to_vec();
        fill(&process, WARM_HOLDS, move |n| hold(&drops[n as usize % drops.len()], n)).await?;
        Ok(process)
    }

    /// Waits until the least has committed so many holds of its only drop, those of its start not counted.
    ///
    /// # Errors
    /// When Postgres can't be reached.
    pub async fn until_least_has(&self, drop: &str, holds: u64) -> anyhow::Result<()> {
        let client = self.postgres().await?;
        let sql = "SELECT last_seq FROM least_drops WHERE id = $1";
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            let seq: i64 = client.query_one(sql, &[&drop]).await?.try_get(0)?;
            if seq >= i64::try_from(WARM_HOLDS + holds)? {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "the holds of {drop} are not committed");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Waits until neither server works for an earlier run: no file is written anew, no table is
    /// vacuumed. Whoever came next would pay for it.
    ///
    /// # Errors
    /// When one does not answer, or never comes to rest.
    pub async fn settle(&self) -> anyhow::Result<()> {
        let (mut redis, postgres) = (self.watch().await?, self.postgres().await?);
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'autovacuum worker'";
        let deadline = Instant::now() + Duration::from_secs(120);
        while redis.rewrites().await?
            || postgres.query_one(sql, &[]).await?.try_get::<_, i64>(0)? > 0
        {
            ensure!(Instant::now() < deadline, "the servers do not come to rest");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// A connection to the database of the engines.
    ///
    /// # Errors
    /// When there is none.
    pub async fn postgres(&self) -> anyhow::Result<tokio_postgres::Client> {
        let (client, connection) =
            tokio_postgres::connect(self.database_url(), tokio_postgres::NoTls).await?;
        // It ends with its client.
        tokio::spawn(connection);
        Ok(client)
    }

    /// The database of the engines.
    #[must_use]
    pub fn database_url(&self) -> &str {
        self.database.url()
    }

    /// Looks into Redis.
    ///
    /// # Errors
    /// When it can't be reached.
    pub async fn watch(&self) -> anyhow::Result<Watch> {
        Watch::connect(&self.servers.redis().url()).await
    }
}

/// Makes a drop that is open, with one SKU `s` of `units`. Its holds stay until the end.
///
/// # Errors
/// When the engine refuses.
pub async fn open_drop(engine: &Process, drop: &str, units: u64) -> anyhow::Result<()> {
    open_drop_with(engine, drop, &json!({}), &["s".to_owned()], units).await
}

/// Makes a drop with more `settings` and each of `skus` with `units`.
///
/// # Errors
/// When the engine refuses.
pub async fn open_drop_with(
    engine: &Process,
    drop: &str,
    settings: &Value,
    skus: &[String],
    units: u64,
) -> anyhow::Result<()> {
    let base = format!("/v1/admin/drops/{drop}");
    let mut all = json!({ "hold_ttl_seconds": HOLD_SECONDS, "max_hold_seconds": HOLD_SECONDS });
    if let (Some(all), Some(more)) = (all.as_object_mut(), settings.as_object()) {
        all.extend(more.clone());
    }
    admin(engine, "PUT", &base, &all).await?;
    for sku in skus {
        let path = format!("{base}/skus/{sku}");
        admin(engine, "PUT", &path, &json!({ "initial_stock": units })).await?;
    }
    admin(engine, "POST", &format!("{base}/open"), &Value::Null).await?;
    Ok(())
}

/// One call of the admin, which must succeed.
///
/// # Errors
/// When it does not.
pub async fn admin(
    engine: &Process,
    method: &'static str,
    path: &str,
    body: &Value,
) -> anyhow::Result<Value> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let key = (method == "POST").then(|| uuid::Uuid::now_v7().to_string());
    let call = Call { method, path: path.to_owned(), bearer: Some(ADMIN), key, body };
    let (status, answer) = Connection::open(engine.address).await?.send(call).await?;
    let text = String::from_utf8_lossy(&answer);
    ensure!(status.is_success(), "{method} {path}: {status} {text}");
    Ok(serde_json::from_slice(&answer).unwrap_or(Value::Null))
}

/// A hold of one unit for a customer of its own.
#[must_use]
pub fn hold(drop: &str, customer: u64) -> Call {
    hold_of(drop, "s", customer)
}

/// A hold of one unit of `sku`.
#[must_use]
pub fn hold_of(drop: &str, sku: &str, customer: u64) -> Call {
    Call {
        method: "POST",
        path: format!("/v1/drops/{drop}/reservations"),
        bearer: Some(STOREFRONT),
        key: None,
        body: format!(
            r#"{{"customer_id":"customer-{customer}","lines":[{{"sku":"{sku}","quantity":1}}]}}"#
        ),
    }
}

/// The last `seq` of the drop that is durable.
///
/// # Errors
/// When the engine does not answer.
pub async fn durable_seq(engine: &Process, drop: &str) -> anyhow::Result<u64> {
    let shown = admin(engine, "GET", &format!("/v1/admin/drops/{drop}"), &Value::Null).await?;
    shown["seq"].as_u64().context("a seq")
}

/// Waits until the ledger has all that Redis has of the drop.
///
/// # Errors
/// When that does not happen within two minutes.
pub async fn drain(engine: &Process, watch: &mut Watch, drop: &str) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(120);
    while durable_seq(engine, drop).await? < watch.seq(drop).await? {
        ensure!(Instant::now() < deadline, "the journal of {drop} is not drained");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

/// Takes `count` holds of SKU `s` as fast as they are answered.
///
/// # Errors
/// When one is refused.
pub async fn fill(
    engine: &Process,
    count: u64,
    make: impl Fn(u64) -> Call + Send + Sync + 'static,
) -> anyhow::Result<()> {
    closed_until(engine.address, CONNECTIONS, Until::Calls(count), make).await?.only(201)?;
    Ok(())
}

/// Waits until the ledger has `holds` one-unit holds of the drop.
///
/// # Errors
/// When that does not happen.
pub async fn until_durable(engine: &Process, drop: &str, holds: u64) -> anyhow::Result<()> {
    for _ in 0..60_000 {
        let shown = admin(engine, "GET", &format!("/v1/admin/drops/{drop}"), &Value::Null).await?;
        let held = shown["skus"].as_array().into_iter().flatten();
        if held.filter_map(|sku| sku["held"].as_u64()).sum::<u64>() >= holds {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    bail!("the ledger does not get {holds} holds of {drop}")
}
