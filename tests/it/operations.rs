//! What is asked of a process, what every address answers, and how connections are bounded.

use std::time::Duration;

use nix::sys::signal::Signal;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::support::{
    ADMIN_KEY, Browser, EngineProcess, PATIENCE, STOREFRONT_KEY, Sale, World, connect, eventually,
    lines, status,
};

#[tokio::test]
async fn a_healthy_process_says_so() {
    let sale = Sale::unborn().await;
    for path in ["/healthz", "/readyz"] {
        sale.anonymous(Method::GET, path).send().await.ok(200);
        assert_eq!(sale.anonymous(Method::HEAD, path).send().await.ok(200), Value::Null);
    }
}

/// A path with a webhook in it that is there, and with one of its deliveries.
async fn with_webhook(sale: &Sale, path: &str) -> String {
    let call = |method: Method, path: &str| {
        sale.anonymous(method, &format!("/v1/admin/webhooks{path}")).bearer(ADMIN_KEY)
    };
    // Nobody listens there.
    let body = json!({ "url": "http://127.0.0.1:9/", "drops": [sale.id()], "from": "start" });
    let made = call(Method::POST, "").json(&body).send().await.ok(201);
    let webhook = made["id"].as_str().expect("an id");
    let path = path.replace("{webhook}", webhook);
    if !path.contains("{delivery}") {
        return path;
    }
    let delivery = eventually("something was not taken", || async {
        let page = call(Method::GET, &format!("/{webhook}/deliveries")).send().await.ok(200);
        page["items"][0]["id"].as_str().map(str::to_owned)
    })
    .await;
    path.replace("{delivery}", &delivery)
}

#[tokio::test]
async fn the_description_says_what_the_router_does() {
    let sale = Sale::open(&[("a", 5)]).await;
    let document = sale.anonymous(Method::GET, "/openapi.json").send().await.ok(200);
    assert_eq!(document["openapi"], "3.1.0");
    let held = sale.held("c", &[("a", 1)]).await;
    let id = held["id"].as_str().expect("an id");
    let key = sale.make_key(&["read"], None).await;
    for (path, methods) in document["paths"].as_object().expect("paths") {
        let id = if path.starts_with("/v1/admin/keys") { key.id.as_str() } else { id };
        let real = path.replace("{drop}", sale.id()).replace("{sku}", "a").replace("{id}", id);
        for (name, operation) in methods.as_object().expect("methods") {
            // One of them ends it.
            let real = match real.contains("{webhook}") {
                true => with_webhook(&sale, &real).await,
                false => real.clone(),
            };
            let method = Method::from_bytes(name.to_uppercase().as_bytes()).expect("a method");
            let call = || sale.anonymous(method.clone(), &real);
            let (status, _) = call().bearer(ADMIN_KEY).send_bare().await;
            assert!(operation["responses"].get(status.to_string()).is_some(), "{status} {path}");
            assert!(!matches!(status, 404 | 405), "{name} {path}: {status}");
            let scope =
                operation["security"][0].as_object().and_then(|scopes| scopes.keys().next());
            let (without, _) = call().send_bare().await;
            assert_eq!(without == 401, scope.is_some(), "{name} {path}");
            let (with, _) = call().bearer(STOREFRONT_KEY).send_bare().await;
            assert_eq!(with == 403, scope.is_some_and(|name| name == "admin"), "{name} {path}");
        }
    }
    let (status, page) = sale.anonymous(Method::GET, "/docs").send_bare().await;
    let page = String::from_utf8(page).expect("UTF-8");
    assert!(status == 200 && page.contains("/v1/drops/{drop}/reservations"), "{page}");
}

/// The page that describes the API sends what it shows, a stream included.
#[tokio::test]
async fn the_page_of_the_api_can_be_tried() {
    if !Browser::is_there() {
        return;
    }
    let sale = Sale::open(&[("a", 5)]).await;
    let browser = Browser::open(1000, 800).await;
    browser.goto(&sale.url("/docs")).await;
    browser.fill("#key", STOREFRONT_KEY).await;
    let press = async |method: &str, path: &str, body: &str| {
        let script = format!(
            "const form = document.querySelector(
                 'form.try[data-method=\"{method}\"][data-path=\"/v1/drops/{{drop}}{path}\"]');
             form.closest('details').open = true;
             form.querySelector('[data-name=\"drop\"]').value = '{}';
             if ({body:?}) form.querySelector('textarea').value = {body:?};
             document.querySelector('#told')?.removeAttribute('id');
             form.querySelector('output').id = 'told';
             form.requestSubmit();",
            sale.id()
        );
        browser.run(&script).await;
    };
    press("get", "/events", "").await;
    browser.sees("#told", "event: stock").await;
    sale.held("somebody", &[("a", 5)]).await;
    browser.sees("#told", "sold_out").await;
    let body = json!({ "customer_id": "c", "lines": lines(&[("a", 1)]) }).to_string();
    press("post", "/reservations", &body).await;
    browser.sees("#told", "409").await;
    // Long lines scroll, also for who has no mouse.
    browser.has("#told pre[tabindex='0']", true).await;
    browser.close(|line| line.contains("409 (Conflict)")).await;
}

#[tokio::test]
async fn metrics_are_text_that_prometheus_reads() {
    let sale = Sale::open(&[("a", 5)]).await;
    let (status, text) = sale.anonymous(Method::GET, "/metrics").send_bare().await;
    let text = String::from_utf8(text).expect("UTF-8");
    assert_eq!(status, 200);
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let value = line.rsplit(' ').next().expect("a value");
        assert!(line.starts_with("dropgate_") && value.parse::<f64>().is_ok(), "{line}");
    }
    // A label that grows with customers or reservations would grow without bound.
    assert!(!text.contains("customer=") && !text.contains("reservation="), "{text}");
}

#[tokio::test]
async fn what_has_no_route_is_not_found() {
    let sale = Sale::open(&[]).await;
    let drop = format!("/v1/drops/{}", sale.id());
    for path in [
        "/",
        "/v1",
        "/v2/drops/x",
        "/v1/drops",
        "/v1/drops/",
        "//",
        "/%2e%2e/etc/passwd",
        &format!("{drop}/"),
        &format!("{drop}/skus"),
        &format!("{drop}/nope"),
        &format!("{drop}//reservations"),
        "/v1/admin",
        "/v1/admin/nope",
    ] {
        sale.anonymous(Method::GET, path).send().await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let sale = Sale::open(&[]).await;
    let drop = format!("/v1/drops/{}", sale.id());
    let admin = format!("/v1/admin/drops/{}", sale.id());
    for (method, path, allowed) in [
        (Method::DELETE, "/healthz".to_owned(), vec!["GET", "HEAD"]),
        (Method::POST, drop.clone(), vec!["GET", "HEAD"]),
        (Method::OPTIONS, drop.clone(), vec!["GET", "HEAD"]),
        (Method::DELETE, format!("{drop}/reservations"), vec!["GET", "HEAD", "POST"]),
        (Method::GET, format!("{drop}/reservations/x/confirm"), vec!["POST"]),
        (Method::PATCH, format!("{drop}/reservations/x/lines"), vec!["PUT"]),
        (Method::DELETE, admin.clone(), vec!["GET", "HEAD", "PUT"]),
        (Method::PUT, format!("{admin}/open"), vec!["POST"]),
        (Method::from_bytes(b"BREW").expect("a method"), drop, vec!["GET", "HEAD"]),
    ] {
        let call = sale.anonymous(method.clone(), &path).bearer(ADMIN_KEY);
        let reply = call.send().await;
        let mut allow: Vec<&str> = reply.header("allow").split(',').map(str::trim).collect();
        allow.sort_unstable();
        assert_eq!(allow, allowed, "{method} {path}");
        reply.problem(405, "method_not_allowed");
    }
}

#[tokio::test]
async fn a_slow_client_is_let_go() {
    let world = World::shared().await;
    let mut stream = connect(world.url(0)).await;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow").await.expect("half a request");
    let mut rest = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
    // The connection is closed; nobody waits for the rest of the headers for ever.
    assert!(read.is_ok(), "still open after {PATIENCE:?}");
}

#[tokio::test]
async fn a_body_that_stops_coming_is_given_up() {
    let sale = Sale::open(&[("a", 5)]).await;
    let mut stream = connect(sale.world().url(0)).await;
    let head = format!(
        "POST /v1/drops/{}/reservations HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: 100\r\n\r\n{{",
        sale.id(),
        STOREFRONT_KEY
    );
    stream.write_all(head.as_bytes()).await.expect("half a request");
    assert_eq!(status(&mut stream).await, 400);
}

#[tokio::test]
async fn headers_are_bounded() {
    let sale = Sale::unborn().await;
    let call = sale.anonymous(Method::GET, "/healthz").header("x-large", "x".repeat(100_000));
    // The answer comes before the request could be understood, so it is no problem document.
    let (status, _) = call.send_bare().await;
    assert_eq!(status, 431);
}

#[tokio::test]
async fn more_connections_than_there_is_room_for_are_told_so() {
    let world = World::shared().await;
    let settings = [("DROPGATE_CONNECTIONS", "2")];
    let engine = EngineProcess::serve(world.redis_url(), world.database_url(), &settings);
    let mut kept = Vec::new();
    for _ in 0..2 {
        let mut stream = connect(engine.url()).await;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("a request");
        assert_eq!(status(&mut stream).await, 200);
        kept.push(stream);
    }
    let client = reqwest::Client::new();
    let health = || client.get(format!("{}/healthz", engine.url())).send();
    let busy = health().await.expect("an answer");
    assert_eq!(busy.status(), 503);
    assert_eq!(busy.headers()["retry-after"], "1");
    assert_eq!(busy.headers()["content-type"], "application/problem+json");
    let body: Value = busy.json().await.expect("JSON");
    assert_eq!((&body["code"], &body["outcome"]), (&json!("unavailable"), &json!("none")));
    drop(kept);
    eventually("there is room again", || async {
        health().await.is_ok_and(|answer| answer.status() == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_stop_ends_what_is_under_way_and_nothing_more() {
    let sale = Sale::open(&[("a", 1000)]).await;
    let (redis, database) = (sale.world().redis_url(), sale.world().database_url());
    let mut engine = EngineProcess::serve(redis, database, &[]);
    let client = reqwest::Client::new();
    let url = format!("{}/v1/drops/{}/reservations", engine.url(), sale.id());
    let reserve = |n: usize| {
        let body = json!({ "customer_id": format!("c-{n}"),
            "lines": [{ "sku": "a", "quantity": 1 }] });
        client.post(&url).bearer_auth(STOREFRONT_KEY).json(&body).send()
    };
    reserve(0).await.expect("an answer");
    // One connection is idle, many are busy, when the signal comes.
    let busy = futures_util::future::join_all((1..50).map(reserve));
    let stop = async {
        tokio::task::yield_now().await;
        engine.signal(Signal::SIGTERM);
    };
    let (replies, ()) = tokio::join!(busy, stop);
    for reply in replies.into_iter().flatten() {
        assert_eq!(reply.status(), 201);
    }
    let mut not_ready = false;
    let began = tokio::time::Instant::now();
    let status = loop {
        if let Some(status) = engine.ended() {
            break status;
        }
        if let Ok(reply) = client.get(format!("{}/readyz", engine.url())).send().await {
            not_ready |= reply.status() == 503;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "it does not end");
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(status, 0);
    assert!(not_ready, "it said that it was ready to the end");
}
