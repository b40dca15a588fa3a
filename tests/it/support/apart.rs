//! Engines with a ledger of their own, for tests that kill them, or that look at every drop there
//! is.

use std::time::Duration;

use dropgate::local::{TestDatabase, TestServers};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use uuid::Uuid;

use super::call::Call;
use super::engine::EngineProcess;
use super::sale::lines;
use super::within;
use super::world::{ADMIN_KEY, STOREFRONT_KEY};

/// How long an engine may need to take over what another one has left.
pub(crate) const TAKE_OVER: Duration = Duration::from_secs(40);

/// A ledger that nobody else uses.
pub(crate) struct Apart {
    database: TestDatabase,
    redis: String,
    http: Client,
}

impl Apart {
    /// A new one.
    pub(crate) async fn new(name: &str) -> Apart {
        let servers = TestServers::shared().await.expect("servers");
        let database = servers.new_database(name).await.expect("a database");
        Apart { database, redis: servers.redis().url(), http: Client::new() }
    }

    /// Its address.
    pub(crate) fn database(&self) -> &str {
        self.database.url()
    }

    /// An engine on it, which lets webhooks go to this machine; more settings stand in `settings`.
    pub(crate) fn engine(&self, settings: &[(&str, &str)]) -> EngineProcess {
        let mut all = vec![("DROPGATE_WEBHOOKS_ALLOW_PRIVATE", "true")];
        all.extend(settings);
        EngineProcess::serve(&self.redis, self.database(), &all)
    }

    /// An admin's call.
    pub(crate) fn admin(&self, engine: &EngineProcess, method: Method, path: &str) -> Call {
        let url = format!("{}/v1/admin{path}", engine.url());
        Call::new(&self.http, method, url).bearer(ADMIN_KEY)
    }

    /// A storefront's call about a drop.
    pub(crate) fn shop(&self, url: &str, drop: &str, path: &str, body: &Value) -> Call {
        let url = format!("{url}/v1/drops/{drop}/reservations{path}");
        Call::new(&self.http, Method::POST, url).bearer(STOREFRONT_KEY).json(body)
    }

    /// The same, for whoever doesn't mind what comes of it: the body of a success.
    pub(crate) async fn try_shop(
        &self,
        url: &str,
        drop: &str,
        path: &str,
        body: &Value,
    ) -> Option<Value> {
        let url = format!("{url}/v1/drops/{drop}/reservations{path}");
        let call = self.http.post(url).bearer_auth(STOREFRONT_KEY).json(body);
        let answer = call.timeout(Duration::from_secs(5)).send().await.ok()?;
        let fine = answer.status().is_success();
        let body: Value = answer.json().await.ok()?;
        fine.then_some(body)
    }

    /// A new open drop with so many units of the SKU `a`.
    pub(crate) async fn new_drop(&self, engine: &EngineProcess, units: i64) -> String {
        let drop = format!("x-{}", Uuid::now_v7().simple());
        let path = format!("/drops/{drop}");
        self.put(engine, &path, json!({})).await;
        self.put(engine, &format!("{path}/skus/a"), json!({ "initial_stock": units })).await;
        drop
    }

    /// Sets something, and sets it again where a busy machine had no time for that.
    async fn put(&self, engine: &EngineProcess, path: &str, body: Value) {
        within(TAKE_OVER, path, || async {
            let reply = self.admin(engine, Method::PUT, path).json(&body).send().await;
            assert!(matches!(reply.status, 200 | 201 | 503), "{}", reply.body);
            (reply.status != 503).then_some(())
        })
        .await;
    }

    /// A hold of one unit.
    pub(crate) async fn held(&self, engine: &EngineProcess, drop: &str) -> Value {
        let body = json!({ "customer_id": "c-1", "lines": lines(&[("a", 1)]) });
        self.shop(engine.url(), drop, "", &body).send().await.ok(201)
    }

    /// Makes a webhook, which may say more than its address.
    pub(crate) async fn webhook(&self, engine: &EngineProcess, url: &str, more: Value) -> Value {
        let mut body = more;
        body["url"] = json!(url);
        self.admin(engine, Method::POST, "/webhooks").json(&body).send().await.ok(201)
    }

    /// Everything that the ledger has of a drop, each event once: `(epoch, seq, kind)` in order.
    pub(crate) async fn events(
        &self,
        engine: &EngineProcess,
        drop: &str,
    ) -> Vec<(i64, i64, String)> {
        let (mut events, mut after) = (Vec::new(), 0);
        loop {
            let path = format!("/drops/{drop}/ledger?limit=1000&after_seq={after}");
            let page = self.admin(engine, Method::GET, &path).send().await.ok(200);
            let rows = page["items"].as_array().expect("items").clone();
            if rows.is_empty() {
                events.dedup();
                return events;
            }
            let number = |row: &Value, name: &str| row[name].as_i64().expect("a number");
            after = number(rows.last().expect("a row"), "seq");
            let event = |row: &Value| {
                let kind = row["kind"].as_str().expect("a kind").to_owned();
                (number(row, "epoch"), number(row, "seq"), kind)
            };
            events.extend(rows.iter().map(event));
        }
    }

    /// Waits until a webhook has got past everything.
    pub(crate) async fn caught_up(&self, engine: &EngineProcess, webhook: &str) {
        within(TAKE_OVER, "the webhook has got past everything", || async {
            let path = format!("/webhooks/{webhook}");
            let shown = self.admin(engine, Method::GET, &path).send().await.ok(200);
            (shown["pending"] == 0).then_some(())
        })
        .await;
    }

    /// Waits until the drop is durable up to what was done to it.
    pub(crate) async fn settled(&self, engine: &EngineProcess, drop: &str) {
        within(TAKE_OVER, "the ledger has everything", || async {
            let path = format!("/drops/{drop}/audit");
            let reply = self.admin(engine, Method::GET, &path).send().await;
            let report = reply.body;
            (reply.status == 200
                && report["balanced"] == true
                && report["seq"] == report["durable_seq"])
                .then_some(())
        })
        .await;
    }
}

/// `(epoch, seq, kind)` of a CloudEvent.
pub(crate) fn event_of(event: &Value) -> (i64, i64, String) {
    let number = |name: &str| event[name].as_i64().expect("a number");
    let kind = event["type"].as_str().and_then(|kind| kind.strip_prefix("dropgate."));
    (number("dropgateepoch"), number("dropgateseq"), kind.expect("a type").to_owned())
}

/// The first time that each event of a drop came, in the order in which they came.
pub(crate) fn firsts(events: &[Value], drop: &str) -> Vec<(i64, i64, String)> {
    let source = format!("/v1/drops/{drop}");
    let mut seen = std::collections::BTreeSet::new();
    events
        .iter()
        .filter(|event| event["source"] == source)
        .map(event_of)
        .filter(|event| seen.insert(event.clone()))
        .collect()
}
