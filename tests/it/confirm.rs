//! `POST …/reservations/{id}/confirm`: held units are sold for an order.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::Sale;

fn order(id: &str) -> Value {
    json!({ "order_id": id })
}

#[tokio::test]
async fn held_units_are_sold() {
    let sale = Sale::open(&[("a", 5), ("b", 5)]).await;
    let held = sale.held("c", &[("a", 2), ("b", 1)]).await;
    let confirmed = sale.confirm(&held, order("order:1@x")).send().await.ok(200);
    let mut expected = held.clone();
    expected["state"] = json!("confirmed");
    expected["order_id"] = json!("order:1@x");
    assert_eq!(confirmed, expected);
    assert_eq!(sale.reservation(&held).await, confirmed);
    assert_eq!(sale.elsewhere().reservation(&held).await, confirmed);
    assert_eq!(sale.counts("a").await, (5, 3, 0, 2));
    assert_eq!(sale.counts("b").await, (5, 4, 0, 1));
    let page = sale.admin(Method::GET, "/ledger").send().await.ok(200);
    let rows = page["items"].as_array().expect("items");
    let sold: Vec<&Value> = rows.iter().filter(|row| row["kind"] == "confirmed").collect();
    assert_eq!(sold.len(), 2);
    for row in sold {
        assert_eq!((&row["order_id"], &row["customer_id"]), (&json!("order:1@x"), &json!("c")));
        assert_eq!(row["reservation_id"], held["id"]);
    }
}

#[tokio::test]
async fn confirming_twice_for_one_order_is_confirming_once() {
    let sale = Sale::open(&[("a", 5)]).await;
    let held = sale.held("c", &[("a", 2)]).await;
    let confirmed = sale.confirm(&held, order("o-1")).send().await.ok(200);
    for view in [&sale, &sale.elsewhere()] {
        assert_eq!(view.confirm(&held, order("o-1")).send().await.ok(200), confirmed);
    }
    let problem = sale.confirm(&held, order("o-2")).send().await.problem(409, "already_confirmed");
    assert_eq!(problem["state"], "confirmed");
    assert_eq!(sale.counts("a").await, (5, 3, 0, 2));
}

#[tokio::test]
async fn what_has_ended_can_not_be_confirmed() {
    let sale = Sale::open(&[("a", 9)]).await;
    let released = sale.held("c", &[("a", 1)]).await;
    sale.release(&released).send().await.ok(200);
    let returned = sale.confirmed("c", &[("a", 1)]).await;
    sale.give_back(&returned, json!({})).send().await.ok(200);
    for (reservation, code, state) in [
        (released, "reservation_released", "released"),
        (returned, "already_confirmed", "returned"),
    ] {
        for again in [false, true] {
            let body = json!({ "order_id": "o-1", "reacquire": again });
            let problem = sale.confirm(&reservation, body).send().await.problem(409, code);
            assert_eq!(problem["state"], state);
        }
    }
    let expired = sale.expired("c", &[("a", 1)]).await;
    let reply = sale.confirm(&expired, order("o-1")).send().await;
    assert_eq!(reply.problem(409, "reservation_expired")["state"], "expired");
    let nobody = json!({ "id": Uuid::now_v7() });
    sale.confirm(&nobody, order("o-1")).send().await.problem(404, "unknown_reservation");
    assert_eq!(sale.counts("a").await, (9, 9, 0, 0));
}

#[tokio::test]
async fn an_expired_hold_is_taken_again_if_it_can_be() {
    let sale = Sale::open(&[("a", 2)]).await;
    let expired = sale.expired("c", &[("a", 2)]).await;
    let again = json!({ "order_id": "o-1", "reacquire": true });
    // Somebody else has a unit now.
    let other = sale.held("another", &[("a", 1)]).await;
    let problem = sale.confirm(&expired, again.clone()).send().await.problem(409, "sold_out");
    assert_eq!(problem["lines"], json!([{ "sku": "a", "requested": 2, "available": 1 }]));
    sale.release(&other).send().await.ok(200);
    let confirmed = sale.confirm(&expired, again.clone()).send().await.ok(200);
    assert_eq!((&confirmed["state"], &confirmed["id"]), (&json!("confirmed"), &expired["id"]));
    assert_eq!(sale.confirm(&expired, again).send().await.ok(200), confirmed);
    assert_eq!(sale.counts("a").await, (2, 0, 0, 2));
    let kinds: Vec<String> = sale.ledger().await.into_iter().map(|(kind, _, _)| kind).collect();
    assert_eq!(kinds[kinds.len() - 2..], ["held", "confirmed"]);
}

#[tokio::test]
async fn an_expired_hold_is_taken_again_while_closed_but_within_the_limits() {
    let sale = Sale::with(json!({ "limit_per_customer": 2 }), &[("a", 9)]).await;
    let expired = sale.expired("c", &[("a", 2)]).await;
    let other = sale.held("c", &[("a", 1)]).await;
    let again = json!({ "order_id": "o-1", "reacquire": true });
    let reply = sale.confirm(&expired, again.clone()).send().await;
    let problem = reply.problem(409, "limit_exceeded");
    assert_eq!((&problem["used"], &problem["requested"]), (&json!(1), &json!(2)));
    assert_eq!(problem["reservations"], json!([other["id"]]));
    sale.release(&other).send().await.ok(200);
    sale.act("pause").await.ok(200);
    sale.act("close").await.ok(200);
    sale.confirm(&expired, again).send().await.ok(200);
    assert_eq!(sale.counts("a").await, (9, 7, 0, 2));
}

#[tokio::test]
async fn a_live_hold_needs_no_reacquiring() {
    let sale = Sale::open(&[("a", 2)]).await;
    let held = sale.held("c", &[("a", 2)]).await;
    let again = json!({ "order_id": "o-1", "reacquire": true });
    sale.confirm(&held, again).send().await.ok(200);
    let kinds: Vec<String> = sale.ledger().await.into_iter().map(|(kind, _, _)| kind).collect();
    assert_eq!(kinds, ["restocked", "held", "confirmed"]);
}

#[tokio::test]
async fn a_hold_can_be_confirmed_whatever_the_drop_does() {
    let sale = Sale::open(&[("a", 5)]).await;
    let (one, two) = (sale.held("c", &[("a", 1)]).await, sale.held("c", &[("a", 1)]).await);
    sale.act("pause").await.ok(200);
    sale.confirm(&one, order("o-1")).send().await.ok(200);
    sale.act("close").await.ok(200);
    sale.confirm(&two, order("o-2")).send().await.ok(200);
    assert_eq!(sale.counts("a").await, (5, 3, 0, 2));
}

#[tokio::test]
async fn an_order_is_an_id() {
    let sale = Sale::open(&[("a", 5)]).await;
    let held = sale.held("c", &[("a", 1)]).await;
    let long = "x".repeat(129);
    for bad in ["", "a b", "{}", "ü", "a\nb", "a,b", "*/", long.as_str()] {
        sale.confirm(&held, order(bad)).send().await.invalid(&["/order_id"]);
    }
    sale.confirm(&held, json!({})).send().await.invalid(&["/order_id"]);
    let body = json!({ "order_id": 1, "reacquire": "yes", "order": "o" });
    sale.confirm(&held, body).send().await.invalid(&["/order_id", "/reacquire", "/order"]);
    let call = sale.about(Method::POST, &held, "/confirm");
    call.send().await.problem(400, "malformed_request");
    sale.confirm(&held, order(&"x".repeat(128))).send().await.ok(200);
}
