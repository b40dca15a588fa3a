//! Many at once: never one unit too many, never one effect too many.

use std::collections::{BTreeMap, HashSet};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Reply, Sale};

/// How many replies had which status and code.
fn tally(replies: &[Reply]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for reply in replies {
        let name = reply.body["code"].as_str().unwrap_or("ok");
        *counts.entry(format!("{} {name}", reply.status)).or_default() += 1;
    }
    counts
}

fn counted(expected: &[(&str, usize)]) -> BTreeMap<String, usize> {
    expected.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

#[tokio::test]
async fn five_hundred_clients_get_a_hundred_units() {
    let sale = Sale::open(&[("a", 100)]).await;
    let views = [&sale, &sale.elsewhere()];
    let calls = (0..500).map(|n| {
        let customer = format!("c-{n}");
        async move { views[n % 2].reserve(&customer, &[("a", 1)]).send().await }
    });
    let replies = join_all(calls).await;
    assert_eq!(tally(&replies), counted(&[("201 ok", 100), ("409 sold_out", 400)]));
    let ids: HashSet<String> = replies
        .iter()
        .filter(|reply| reply.status == 201)
        .map(|reply| reply.body["id"].to_string())
        .collect();
    assert_eq!(ids.len(), 100);
    assert_eq!(sale.counts("a").await, (100, 0, 100, 0));
}

#[tokio::test]
async fn carts_that_overlap_never_oversell() {
    let sale = Sale::open(&[("a", 30), ("b", 20), ("c", 10)]).await;
    let views = [&sale, &sale.elsewhere()];
    let carts = [vec![("a", 1), ("b", 1)], vec![("b", 1), ("c", 1)], vec![("c", 1), ("a", 1)]];
    let calls = (0..150).map(|n| {
        let (customer, cart) = (format!("c-{n}"), &carts[n % 3]);
        async move { views[n % 2].reserve(&customer, cart).send().await }
    });
    let replies = join_all(calls).await;
    let held: Vec<&Value> =
        replies.iter().filter(|reply| reply.status == 201).map(|reply| &reply.body).collect();
    for (sku, total) in [("a", 30), ("b", 20), ("c", 10)] {
        let wanted = |held: &&&Value| held["lines"].to_string().contains(&format!("\"{sku}\""));
        let units = i64::try_from(held.iter().filter(wanted).count()).expect("a count");
        assert_eq!(sale.counts(sku).await, (total, total - units, units, 0));
    }
    // Whoever was refused was refused for a reason that holds in the end as well.
    assert!(held.len() >= 20, "{:?}", tally(&replies));
}

#[tokio::test]
async fn one_customer_never_passes_a_limit() {
    let settings = json!({ "limit_per_customer": 2 });
    let sale = Sale::with(settings, &[("a", 100)]).await;
    let views = [&sale, &sale.elsewhere()];
    let calls = (0..50).map(|n| async move { views[n % 2].reserve("c", &[("a", 1)]).send().await });
    let replies = join_all(calls).await;
    assert_eq!(tally(&replies), counted(&[("201 ok", 2), ("409 limit_exceeded", 48)]));
    assert_eq!(sale.counts("a").await, (100, 98, 2, 0));
}

#[tokio::test]
async fn a_hundred_calls_with_one_key_are_one_call() {
    let sale = Sale::open(&[("a", 1)]).await;
    let views = [&sale, &sale.elsewhere()];
    let calls = (0..100)
        .map(|n| async move { views[n % 2].reserve("c", &[("a", 1)]).key("k").send().await });
    let replies = join_all(calls).await;
    assert_eq!(tally(&replies), counted(&[("201 ok", 100)]));
    let firsts = replies.iter().filter(|reply| !reply.is_replayed()).count();
    assert_eq!(firsts, 1);
    for reply in &replies {
        assert_eq!(reply.body, replies[0].body);
        assert_eq!(reply.header("location"), replies[0].header("location"));
    }
    assert_eq!(sale.counts("a").await, (1, 0, 1, 0));
    let again = views[1].reserve("c", &[("a", 1)]).key("k").send().await;
    assert!(again.is_replayed());
    assert_eq!(again.ok(201), replies[0].body);
}

#[tokio::test]
async fn one_key_with_two_bodies_serves_one_of_them() {
    let sale = Sale::open(&[("a", 100)]).await;
    let calls = (0..40).map(|n| sale.reserve("c", &[("a", 1 + n % 2)]).key("k").send());
    let replies = join_all(calls).await;
    let expected = counted(&[("201 ok", 20), ("422 idempotency_key_reused", 20)]);
    assert_eq!(tally(&replies), expected);
    let (total, available, held, sold) = sale.counts("a").await;
    assert!(total == 100 && (1..=2).contains(&held) && available == 100 - held && sold == 0);
}

#[tokio::test]
async fn a_reservation_ends_once() {
    let sale = Sale::open(&[("a", 100)]).await;
    let other = sale.elsewhere();
    for round in 0..10 {
        let held = sale.held("c", &[("a", 2)]).await;
        let order = |n: i32| json!({ "order_id": format!("o-{n}") });
        let replies = join_all([
            sale.confirm(&held, order(1)).send(),
            other.release(&held).send(),
            other.confirm(&held, order(2)).send(),
            sale.release(&held).send(),
            sale.confirm(&held, order(1)).send(),
            other.release(&held).send(),
        ])
        .await;
        let end = sale.reservation(&held).await;
        for reply in &replies {
            match reply.status {
                200 => assert_eq!(reply.body, end, "round {round}"),
                409 => assert_eq!(reply.body["state"], end["state"], "round {round}"),
                other => panic!("{other}: {}", reply.body),
            }
        }
        assert!(replies.iter().any(|reply| reply.status == 200), "round {round}");
    }
    let (total, available, held, sold) = sale.counts("a").await;
    assert_eq!((total, available + sold, held), (100, 100, 0));
}

#[tokio::test]
async fn confirm_release_and_expiry_make_one_end() {
    let sale = Sale::open(&[("a", 60)]).await;
    let other = sale.elsewhere();
    let holds = join_all((0..20).map(|_| sale.held_for(1, "c", &[("a", 3)]))).await;
    let deadline: chrono::DateTime<chrono::Utc> =
        holds[0]["expires_at"].as_str().expect("a time").parse().expect("RFC 3339");
    // The calls begin just before the deadlines and go on beyond them.
    let ends = join_all(holds.iter().enumerate().map(|(n, held)| {
        let (sale, other) = (&sale, &other);
        async move {
            let early = i64::try_from(n).expect("a number") * 2 - 20;
            let wait = deadline - chrono::Utc::now() + chrono::TimeDelta::milliseconds(early);
            tokio::time::sleep(wait.to_std().unwrap_or_default()).await;
            let confirm = sale.confirm(held, json!({ "order_id": "o-1" })).send();
            tokio::join!(confirm, other.release(held).send())
        }
    }))
    .await;
    let mut sold = 0;
    for (held, (confirm, release)) in holds.iter().zip(&ends) {
        let end = sale.reservation(held).await;
        let state = end["state"].as_str().expect("a state");
        assert_eq!(confirm.status == 200, state == "confirmed", "{}", confirm.body);
        assert_eq!(release.status == 200, state == "released", "{}", release.body);
        for reply in [confirm, release].into_iter().filter(|reply| reply.status != 200) {
            assert_eq!((reply.status, &reply.body["state"]), (409, &json!(state)));
        }
        sold += if state == "confirmed" { 3 } else { 0 };
    }
    assert_eq!(sale.counts("a").await, (60, 60 - sold, 0, sold));
}

#[tokio::test]
async fn restocks_and_holds_at_once_come_out_even() {
    let sale = Sale::open(&[("a", 20)]).await;
    let other = sale.elsewhere();
    let holds = join_all((0..60).map(|n| {
        let view = if n % 2 == 0 { &sale } else { &other };
        let customer = format!("c-{n}");
        async move { view.reserve(&customer, &[("a", 1)]).send().await }
    }));
    let restocks = join_all((0..20).map(|n| {
        let quantity = if n % 2 == 0 { 2 } else { -1 };
        let key = format!("k-{n}");
        let view = if n % 3 == 0 { &sale } else { &other };
        async move { view.restock("a", json!({ "quantity": quantity })).key(&key).send().await }
    }));
    let (holds, restocks) = tokio::join!(holds, restocks);
    let mut total = 20;
    for (n, reply) in restocks.iter().enumerate() {
        match reply.status {
            200 => total += if n % 2 == 0 { 2 } else { -1 },
            409 => assert_eq!(reply.body["code"], "insufficient_available"),
            other => panic!("{other}: {}", reply.body),
        }
    }
    let held = holds.iter().filter(|reply| reply.status == 201).count();
    let held = i64::try_from(held).expect("a count");
    assert_eq!(sale.counts("a").await, (total, total - held, held, 0));
}
