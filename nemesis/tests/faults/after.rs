//! The life after a drop under faults: an erasure and an eviction that are cut off in the middle are
//! finished by others, or when they are asked for again.

use std::time::{Duration, Instant};

use dropgate::failpoint::Place;
use dropgate_nemesis::cluster::{Cluster, ClusterOptions, PATIENCE};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{answered, assert_well, resolve, until};

/// Whether a text stands in any value of the drop's keys.
async fn redis_has(cluster: &Cluster, drop: &str, text: &str) -> bool {
    let names = dropgate::store::DropKeys::new(&drop.parse().expect("an id")).all;
    for (name, command) in names.iter().zip([
        "HGETALL", "HGETALL", "HGETALL", "ZRANGE", "HGETALL", "HGETALL", "ZRANGE", "ZRANGE",
        "XRANGE",
    ]) {
        let words: &[&str] = match command {
            "ZRANGE" => &[command, name, "0", "-1"],
            "XRANGE" => &[command, name, "-", "+"],
            _ => &[command, name],
        };
        if format!("{:?}", cluster.redis(words).await).contains(text) {
            return true;
        }
    }
    false
}

async fn ledger_has(cluster: &Cluster, text: &str) -> bool {
    let sql = "SELECT EXISTS (SELECT FROM ledger t WHERE strpos(t::text, $1) > 0)
        OR EXISTS (SELECT FROM reservations t WHERE strpos(t::text, $1) > 0)
        OR EXISTS (SELECT FROM requests t WHERE strpos(t::text, $1) > 0)";
    let row = cluster.sql().await.expect("Postgres").query_one(sql, &[&text]).await;
    row.expect("an answer").get(0)
}

async fn erase(cluster: &Cluster, engine: usize, customer: &str) -> Option<(StatusCode, Value)> {
    let body = Some(json!({ "customer_id": customer }));
    let path = "/v1/admin/customers/erase";
    let reply = cluster.call(engine, Method::POST, path, None, body).await?;
    Some((reply.status, reply.body))
}

/// Engine 0 is killed at `place` of an erasure; engine 1 is asked to finish it.
async fn killed_at(place: Place) {
    let cluster = crate::start(2).await;
    let drop = "erased";
    cluster.drop_with(drop, 1_000, None).await;
    let customer = "erase-me-please";
    let id = resolve(&cluster, 0, drop, customer).await;
    let sold = cluster.act(0, drop, &id, "confirm", json!({ "order_id": "o" })).await;
    assert_eq!(sold.expect("an answer").status, StatusCode::OK);
    assert!(redis_has(&cluster, drop, customer).await && ledger_has(&cluster, customer).await);
    let first = &cluster.engines[0];
    first.orders(&format!("{} abort", place.name()));
    first.await_orders(PATIENCE).await.expect("it knows its orders");
    let asked = erase(&cluster, 0, customer).await;
    assert!(asked.is_none(), "it died: {asked:?}");
    first.await_end(PATIENCE).await.expect("it comes to the place");
    let since = Instant::now();
    until("it is finished", || async {
        erase(&cluster, 1, customer).await.is_some_and(|(status, _)| status == StatusCode::OK)
    })
    .await;
    println!("killed at {}: finished {:?} later", place.name(), since.elapsed());
    assert!(!redis_has(&cluster, drop, customer).await);
    assert!(!ledger_has(&cluster, customer).await);
    assert_well(&cluster, &[1], drop, place.name()).await;
    let state = cluster.state(1, drop, &id).await;
    assert_eq!(state.as_deref(), Some("confirmed"));
    first.orders("");
    first.restart(PATIENCE).await.expect("it starts again");
    cluster.assert_balanced(0, drop).await;
    cluster.assert_balanced(1, drop).await;
    assert!(!redis_has(&cluster, drop, customer).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_was_cut_off_is_finished() {
    tokio::join!(killed_at(Place::EraseAfterLedger), killed_at(Place::RebuildAfterBegin));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_eviction_that_was_cut_off_only_takes_longer() {
    let options = ClusterOptions {
        engine_env: vec![("DROPGATE_EVICT_AFTER_SECONDS".to_owned(), "1".to_owned())],
        ..crate::options()
    };
    let cluster = crate::start_with(options).await;
    let [first, second] = &cluster.engines[..] else { panic!("two engines") };
    cluster.drop_with("over", 10, None).await;
    let id = resolve(&cluster, 0, "over", "c").await;
    let sold = cluster.act(0, "over", &id, "confirm", json!({ "order_id": "o" })).await;
    assert_eq!(sold.expect("an answer").status, StatusCode::OK);
    let order = format!("{} abort", Place::EvictAfterLedger.name());
    first.orders(&order);
    first.await_orders(PATIENCE).await.expect("it knows its orders");
    second.freeze();
    let path = "/v1/admin/drops/over/close";
    let closed = cluster.call(0, Method::POST, path, None, Some(json!({}))).await;
    assert_eq!(closed.expect("an answer").status, StatusCode::OK);
    first.await_end(2 * PATIENCE).await.expect("it comes to the place");
    assert!(redis_has(&cluster, "over", "epoch").await, "what it left behind");
    second.thaw();
    // What is left takes nothing: the ledger is asked, and a call that needs Redis gets it anew.
    until("the other engine has heard", || async {
        let audit = cluster.audit(1, "over").await;
        audit.is_some_and(|audit| {
            audit.body["skus"][0]["redis"].is_null() && audit.body["balanced"] == true
        })
    })
    .await;
    let refused = answered(cluster.hold(1, "over", "d", Some("new"), None)).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::CONFLICT, "drop_closed"));
    let path = format!("/v1/admin/drops/over/reservations/{id}/return");
    let back = answered(cluster.call(1, Method::POST, &path, None, Some(json!({})))).await;
    assert_eq!(back.status, StatusCode::OK, "{back:?}");
    cluster.assert_balanced(1, "over").await;
    until("it leaves again", || async { !redis_has(&cluster, "over", "epoch").await }).await;
    first.orders("");
    first.restart(PATIENCE).await.expect("it starts again");
    tokio::time::sleep(Duration::from_millis(100)).await;
    let audit = cluster.audit(0, "over").await.expect("an answer");
    assert_eq!((audit.status, &audit.body["balanced"]), (StatusCode::OK, &json!(true)));
}
