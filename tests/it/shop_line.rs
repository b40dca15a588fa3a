//! The storefront page on a bad line, and for people who use it otherwise than by eye and mouse.

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::support::{Browser, Dev, EngineProcess, Line, Sale, World};

const STOCK: &str = ".product .stock";

/// The connection goes, and what happened meanwhile is there when it comes back: by itself.
#[tokio::test]
async fn a_dropped_connection_heals_by_itself() {
    if !Browser::is_there() {
        return;
    }
    let sale = Sale::open(&[("a", 9)]).await;
    let line = Line::to(sale.url("").trim_start_matches("http://")).await;
    let browser = Browser::open(1000, 800).await;
    browser.goto(&format!("http://{}/shop/{}", line.address(), sale.id())).await;
    browser.sees(STOCK, "In stock").await;
    browser.run("window.sameDocument = true").await;
    line.cut();
    browser.sees("#trouble", "The connection was lost").await;
    browser.is_accessible("a shop without a connection").await;
    sale.held("somebody", &[("a", 6)]).await;
    sale.act("pause").await.ok(200);
    line.mend();
    browser.sees(STOCK, "Only 3 left!").await;
    browser.sees("#state", "Paused").await;
    browser.has("#trouble[hidden]", true).await;
    assert_eq!(browser.run("return window.sameDocument").await, true);
    browser.close(|line| line.contains("net::ERR")).await;
}

/// An engine that stops turns its watchers away; the page comes back to the next one.
#[tokio::test]
async fn a_page_survives_its_engine() {
    if !Browser::is_there() {
        return;
    }
    let sale = Sale::open(&[("a", 9)]).await;
    let world = World::shared().await;
    let full = [("DROPGATE_STREAMS", "1")];
    let engine = EngineProcess::serve(world.redis_url(), world.database_url(), &full);
    // The one place is taken, so the page is told 503: no browser tries again after that.
    let path = format!("/v1/drops/{}/events", sale.id());
    let taken = sale.through(&engine).anonymous(Method::GET, &path).open().await;
    assert_eq!(taken.status(), 200);
    let browser = Browser::open(1000, 800).await;
    browser.goto(&format!("{}/shop/{}", engine.url(), sale.id())).await;
    browser.sees("#trouble", "The connection was lost").await;
    drop(taken);
    browser.sees(STOCK, "In stock").await;
    browser.has("#trouble[hidden]", true).await;
    browser.close(|line| line.contains("503 (Service Unavailable)")).await;
}

/// Each state of the page, by axe; first paint is told and weight is bounded.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_can_use_it() {
    if !Browser::is_there() {
        return;
    }
    let dev = tokio::task::spawn_blocking(Dev::start).await.expect("it starts");
    let key = dev.admin_key();
    let put = async |path: &str, body: Value| {
        let url = format!("{}/v1/admin/drops/{path}", dev.url);
        let call = Client::new().put(url).bearer_auth(&key).json(&body);
        assert!(call.send().await.expect("an answer").status().is_success(), "{path}");
    };
    let opens = json!({ "name": "Soon", "state": "scheduled", "opens_at": "2999-01-01T00:00:00Z" });
    put("soon", opens).await;
    put("soon/skus/hat", json!({ "name": "Hat", "initial_stock": 5 })).await;
    put("now", json!({ "name": "Now", "hold_ttl_seconds": 60 })).await;
    let details = json!({ "price": "29.00", "currency": "EUR", "description": "Soft" });
    put("now/skus/hat", json!({ "name": "Hat", "initial_stock": 2, "details": details })).await;

    let browser = Browser::open(390, 844).await;
    let check = async |name: &str| {
        browser.is_accessible(name).await;
        browser.fits(name).await;
        browser.keep_picture(&format!("shop-{name}")).await;
    };
    browser.goto(&format!("{}/shop/soon", dev.url)).await;
    browser.sees("#countdown", "Opens in").await;
    let bytes = weight(&browser).await;
    check("not-open").await;
    browser.goto(&format!("{}/shop/now", dev.url)).await;
    browser.sees(STOCK, "Only 2 left!").await;
    check("open").await;
    browser.click(".product button").await;
    browser.sees(".hold h3", "1 × Hat").await;
    check("held").await;
    browser.click(".hold [data-do=pay]").await;
    browser.sees(".hold .told", "It is yours.").await;
    browser.click(".product button").await;
    browser.sees(STOCK, "Sold out").await;
    check("sold-out").await;
    put("now", json!({ "state": "closed" })).await;
    browser.sees("#state", "over").await;
    check("over").await;
    browser.goto(&format!("{}/shop/none", dev.url)).await;
    browser.sees("#trouble", "There is no sale of this name.").await;
    check("unknown").await;
    let paints = paints(&browser, &format!("{}/shop/now", dev.url)).await;
    println!(
        "storefront: first contentful paint {:.0} ms, median of 9 ({:.0} to {:.0}); {bytes} bytes",
        paints[4], paints[0], paints[8]
    );
    assert!(bytes > 10_000.0 && bytes < 100_000.0, "{bytes} bytes");
    // A machine that runs all tests at once paints when it can; this only catches what hangs.
    assert!(paints[4] < 5_000.0, "{paints:?}");
    browser.close(|line| line.contains("404 (Not Found)")).await;
}

/// What a load of the page weighs, as it goes over the wire.
async fn weight(browser: &Browser) -> f64 {
    let script = "return performance.getEntriesByType('resource')
        .concat(performance.getEntriesByType('navigation'))
        .reduce((sum, entry) => sum + entry.encodedBodySize, 0)";
    browser.run(script).await.as_f64().expect("bytes")
}

/// How soon the first thing is painted, in milliseconds, in nine loads; the soonest first.
async fn paints(browser: &Browser, page: &str) -> Vec<f64> {
    let mut paints = Vec::new();
    for _ in 0..9 {
        browser.goto(page).await;
        browser.sees(STOCK, " ").await;
        let paint = "return performance.getEntriesByName('first-contentful-paint')[0]?.startTime";
        paints.extend(browser.run(paint).await.as_f64());
    }
    paints.sort_by(f64::total_cmp);
    assert_eq!(paints.len(), 9);
    paints
}
