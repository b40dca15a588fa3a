//! A hold past its deadline is free within a second, and never before.

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Sale, eventually};

fn time(reservation: &Value, name: &str) -> DateTime<Utc> {
    reservation[name].as_str().expect("a time").parse().expect("RFC 3339")
}

#[tokio::test]
async fn due_units_come_back_by_themselves() {
    let sale = Sale::open(&[("a", 5)]).await;
    let held = sale.held_for(1, "c", &[("a", 2)]).await;
    let path = format!("/v1/drops/{}/skus/a", sale.id());
    let free = eventually("the units are free", || async {
        let view = sale.anonymous(Method::GET, &path).send().await.ok(200);
        (view["available"] == 5).then(Utc::now)
    })
    .await;
    let late = free - time(&held, "expires_at");
    assert!(late >= TimeDelta::zero(), "{late} early");
    // A second on a healthy system; the machine of the tests is busy with all the others.
    assert!(late < TimeDelta::seconds(5), "{late} late");
    assert_eq!(sale.reservation(&held).await["state"], "expired");
    let rows = sale.admin(Method::GET, "/ledger").send().await.ok(200);
    let last = rows["items"].as_array().and_then(|rows| rows.last()).expect("a row");
    assert_eq!((&last["kind"], &last["quantity"]), (&json!("expired"), &json!(2)));
    let at = DateTime::parse_from_rfc3339(last["occurred_at"].as_str().expect("a time"));
    assert!(at.expect("RFC 3339") >= time(&held, "expires_at"), "{last}");
}

#[tokio::test]
async fn a_due_hold_does_not_stand_in_a_buyers_way() {
    let sale = Sale::with(json!({ "limit_per_customer": 3 }), &[("a", 3)]).await;
    let held = sale.held_for(1, "c", &[("a", 3)]).await;
    // The same customer is bound by the limit, another one by the stock.
    let (own, other) = tokio::join!(
        eventually("the customer's limit is free", || async {
            let reply = sale.reserve("c", &[("a", 1)]).send().await;
            (reply.status == 201).then_some(reply.body)
        }),
        eventually("the stock is free", || async {
            let reply = sale.elsewhere().reserve("d", &[("a", 2)]).send().await;
            (reply.status == 201).then_some(reply.body)
        })
    );
    for taken in [own, other] {
        let late = time(&taken, "created_at") - time(&held, "expires_at");
        assert!(late >= TimeDelta::zero(), "{late} early");
        assert!(late < TimeDelta::seconds(5), "{late} late");
    }
    assert_eq!(sale.counts("a").await, (3, 0, 3, 0));
}

#[tokio::test]
async fn after_its_deadline_a_hold_can_not_be_used() {
    let sale = Sale::open(&[("a", 9)]).await;
    let holds = [
        sale.held_for(1, "c", &[("a", 1)]).await,
        sale.held_for(1, "c", &[("a", 1)]).await,
        sale.held_for(1, "c", &[("a", 1)]).await,
        sale.held_for(1, "c", &[("a", 1)]).await,
    ];
    eventually("the deadlines pass", || async {
        (Utc::now() > time(&holds[3], "expires_at") + TimeDelta::milliseconds(1)).then_some(())
    })
    .await;
    let replies = [
        sale.confirm(&holds[0], json!({ "order_id": "o" })).send().await,
        sale.release(&holds[1]).send().await,
        sale.extend(&holds[2], json!({})).send().await,
        sale.change(&holds[3], &[("a", 2)]).send().await,
    ];
    for reply in replies {
        assert_eq!(reply.problem(409, "reservation_expired")["state"], "expired");
    }
    assert_eq!(sale.counts("a").await, (9, 9, 0, 0));
}

#[tokio::test]
async fn an_extended_hold_lives_on() {
    let sale = Sale::with(json!({ "hold_ttl_seconds": 60 }), &[("a", 5)]).await;
    let short = sale.held_for(1, "c", &[("a", 1)]).await;
    let extended = sale.held_for(1, "c", &[("a", 2)]).await;
    sale.extend(&extended, json!({})).send().await.ok(200);
    eventually("the other hold expires", || async {
        (sale.reservation(&short).await["state"] == "expired").then_some(())
    })
    .await;
    assert_eq!(sale.reservation(&extended).await["state"], "held");
    assert_eq!(sale.counts("a").await, (5, 3, 2, 0));
    sale.confirm(&extended, json!({ "order_id": "o" })).send().await.ok(200);
}

#[tokio::test]
async fn many_holds_expire_together() {
    let sale = Sale::open(&[("a", 1000), ("b", 1000)]).await;
    let calls = (0..300).map(|n| {
        let (sale, customer) = (&sale, format!("c-{}", n % 50));
        async move { sale.held_for(2, &customer, &[("a", 1), ("b", 2)]).await }
    });
    let holds = futures_util::future::join_all(calls).await;
    let last = holds.iter().map(|held| time(held, "expires_at")).max().expect("holds");
    let free = eventually("all units are free", || async {
        (sale.counts("b").await == (1000, 1000, 0, 0)).then(Utc::now)
    })
    .await;
    assert!(free - last < TimeDelta::seconds(5), "{} late", free - last);
    assert_eq!(sale.counts("a").await, (1000, 1000, 0, 0));
}
