//! `PUT …/reservations/{id}/lines`: only the difference is taken or given back.

use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use crate::support::{Sale, lines};

#[tokio::test]
async fn only_the_difference_moves_and_the_deadline_stays() {
    let sale = Sale::open(&[("a", 5), ("b", 5), ("c", 5)]).await;
    let held = sale.held("c-1", &[("a", 2), ("b", 2)]).await;
    let changed = sale.change(&held, &[("b", 3), ("c", 1)]).send().await;
    assert_eq!(changed.header("cache-control"), "no-store");
    let changed = changed.ok(200);
    let mut expected = held.clone();
    expected["lines"] = lines(&[("b", 3), ("c", 1)]);
    assert_eq!(changed, expected);
    assert_eq!(sale.reservation(&held).await, changed);
    assert_eq!(sale.elsewhere().reservation(&held).await, changed);
    assert_eq!(sale.counts("a").await, (5, 5, 0, 0));
    assert_eq!(sale.counts("b").await, (5, 2, 3, 0));
    assert_eq!(sale.counts("c").await, (5, 4, 1, 0));
    let mut moved = sale.ledger().await;
    moved.retain(|(kind, _, _)| kind == "changed");
    moved.sort();
    let row = |sku: &str, quantity| ("changed".to_owned(), sku.to_owned(), quantity);
    assert_eq!(moved, [row("a", -2), row("b", 1), row("c", 1)]);
}

#[tokio::test]
async fn changing_nothing_is_fine() {
    let sale = Sale::open(&[("a", 5)]).await;
    let held = sale.held("c", &[("a", 2)]).await;
    let before = sale.ledger().await;
    assert_eq!(sale.change(&held, &[("a", 1), ("a", 1)]).send().await.ok(200), held);
    assert_eq!(sale.ledger().await, before);
}

#[tokio::test]
async fn what_is_short_counts_what_the_reservation_has() {
    let sale = Sale::open(&[("a", 5), ("b", 5)]).await;
    sale.held("another", &[("a", 2)]).await;
    let held = sale.held("c", &[("a", 2), ("b", 1)]).await;
    let reply = sale.change(&held, &[("a", 4), ("b", 5)]).send().await;
    let problem = reply.problem(409, "sold_out");
    assert_eq!(problem["lines"], json!([{ "sku": "a", "requested": 4, "available": 3 }]));
    assert_eq!(sale.reservation(&held).await, held);
    assert_eq!(sale.counts("b").await, (5, 4, 1, 0));
    sale.change(&held, &[("a", 3)]).send().await.ok(200);
    assert_eq!(sale.counts("a").await, (5, 0, 5, 0));
}

#[tokio::test]
async fn limits_bind_what_is_taken_and_not_what_is_given_back() {
    let sale = Sale::with(json!({ "limit_per_customer": 4 }), &[("a", 9), ("b", 9)]).await;
    sale.sku("a", json!({ "limit_per_customer": 3 })).await;
    let held = sale.held("c", &[("a", 2)]).await;
    sale.held("c", &[("b", 1)]).await;
    let problem = sale.change(&held, &[("a", 4)]).send().await.problem(409, "limit_exceeded");
    let numbers = (&problem["limit"], &problem["used"], &problem["requested"]);
    assert_eq!(numbers, (&json!(4), &json!(1), &json!(4)));
    sale.change(&held, &[("a", 3)]).send().await.ok(200);
    // The limits are lowered below what the customer has.
    sale.configure(json!({ "limit_per_customer": 1 })).await;
    sale.sku("a", json!({ "limit_per_customer": 1 })).await;
    sale.change(&held, &[("a", 2)]).send().await.ok(200);
    sale.change(&held, &[("a", 3)]).send().await.problem(409, "limit_exceeded");
    sale.change(&held, &[("a", 1), ("b", 1)]).send().await.problem(409, "limit_exceeded");
    assert_eq!(sale.counts("a").await, (9, 7, 2, 0));
}

#[tokio::test]
async fn a_drop_that_does_not_sell_takes_units_back_and_gives_none() {
    let sale = Sale::open(&[("a", 9), ("b", 9)]).await;
    let held = sale.held("c", &[("a", 4)]).await;
    for (action, code) in [("pause", "drop_paused"), ("close", "drop_closed")] {
        sale.act(action).await.ok(200);
        let before = sale.reservation(&held).await;
        let owned = before["lines"][0]["quantity"].as_i64().expect("a quantity");
        sale.change(&held, &[("a", owned + 1)]).send().await.problem(409, code);
        sale.change(&held, &[("a", 1), ("b", 1)]).send().await.problem(409, code);
        sale.change(&held, &[("a", owned)]).send().await.ok(200);
        sale.change(&held, &[("a", owned - 1)]).send().await.ok(200);
    }
    assert_eq!(sale.counts("a").await, (9, 7, 2, 0));
    assert_eq!(sale.counts("b").await, (9, 9, 0, 0));
}

#[tokio::test]
async fn only_a_live_hold_can_be_changed() {
    let sale = Sale::open(&[("a", 9)]).await;
    let released = sale.held("c", &[("a", 1)]).await;
    sale.release(&released).send().await.ok(200);
    let returned = sale.confirmed("c", &[("a", 1)]).await;
    sale.give_back(&returned, json!({})).send().await.ok(200);
    for (reservation, code, state) in [
        (released, "reservation_released", "released"),
        (sale.confirmed("c", &[("a", 1)]).await, "already_confirmed", "confirmed"),
        (returned, "already_confirmed", "returned"),
        (sale.expired("c", &[("a", 1)]).await, "reservation_expired", "expired"),
    ] {
        for quantity in [1, 2] {
            let reply = sale.change(&reservation, &[("a", quantity)]).send().await;
            assert_eq!(reply.problem(409, code)["state"], state);
        }
    }
    let nobody = json!({ "id": Uuid::now_v7() });
    sale.change(&nobody, &[("a", 1)]).send().await.problem(404, "unknown_reservation");
}

#[tokio::test]
async fn bad_lines_are_refused_and_the_hold_stays() {
    let sale = Sale::open(&[("a", 9)]).await;
    let held = sale.held("c", &[("a", 1)]).await;
    sale.change(&held, &[("nope", 1)]).send().await.problem(404, "unknown_sku");
    sale.change(&held, &[]).send().await.invalid(&["/lines"]);
    sale.change(&held, &[("a", 0)]).send().await.invalid(&["/lines/0/quantity"]);
    let call = || sale.about(Method::PUT, &held, "/lines");
    call().json(&json!({})).send().await.invalid(&["/lines"]);
    call().json(&json!({ "lines": [], "x": 1 })).send().await.invalid(&["/lines", "/x"]);
    call().send().await.problem(400, "malformed_request");
    assert_eq!(sale.reservation(&held).await, held);
}
