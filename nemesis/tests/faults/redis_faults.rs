//! Redis wiped, damaged, rolled back and killed.

use std::sync::Arc;

use dropgate_nemesis::{
    cluster::{PATIENCE, Reply},
    proxy::Link,
    replica::{copy_redis, restore_redis},
};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::load;

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_redis_is_rebuilt_under_load() {
    let cluster = Arc::new(crate::start(2).await);
    cluster.drop_with("wiped", 100_000, None).await;
    let (books, mut clients) = load::start(&cluster, "wiped", 16);
    for _ in 0..4 {
        load::let_win(&books, 200).await;
        cluster.redis(&["FLUSHALL"]).await;
    }
    load::let_win(&books, 200).await;
    books.stop();
    while let Some(ended) = clients.join_next().await {
        ended.expect("a client");
    }
    let audit = cluster.assert_balanced(0, "wiped").await;
    assert!(audit["epoch"].as_i64() >= Some(5), "{audit}");
    load::assert_kept(&cluster, "wiped", &books).await;
    assert_eq!(books.unknown.load(std::sync::atomic::Ordering::Relaxed), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_lost_key_is_noticed_and_mended() {
    let cluster = crate::start(2).await;
    cluster.drop_with("keys", 1_000, None).await;
    let names = dropgate::store::DropKeys::new(&"keys".parse().expect("an id"));
    for name in &names.all {
        cluster.until_held(0, "keys").await;
        cluster.redis(&["DEL", name]).await;
        cluster.until_held(1, "keys").await;
        cluster.assert_balanced(0, "keys").await;
    }
    let audit = cluster.assert_balanced(1, "keys").await;
    let rebuilt = i64::try_from(names.all.len()).expect("few");
    assert!(audit["epoch"].as_i64() > Some(rebuilt), "each loss raised the epoch: {audit}");
    assert_eq!(audit["skus"][0]["redis"]["held"], 2 * rebuilt);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_rolled_back_to_an_older_copy_is_fenced_and_rebuilt() {
    let cluster = Arc::new(crate::start(2).await);
    cluster.drop_with("older", 100_000, None).await;
    let (books, mut clients) = load::start(&cluster, "older", 16);
    load::let_win(&books, 200).await;
    let redis = cluster.servers.redis();
    let copy = tempfile::tempdir().expect("a folder");
    for _ in 0..2 {
        let old = copy.path().join("old");
        copy_redis(redis, &old).expect("copied");
        load::let_win(&books, 300).await;
        restore_redis(redis, &old).await.expect("restored");
        load::let_win(&books, 100).await;
    }
    books.stop();
    while let Some(ended) = clients.join_next().await {
        ended.expect("a client");
    }
    let audit = cluster.assert_balanced(0, "older").await;
    assert!(audit["epoch"].as_i64() >= Some(3), "{audit}");
    load::assert_kept(&cluster, "older", &books).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_killed_and_started_again_loses_nothing() {
    let cluster = Arc::new(crate::start(2).await);
    cluster.drop_with("killed", 100_000, None).await;
    let (books, mut clients) = load::start(&cluster, "killed", 16);
    for _ in 0..3 {
        load::let_win(&books, 200).await;
        cluster.servers.redis().kill().await.expect("killed");
        cluster.servers.redis().restart().await.expect("restarted");
        cluster.until_held(1, "killed").await;
    }
    books.stop();
    while let Some(ended) = clients.join_next().await {
        ended.expect("a client");
    }
    cluster.assert_balanced(1, "killed").await;
    load::assert_kept(&cluster, "killed", &books).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_answered_from_redis_may_vanish_with_it_and_only_that() {
    let mut cluster = crate::start(0).await;
    cluster.add_engine(&[("DROPGATE_HOLD_ACK", "redis")]).await.expect("an engine");
    cluster.drop_with("early", 3, Some(1)).await;
    let kept = cluster.hold(0, "early", "c-1", None, None).await.expect("an answer");
    assert_eq!(kept.status, StatusCode::CREATED, "{kept:?}");
    let path = |reply: &Reply, verb: &str| {
        format!("/v1/drops/early/reservations/{}{verb}", reply.body["id"].as_str().expect("an id"))
    };
    // Its own holder can read it at once.
    let read = cluster.call(0, Method::GET, &path(&kept, ""), None, None).await;
    assert_eq!(read.expect("an answer").status, StatusCode::OK);
    cluster.assert_balanced(0, "early").await;
    // The engine has read its journal up to here and would bring it to the ledger by itself; it dies
    // before it can.
    cluster.postgres_proxies[0].set(Link::Cut);
    let lost = cluster.hold(0, "early", "c-2", None, None).await.expect("an answer");
    assert_eq!(lost.status, StatusCode::CREATED, "{lost:?}");
    cluster.engines[0].kill();
    cluster.redis(&["FLUSHALL"]).await;
    cluster.postgres_proxies[0].set(Link::Fine);
    cluster.engines[0].restart(PATIENCE).await.expect("it starts again");
    let order = Some(json!({ "order_id": "o-2" }));
    let confirm = cluster.call(0, Method::POST, &path(&lost, "/confirm"), None, order).await;
    let confirm = confirm.expect("an answer");
    assert_eq!((confirm.status, confirm.code()), (StatusCode::NOT_FOUND, "unknown_reservation"));
    let order = Some(json!({ "order_id": "o-1" }));
    let confirm = cluster.call(0, Method::POST, &path(&kept, "/confirm"), None, order).await;
    assert_eq!(confirm.expect("an answer").status, StatusCode::OK);
    // Limits and stock hold all the same.
    let over = cluster.hold(0, "early", "c-1", None, None).await.expect("an answer");
    assert_eq!(over.code(), "limit_exceeded");
    for customer in ["c-3", "c-4"] {
        let held = cluster.hold(0, "early", customer, None, None).await.expect("an answer");
        assert_eq!(held.status, StatusCode::CREATED, "{held:?}");
    }
    let out = cluster.hold(0, "early", "c-5", None, None).await.expect("an answer");
    assert_eq!(out.code(), "sold_out");
    cluster.assert_balanced(0, "early").await;
}
