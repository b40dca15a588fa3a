//! `POST …/reservations/{id}/extend`: a deadline moves later, up to a bound.

use chrono::{DateTime, FixedOffset, TimeDelta};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Sale, eventually};

fn time(reservation: &Value, name: &str) -> DateTime<FixedOffset> {
    let text = reservation[name].as_str().expect("a time");
    DateTime::parse_from_rfc3339(text).expect("RFC 3339")
}

/// How long the hold lasts from its making.
fn lasts(reservation: &Value) -> TimeDelta {
    time(reservation, "expires_at") - time(reservation, "created_at")
}

#[tokio::test]
async fn a_hold_is_extended_to_the_ttl_from_now() {
    let sale = Sale::with(json!({ "hold_ttl_seconds": 60 }), &[("a", 5)]).await;
    let held = sale.held_for(20, "c", &[("a", 1)]).await;
    let extended = sale.extend(&held, json!({ "ttl_seconds": 40 })).send().await.ok(200);
    assert!((40..50).contains(&lasts(&extended).num_seconds()), "{extended}");
    let extended = sale.about(Method::POST, &held, "/extend").send().await.ok(200);
    assert!((60..70).contains(&lasts(&extended).num_seconds()), "{extended}");
    let mut expected = held.clone();
    expected["expires_at"] = extended["expires_at"].clone();
    assert_eq!(extended, expected);
    assert_eq!(sale.elsewhere().reservation(&held).await, extended);
    let rows = sale.ledger().await;
    let extensions = rows.iter().filter(|(kind, _, quantity)| kind == "extended" && *quantity == 0);
    assert_eq!(extensions.count(), 2);
    assert_eq!(sale.counts("a").await, (5, 4, 1, 0));
}

#[tokio::test]
async fn an_extension_never_shortens() {
    let sale = Sale::with(json!({ "hold_ttl_seconds": 60 }), &[("a", 5)]).await;
    let held = sale.held("c", &[("a", 1)]).await;
    let reply = sale.extend(&held, json!({ "ttl_seconds": 1 })).send().await;
    assert_eq!(reply.problem(409, "max_hold_reached")["state"], "held");
    assert_eq!(sale.reservation(&held).await, held);
}

#[tokio::test]
async fn the_longest_hold_counts_from_its_making() {
    let settings = json!({ "hold_ttl_seconds": 60, "max_hold_seconds": 61 });
    let sale = Sale::with(settings, &[("a", 5)]).await;
    let held = sale.held("c", &[("a", 1)]).await;
    let last = eventually("the bound is reached", || async {
        let reply = sale.extend(&held, json!({})).send().await;
        (reply.status != 200).then_some(reply)
    })
    .await;
    assert_eq!(last.problem(409, "max_hold_reached")["state"], "held");
    assert_eq!(lasts(&sale.reservation(&held).await), TimeDelta::seconds(61));
}

#[tokio::test]
async fn a_ttl_beyond_the_drops_is_refused() {
    let sale = Sale::with(json!({ "hold_ttl_seconds": 60 }), &[("a", 5)]).await;
    let held = sale.held_for(20, "c", &[("a", 1)]).await;
    for bad in [json!(61), json!(0), json!(-1), json!(1.5), json!("60"), json!(null)] {
        let reply = sale.extend(&held, json!({ "ttl_seconds": bad })).send().await;
        reply.invalid(&["/ttl_seconds"]);
    }
    sale.extend(&held, json!({ "ttl": 30 })).send().await.invalid(&["/ttl"]);
    assert_eq!(sale.reservation(&held).await, held);
}

#[tokio::test]
async fn only_a_live_hold_can_be_extended() {
    let sale = Sale::open(&[("a", 9)]).await;
    let released = sale.held("c", &[("a", 1)]).await;
    sale.release(&released).send().await.ok(200);
    for (reservation, code, state) in [
        (released, "reservation_released", "released"),
        (sale.confirmed("c", &[("a", 1)]).await, "already_confirmed", "confirmed"),
        (sale.expired("c", &[("a", 1)]).await, "reservation_expired", "expired"),
    ] {
        let problem = sale.extend(&reservation, json!({})).send().await.problem(409, code);
        assert_eq!(problem["state"], state);
    }
    let nobody = json!({ "id": Uuid::now_v7() });
    sale.extend(&nobody, json!({})).send().await.problem(404, "unknown_reservation");
}

#[tokio::test]
async fn a_hold_can_be_extended_whatever_the_drop_does() {
    let sale = Sale::with(json!({ "hold_ttl_seconds": 60 }), &[("a", 5)]).await;
    let held = sale.held_for(10, "c", &[("a", 1)]).await;
    sale.act("pause").await.ok(200);
    sale.extend(&held, json!({ "ttl_seconds": 20 })).send().await.ok(200);
    sale.act("close").await.ok(200);
    sale.extend(&held, json!({ "ttl_seconds": 30 })).send().await.ok(200);
}
