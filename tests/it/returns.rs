//! `POST …/reservations/{id}/return`: sold units come back.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{STOREFRONT_KEY, Sale, lines};

#[tokio::test]
async fn part_of_an_order_comes_back_and_then_the_rest() {
    let sale = Sale::open(&[("a", 5), ("b", 5)]).await;
    let bought = sale.confirmed("c", &[("a", 3), ("b", 1)]).await;
    let body = json!({ "lines": lines(&[("a", 1), ("a", 1)]), "reason": "too small: \"42\"" });
    let part = sale.give_back(&bought, body).send().await.ok(200);
    let mut expected = bought.clone();
    expected["lines"] = lines(&[("a", 1), ("b", 1)]);
    assert_eq!(part, expected);
    assert_eq!(sale.elsewhere().reservation(&bought).await, part);
    assert_eq!(sale.counts("a").await, (5, 4, 0, 1));
    let part = sale.give_back(&bought, json!({ "lines": lines(&[("a", 1)]) })).send().await;
    assert_eq!(part.ok(200)["lines"], lines(&[("b", 1)]));
    let whole = sale.admin(Method::POST, &format!("/reservations/{}/return", id(&bought)));
    let whole = whole.send().await.ok(200);
    assert_eq!((&whole["state"], &whole["order_id"]), (&json!("returned"), &json!("o-1")));
    assert_eq!(sale.reservation(&bought).await, whole);
    assert_eq!(sale.counts("a").await, (5, 5, 0, 0));
    assert_eq!(sale.counts("b").await, (5, 5, 0, 0));
    let page = sale.admin(Method::GET, "/ledger").send().await.ok(200);
    let rows = page["items"].as_array().expect("items").iter();
    let returned: Vec<&Value> = rows.filter(|row| row["kind"] == "returned").collect();
    assert_eq!(returned[0]["reason"], "too small: \"42\"");
    let quantities: Vec<i64> = returned.iter().filter_map(|row| row["quantity"].as_i64()).collect();
    assert_eq!(quantities, [2, 1, 1]);
}

fn id(reservation: &Value) -> &str {
    reservation["id"].as_str().expect("an id")
}

#[tokio::test]
async fn damaged_units_leave_the_total() {
    let sale = Sale::open(&[("a", 5), ("b", 5)]).await;
    let bought = sale.confirmed("c", &[("a", 2), ("b", 1)]).await;
    let body = json!({ "restock": false, "reason": "broken" });
    assert_eq!(sale.give_back(&bought, body).send().await.ok(200)["state"], "returned");
    assert_eq!(sale.counts("a").await, (3, 3, 0, 0));
    assert_eq!(sale.counts("b").await, (4, 4, 0, 0));
    let rows = sale.ledger().await;
    let of_a: Vec<(&str, i64)> = rows
        .iter()
        .filter(|(_, sku, _)| sku == "a")
        .map(|(kind, _, quantity)| (kind.as_str(), *quantity))
        .collect();
    let expected =
        [("restocked", 5), ("held", 2), ("confirmed", 2), ("returned", 2), ("restocked", -2)];
    assert_eq!(of_a, expected);
}

#[tokio::test]
async fn returned_units_can_be_sold_again() {
    let sale = Sale::with(json!({ "limit_per_customer": 2 }), &[("a", 2)]).await;
    let bought = sale.confirmed("c", &[("a", 2)]).await;
    sale.reserve("c", &[("a", 1)]).send().await.problem(409, "limit_exceeded");
    sale.give_back(&bought, json!({ "restock": true })).send().await.ok(200);
    sale.confirmed("c", &[("a", 2)]).await;
    assert_eq!(sale.counts("a").await, (2, 0, 0, 2));
}

#[tokio::test]
async fn no_more_comes_back_than_was_sold() {
    let sale = Sale::open(&[("a", 5), ("b", 5)]).await;
    let bought = sale.confirmed("c", &[("a", 2)]).await;
    for bad in [lines(&[("a", 3)]), lines(&[("b", 1)]), lines(&[("a", 1), ("nope", 1)])] {
        sale.give_back(&bought, json!({ "lines": bad })).send().await.invalid(&["/lines"]);
    }
    sale.give_back(&bought, json!({ "lines": [] })).send().await.invalid(&["/lines"]);
    assert_eq!(sale.reservation(&bought).await, bought);
    assert_eq!(sale.counts("a").await, (5, 3, 0, 2));
}

#[tokio::test]
async fn only_what_is_sold_comes_back() {
    let sale = Sale::open(&[("a", 9)]).await;
    let held = sale.held("c", &[("a", 1)]).await;
    let released = sale.held("c", &[("a", 1)]).await;
    sale.release(&released).send().await.ok(200);
    let returned = sale.confirmed("c", &[("a", 1)]).await;
    sale.give_back(&returned, json!({})).send().await.ok(200);
    for (reservation, code, state) in [
        (held, "not_confirmed", "held"),
        (released, "reservation_released", "released"),
        (returned, "not_confirmed", "returned"),
        (sale.expired("c", &[("a", 1)]).await, "reservation_expired", "expired"),
    ] {
        let problem = sale.give_back(&reservation, json!({})).send().await.problem(409, code);
        assert_eq!(problem["state"], state);
    }
    let nobody = json!({ "id": Uuid::now_v7() });
    sale.give_back(&nobody, json!({})).send().await.problem(404, "unknown_reservation");
    assert_eq!(sale.counts("a").await, (9, 8, 1, 0));
}

#[tokio::test]
async fn a_return_is_the_merchants() {
    let sale = Sale::open(&[("a", 9)]).await;
    let bought = sale.confirmed("c", &[("a", 1)]).await;
    let path = format!("/v1/admin/drops/{}/reservations/{}/return", sale.id(), id(&bought));
    let call = sale.anonymous(Method::POST, &path).bearer(STOREFRONT_KEY);
    call.send().await.problem(403, "forbidden");
    let bad = json!({ "restock": 1, "reason": "x".repeat(501), "line": [] });
    let reply = sale.give_back(&bought, bad).send().await;
    reply.invalid(&["/reason", "/restock", "/line"]);
    assert_eq!(sale.counts("a").await, (9, 8, 0, 1));
}
