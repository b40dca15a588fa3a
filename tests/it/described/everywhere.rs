//! What any call may be answered, whatever it is about: keys, bodies, limits, connections, and
//! things that don't exist. The bodies are those that the description shows.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use uuid::Uuid;

use super::Drive;
use super::checker::Operation;
use crate::support::{ADMIN_KEY, Call, EngineProcess, connect, eventually};

const JSON: Option<&str> = Some("application/json");

impl Operation {
    /// Its address: the drive's drop, and ids of nothing.
    fn path(&self, drop: &str) -> String {
        let id = Uuid::now_v7().to_string();
        let mut path = self.path.replace("{drop}", drop).replace("{sku}", "none");
        for name in ["{id}", "{webhook}", "{delivery}"] {
            path = path.replace(name, &id);
        }
        let needed =
            self.parameters().any(|it| it["name"] == "customer_id" && it["required"] == true);
        if needed { format!("{path}?customer_id=c") } else { path }
    }

    fn parameters(&self) -> impl Iterator<Item = &Value> {
        self.described["parameters"].as_array().into_iter().flatten()
    }

    fn is_keyed(&self) -> bool {
        self.described["security"].is_array()
    }

    fn has_query(&self) -> bool {
        self.parameters().any(|parameter| parameter["in"] == "query")
    }

    /// Whether it is described with this status.
    fn may(&self, status: u16) -> bool {
        self.described["responses"].get(status.to_string()).is_some()
    }

    /// The body that is shown as an example.
    fn example(&self) -> Option<&Value> {
        self.described["requestBody"]["content"]["application/json"].get("example")
    }
}

/// Drives every call there is.
pub(super) async fn drive(drive: &mut Drive) {
    too_many_connections(drive).await;
    too_many_calls(drive).await;
    for_browsers(drive).await;
    let spent = spent(drive).await;
    let other = drive.sale.make_key(&["storefront"], Some(&["another-drop"])).await;
    for operation in drive.checker.operations() {
        let drop = drive.sale.id().to_owned();
        let path = operation.path(&drop);
        let plain = |drive: &Drive| drive.sale.anonymous(operation.method.clone(), &path);
        let brew = Method::from_bytes(b"BREW").expect("a method");
        let brewing = drive.sale.anonymous(brew, &path).bearer(ADMIN_KEY);
        drive.refused(brewing, 405, "method_not_allowed").await;
        if operation.may(429) {
            drive.refused(at(&spent, &operation.method, &path), 429, "rate_limited").await;
        }
        if operation.is_keyed() {
            let call = plain(drive);
            drive.refused(call, 401, "unauthenticated").await;
            let call = plain(drive).bearer(&other.secret);
            drive.refused(call, 403, "forbidden").await;
        }
        bodies(drive, &operation, &path).await;
        if operation.has_query() {
            let mark = if path.contains('?') { '&' } else { '?' };
            let wrong = format!("{path}{mark}limit=0");
            let call = drive.sale.anonymous(operation.method.clone(), &wrong).bearer(ADMIN_KEY);
            drive.refused(call, 422, "invalid_request").await;
        }
        nothing_there(drive, &operation).await;
    }
}

/// What is no body of the call.
async fn bodies(drive: &mut Drive, operation: &Operation, path: &str) {
    if operation.described["requestBody"].is_null() {
        return;
    }
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(70_000));
    for (kind, body, status, code) in [
        (JSON, "{", 400, "malformed_request"),
        (Some("text/plain"), "{}", 415, "unsupported_media_type"),
        (JSON, &large, 413, "too_large"),
        (JSON, "{\"nope\":1}", 422, "invalid_request"),
    ] {
        let call = drive.sale.anonymous(operation.method.clone(), path).bearer(ADMIN_KEY);
        let call = call.key("of-no-use").typed(kind, body);
        drive.refused(call, status, code).await;
    }
}

/// Calls about what does not exist.
async fn nothing_there(drive: &mut Drive, operation: &Operation) {
    let creates = operation.id == "putDrop";
    if !operation.path.contains('{') || creates {
        return;
    }
    let call = |drive: &Drive, drop: &str| {
        let path = operation.path(drop);
        let call = drive.sale.anonymous(operation.method.clone(), &path).bearer(ADMIN_KEY);
        match operation.example() {
            Some(example) => call.key(&Uuid::now_v7().to_string()).json(example),
            None => call,
        }
    };
    if operation.path.contains("{drop}") {
        let nowhere = call(drive, "no-drop");
        drive.refused(nowhere, 404, "unknown_drop").await;
    }
    let here = call(drive, drive.sale.id());
    if operation.path.contains("{webhook}") {
        drive.refused(here, 404, "unknown_webhook").await;
    } else if operation.path.contains("/keys/{id}") {
        drive.refused(here, 404, "unknown_key").await;
    } else if operation.path.contains("{id}") {
        drive.refused(here, 404, "unknown_reservation").await;
    } else if operation.path.contains("{sku}") && operation.id != "putSku" {
        drive.refused(here, 404, "unknown_sku").await;
    }
}

fn at(engine: &EngineProcess, method: &Method, path: &str) -> Call {
    Call::new(&reqwest::Client::new(), method.clone(), format!("{}{path}", engine.url()))
        .bearer(ADMIN_KEY)
}

fn engine(drive: &Drive, settings: &[(&str, &str)]) -> EngineProcess {
    let world = drive.sale.world();
    EngineProcess::serve(world.redis_url(), world.database_url(), settings)
}

/// Every call to an engine that has no connection left.
async fn too_many_connections(drive: &mut Drive) {
    let engine = engine(drive, &[("DROPGATE_CONNECTIONS", "1")]);
    let mut only = connect(engine.url()).await;
    eventually("the one connection is taken", || async {
        let reply = at(&engine, &Method::GET, "/healthz").send().await;
        (reply.status == 503).then_some(())
    })
    .await;
    for operation in drive.checker.operations() {
        let path = operation.path(drive.sale.id());
        let busy = at(&engine, &operation.method, &path);
        drive.refused(busy, 503, "unavailable").await;
        // A connection on which nothing happens would be closed before long.
        only.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("a request");
    }
}

/// Every call to an engine that has more under way than it can serve.
async fn too_many_calls(drive: &mut Drive) {
    let engine = engine(drive, &[("DROPGATE_SHED_ABOVE", "1")]);
    let path = format!("/v1/drops/{}/reservations/{}/confirm", drive.sale.id(), Uuid::now_v7());
    let begin = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ADMIN_KEY}\r\n\
         content-type: application/json\r\ncontent-length: 100\r\n\r\n{{"
    );
    // What would end something is taken up to four times the number.
    let mut under_way = Vec::new();
    for _ in 0..4 {
        let mut stream = connect(engine.url()).await;
        stream.write_all(begin.as_bytes()).await.expect("a request");
        under_way.push(stream);
    }
    let confirm = || at(&engine, &Method::POST, &path);
    eventually("four calls are under way", || async {
        (confirm().send().await.body["code"] == "overloaded").then_some(())
    })
    .await;
    for operation in
        drive.checker.operations().iter().filter(|known| known.path.starts_with("/v1/"))
    {
        let call = at(&engine, &operation.method, &operation.path(drive.sale.id()));
        drive.refused(call, 503, "overloaded").await;
    }
}

/// Answers of an engine that pages of another origin may read, over TLS.
async fn for_browsers(drive: &mut Drive) {
    let origin = "https://shop.example";
    let settings = [("DROPGATE_CORS_ORIGINS", origin), ("DROPGATE_HSTS_SECONDS", "60")];
    let engine = engine(drive, &settings);
    for (path, status) in [("", 200), ("/skus/none", 404), ("/reservations", 422)] {
        let path = format!("/v1/drops/{}{path}", drive.sale.id());
        let reply = drive.ask(at(&engine, &Method::GET, &path).header("origin", origin)).await;
        assert_eq!(reply.status, status, "{path}");
        assert_eq!(reply.header("access-control-allow-origin"), origin);
        assert_eq!(reply.header("strict-transport-security"), "max-age=60");
    }
}

/// An engine that has taken all the calls that it takes from here, with an answer that tells so.
async fn spent(drive: &mut Drive) -> EngineProcess {
    let engine = engine(drive, &[("DROPGATE_RATE_ADDRESS", "1/h burst 1")]);
    let path = format!("/v1/drops/{}", drive.sale.id());
    let last = drive.ask(at(&engine, &Method::GET, &path)).await;
    assert_eq!(last.header("ratelimit-policy"), "\"address\";q=1;w=3600");
    assert_eq!(last.ok(200)["id"], json!(drive.sale.id()));
    engine
}
