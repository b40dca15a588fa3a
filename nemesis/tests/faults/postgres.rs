//! Postgres frozen and killed.

use std::{sync::Arc, time::Duration};

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::{load, support::answered};

#[tokio::test(flavor = "multi_thread")]
async fn while_the_ledger_stands_still_nothing_new_is_taken_and_nothing_is_lost() {
    let cluster = Arc::new(crate::start(2).await);
    cluster.drop_with("still", 3, None).await;
    cluster.drop_with("gone", 1, None).await;
    assert_eq!(cluster.hold(0, "gone", "c", None, None).await.expect("it").status, 201);
    assert_eq!(cluster.available(0, "still").await, Some(3));
    let shown = json!({ "details": { "colour": "red" } });
    let page = "/v1/drops/gone/skus/s";
    let path = "/v1/admin/drops/gone/skus/s";
    let put = cluster.call(0, Method::PUT, path, None, Some(shown)).await.expect("an answer");
    assert_eq!(put.status, StatusCode::OK, "{put:?}");
    let seen = cluster.call(0, Method::GET, page, None, None).await.expect("an answer");
    assert_eq!(seen.body["details"]["colour"], "red");
    cluster.servers.postgres().freeze();
    // What is under way when it happens gets an answer within the bound.
    let first = answered(cluster.hold(0, "still", "c-1", Some("k-1"), None)).await;
    assert_eq!(first.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!((first.code(), &first.body["outcome"]), ("unavailable", &"unknown".into()));
    // By now the ledger has stood still for longer than a second: nothing new is taken.
    let second = cluster.hold(0, "still", "c-2", None, None).await.expect("an answer");
    assert_eq!(second.status, StatusCode::SERVICE_UNAVAILABLE, "{second:?}");
    assert_eq!(second.body["outcome"], "none");
    let redis = cluster.redis(&["HGET", "dg:{still}:stock", "s"]).await;
    let counts: String = redis::from_redis_value(redis).expect("counts");
    assert!(counts.starts_with("2 1 0 "), "only the first took a unit: {counts}");
    // Refusals and reads go on.
    let refused = cluster.hold(0, "gone", "c-3", None, None).await.expect("an answer");
    assert_eq!((refused.status, refused.code()), (StatusCode::CONFLICT, "sold_out"));
    let seen = cluster.call(0, Method::GET, page, None, None).await.expect("an answer");
    assert_eq!(
        (&seen.body["available"], &seen.body["details"]["colour"]),
        (&0.into(), &"red".into())
    );
    assert_eq!(cluster.available(0, "still").await, Some(3));
    cluster.servers.postgres().thaw();
    // Everything drains without a hand on it, and the same key tells what happened.
    cluster.until_held(1, "still").await;
    let again = cluster.hold(1, "still", "c-1", Some("k-1"), None).await.expect("an answer");
    assert_eq!(again.status, StatusCode::CREATED, "{again:?}");
    cluster.assert_balanced(0, "still").await;
    let path = "/v1/drops/still/reservations?customer_id=c-1";
    let cart = cluster.call(1, Method::GET, path, None, None).await.expect("an answer");
    assert_eq!(cart.body["items"].as_array().map(Vec::len), Some(1), "{cart:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_postgres_comes_back_and_everything_drains() {
    let cluster = Arc::new(crate::start(2).await);
    cluster.drop_with("down", 100_000, None).await;
    let (books, mut clients) = load::start(&cluster, "down", 16);
    for _ in 0..2 {
        let goal = books.len() + 200;
        while books.len() < goal {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        cluster.servers.postgres().kill().await.expect("killed");
        cluster.servers.postgres().restart().await.expect("restarted");
        cluster.until_held(0, "down").await;
        cluster.until_held(1, "down").await;
    }
    books.stop();
    while let Some(ended) = clients.join_next().await {
        ended.expect("a client");
    }
    cluster.assert_balanced(0, "down").await;
    load::assert_kept(&cluster, "down", &books).await;
}
