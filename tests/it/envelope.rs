//! What every answer carries: ids, headers for browsers, and what pages of other origins may read.

use std::process::{Command, Stdio};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use uuid::Uuid;

use crate::support::{Call, EngineProcess, Reply, STOREFRONT_KEY, Sale, connect, eventually};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// An engine with settings of its own over the drop of `sale`.
fn engine(sale: &Sale, settings: &[(&str, &str)]) -> EngineProcess {
    EngineProcess::serve(sale.world().redis_url(), sale.world().database_url(), settings)
}

fn call(engine: &EngineProcess, method: Method, path: &str) -> Call {
    Call::new(&reqwest::Client::new(), method, format!("{}{path}", engine.url()))
}

#[tokio::test]
async fn every_answer_has_an_id_and_the_headers() {
    let sale = Sale::open(&[("a", 5)]).await;
    let drop = format!("/v1/drops/{}", sale.id());
    let sku = format!("{drop}/skus/a");
    let shop = format!("{drop}/reservations");
    let mut ids = std::collections::HashSet::new();
    for (method, path, status) in [
        (Method::GET, "/healthz", 200),
        (Method::GET, &drop, 200),
        // The second time it is the answer that was kept.
        (Method::GET, &sku, 200),
        (Method::GET, &sku, 200),
        (Method::GET, &shop, 401),
        (Method::GET, "/nowhere", 404),
        (Method::DELETE, &drop, 405),
    ] {
        let reply = sale.anonymous(method.clone(), path).send().await;
        assert_eq!(reply.status, status, "{method} {path}");
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(reply.header("referrer-policy"), "no-referrer", "{path}");
        assert!(reply.header("content-security-policy").contains("frame-ancestors 'none'"));
        assert_eq!(reply.header("strict-transport-security"), "", "{path}");
        assert_eq!(reply.header("access-control-allow-origin"), "", "{path}");
        assert_eq!(reply.header("traceresponse"), "", "{path}");
        let id = reply.header("x-request-id").to_owned();
        assert!(id.len() == 32 && ids.insert(id.clone()), "{path}: {id:?}");
    }
    // The page may have its own style and nothing else.
    let page = reqwest::get(format!("{}/docs", sale.world().url(0))).await.expect("a page");
    let policy = page.headers()["content-security-policy"].to_str().expect("ASCII");
    assert!(policy.contains("style-src 'unsafe-inline'") && policy.contains("frame-ancestors"));
}

#[tokio::test]
async fn a_connection_too_many_is_told_so_with_the_same_headers() {
    let sale = Sale::unborn().await;
    let engine = engine(&sale, &[("DROPGATE_CONNECTIONS", "1")]);
    let _only = connect(engine.url()).await;
    let reply = eventually("the one connection is taken", || async {
        let reply = call(&engine, Method::GET, "/healthz").send().await;
        (reply.status == 503).then_some(reply)
    })
    .await;
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
    assert!(reply.header("content-security-policy").contains("frame-ancestors 'none'"));
    assert_eq!(reply.header("x-request-id").len(), 32);
    reply.problem(503, "unavailable");
}

#[tokio::test]
async fn ids_that_come_along_are_kept_if_they_can_be() {
    let sale = Sale::open(&[("a", 5)]).await;
    let sku = format!("/v1/drops/{}/skus/a", sale.id());
    for (given, kept) in [("cart-7:try.2", true), ("a b", false), ("<script>", false)] {
        for path in [sku.as_str(), "/nowhere"] {
            let call = sale.anonymous(Method::GET, path).header("x-request-id", given);
            let reply = call.send().await;
            assert_eq!(reply.header("x-request-id") == given, kept, "{path} {given}");
            assert!(!reply.header("x-request-id").is_empty());
        }
    }
    for (given, flags) in [("01", "-01"), ("00", "-00")] {
        let parent = format!("00-{TRACE}-00f067aa0ba902b7-{given}");
        let reply = sale.anonymous(Method::GET, &sku).header("traceparent", &parent).send().await;
        let answer = reply.header("traceresponse");
        assert!(answer.starts_with(&format!("00-{TRACE}-")) && answer.ends_with(flags), "{answer}");
        assert_ne!(answer, parent, "a place of its own in the trace");
    }
    let reply = sale.anonymous(Method::GET, &sku).header("traceparent", "00-nonsense").send().await;
    assert_eq!(reply.header("traceresponse"), "");
}

/// The lines that an engine's log has of two calls: a hold with the id `id` and in a trace, and one
/// to nowhere.
async fn logged(sale: &Sale, format: &str, id: &str) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let settings = [("DROPGATE_LOG", "dropgate=debug"), ("DROPGATE_LOG_FORMAT", format)];
    let (redis, database) = (sale.world().redis_url(), sale.world().database_url());
    let mut command: Command = EngineProcess::serving(redis, database, &settings);
    command.stderr(Stdio::from(std::fs::File::create(&log).expect("a log")));
    let engine = EngineProcess::start(command);
    let path = format!("/v1/drops/{}/reservations", sale.id());
    let body = json!({ "customer_id": "c", "lines": [{ "sku": "a", "quantity": 1 }] });
    let hold = call(&engine, Method::POST, &path)
        .bearer(STOREFRONT_KEY)
        .header("x-request-id", id)
        .header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"));
    hold.json(&body).send().await.ok(201);
    call(&engine, Method::GET, "/nowhere").send().await.problem(404, "not_found");
    eventually("the log has both", || async {
        let text = std::fs::read_to_string(&log).expect("text");
        // The last line may be half written.
        let whole = &text[..=text.rfind('\n')?];
        let both = whole.matches("answered").count() == 2;
        both.then(|| whole.lines().map(str::to_owned).collect())
    })
    .await
}

#[tokio::test]
async fn each_log_line_of_a_call_names_it() {
    let sale = Sale::open(&[("a", 5)]).await;
    let id = format!("call-{}", Uuid::now_v7().simple());
    let lines = logged(&sale, "json", &id).await;
    let lines = lines.iter().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let mine: Vec<Value> = lines.filter(|line| line["request_id"] == *id).collect();
    let [answered] = mine.as_slice() else { panic!("{mine:?}") };
    let asked = format!("POST /v1/drops/{}/reservations", sale.id());
    assert_eq!((&answered["asked"], &answered["status"]), (&json!(asked), &json!(201)));
    assert_eq!((&answered["message"], &answered["trace_id"]), (&json!("answered"), &json!(TRACE)));

    let id = format!("call-{}", Uuid::now_v7().simple());
    let lines = logged(&sale, "text", &id).await;
    let mine: Vec<&String> = lines.iter().filter(|line| line.contains(&id)).collect();
    let [answered] = mine.as_slice() else { panic!("{mine:?}") };
    assert!(answered.contains(&asked), "{answered}");
    assert!(answered.ends_with(&format!("request_id={id} trace_id={TRACE}")), "{answered}");
}

#[tokio::test]
async fn https_only_is_said_where_it_is_set() {
    let sale = Sale::unborn().await;
    let engine = engine(&sale, &[("DROPGATE_HSTS_SECONDS", "31536000")]);
    for path in ["/healthz", "/nowhere"] {
        let reply = call(&engine, Method::GET, path).send().await;
        assert_eq!(reply.header("strict-transport-security"), "max-age=31536000");
    }
}

fn allowed(reply: &Reply) -> &str {
    // A browser never sends its own credentials along, whatever the origins.
    assert_eq!(reply.header("access-control-allow-credentials"), "");
    reply.header("access-control-allow-origin")
}

#[tokio::test]
async fn pages_of_the_origins_that_are_set_may_read() {
    const SHOP: &str = "https://shop.example";
    let sale = Sale::open(&[("a", 5)]).await;
    let these =
        engine(&sale, &[("DROPGATE_CORS_ORIGINS", "https://shop.example,https://b.example")]);
    let any = engine(&sale, &[("DROPGATE_CORS_ORIGINS", "*")]);
    let sku = format!("/v1/drops/{}/skus/a", sale.id());
    let shop = format!("/v1/drops/{}/reservations", sale.id());
    for (engine, origin, expected) in [
        (&these, SHOP, SHOP),
        (&these, "https://b.example", "https://b.example"),
        (&these, "https://evil.example", ""),
        (&these, "null", ""),
        (&any, SHOP, "*"),
    ] {
        // Made, kept, and refused answers alike; also a refused one must be readable.
        for (path, status) in [(&sku, 200), (&sku, 200), (&shop, 401)] {
            let reply = call(engine, Method::GET, path).header("origin", origin).send().await;
            assert_eq!((reply.status, allowed(&reply)), (status, expected), "{origin} {path}");
            let exposed = reply.header("access-control-expose-headers");
            assert!(exposed.contains("retry-after") && exposed.contains("x-request-id"));
        }
        let preflight = call(engine, Method::OPTIONS, &shop)
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,idempotency-key");
        let reply = preflight.send().await;
        assert_eq!((reply.status, allowed(&reply)), (200, expected), "{origin}");
        assert!(reply.header("access-control-allow-methods").contains("POST"));
        let headers = reply.header("access-control-allow-headers");
        assert!(headers.contains("authorization") && headers.contains("idempotency-key"));
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
    }
    // What one origin got must not be shown to another by a cache in between.
    let reply = call(&these, Method::GET, &sku).send().await;
    assert!(reply.header("vary").contains("origin"), "{:?}", reply.headers);
}

#[tokio::test]
async fn without_origins_a_preflight_is_a_wrong_method() {
    let sale = Sale::unborn().await;
    let preflight = sale
        .anonymous(Method::OPTIONS, &format!("/v1/drops/{}", sale.id()))
        .header("origin", "https://shop.example")
        .header("access-control-request-method", "GET");
    let reply = preflight.send().await;
    assert_eq!(allowed(&reply), "");
    reply.problem(405, "method_not_allowed");
}

/// Also what no client library sends: an id with bytes that are no text.
#[tokio::test]
async fn an_id_of_other_bytes_is_replaced() {
    let sale = Sale::unborn().await;
    let mut stream = connect(sale.world().url(0)).await;
    let request =
        b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-request-id: \xff\xfe\r\n\r\n";
    stream.write_all(request).await.expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    let id = answer.lines().find_map(|line| line.strip_prefix("x-request-id: ")).expect("an id");
    assert!(answer.starts_with("HTTP/1.1 200") && id.len() == 32, "{answer}");
}
