//! `Idempotency-Key`: a call may be repeated, and has its effect once.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Call, Reply, Sale, lines};

/// Asserts that this repeats `first` with nothing else happening.
fn assert_repeats(again: Reply, first: &Reply) {
    assert!(again.is_replayed(), "{}", again.body);
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    assert_eq!(again.header("location"), first.header("location"));
}

#[tokio::test]
async fn a_repeated_hold_is_one_hold() {
    let sale = Sale::open(&[("a", 5)]).await;
    let first = sale.reserve("c", &[("a", 1)]).key("cart-1").send().await;
    assert!(!first.is_replayed());
    first.clone().ok(201);
    for view in [&sale, &sale.elsewhere(), &sale] {
        assert_repeats(view.reserve("c", &[("a", 1)]).key("cart-1").send().await, &first);
    }
    assert_eq!(sale.counts("a").await, (5, 4, 1, 0));
    // Without the key it is another hold.
    assert_ne!(sale.held("c", &[("a", 1)]).await["id"], first.body["id"]);
}

#[tokio::test]
async fn every_call_about_a_reservation_can_be_repeated() {
    let sale = Sale::with(json!({ "hold_ttl_seconds": 60 }), &[("a", 9)]).await;
    let other = sale.elsewhere();
    let held = sale.held_for(20, "c", &[("a", 1)]).await;
    let (mut firsts, mut n) = (Vec::new(), 0);
    let calls: [&dyn Fn(&Sale) -> Call; 4] = [
        &|sale| sale.change(&held, &[("a", 3)]),
        &|sale| sale.extend(&held, json!({ "ttl_seconds": 40 })),
        &|sale| sale.confirm(&held, json!({ "order_id": "o-1" })),
        &|sale| sale.give_back(&held, json!({ "lines": lines(&[("a", 1)]) })),
    ];
    for call in calls {
        n += 1;
        let first = call(&sale).key(&format!("k{n}")).send().await;
        first.clone().ok(200);
        firsts.push(first);
    }
    // By now each has been followed by others; its answer is what it was.
    for (n, (call, first)) in calls.iter().zip(&firsts).enumerate() {
        for view in [&other, &sale] {
            assert_repeats(call(view).key(&format!("k{}", n + 1)).send().await, first);
        }
    }
    let released = sale.held("c", &[("a", 1)]).await;
    let first = sale.release(&released).key("k9").send().await;
    assert_repeats(other.release(&released).key("k9").send().await, &first);
    assert_eq!(sale.counts("a").await, (9, 7, 0, 2));
}

#[tokio::test]
async fn a_key_belongs_to_one_request() {
    let sale = Sale::open(&[("a", 9)]).await;
    let held = sale.reserve("c", &[("a", 1)]).key("k").send().await.ok(201);
    let others = [
        sale.reserve("c", &[("a", 2)]),
        sale.reserve("d", &[("a", 1)]),
        sale.reserve("c", &[("nope", 1)]),
        sale.release(&held),
        sale.confirm(&held, json!({ "order_id": "o" })),
        sale.change(&held, &[("a", 1)]),
        sale.restock("a", json!({ "quantity": 1 })),
        sale.elsewhere().reserve("c", &[("a", 1), ("a", 1)]),
    ];
    for other in others {
        other.key("k").send().await.problem(422, "idempotency_key_reused");
    }
    assert_eq!(sale.counts("a").await, (9, 8, 1, 0));
    // It belongs to one drop as well: another drop may use the same text.
    let another = Sale::open(&[("a", 9)]).await;
    let reply = another.reserve("c", &[("a", 1)]).key("k").send().await;
    assert!(!reply.is_replayed());
    assert_ne!(reply.ok(201)["id"], held["id"]);
}

#[tokio::test]
async fn the_parsed_body_counts_and_not_its_text() {
    let sale = Sale::open(&[("a", 9)]).await;
    let call = |body: &str| sale.shop(Method::POST, "/reservations").key("k").raw(body).send();
    let first = call(r#"{"customer_id":"c","lines":[{"sku":"a","quantity":1}]}"#).await;
    let text =
        "{ \"lines\" : [ { \"quantity\":1,\n\"sku\":\"\\u0061\" } ], \"customer_id\":\"c\" }";
    assert_repeats(call(text).await, &first);
    // The same is asked for in other words: that is another request.
    let text = r#"{"customer_id":"c","lines":[{"sku":"a","quantity":1}],"ttl_seconds":900}"#;
    call(text).await.problem(422, "idempotency_key_reused");
    let held = &first.body;
    let release = sale.release(held).key("r").send().await;
    assert_repeats(sale.release(held).json(&json!({})).key("r").send().await, &release);
    let capitals = json!({ "id": held["id"].as_str().map(str::to_uppercase) });
    assert_repeats(sale.release(&capitals).key("r").send().await, &release);
}

#[tokio::test]
async fn only_successes_are_remembered() {
    let sale = Sale::with(json!({ "state": "paused" }), &[("a", 1)]).await;
    let call = |sale: &Sale| sale.reserve("c", &[("a", 1)]).key("k");
    call(&sale).send().await.problem(409, "drop_paused");
    sale.act("open").await.ok(200);
    let other = sale.held("another", &[("a", 1)]).await;
    call(&sale).send().await.problem(409, "sold_out");
    sale.release(&other).send().await.ok(200);
    let first = call(&sale.elsewhere()).send().await;
    assert!(!first.is_replayed());
    first.clone().ok(201);
    assert_repeats(call(&sale).send().await, &first);
    let held = &first.body;
    let confirm = |order: &str| sale.confirm(held, json!({ "order_id": order })).key("o");
    sale.release(held).send().await.ok(200);
    confirm("o-1").send().await.problem(409, "reservation_released");
    // After a refusal the key is free for any request.
    let reply = sale.reserve("another", &[("a", 1)]).key("o").send().await;
    assert!(!reply.is_replayed());
    reply.ok(201);
}

#[tokio::test]
async fn a_key_is_looked_up_before_everything_else() {
    let sale = Sale::with(json!({ "limit_per_customer": 1 }), &[("a", 1)]).await;
    let call = |sale: &Sale| sale.reserve("c", &[("a", 1)]).key("k");
    // The winner of the last unit asks again: about stock, about the limit.
    let first = call(&sale).send().await;
    sale.reserve("d", &[("a", 1)]).send().await.problem(409, "sold_out");
    sale.reserve("c", &[("a", 1)]).send().await.problem(409, "limit_exceeded");
    assert_repeats(call(&sale).send().await, &first);
    assert_repeats(call(&sale.elsewhere()).send().await, &first);
    // The drop's state changes, its settings too.
    sale.act("close").await.ok(200);
    sale.configure(json!({ "hold_ttl_seconds": 1 })).await;
    assert_repeats(call(&sale).send().await, &first);
    // The reservation itself goes on: a first answer stays what it was.
    let confirm = |sale: &Sale| sale.confirm(&first.body, json!({ "order_id": "o" })).key("c");
    let confirmed = confirm(&sale).send().await;
    sale.give_back(&first.body, json!({ "restock": false })).send().await.ok(200);
    assert_repeats(call(&sale).send().await, &first);
    assert_repeats(confirm(&sale.elsewhere()).send().await, &confirmed);
    // And a key that is used for another request is told so before anything else is looked at.
    let nobody = json!({ "id": Uuid::now_v7() });
    let reused = sale.release(&nobody).key("k").send().await;
    reused.problem(422, "idempotency_key_reused");
}

#[tokio::test]
async fn a_key_is_one_header_of_printable_ascii() {
    let sale = Sale::open(&[("a", 9)]).await;
    let pointer = "/header/Idempotency-Key";
    let long = "k".repeat(256);
    for bad in ["", "a\tb", "ü", long.as_str()] {
        let reply = sale.reserve("c", &[("a", 1)]).key(bad).send().await;
        reply.invalid(&[pointer]);
    }
    let twice = sale.reserve("c", &[("a", 1)]).key("k").key("k").send().await;
    twice.invalid(&[pointer]);
    // A key is looked at before the body.
    let call = sale.shop(Method::POST, "/reservations").key("").raw("nonsense");
    call.send().await.invalid(&[pointer]);
    assert_eq!(sale.counts("a").await, (9, 9, 0, 0));
    for good in ["k", "a b", "\"quoted\"", "~!@#$%^&*(){}[]:;,.<>?", &long[1..]] {
        let first = sale.reserve("c", &[("a", 1)]).key(good).send().await;
        first.clone().ok(201);
        assert_repeats(sale.reserve("c", &[("a", 1)]).key(good).send().await, &first);
    }
}

#[tokio::test]
async fn what_a_repeated_key_brings_back_is_what_is_in_the_ledger() {
    let sale = Sale::open(&[("a", 9)]).await;
    let first = sale.reserve("c", &[("a", 2)]).key("k").send().await.ok(201);
    let rows = sale.admin(Method::GET, "/ledger").send().await.ok(200);
    let is_hold = |row: &&Value| row["reservation_id"] == first["id"];
    let rows: Vec<&Value> =
        rows["items"].as_array().expect("items").iter().filter(is_hold).collect();
    assert_eq!(rows.len(), 1);
    assert_eq!((&rows[0]["kind"], &rows[0]["quantity"]), (&json!("held"), &json!(2)));
}
