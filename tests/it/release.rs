//! `POST …/reservations/{id}/release`: units go back before the deadline.

use serde_json::json;
use uuid::Uuid;

use crate::support::Sale;

#[tokio::test]
async fn released_units_can_be_held_by_somebody_else() {
    let sale = Sale::open(&[("a", 2), ("b", 2)]).await;
    let held = sale.held("c", &[("a", 2), ("b", 1)]).await;
    sale.reserve("another", &[("a", 1)]).send().await.problem(409, "sold_out");
    let released = sale.release(&held).send().await.ok(200);
    let mut expected = held.clone();
    expected["state"] = json!("released");
    assert_eq!(released, expected);
    assert_eq!(sale.elsewhere().reservation(&held).await, released);
    assert_eq!(sale.counts("b").await, (2, 2, 0, 0));
    sale.elsewhere().held("another", &[("a", 2)]).await;
    assert_eq!(sale.counts("a").await, (2, 0, 2, 0));
}

#[tokio::test]
async fn releasing_twice_is_releasing_once() {
    let sale = Sale::open(&[("a", 2)]).await;
    let held = sale.held("c", &[("a", 1)]).await;
    let released = sale.release(&held).send().await.ok(200);
    for view in [&sale, &sale.elsewhere()] {
        assert_eq!(view.release(&held).json(&json!({})).send().await.ok(200), released);
    }
    assert_eq!(sale.counts("a").await, (2, 2, 0, 0));
}

#[tokio::test]
async fn what_is_sold_or_expired_can_not_be_released() {
    let sale = Sale::open(&[("a", 9)]).await;
    let returned = sale.confirmed("c", &[("a", 1)]).await;
    sale.give_back(&returned, json!({})).send().await.ok(200);
    for (reservation, code, state) in [
        (sale.confirmed("c", &[("a", 1)]).await, "already_confirmed", "confirmed"),
        (returned, "already_confirmed", "returned"),
        (sale.expired("c", &[("a", 1)]).await, "reservation_expired", "expired"),
    ] {
        let problem = sale.release(&reservation).send().await.problem(409, code);
        assert_eq!(problem["state"], state);
    }
    let nobody = json!({ "id": Uuid::now_v7() });
    sale.release(&nobody).send().await.problem(404, "unknown_reservation");
    assert_eq!(sale.counts("a").await, (9, 8, 0, 1));
}

#[tokio::test]
async fn a_hold_can_be_released_whatever_the_drop_does() {
    let sale = Sale::open(&[("a", 5)]).await;
    let (one, two) = (sale.held("c", &[("a", 1)]).await, sale.held("c", &[("a", 1)]).await);
    sale.act("pause").await.ok(200);
    sale.release(&one).send().await.ok(200);
    sale.act("close").await.ok(200);
    sale.release(&two).send().await.ok(200);
    assert_eq!(sale.counts("a").await, (5, 5, 0, 0));
}

#[tokio::test]
async fn a_release_has_no_members() {
    let sale = Sale::open(&[("a", 5)]).await;
    let held = sale.held("c", &[("a", 1)]).await;
    sale.release(&held).json(&json!({ "lines": [] })).send().await.invalid(&["/lines"]);
    sale.release(&held).json(&json!([])).send().await.invalid(&[""]);
    sale.release(&held).raw("{").send().await.problem(400, "malformed_request");
    assert_eq!(sale.reservation(&held).await["state"], "held");
}
