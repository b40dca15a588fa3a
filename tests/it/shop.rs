//! The storefront page, in a real browser: what a visitor sees, does and is told.

use fantoccini::key::Key;
use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::support::{Browser, Dev, EngineProcess, Sale, eventually};

/// A drop of `dev`'s engine.
struct Drop<'a> {
    dev: &'a Dev,
    key: String,
    id: &'static str,
}

impl Drop<'_> {
    async fn open<'a>(dev: &'a Dev, id: &'static str, settings: Value, units: i64) -> Drop<'a> {
        let drop = Drop { dev, key: dev.admin_key(), id };
        drop.put("", settings).await;
        let details =
            json!({ "price": "29.00", "currency": "EUR", "description": "Soft & <warm>" });
        let sku = json!({ "name": "Shirt", "initial_stock": units, "details": details });
        drop.put("/skus/shirt", sku).await;
        drop
    }

    async fn call(&self, method: Method, path: &str, body: &Value) -> Value {
        let url = format!("{}{path}", self.dev.url);
        let call = Client::new().request(method, url).bearer_auth(&self.key).json(body);
        let answer = call.send().await.expect("an answer");
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json().await.expect("JSON")
    }

    async fn put(&self, path: &str, body: Value) {
        self.call(Method::PUT, &format!("/v1/admin/drops/{}{path}", self.id), &body).await;
    }

    /// Held for somebody who is not looking at the page.
    async fn held(&self, customer: &str, quantity: i64) -> Value {
        let lines = json!([{ "sku": "shirt", "quantity": quantity }]);
        let body = json!({ "customer_id": customer, "lines": lines });
        self.call(Method::POST, &format!("/v1/drops/{}/reservations", self.id), &body).await
    }

    async fn release(&self, held: &Value) {
        let id = held["id"].as_str().expect("an id");
        let path = format!("/v1/drops/{}/reservations/{id}/release", self.id);
        self.call(Method::POST, &path, &json!({})).await;
    }

    async fn sold(&self) -> i64 {
        let path = format!("/v1/admin/drops/{}", self.id);
        let shown = self.call(Method::GET, &path, &Value::Null).await;
        shown["skus"][0]["sold"].as_i64().expect("a number")
    }

    fn page(&self) -> String {
        format!("{}/shop/{}", self.dev.url, self.id)
    }
}

const STOCK: &str = ".product .stock";
const ADD: &str = ".product button[type=submit]";
const TOLD: &str = ".hold .told";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_visitor_buys_and_a_second_one_sees_it_live() {
    if !Browser::is_there() {
        return;
    }
    let dev = tokio::task::spawn_blocking(Dev::start).await.expect("it starts");
    buy(&dev).await;
    sell_out(&dev).await;
    pay_badly(&dev).await;
    come_back(&dev).await;
}

async fn buy(dev: &Dev) {
    let drop = Drop::open(dev, "buy", json!({ "name": "Summer <drop>" }), 6).await;
    let (buyer, watcher) = (Browser::open(390, 844).await, Browser::open(1200, 800).await);
    for browser in [&buyer, &watcher] {
        browser.goto(&drop.page()).await;
        browser.sees("h1", "Summer <drop>").await;
        browser.sees(STOCK, "In stock").await;
        browser.sees(".product .text", "Soft & <warm>").await;
        browser.sees(".product .price", "29.00 EUR").await;
    }
    // By keyboard alone: to the quantity, then to the button.
    buyer.run("document.querySelector('.product input').select()").await;
    buyer.type_keys(&format!("2{}", char::from(Key::Enter))).await;
    buyer.sees(".hold h3", "2 × Shirt").await;
    buyer.sees(".hold .clock", ":").await;
    watcher.sees(STOCK, "Only 4 left!").await;
    // A reload finds the cart again; nobody else has it.
    buyer.goto(&drop.page()).await;
    buyer.sees(".hold h3", "2 × Shirt").await;
    watcher.goto(&drop.page()).await;
    watcher.sees(STOCK, "Only 4 left!").await;
    assert_eq!(watcher.text(".hold h3").await, "");
    buyer.click(".hold [data-do=extend]").await;
    buyer.sees(TOLD, "You have more time.").await;
    buyer.choose(".hold select", "failure").await;
    buyer.click(".hold [data-do=pay]").await;
    buyer.sees(TOLD, "declined").await;
    assert_eq!(drop.sold().await, 0);
    buyer.choose(".hold select", "success").await;
    buyer.click(".hold [data-do=pay]").await;
    buyer.sees(TOLD, "It is yours.").await;
    assert_eq!(drop.sold().await, 2);
    // Nothing sticks out on a phone.
    let wide = buyer.run("return document.documentElement.scrollWidth > innerWidth").await;
    assert_eq!(wide, false);
    // What others take is seen by both, to the last one.
    drop.held("somebody", 4).await;
    watcher.sees(STOCK, "Sold out").await;
    buyer.sees(STOCK, "Sold out").await;
    buyer.close(|_| false).await;
    watcher.close(|_| false).await;
}

async fn sell_out(dev: &Dev) {
    let drop = Drop::open(dev, "out", json!({}), 1).await;
    let browser = Browser::open(1000, 800).await;
    browser.goto(&drop.page()).await;
    browser.sees(STOCK, "Only 1 left!").await;
    let held = drop.held("somebody", 1).await;
    browser.sees(STOCK, "Sold out").await;
    browser.sees("#news", "is sold out").await;
    let disabled = "return document.querySelector('.product button').disabled";
    assert_eq!(browser.run(disabled).await, true);
    drop.release(&held).await;
    browser.sees("#news", "A hold came back").await;
    browser.sees(STOCK, "Only 1 left!").await;
    // Who is too late by a moment is told so.
    browser.run(&format!("document.querySelector('{ADD}').disabled = false")).await;
    drop.put("", json!({ "state": "paused" })).await;
    browser.sees("#state", "Paused").await;
    browser.run(&format!("document.querySelector('{ADD}').disabled = false")).await;
    browser.click(ADD).await;
    browser.sees("#trouble", "until the drop is opened again").await;
    // The browser itself notes that an answer was a refusal.
    browser.close(|line| line.contains("409 (Conflict)")).await;
}

async fn pay_badly(dev: &Dev) {
    let settings = json!({ "hold_ttl_seconds": 3, "expiring_soon_seconds": [2] });
    let drop = Drop::open(dev, "late", settings, 2).await;
    let browser = Browser::open(1000, 800).await;
    browser.goto(&drop.page()).await;
    browser.sees(STOCK, "Only 2 left!").await;
    // A hold that is left alone goes.
    browser.click(ADD).await;
    browser.sees("#news", "Your hold ends in 2 seconds.").await;
    browser.sees(TOLD, "Its time ran out").await;
    browser.sees(STOCK, "Only 2 left!").await;
    // One whose payment comes late is taken again, if there is enough.
    browser.goto(&drop.page()).await;
    browser.sees(STOCK, "Only 2 left!").await;
    browser.click(ADD).await;
    browser.sees(".hold [data-do=pay]", "Pay").await;
    browser.choose(".hold select", "late").await;
    browser.click(".hold [data-do=pay]").await;
    browser.sees(TOLD, "there was enough left").await;
    assert_eq!(drop.sold().await, 1);
    // And if there is not, the money goes back.
    browser.sees(STOCK, "Only 1 left!").await;
    browser.click(ADD).await;
    browser.sees(".hold[data-state=held] [data-do=pay]", "Pay").await;
    browser.choose(".hold[data-state=held] select", "late").await;
    browser.click(".hold[data-state=held] [data-do=pay]").await;
    let grab = || async {
        let lines = json!([{ "sku": "shirt", "quantity": 1 }]);
        let url = format!("{}/v1/drops/late/reservations", dev.url);
        let body = json!({ "customer_id": "other", "lines": lines });
        let call = Client::new().post(url).bearer_auth(&drop.key).json(&body);
        let answer = call.send().await.expect("an answer");
        (answer.status() == 201).then_some(())
    };
    // The other customer is there first, or second: either way nobody gets what is not there.
    eventually("somebody else takes the last one, or it is sold", || async {
        if grab().await.is_some() || drop.sold().await == 2 { Some(()) } else { None }
    })
    .await;
    browser.sees(&format!("{TOLD}:not(:empty)"), "payment came late").await;
    assert!(drop.sold().await <= 2);
    browser.close(|line| line.contains("409 (Conflict)")).await;
}

async fn come_back(dev: &Dev) {
    let drop = Drop::open(dev, "again", json!({}), 9).await;
    let browser = Browser::open(1000, 800).await;
    browser.goto(&drop.page()).await;
    browser.sees(STOCK, "In stock").await;
    // The connection goes, as it does in a tunnel; what happened meanwhile is there behind it.
    let offline = "return window.stop()";
    browser.run(offline).await;
    drop.held("somebody", 6).await;
    browser.goto(&drop.page()).await;
    browser.sees(STOCK, "Only 3 left!").await;
    let paint = browser
        .run("return performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? -1")
        .await;
    assert!(paint.as_f64().is_some_and(|ms| ms >= 0.0), "{paint}");
    let bytes = browser
        .run(
            "return performance.getEntriesByType('resource').concat(
            performance.getEntriesByType('navigation'))
            .reduce((sum, entry) => sum + entry.transferSize, 0)",
        )
        .await;
    assert!(bytes.as_f64().is_some_and(|bytes| bytes < 100_000.0), "{bytes} bytes");
    println!("first paint after {paint} ms, {bytes} bytes");
    let picture = browser.picture().await;
    assert!(picture.starts_with(b"\x89PNG"));
    browser.close(|_| false).await;
}

#[tokio::test]
async fn an_engine_that_serves_only_shows() {
    let sale = Sale::open(&[("a", 9)]).await;
    let (redis, database) = (sale.world().redis_url(), sale.world().database_url());
    let engine = EngineProcess::serve(redis, database, &[]);
    let through = sale.through(&engine);
    let shop = format!("/shop/{}", sale.id());
    let response = through.anonymous(Method::GET, &shop).open().await;
    assert_eq!(response.status(), 200);
    let policy = response.headers()["content-security-policy"].to_str().expect("ASCII").to_owned();
    assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self'"));
    let html = response.text().await.expect("a page");
    assert!(html.contains("data-sells=\"false\"") && html.contains(sale.id()), "{html}");
    for asset in ["shop.css", "shop.js"] {
        assert!(html.contains(asset));
        let url = format!("/assets/{asset}");
        let first = through.anonymous(Method::GET, &url).open().await;
        assert_eq!(first.status(), 200);
        let tag = first.headers()["etag"].to_str().expect("ASCII").to_owned();
        let again = through.anonymous(Method::GET, &url).header("if-none-match", tag).open().await;
        assert_eq!(again.status(), 304);
    }
    through.anonymous(Method::GET, "/assets/none.js").send().await.problem(404, "not_found");
    let cart = through.anonymous(Method::POST, &format!("{shop}/cart"));
    let lines = json!([{ "sku": "a", "quantity": 1 }]);
    cart.json(&json!({ "lines": lines })).send().await.problem(404, "not_found");
    assert_eq!(through.anonymous(Method::GET, "/shop/none").open().await.status(), 404);
}

#[tokio::test]
async fn a_cart_belongs_to_its_session() {
    let dev = tokio::task::spawn_blocking(Dev::start).await.expect("it starts");
    let cart = format!("{}/shop/demo/cart", dev.url);
    let body = json!({ "lines": [{ "sku": "shirt-m", "quantity": 1 }] });
    let http = Client::new();
    let answer = http.post(&cart).json(&body).send().await.expect("an answer");
    assert_eq!(answer.status(), 201);
    let cookie = answer.headers()["set-cookie"].to_str().expect("ASCII").to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let cookie = cookie.split(';').next().expect("a pair").to_owned();
    let held: Value = answer.json().await.expect("JSON");
    let id = held["id"].as_str().expect("an id");
    let list = |cookie: Option<String>| {
        let call = http.get(&cart);
        let call = match cookie {
            Some(cookie) => call.header("cookie", format!("other=1; {cookie}")),
            None => call,
        };
        async { call.send().await.expect("an answer").json::<Value>().await.expect("JSON") }
    };
    assert_eq!(list(Some(cookie.clone())).await["items"], json!([held]));
    assert_eq!(list(None).await["items"], json!([]));
    for verb in ["extend", "release", "pay"] {
        let call = http.post(format!("{cart}/{id}/{verb}")).json(&json!({ "payment": "success" }));
        assert_eq!(call.send().await.expect("an answer").status(), 404, "{verb}");
    }
    let pay = |cookie: &str, payment: &str| {
        let call = http.post(format!("{cart}/{id}/pay")).header("cookie", cookie);
        call.json(&json!({ "payment": payment })).send()
    };
    assert_eq!(pay(&cookie, "gold").await.expect("an answer").status(), 422);
    // A form of another site can't send JSON.
    let form = http.post(&cart).header("cookie", &cookie).body("lines=1");
    assert_eq!(form.send().await.expect("an answer").status(), 415);
    assert_eq!(pay(&cookie, "success").await.expect("an answer").status(), 200);
    assert_eq!(pay(&cookie, "success").await.expect("an answer").status(), 200);
}
