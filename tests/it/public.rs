//! What everybody may read: durable, versioned, cacheable.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::{Reply, Sale, eventually, within};

async fn read(sale: &Sale, path: &str) -> Reply {
    sale.anonymous(Method::GET, &format!("/v1/drops/{}{path}", sale.id())).send().await
}

#[tokio::test]
async fn a_drop_and_its_skus_can_be_read_without_a_key() {
    let sale = Sale::with(json!({ "name": "Summer" }), &[("a", 9)]).await;
    sale.sku("a", json!({ "name": "A", "details": { "price": 1 } })).await;
    let reply = read(&sale, "").await;
    assert!(reply.header("cache-control").starts_with("public, max-age="));
    let version = 4;
    let expected = json!({
        "id": sale.id(), "name": "Summer", "state": "open", "opens_at": null, "closes_at": null,
        "hold_ttl_seconds": 900,
        "skus": [{ "sku": "a", "name": "A", "available": 9, "status": "in_stock",
            "message": null, "version": version }],
    });
    assert_eq!(reply.ok(200), expected);
    let reply = read(&sale, "/skus/a").await;
    assert!(reply.header("cache-control").starts_with("public, max-age="));
    let expected = json!({ "sku": "a", "name": "A", "details": { "price": 1 }, "available": 9,
        "status": "in_stock", "message": null, "version": version });
    assert_eq!(reply.ok(200), expected);
}

#[tokio::test]
async fn stock_is_told_in_words() {
    let sale = Sale::open(&[("a", 7)]).await;
    let shown = async |left: i64| {
        let view = read(&sale, "/skus/a").await.ok(200);
        assert_eq!(view["available"], left, "{view}");
        (view["status"].clone(), view["message"].clone())
    };
    assert_eq!(shown(7).await, (json!("in_stock"), Value::Null));
    sale.held("c", &[("a", 2)]).await;
    assert_eq!(shown(5).await, (json!("low"), json!("Only 5 left!")));
    sale.held("c", &[("a", 2)]).await;
    assert_eq!(shown(3).await, (json!("low"), json!("Only 3 left!")));
    let last = sale.held("c", &[("a", 3)]).await;
    assert_eq!(shown(0).await, (json!("sold_out"), json!("Sold out")));
    sale.release(&last).send().await.ok(200);
    assert_eq!(shown(3).await, (json!("low"), json!("Only 3 left!")));
    sale.sku("a", json!({ "low_stock_threshold": 0 })).await;
    assert_eq!(shown(3).await, (json!("in_stock"), Value::Null));
}

#[tokio::test]
async fn a_reader_with_the_newest_version_is_told_so() {
    let sale = Sale::open(&[("a", 9)]).await;
    for path in ["", "/skus/a"] {
        let first = read(&sale, path).await;
        let tag = first.header("etag").to_owned();
        assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag}");
        let ask = |given: String| {
            let path = format!("/v1/drops/{}{path}", sale.id());
            sale.anonymous(Method::GET, &path).header("if-none-match", given).send()
        };
        let weak = [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()];
        for given in weak {
            let reply = ask(given).await;
            assert_eq!(reply.header("etag"), tag);
            assert!(reply.header("cache-control").starts_with("public"));
            assert_eq!(reply.header("content-length"), "");
            assert_eq!(reply.ok(304), Value::Null);
        }
        assert_eq!(ask("\"x\"".to_owned()).await.ok(200), first.body);
        sale.held("c", &[("a", 1)]).await;
        let second = ask(tag.clone()).await;
        assert_ne!(second.header("etag"), tag);
        second.ok(200);
    }
}

#[tokio::test]
async fn an_answer_is_given_again_until_something_changes() {
    let sale = Sale::open(&[("a", 9)]).await;
    let ask = async |path: &str, known: &str| {
        let path = format!("/v1/drops/{}{path}", sale.id());
        sale.anonymous(Method::GET, &path).header("if-none-match", known).send().await
    };
    // Reads each twice, with what changed for it, and once more with its own tag.
    let look = async |before: &[String]| {
        let mut tags = Vec::new();
        for (path, before) in ["", "/skus/a"].into_iter().zip(before) {
            let (first, second) = (ask(path, before).await, ask(path, before).await);
            let tag = first.header("etag").to_owned();
            assert_ne!(tag, *before, "{path}");
            for name in ["etag", "content-type", "content-length", "cache-control"] {
                assert_eq!(first.header(name), second.header(name), "{path} {name}");
            }
            assert_eq!(first.header("content-type"), "application/json");
            let shown = first.ok(200);
            assert_eq!(second.ok(200), shown);
            assert_eq!(ask(path, &tag).await.ok(304), Value::Null);
            tags.push((tag, shown));
        }
        let shown = [tags[0].1.clone(), tags[1].1.clone()];
        (tags.into_iter().map(|(tag, _)| tag).collect::<Vec<_>>(), shown)
    };
    let none = [String::new(), String::new()];
    let (tags, [_, sku]) = look(&none).await;
    assert_eq!(sku["available"], 9);
    let held = sale.held("c", &[("a", 2)]).await;
    let (tags, [drop, sku]) = look(&tags).await;
    assert_eq!((&drop["skus"][0]["available"], &sku["available"]), (&json!(7), &json!(7)));
    sale.release(&held).send().await.ok(200);
    let (tags, [drop, sku]) = look(&tags).await;
    assert_eq!((&drop["skus"][0]["available"], &sku["available"]), (&json!(9), &json!(9)));
    sale.restock("a", json!({ "quantity": 3 })).key("k").send().await.ok(200);
    let (tags, [_, sku]) = look(&tags).await;
    assert_eq!(sku["available"], 12);
    sale.sku("a", json!({ "name": "A", "details": { "price": 1 } })).await;
    let (tags, [drop, sku]) = look(&tags).await;
    assert_eq!((&drop["skus"][0]["name"], &sku["details"]), (&json!("A"), &json!({ "price": 1 })));
    // What is set on the drop is not in the answer of its SKU, which stays as it is.
    sale.configure(json!({ "name": "Summer" })).await;
    let (drop, sku) = (ask("", &tags[0]).await, ask("/skus/a", &tags[1]).await);
    assert_eq!((&drop.ok(200)["name"], sku.status), (&json!("Summer"), 304));
    sale.act("pause").await.ok(200);
    assert_eq!(read(&sale, "").await.ok(200)["state"], "paused");
}

#[tokio::test]
async fn times_change_what_is_shown_of_a_drop() {
    let at = |in_ms: i64| (Utc::now() + TimeDelta::milliseconds(in_ms)).to_rfc3339();
    let times = json!({ "opens_at": at(800), "closes_at": at(1600) });
    let sale = Sale::with(times, &[("a", 9)]).await;
    let mut states: Vec<String> = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(30);
    while states.last().is_none_or(|last| last != "closed") && Instant::now() < deadline {
        let reply = read(&sale, "").await;
        let tag = reply.header("etag").to_owned();
        let state = reply.ok(200)["state"].as_str().expect("a state").to_owned();
        assert!(tag.ends_with(&format!("-{state}\"")), "{tag} {state}");
        states.push(state);
    }
    states.dedup();
    assert_eq!(states, ["scheduled", "open", "closed"]);
}

#[tokio::test]
async fn a_version_is_the_seq_of_the_skus_last_event() {
    let sale = Sale::open(&[("a", 9), ("b", 9)]).await;
    let version = async |sku: &str| {
        let reply = read(&sale, &format!("/skus/{sku}")).await;
        let version = reply.body["version"].as_i64().expect("a version");
        assert_eq!(reply.header("etag"), format!("\"{version}\""));
        version
    };
    let (a, b) = (version("a").await, version("b").await);
    sale.held("c", &[("a", 1)]).await;
    assert!(version("a").await > a);
    assert_eq!(version("b").await, b);
    sale.sku("b", json!({ "name": "B" })).await;
    assert!(version("b").await > b);
    let view = sale.admin(Method::GET, "").send().await.ok(200);
    assert_eq!(view["seq"], version("b").await);
    assert_eq!(view["skus"][0]["version"], version("a").await);
}

#[tokio::test]
async fn a_change_is_seen_at_once_here_and_soon_elsewhere() {
    let sale = Sale::open(&[("a", 1000)]).await;
    let other = sale.elsewhere();
    eventually("the other engine knows the sku", || async {
        (read(&other, "/skus/a").await.status == 200).then_some(())
    })
    .await;
    let mut delays = Vec::new();
    for left in (980..1000).rev() {
        sale.held("c", &[("a", 1)]).await;
        let answered = Instant::now();
        assert_eq!(read(&sale, "/skus/a").await.ok(200)["available"], left);
        eventually("the other engine shows it", || async {
            (read(&other, "/skus/a").await.ok(200)["available"] == left).then_some(())
        })
        .await;
        delays.push(answered.elapsed());
    }
    assert_by_news(delays);
}

#[tokio::test]
async fn settings_are_seen_elsewhere_soon() {
    let sale = Sale::open(&[("a", 9)]).await;
    let other = sale.elsewhere();
    eventually("the other engine knows the sku", || async {
        (read(&other, "/skus/a").await.status == 200).then_some(())
    })
    .await;
    let mut delays = Vec::new();
    for round in 0..10 {
        let name = format!("Round {round}");
        sale.sku("a", json!({ "name": name })).await;
        let answered = Instant::now();
        assert_eq!(read(&sale, "/skus/a").await.ok(200)["name"], name);
        eventually("the other engine shows it", || async {
            (read(&other, "/skus/a").await.ok(200)["name"] == name).then_some(())
        })
        .await;
        delays.push(answered.elapsed());
    }
    assert_by_news(delays);
}

#[tokio::test]
async fn a_drop_that_was_unknown_elsewhere_is_soon_known() {
    let mut delays = Vec::new();
    for _ in 0..5 {
        let sale = Sale::unborn().await;
        let other = sale.elsewhere();
        read(&other, "").await.problem(404, "unknown_drop");
        sale.admin(Method::PUT, "").json(&json!({})).send().await.ok(201);
        let answered = Instant::now();
        read(&sale, "").await.ok(200);
        within(Duration::from_secs(5), "the other engine knows the drop", || async {
            (read(&other, "").await.status == 200).then_some(())
        })
        .await;
        delays.push(answered.elapsed());
    }
    assert_by_news(delays);
}

#[tokio::test]
async fn what_is_not_there_is_not_found_and_not_cached() {
    let sale = Sale::open(&[]).await;
    let reply = read(&sale, "/skus/a").await;
    assert_eq!(reply.header("cache-control"), "no-store");
    reply.problem(404, "unknown_sku");
    for bad in ["a%20b", "%7B%7D", "%00", "%0d%0a", "%ff", "%zz", "%C3%BC", "a.b", "..%2f.."] {
        read(&sale, &format!("/skus/{bad}")).await.problem(404, "unknown_sku");
        let path = format!("/v1/drops/{bad}");
        sale.anonymous(Method::GET, &path).send().await.problem(404, "unknown_drop");
    }
    let unborn = Sale::unborn().await;
    read(&unborn, "").await.problem(404, "unknown_drop");
    read(&unborn, "/skus/a").await.problem(404, "unknown_drop");
}

#[tokio::test]
async fn a_head_has_the_headers_of_a_get() {
    let sale = Sale::open(&[("a", 9)]).await;
    let path = format!("/v1/drops/{}/skus/a", sale.id());
    let get = sale.anonymous(Method::GET, &path).send().await;
    let head = sale.anonymous(Method::HEAD, &path).send().await;
    assert_eq!(head.header("etag"), get.header("etag"));
    assert_eq!(head.header("content-length"), get.header("content-length"));
    assert_eq!(head.ok(200), Value::Null);
}

/// The promise is 50 ms on a healthy system. The machine of the tests is busy with all the
/// others; what is told here is that the news came by itself and not with the tick a second.
fn assert_by_news(mut delays: Vec<Duration>) {
    delays.sort();
    assert!(delays[delays.len() / 2] < Duration::from_millis(500), "{delays:?}");
}
