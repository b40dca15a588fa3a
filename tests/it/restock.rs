//! `POST …/skus/{sku}/restock`: units join or leave a SKU's total.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::Sale;

#[tokio::test]
async fn units_join_and_leave_the_total() {
    let sale = Sale::open(&[("a", 5)]).await;
    sale.held("c", &[("a", 1)]).await;
    sale.confirmed("c", &[("a", 1)]).await;
    let body = json!({ "quantity": 10, "reason": "delivery\u{a0}7", "reference": "po:7" });
    let stock = sale.restock("a", body).key("k1").send().await.ok(200);
    let expected = json!({ "drop": sale.id(), "sku": "a", "total": 15, "available": 13,
        "held": 1, "sold": 1 });
    assert_eq!(stock, expected);
    let stock = sale.restock("a", json!({ "quantity": -13 })).key("k2").send().await.ok(200);
    assert_eq!((&stock["total"], &stock["available"]), (&json!(2), &json!(0)));
    assert_eq!(sale.elsewhere().counts("a").await, (2, 0, 1, 1));
    let page = sale.admin(Method::GET, "/ledger").send().await.ok(200);
    let rows = page["items"].as_array().expect("items").iter();
    let restocked: Vec<&Value> = rows.filter(|row| row["kind"] == "restocked").collect();
    let row = restocked[1];
    assert_eq!((&row["quantity"], &row["sku"]), (&json!(10), &json!("a")));
    assert_eq!((&row["reason"], &row["reference"]), (&json!("delivery\u{a0}7"), &json!("po:7")));
    let sum: i64 = restocked.iter().filter_map(|row| row["quantity"].as_i64()).sum();
    assert_eq!(sum, 2);
}

#[tokio::test]
async fn held_and_sold_units_stay() {
    let sale = Sale::open(&[("a", 5)]).await;
    sale.held("c", &[("a", 1)]).await;
    sale.confirmed("c", &[("a", 2)]).await;
    let reply = sale.restock("a", json!({ "quantity": -3 })).key("k").send().await;
    assert_eq!(reply.problem(409, "insufficient_available")["available"], 2);
    assert_eq!(sale.counts("a").await, (5, 2, 1, 2));
    // A refusal is not remembered: the same key serves the call that can be done.
    let reply = sale.restock("a", json!({ "quantity": -2 })).key("k").send().await;
    assert!(!reply.is_replayed());
    assert_eq!(reply.ok(200)["available"], 0);
}

#[tokio::test]
async fn a_total_is_bounded() {
    let sale = Sale::open(&[("a", 999_999_999)]).await;
    let call =
        |quantity: i64, key: &str| sale.restock("a", json!({ "quantity": quantity })).key(key);
    call(2, "k1").send().await.invalid(&["/quantity"]);
    call(1, "k2").send().await.ok(200);
    call(1, "k3").send().await.invalid(&["/quantity"]);
    call(-1_000_000_000, "k4").send().await.ok(200);
    assert_eq!(sale.counts("a").await, (0, 0, 0, 0));
    call(1_000_000_000, "k5").send().await.ok(200);
}

#[tokio::test]
async fn a_key_must_come_along() {
    let sale = Sale::open(&[("a", 5)]).await;
    let reply = sale.restock("a", json!({ "quantity": 1 })).send().await;
    reply.invalid(&["/header/Idempotency-Key"]);
    let twice = sale.restock("a", json!({ "quantity": 1 })).key("a").key("b").send().await;
    twice.invalid(&["/header/Idempotency-Key"]);
    assert_eq!(sale.counts("a").await, (5, 5, 0, 0));
}

#[tokio::test]
async fn a_quantity_is_a_whole_number_but_zero() {
    let sale = Sale::open(&[("a", 5)]).await;
    let path = "/skus/a/restock";
    let texts = [
        "0",
        "-0",
        "1.0",
        "1.5",
        "1e3",
        "\"1\"",
        "null",
        "true",
        "[1]",
        "{}",
        "1000000001",
        "-1000000001",
        "9007199254740993",
        "9223372036854775808",
        "-9223372036854775809",
    ];
    for text in texts {
        let call = sale.admin(Method::POST, path).key("k");
        let reply = call.raw(format!("{{\"quantity\":{text}}}")).send().await;
        reply.invalid(&["/quantity"]);
    }
    for text in ["NaN", "Infinity", "0x10", "01", "+1", ".5", ""] {
        let call = sale.admin(Method::POST, path).key("k");
        let reply = call.raw(format!("{{\"quantity\":{text}}}")).send().await;
        reply.problem(400, "malformed_request");
    }
    let body = json!({ "quantity": "1", "reference": "a b", "reason": 7, "why": null });
    let reply = sale.restock("a", body).key("k").send().await;
    reply.invalid(&["/quantity", "/reason", "/reference", "/why"]);
    assert_eq!(sale.counts("a").await, (5, 5, 0, 0));
}

#[tokio::test]
async fn what_is_not_there_can_not_be_restocked() {
    let sale = Sale::open(&[]).await;
    let call = || sale.restock("a", json!({ "quantity": 1 })).key("k");
    call().send().await.problem(404, "unknown_sku");
    sale.sku("a", json!({})).await;
    call().send().await.ok(200);
    let unborn = Sale::unborn().await;
    let reply = unborn.restock("a", json!({ "quantity": 1 })).key("k").send().await;
    reply.problem(404, "unknown_drop");
}

#[tokio::test]
async fn repeating_a_restock_adds_once() {
    let sale = Sale::open(&[("a", 5)]).await;
    let call = |view: &Sale, quantity: i64| {
        view.restock("a", json!({ "quantity": quantity })).key("delivery-7")
    };
    let first = call(&sale, 10).send().await.ok(200);
    // Between the two the counts move on; the first answer comes back all the same.
    sale.held("c", &[("a", 1)]).await;
    for view in [&sale, &sale.elsewhere()] {
        let again = call(view, 10).send().await;
        assert!(again.is_replayed());
        assert_eq!(again.ok(200), first);
    }
    call(&sale, 11).send().await.problem(422, "idempotency_key_reused");
    assert_eq!(sale.counts("a").await, (15, 14, 1, 0));
}
