//! Private servers and real engine processes.

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use dropgate::local::{TestConfig, TestDatabase, TestServers};
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

/// Within this time everything that is waited for must have come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
const ADMIN: &str = "admin-key-for-the-fault-tests";
const STOREFRONT: &str = "store-key-for-the-fault-tests";

/// One Redis, one Postgres, and engines on them.
pub(crate) struct Cluster {
    pub(crate) servers: TestServers,
    pub(crate) engines: Vec<Engine>,
    pub(crate) client: Client,
    database: TestDatabase,
}

/// One engine process; killed when dropped.
pub(crate) struct Engine {
    pub(crate) process: Child,
    pub(crate) url: String,
}

/// An answer: status and body.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
}

impl Reply {
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or("")
    }
}

impl Cluster {
    /// Starts servers and `engines` engines.
    pub(crate) async fn start(engines: usize) -> Cluster {
        let config = TestConfig::default();
        let servers = TestServers::start_with(config).await.expect("the servers start");
        let database = servers.new_database("faults").await.expect("a database");
        let client = Client::builder().timeout(Duration::from_secs(8)).build().expect("a client");
        let mut cluster = Cluster { servers, engines: Vec::new(), client, database };
        for _ in 0..engines {
            cluster.add_engine(&[]).await;
        }
        cluster
    }

    /// Starts one more engine and waits until it is ready.
    pub(crate) async fn add_engine(&mut self, settings: &[(&str, &str)]) {
        // Nobody else takes a port that was free a moment ago, or the start is tried again.
        for _ in 0..5 {
            let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
            let address = free.local_addr().expect("an address");
            drop(free);
            let process = Command::new(env!("CARGO_BIN_EXE_dropgate"))
                .arg("serve")
                .env_clear()
                .env("DROPGATE_LISTEN", address.to_string())
                .env("DROPGATE_REDIS_URL", self.servers.redis().url())
                .env("DROPGATE_DATABASE_URL", self.database.url())
                .env("DROPGATE_ADMIN_KEY", ADMIN)
                .env("DROPGATE_STOREFRONT_KEY", STOREFRONT)
                .env("DROPGATE_LOG", "warn")
                .envs(settings.iter().copied())
                .stdout(Stdio::null())
                .kill_on_drop(true)
                .spawn()
                .expect("the engine starts");
            let mut engine = Engine { process, url: format!("http://{address}") };
            if self.ready(&mut engine).await {
                self.engines.push(engine);
                return;
            }
        }
        panic!("no engine got ready");
    }

    async fn ready(&self, engine: &mut Engine) -> bool {
        let since = Instant::now();
        while since.elapsed() < PATIENCE {
            if engine.process.try_wait().expect("a status").is_some() {
                return false;
            }
            let url = format!("{}/readyz", engine.url);
            if self.client.get(url).send().await.is_ok_and(|r| r.status().is_success()) {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        false
    }

    /// Calls an engine; `None` when there is no answer.
    pub(crate) async fn call(
        &self,
        engine: usize,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Option<Value>,
    ) -> Option<Reply> {
        let token = if path.contains("/admin/") { ADMIN } else { STOREFRONT };
        let url = format!("{}{path}", self.engines[engine].url);
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
    pub(crate) async fn drop_with(&self, drop: &str, units: i64, limit: Option<i64>) {
        let body = json!({ "name": drop, "limit_per_customer": limit });
        let path = format!("/v1/admin/drops/{drop}");
        let reply = self.call(0, Method::PUT, &path, None, Some(body)).await.expect("an answer");
        assert_eq!(reply.status, StatusCode::CREATED, "{:?}", reply.body);
        let body = json!({ "initial_stock": units });
        let path = format!("/v1/admin/drops/{drop}/skus/s");
        let reply = self.call(0, Method::PUT, &path, None, Some(body)).await.expect("an answer");
        assert_eq!(reply.status, StatusCode::CREATED, "{:?}", reply.body);
    }

    /// Holds one unit of `s`.
    pub(crate) async fn hold(
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

    /// Units of `s` that are free, as the public sees it.
    pub(crate) async fn available(&self, engine: usize, drop: &str) -> Option<i64> {
        let path = format!("/v1/drops/{drop}/skus/s");
        self.call(engine, Method::GET, &path, None, None).await?.body["available"].as_i64()
    }

    /// Waits until a hold succeeds on `engine`; says how long that took.
    pub(crate) async fn until_held(&self, engine: usize, drop: &str) -> Duration {
        let since = Instant::now();
        loop {
            let customer = format!("probe-{}", since.elapsed().as_micros());
            let reply = self.hold(engine, drop, &customer, None, None).await;
            if reply.as_ref().is_some_and(|reply| reply.status == StatusCode::CREATED) {
                return since.elapsed();
            }
            assert!(since.elapsed() < PATIENCE, "no hold on {engine}: {reply:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until everything is in the ledger, and asserts that the audit is balanced.
    pub(crate) async fn assert_balanced(&self, engine: usize, drop: &str) -> Value {
        let since = Instant::now();
        loop {
            let path = format!("/v1/admin/drops/{drop}/audit");
            let reply = self.call(engine, Method::GET, &path, None, None).await;
            if let Some(Reply { status: StatusCode::OK, body }) = &reply
                && body["seq"] == body["durable_seq"]
            {
                assert_eq!(body["balanced"], true, "{body:#}");
                return body.clone();
            }
            assert!(since.elapsed() < PATIENCE, "not audited: {reply:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A command to Redis, past the engines.
    pub(crate) async fn redis(&self, words: &[&str]) -> redis::Value {
        let client = redis::Client::open(self.servers.redis().url()).expect("an address");
        let mut connection = client.get_multiplexed_async_connection().await.expect("a connection");
        let mut command = redis::cmd(words[0]);
        for word in &words[1..] {
            command.arg(word);
        }
        command.query_async(&mut connection).await.expect("an answer")
    }
}

async fn read(response: Response) -> Option<Reply> {
    let status = response.status();
    let text = response.text().await.ok()?;
    Some(Reply { status, body: serde_json::from_str(&text).unwrap_or(Value::Null) })
}
