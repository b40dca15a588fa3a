//! `POST …/reservations`: holding units, and every reason why not.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Sale, lines};

#[tokio::test]
async fn a_hold_has_everything_that_a_client_needs() {
    let sale = Sale::open(&[("shoe", 5), ("sock", 5)]).await;
    let reply = sale.reserve("c:1@x.y", &[("shoe", 1), ("sock", 2)]).send().await;
    let location = reply.header("location").to_owned();
    assert_eq!(reply.header("cache-control"), "no-store");
    assert!(!reply.is_replayed());
    let held = reply.ok(201);
    let id = held["id"].as_str().expect("an id");
    assert_eq!(location, format!("/v1/drops/{}/reservations/{id}", sale.id()));
    let version = uuid::Uuid::parse_str(id).expect("a UUID").get_version_num();
    assert_eq!(version, 7);
    let expected = json!({
        "id": id,
        "drop": sale.id(),
        "customer_id": "c:1@x.y",
        "state": "held",
        "lines": lines(&[("shoe", 1), ("sock", 2)]),
        "order_id": null,
        "created_at": held["created_at"],
        "expires_at": held["expires_at"],
        "watch_token": held["watch_token"],
    });
    assert_eq!(held, expected);
    assert_eq!(seconds_between(&held), 900.0);
    assert_eq!(sale.reservation(&held).await, held);
    assert_eq!(sale.elsewhere().reservation(&held).await, held);
    assert_eq!(sale.counts("shoe").await, (5, 4, 1, 0));
    assert_eq!(sale.counts("sock").await, (5, 3, 2, 0));
}

fn seconds_between(held: &Value) -> f64 {
    let at = |name: &str| {
        let text = held[name].as_str().expect("a time");
        assert!(text.len() == 24 && text.ends_with('Z'), "{text}");
        chrono::DateTime::parse_from_rfc3339(text).expect("RFC 3339")
    };
    (at("expires_at") - at("created_at")).as_seconds_f64()
}

#[tokio::test]
async fn a_hold_may_be_shorter_than_the_drops() {
    let sale = Sale::with(json!({ "hold_ttl_seconds": 60 }), &[("shoe", 5)]).await;
    assert_eq!(seconds_between(&sale.held("c", &[("shoe", 1)]).await), 60.0);
    assert_eq!(seconds_between(&sale.held_for(7, "c", &[("shoe", 1)]).await), 7.0);
    assert_eq!(seconds_between(&sale.held_for(60, "c", &[("shoe", 1)]).await), 60.0);
    let body = json!({ "customer_id": "c", "lines": lines(&[("shoe", 1)]), "ttl_seconds": 61 });
    let reply = sale.shop(Method::POST, "/reservations").json(&body).send().await;
    reply.invalid(&["/ttl_seconds"]);
    assert_eq!(sale.counts("shoe").await, (5, 2, 3, 0));
}

#[tokio::test]
async fn lines_that_repeat_a_sku_are_added_up() {
    let sale = Sale::open(&[("a", 5), ("b", 5)]).await;
    let held = sale.held("c", &[("a", 1), ("b", 1), ("a", 2)]).await;
    assert_eq!(held["lines"], lines(&[("a", 3), ("b", 1)]));
    let problem = sale.reserve("c", &[("a", 2), ("a", 1)]).send().await.problem(409, "sold_out");
    assert_eq!(problem["lines"], json!([{ "sku": "a", "requested": 3, "available": 2 }]));
    assert_eq!(sale.counts("a").await, (5, 2, 3, 0));
}

#[tokio::test]
async fn a_cart_is_held_as_a_whole_or_not_at_all() {
    let sale = Sale::open(&[("a", 5), ("b", 1), ("c", 0)]).await;
    let cart = [("a", 5), ("b", 2), ("c", 1)];
    let problem = sale.reserve("c", &cart).send().await.problem(409, "sold_out");
    let short = json!([
        { "sku": "b", "requested": 2, "available": 1 },
        { "sku": "c", "requested": 1, "available": 0 },
    ]);
    assert_eq!(problem["lines"], short);
    assert_eq!(sale.counts("a").await, (5, 5, 0, 0));
    assert_eq!(sale.counts("b").await, (1, 1, 0, 0));
    sale.held("c", &[("a", 5), ("b", 1)]).await;
    assert_eq!(sale.counts("a").await, (5, 0, 5, 0));
}

#[tokio::test]
async fn twenty_lines_fit_and_one_more_does_not() {
    let names: Vec<String> = (0..21).map(|n| format!("s{n}")).collect();
    let cart: Vec<(&str, i64)> = names.iter().map(|name| (name.as_str(), 1)).collect();
    let sale = Sale::open(&cart).await;
    sale.reserve("c", &cart).send().await.invalid(&["/lines"]);
    assert_eq!(sale.held("c", &cart[..20]).await["lines"], lines(&cart[..20]));
    // Twenty SKUs, one of them twice, are twenty lines.
    let mut repeated = cart[1..].to_vec();
    repeated.push(("s1", 1));
    let problem = sale.reserve("c", &repeated).send().await.problem(409, "sold_out");
    assert_eq!(problem["lines"].as_array().map(Vec::len), Some(19));
}

#[tokio::test]
async fn ten_thousand_units_fit_on_a_line() {
    let sale = Sale::open(&[("a", 1_000_000_000)]).await;
    sale.held("c", &[("a", 10_000)]).await;
    sale.reserve("c", &[("a", 10_001)]).send().await.invalid(&["/lines/0/quantity"]);
    let sum = sale.reserve("c", &[("a", 6_000), ("a", 4_001)]).send().await;
    sum.invalid(&["/lines/1/quantity"]);
    assert_eq!(sale.counts("a").await, (1_000_000_000, 999_990_000, 10_000, 0));
}

#[tokio::test]
async fn a_drops_limit_counts_what_a_customer_holds_and_owns() {
    let sale = Sale::with(json!({ "limit_per_customer": 3 }), &[("a", 9), ("b", 9)]).await;
    let bought = sale.confirmed("c", &[("a", 1)]).await;
    let held = sale.held("c", &[("b", 1)]).await;
    let problem =
        sale.reserve("c", &[("a", 1), ("b", 1)]).send().await.problem(409, "limit_exceeded");
    let numbers = (&problem["limit"], &problem["used"], &problem["requested"]);
    assert_eq!(numbers, (&json!(3), &json!(2), &json!(2)));
    assert!(problem.get("sku").is_none(), "{problem}");
    let mut own = problem["reservations"].as_array().expect("ids").clone();
    own.sort_by_key(Value::to_string);
    let mut expected = vec![bought["id"].clone(), held["id"].clone()];
    expected.sort_by_key(Value::to_string);
    assert_eq!(own, expected);
    sale.held("another", &[("a", 3)]).await;
    sale.held("c", &[("a", 1)]).await;
    sale.reserve("c", &[("a", 1)]).send().await.problem(409, "limit_exceeded");
    // What is released, and what is returned, does not count any more.
    sale.release(&held).send().await.ok(200);
    sale.give_back(&bought, json!({})).send().await.ok(200);
    sale.held("c", &[("a", 2)]).await;
    sale.reserve("c", &[("a", 1)]).send().await.problem(409, "limit_exceeded");
}

#[tokio::test]
async fn a_skus_limit_is_its_own() {
    let sale = Sale::with(json!({ "limit_per_customer": 5 }), &[("a", 9), ("b", 9)]).await;
    sale.sku("a", json!({ "limit_per_customer": 2 })).await;
    sale.held("c", &[("a", 1), ("b", 1)]).await;
    let problem = sale.reserve("c", &[("a", 2)]).send().await.problem(409, "limit_exceeded");
    let numbers = (&problem["limit"], &problem["used"], &problem["requested"], &problem["sku"]);
    assert_eq!(numbers, (&json!(2), &json!(1), &json!(2), &json!("a")));
    sale.held("c", &[("a", 1), ("b", 2)]).await;
    let problem = sale.reserve("c", &[("b", 1)]).send().await.problem(409, "limit_exceeded");
    assert_eq!((&problem["limit"], problem.get("sku")), (&json!(5), None));
    // A limit that is lowered takes nothing back, and one that is lifted is gone.
    sale.sku("a", json!({ "limit_per_customer": 1 })).await;
    sale.configure(json!({ "limit_per_customer": null })).await;
    let problem = sale.reserve("c", &[("a", 1)]).send().await.problem(409, "limit_exceeded");
    assert_eq!((&problem["limit"], &problem["used"]), (&json!(1), &json!(2)));
    sale.sku("a", json!({ "limit_per_customer": null })).await;
    sale.held("c", &[("a", 7)]).await;
}

#[tokio::test]
async fn at_most_twenty_reservations_are_named() {
    let sale = Sale::with(json!({ "limit_per_customer": 25 }), &[("a", 99)]).await;
    for _ in 0..25 {
        sale.held("c", &[("a", 1)]).await;
    }
    let problem = sale.reserve("c", &[("a", 1)]).send().await.problem(409, "limit_exceeded");
    assert_eq!(problem["reservations"].as_array().map(Vec::len), Some(20));
}

#[tokio::test]
async fn refusals_come_in_their_order() {
    let sale = Sale::with(json!({ "limit_per_customer": 1 }), &[("a", 0)]).await;
    // Stock comes last, the limit before it, an unknown SKU before that.
    sale.reserve("c", &[("a", 1)]).send().await.problem(409, "sold_out");
    sale.reserve("c", &[("a", 2)]).send().await.problem(409, "limit_exceeded");
    let cart = [("a", 2), ("nope", 1)];
    let problem = sale.reserve("c", &cart).send().await.problem(404, "unknown_sku");
    assert_eq!(problem["sku"], "nope");
    // The drop's state comes before all of them.
    sale.act("pause").await.ok(200);
    sale.reserve("c", &cart).send().await.problem(409, "drop_paused");
    sale.act("close").await.ok(200);
    sale.reserve("c", &cart).send().await.problem(409, "drop_closed");
}

#[tokio::test]
async fn an_unknown_drop_is_not_found() {
    let sale = Sale::unborn().await;
    sale.reserve("c", &[("a", 1)]).send().await.problem(404, "unknown_drop");
    // Not found a moment ago does not mean not found once it is there.
    sale.admin(Method::PUT, "").json(&json!({})).send().await.ok(201);
    sale.reserve("c", &[("a", 1)]).send().await.problem(404, "unknown_sku");
}

#[tokio::test]
async fn a_refusal_changes_nothing() {
    let sale = Sale::with(json!({ "limit_per_customer": 2 }), &[("a", 1)]).await;
    let before = sale.ledger().await;
    sale.reserve("c", &[("a", 2)]).key("k").send().await.problem(409, "sold_out");
    sale.reserve("c", &[("a", 3)]).key("k").send().await.problem(409, "limit_exceeded");
    sale.reserve("c", &[("b", 3)]).key("k").send().await.problem(404, "unknown_sku");
    assert_eq!(sale.ledger().await, before);
    // The key is free for the call that succeeds.
    let reply = sale.reserve("c", &[("a", 1)]).key("k").send().await;
    assert!(!reply.is_replayed());
    reply.ok(201);
}
