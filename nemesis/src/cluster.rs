//! Private servers, and engine processes that reach them only through proxies.

use std::{
    net::SocketAddr,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use dropgate::local::{TestConfig, TestServers};
use reqwest::{Client, Method, Response, StatusCode, header::HeaderMap};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{engine::Engine, proxy::Proxy};

/// Within this time everything that is waited for must have come.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// The key of the scope `admin`.
pub const ADMIN: &str = "admin-key-for-the-fault-tests";
/// The key of the scope `storefront`.
pub const STOREFRONT: &str = "store-key-for-the-fault-tests";

/// How long a client waits for an answer. Longer than the promised bound, so that one who breaks
/// it is seen to.
const CLIENT_WAITS: Duration = Duration::from_secs(15);
/// How long an engine may take to be ready on a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// What a [`Cluster`] is started with.
#[derive(Clone, Debug)]
pub struct ClusterOptions {
    /// This program: what runs `engine serve`.
    pub program: PathBuf,
    /// How many engines.
    pub engines: usize,
    /// More arguments for Redis.
    pub redis_args: Vec<String>,
    /// More environment variables for Redis.
    pub redis_env: Vec<(String, String)>,
    /// More settings for Postgres.
    pub postgres_settings: Vec<(String, String)>,
    /// More settings for every engine.
    pub engine_env: Vec<(String, String)>,
}

impl ClusterOptions {
    /// Two engines and nothing unusual.
    #[must_use]
    pub fn new(program: impl Into<PathBuf>) -> ClusterOptions {
        ClusterOptions {
            program: program.into(),
            engines: 2,
            redis_args: Vec::new(),
            redis_env: Vec::new(),
            postgres_settings: Vec::new(),
            engine_env: Vec::new(),
        }
    }
}

/// One Redis, one Postgres, and engines on them, each with proxies of its own.
#[derive(Debug)]
pub struct Cluster {
    /// The engines; killed first.
    pub engines: Vec<Engine>,
    /// Between each engine and Redis.
    pub redis_proxies: Vec<Proxy>,
    /// Between each engine and Postgres.
    pub postgres_proxies: Vec<Proxy>,
    /// The servers themselves.
    pub servers: TestServers,
    /// For calls that the methods here don't make.
    pub client: Client,
    options: ClusterOptions,
    folder: TempDir,
}

/// An answer: status and body.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// The JSON body; null when it is none.
    pub body: Value,
}

impl Reply {
    /// The problem's code, or nothing.
    #[must_use]
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or("")
    }

    /// The id of the reservation in it, or nothing.
    #[must_use]
    pub fn id(&self) -> &str {
        self.body["id"].as_str().unwrap_or("")
    }
}

impl Cluster {
    /// Starts servers, proxies and engines, and waits until all are ready.
    ///
    /// # Errors
    /// When one of them can't be started.
    pub async fn start(options: ClusterOptions) -> anyhow::Result<Cluster> {
        let config = TestConfig {
            redis_args: options.redis_args.iter().map(Into::into).collect(),
            redis_env: options
                .redis_env
                .iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            postgres_settings: options.postgres_settings.clone(),
            ..TestConfig::default()
        };
        let mut cluster = Cluster {
            engines: Vec::new(),
            redis_proxies: Vec::new(),
            postgres_proxies: Vec::new(),
            servers: TestServers::start_with(config).await.context("the servers")?,
            client: Client::builder().timeout(CLIENT_WAITS).build()?,
            folder: tempfile::tempdir()?,
            options,
        };
        for _ in 0..cluster.options.engines {
            cluster.prepare_engine(&[]).await?.start()?;
        }
        for engine in &cluster.engines {
            engine.await_ready(READY_WITHIN).await?;
        }
        Ok(cluster)
    }

    /// Starts one more engine with these settings, and waits until it is ready.
    ///
    /// # Errors
    /// When it does not get ready.
    pub async fn add_engine(&mut self, settings: &[(&str, &str)]) -> anyhow::Result<&Engine> {
        let engine = self.prepare_engine(settings).await?;
        engine.start()?;
        engine.await_ready(READY_WITHIN).await?;
        Ok(engine)
    }

    /// One more engine with proxies of its own, which does not run yet.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn prepare_engine(&mut self, settings: &[(&str, &str)]) -> anyhow::Result<&Engine> {
        let redis = Proxy::start(local(self.servers.redis().port())).await?;
        let postgres = Proxy::start(local(self.servers.postgres().port())).await?;
        let url = self.servers.postgres().url();
        let direct = format!("@{}/", local(self.servers.postgres().port()));
        let mut env: Vec<(String, String)> = [
            ("DROPGATE_REDIS_URL", format!("redis://{}", redis.address())),
            ("DROPGATE_DATABASE_URL", url.replace(&direct, &format!("@{}/", postgres.address()))),
            ("DROPGATE_ADMIN_KEY", ADMIN.to_owned()),
            ("DROPGATE_STOREFRONT_KEY", STOREFRONT.to_owned()),
            ("DROPGATE_LOG", "warn".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        // The later one of a name wins.
        env.extend(self.options.engine_env.iter().cloned());
        env.extend(settings.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        let name = format!("engine-{}", self.engines.len());
        let engine = Engine::new(&self.options.program, self.folder.path(), &name, env)?;
        self.redis_proxies.push(redis);
        self.postgres_proxies.push(postgres);
        self.engines.push(engine);
        self.engines.last().context("the engine just made")
    }

    /// Calls an engine; `None` when there is no answer. `admin` paths get the admin's key.
    pub async fn call(
        &self,
        engine: usize,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Option<Value>,
    ) -> Option<Reply> {
        let token = if path.contains("/admin/") { ADMIN } else { STOREFRONT };
        let url = format!("{}{path}", self.engines[engine].url());
        let mut request = self.client.request(method, url).bearer_auth(token);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        read(request.send().await.ok()?).await
    }

    /// A drop with one SKU `s`.
    ///
    /// # Panics
    /// When it can't be made.
    pub async fn drop_with(&self, drop: &str, units: i64, limit: Option<i64>) {
        let path = format!("/v1/admin/drops/{drop}");
        self.created(&path, json!({ "name": drop, "limit_per_customer": limit })).await;
        self.created(&format!("{path}/skus/s"), json!({ "initial_stock": units })).await;
    }

    /// Creates what is at this path. An engine that has just started, among many that do, may say
    /// that nothing happened: then it is asked again, as it wants to be.
    async fn created(&self, path: &str, body: Value) {
        let since = Instant::now();
        loop {
            let reply = self.call(0, Method::PUT, path, None, Some(body.clone())).await;
            let reply = reply.expect("an answer");
            if reply.status == StatusCode::CREATED {
                return;
            }
            let again = reply.status == StatusCode::SERVICE_UNAVAILABLE
                && reply.body["outcome"] == "none"
                && since.elapsed() < PATIENCE;
            assert!(again, "{path}: {reply:?}");
        }
    }

    /// Holds one unit of `s`.
    pub async fn hold(
        &self,
        engine: usize,
        drop: &str,
        customer: &str,
        key: Option<&str>,
        ttl: Option<i64>,
    ) -> Option<Reply> {
        let mut body = json!({
            "customer_id": customer, "lines": [{ "sku": "s", "quantity": 1 }],
        });
        if let Some(ttl) = ttl {
            body["ttl_seconds"] = json!(ttl);
        }
        let path = format!("/v1/drops/{drop}/reservations");
        self.call(engine, Method::POST, &path, key, Some(body)).await
    }

    /// Confirms, releases or extends: `verb` is the last part of the path.
    pub async fn act(
        &self,
        engine: usize,
        drop: &str,
        id: &str,
        verb: &str,
        body: Value,
    ) -> Option<Reply> {
        let path = format!("/v1/drops/{drop}/reservations/{id}/{verb}");
        self.call(engine, Method::POST, &path, None, Some(body)).await
    }

    /// The state of a reservation as `engine` tells it.
    pub async fn state(&self, engine: usize, drop: &str, id: &str) -> Option<String> {
        let path = format!("/v1/drops/{drop}/reservations/{id}");
        let reply = self.call(engine, Method::GET, &path, None, None).await?;
        reply.body["state"].as_str().map(str::to_owned)
    }

    /// Units of `s` that are free, as the public sees it.
    pub async fn available(&self, engine: usize, drop: &str) -> Option<i64> {
        let path = format!("/v1/drops/{drop}/skus/s");
        self.call(engine, Method::GET, &path, None, None).await?.body["available"].as_i64()
    }

    /// Waits until a hold succeeds on `engine`; says how long that took.
    ///
    /// # Panics
    /// When none does.
    pub async fn until_held(&self, engine: usize, drop: &str) -> Duration {
        let since = Instant::now();
        loop {
            let customer = format!("probe-{}", since.elapsed().as_nanos());
            let reply = self.hold(engine, drop, &customer, None, None).await;
            if reply.as_ref().is_some_and(|reply| reply.status == StatusCode::CREATED) {
                return since.elapsed();
            }
            assert!(since.elapsed() < PATIENCE, "no hold on {engine}: {reply:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// What the audit says, if it can be asked.
    pub async fn audit(&self, engine: usize, drop: &str) -> Option<Reply> {
        let path = format!("/v1/admin/drops/{drop}/audit");
        self.call(engine, Method::GET, &path, None, None).await
    }

    /// Waits until everything is in the ledger, and asserts that the audit is balanced.
    ///
    /// # Panics
    /// When it is not, or can't be asked.
    pub async fn assert_balanced(&self, engine: usize, drop: &str) -> Value {
        let since = Instant::now();
        loop {
            let reply = self.audit(engine, drop).await;
            if let Some(Reply { status: StatusCode::OK, body, .. }) = &reply
                && body["seq"] == body["durable_seq"]
            {
                assert_eq!(body["balanced"], true, "{body:#}");
                return body.clone();
            }
            assert!(since.elapsed() < PATIENCE, "not audited: {reply:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A value of `/metrics`, by the line's beginning: `dropgate_halted{drop="d"}`.
    pub async fn metric(&self, engine: usize, name: &str) -> Option<f64> {
        let url = format!("{}/metrics", self.engines[engine].url());
        let text = self.client.get(url).send().await.ok()?.text().await.ok()?;
        text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
    }

    /// A command to Redis, past the engines and their proxies.
    ///
    /// # Panics
    /// When it does not succeed.
    pub async fn redis(&self, words: &[&str]) -> redis::Value {
        self.try_redis(words).await.expect("Redis does as it is told")
    }

    /// As [`Cluster::redis`], for a server that may refuse or not answer.
    ///
    /// # Errors
    /// What the server says.
    pub async fn try_redis(&self, words: &[&str]) -> redis::RedisResult<redis::Value> {
        redis_at(&self.servers.redis().url(), words).await
    }

    /// A connection to Postgres, past the engines and their proxies.
    ///
    /// # Errors
    /// When there is none to be had.
    pub async fn sql(&self) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
        let url = self.servers.postgres().url();
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
        tokio::spawn(async move {
            // Its errors reach the client's calls as well.
            let _ = connection.await;
        });
        Ok(client)
    }
}

/// A command to the Redis at an address.
///
/// # Errors
/// What the server says, or that it can't be reached.
pub async fn redis_at(url: &str, words: &[&str]) -> redis::RedisResult<redis::Value> {
    let client = redis::Client::open(url)?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    let mut command = redis::Cmd::new();
    for word in words {
        command.arg(word);
    }
    command.query_async(&mut connection).await
}

/// An address on this machine.
#[must_use]
pub fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

async fn read(response: Response) -> Option<Reply> {
    let (status, headers) = (response.status(), response.headers().clone());
    let text = response.text().await.ok()?;
    Some(Reply { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::Null) })
}
