//! Servers and engines of a benchmark.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use dropgate::local::{TestConfig, TestDatabase, TestServers};
use serde_json::{Value, json};

use crate::{
    design::{ADMIN, ADMIN_KEY, Design, STOREFRONT, STOREFRONT_KEY},
    load::{Call, Connection},
    process::Process,
};

/// A Redis and a Postgres, durable as in production, and a database.
#[derive(Debug)]
pub struct Stage {
    // Before the servers: it is dropped while they run.
    database: TestDatabase,
    /// Both servers.
    pub servers: TestServers,
}

impl Stage {
    /// Starts both servers.
    ///
    /// # Errors
    /// When one does not start.
    pub async fn start() -> anyhow::Result<Stage> {
        let settings = [
            ("shared_buffers", "512MB"),
            ("max_wal_size", "8GB"),
            ("checkpoint_timeout", "15min"),
            ("max_connections", "200"),
        ];
        let owned = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let config = TestConfig { postgres_settings: owned.into(), ..TestConfig::default() };
        let servers = TestServers::start_with(config).await?;
        let database = servers.new_database("bench").await?;
        Ok(Stage { database, servers })
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
        let mut settings = self.settings();
        settings.push(("DROPGATE_HOLD_ACK", hold_ack.to_owned()));
        Process::start(&["engine", "serve"], &settings).await
    }

    /// Starts a front with a design behind it.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn front(&self, design: Design) -> anyhow::Result<Process> {
        let name = clap::ValueEnum::to_possible_value(&design).context("a name")?;
        Process::start(&["front", name.get_name()], &self.settings()).await
    }
}

/// Makes a drop that is open, with one SKU `s` of `units`.
///
/// # Errors
/// When the engine refuses.
pub async fn open_drop(engine: &Process, drop: &str, units: u64) -> anyhow::Result<()> {
    let base = format!("/v1/admin/drops/{drop}");
    admin(engine, "PUT", &base, &json!({})).await?;
    admin(engine, "PUT", &format!("{base}/skus/s"), &json!({ "initial_stock": units })).await?;
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
    Call {
        method: "POST",
        path: format!("/v1/drops/{drop}/reservations"),
        bearer: Some(STOREFRONT),
        key: None,
        body: format!(
            r#"{{"customer_id":"customer-{customer}","lines":[{{"sku":"s","quantity":1}}]}}"#
        ),
    }
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
