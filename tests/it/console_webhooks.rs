//! The console's webhooks, in a real browser: made, paused, tried, and what became of deliveries.

use reqwest::Method;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::console::{looks_right, signed_in};
use crate::support::{ADMIN_KEY, Browser, EngineProcess, Sale, eventually};

const ASKED: &str = "dialog [type=submit]";

/// A receiver that refuses everything with 500, and its address.
async fn refuser() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        loop {
            let Ok((mut stream, _)) = listener.accept().await else { return };
            tokio::spawn(async move {
                let mut some = [0; 4096];
                let _ = stream.read(&mut some).await;
                let answer = b"HTTP/1.1 500 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                let _ = stream.write_all(answer).await;
            });
        }
    });
    format!("http://{address}/hook")
}

#[tokio::test]
async fn webhooks_are_kept() {
    if !Browser::is_there() {
        return;
    }
    let sale = Sale::open(&[("a", 9)]).await;
    let hooks = async |path: &str| {
        let path = format!("/v1/admin/webhooks{path}");
        sale.anonymous(Method::GET, &path).bearer(ADMIN_KEY).send().await
    };
    // An engine without webhooks has no page for them either.
    if hooks("?limit=1").await.status == 404 {
        let browser = signed_in(&sale, ADMIN_KEY, "").await;
        browser.has("a[href='#/webhooks']", false).await;
        browser.close(|line| line.contains("404 (Not Found)")).await;
        return;
    }
    let world = sale.world();
    let private = [("DROPGATE_WEBHOOKS_ALLOW_PRIVATE", "true")];
    let engine = EngineProcess::serve(world.redis_url(), world.database_url(), &private);
    let through = sale.through(&engine);
    let browser = signed_in(&through, ADMIN_KEY, "#/webhooks").await;
    browser.sees("h1", "Webhooks").await;
    let url = refuser().await;
    browser.click("[data-do=create]").await;
    browser.fill("dialog [name=url]", &url).await;
    browser.fill("dialog [name=description]", "for a test").await;
    browser.fill("dialog [name=drops]", sale.id()).await;
    browser.click(ASKED).await;
    browser.sees("#secret", "whsec_").await;
    let found = eventually("the webhook", || async {
        let page = hooks("?limit=500").await.ok(200);
        page["items"].as_array()?.iter().find(|hook| hook["url"] == url.as_str()).cloned()
    })
    .await;
    assert_eq!(found["drops"], serde_json::json!([sale.id()]));
    let id = found["id"].as_str().expect("an id").to_owned();
    let card = format!("[data-webhook=\"{id}\"]");
    browser.has(&card, true).await;
    looks_right(&browser, "webhooks").await;

    let state = async || -> Value {
        let page = hooks("?limit=500").await.ok(200);
        let items = page["items"].as_array().expect("items").clone();
        items
            .into_iter()
            .find(|hook| hook["id"] == id.as_str())
            .map(|hook| hook["state"].clone())
            .unwrap_or_default()
    };
    for (verb, shown) in [("pause", "paused"), ("resume", "active")] {
        browser.click(&format!("{card} [data-do={verb}]")).await;
        browser.has(&format!("{card}[data-state={shown}]"), true).await;
        assert_eq!(state().await, shown);
    }
    browser.click(&format!("{card} [data-do=test]")).await;
    browser.sees("#news", "not delivered").await;

    // What was refused is seen, and can be sent again at once.
    sale.held("c-1", &[("a", 1)]).await;
    browser.click(&format!("{card} [data-do=deliveries]")).await;
    browser.has(&format!("{card} [name=state]"), true).await;
    eventually("a delivery that is tried again", || async {
        browser.choose(&format!("{card} [name=state]"), "dead").await;
        browser.choose(&format!("{card} [name=state]"), "retrying").await;
        let there = format!("return Boolean(document.querySelector('{card} [data-delivery]'))");
        (browser.run(&there).await == true).then_some(())
    })
    .await;
    browser.click(&format!("{card} [data-delivery] [data-do=resend]")).await;
    browser.sees("#news", "sent again").await;

    let secret = browser.text("#secret").await;
    browser.click(&format!("{card} [data-do=rotate]")).await;
    browser.click(ASKED).await;
    eventually("another secret", || async {
        let now = browser.text("#secret").await;
        (now.starts_with("whsec_") && now != secret).then_some(())
    })
    .await;
    browser.click(&format!("{card} [data-do=delete]")).await;
    browser.click(ASKED).await;
    browser.has(&card, false).await;
    assert_eq!(state().await, Value::Null);
    browser.close(|_| false).await;
}
