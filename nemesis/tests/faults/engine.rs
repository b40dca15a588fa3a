//! Engines killed, and news between engines.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use dropgate_nemesis::cluster::{Cluster, PATIENCE, STOREFRONT};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::load;

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_engine_left_is_carried_on_by_the_other() {
    let mut cluster = crate::start(3).await;
    cluster.drop_with("orphan", 100_000, None).await;
    // The one that is killed is not among those that clients speak to later.
    let victim = cluster.engines.pop().expect("an engine");
    let cluster = Arc::new(cluster);
    let (books, mut clients) = load::start(&cluster, "orphan", 12);
    let holds = async {
        let body = json!({ "customer_id": "v", "lines": [{ "sku": "s", "quantity": 1 }] });
        let url = format!("{}/v1/drops/orphan/reservations", victim.url());
        let mut told = Vec::new();
        for _ in 0..50 {
            let call = cluster.client.post(&url).bearer_auth(STOREFRONT);
            let reply = call.json(&body).send().await.expect("an answer");
            assert_eq!(reply.status(), StatusCode::CREATED);
            told.push(reply.json::<serde_json::Value>().await.expect("a body"));
        }
        told
    };
    let told = holds.await;
    drop(victim);
    books.stop();
    while let Some(ended) = clients.join_next().await {
        ended.expect("a client");
    }
    cluster.assert_balanced(0, "orphan").await;
    load::assert_kept(&cluster, "orphan", &books).await;
    for reservation in told {
        let id = reservation["id"].as_str().expect("an id");
        let path = format!("/v1/drops/orphan/reservations/{id}");
        let kept = cluster.call(1, Method::GET, &path, None, None).await.expect("an answer");
        assert_eq!(kept.body["state"], "held", "{kept:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_engine_gives_back_the_other_can_hold_and_show() {
    let cluster = crate::start(2).await;
    cluster.drop_with("news", 1, None).await;
    for round in 0..20 {
        let held = cluster.hold(0, "news", &format!("a-{round}"), None, None).await;
        let held = held.expect("an answer");
        assert_eq!(held.status, StatusCode::CREATED, "{held:?}");
        let out = cluster.hold(1, "news", "b", None, None).await.expect("an answer");
        assert_eq!(out.code(), "sold_out");
        // News take some milliseconds: what it shows next must not be from before the hold.
        shows(&cluster, 1, 0).await;
        let id = held.body["id"].as_str().expect("an id");
        let path = format!("/v1/drops/news/reservations/{id}/release");
        let back = cluster.call(0, Method::POST, &path, None, None).await.expect("an answer");
        assert_eq!(back.status, StatusCode::OK, "{back:?}");
        assert_eq!(cluster.available(0, "news").await, Some(1), "at once where it was answered");
        shows(&cluster, 1, 1).await;
        let next = cluster.hold(1, "news", &format!("b-{round}"), None, None).await;
        let next = next.expect("an answer");
        assert_eq!(next.status, StatusCode::CREATED, "{next:?}");
        let id = next.body["id"].as_str().expect("an id");
        let path = format!("/v1/drops/news/reservations/{id}/release");
        cluster.call(1, Method::POST, &path, None, None).await.expect("an answer");
    }
    cluster.assert_balanced(0, "news").await;
}

/// Waits until an engine shows so many units of the drop `news`.
async fn shows(cluster: &Cluster, engine: usize, units: i64) {
    let since = Instant::now();
    while cluster.available(engine, "news").await != Some(units) {
        assert!(since.elapsed() < PATIENCE, "engine {engine} never shows {units}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_under_load_loses_no_answer() {
    let mut cluster = crate::start(2).await;
    cluster.drop_with("stop", 100_000, None).await;
    let stopped = cluster.engines.pop().expect("an engine");
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..16 {
        let (http, url) = (cluster.client.clone(), stopped.url().to_owned());
        clients.spawn(async move {
            let body = json!({
                "customer_id": format!("c-{client}"), "lines": [{ "sku": "s", "quantity": 1 }],
            });
            let mut told = 0;
            let url = format!("{url}/v1/drops/stop/reservations");
            let call = || http.post(&url).bearer_auth(STOREFRONT).json(&body).send();
            // Ends with the connection, when the engine has stopped.
            while let Ok(reply) = call().await {
                told += i64::from(reply.status() == StatusCode::CREATED);
            }
            told
        });
    }
    let since = Instant::now();
    while cluster.available(0, "stop").await.is_none_or(|units| units > 99_800) {
        assert!(since.elapsed() < PATIENCE, "no load");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stopped.terminate();
    let ended = stopped.await_end(Duration::from_secs(10)).await;
    assert!(ended.expect("it ends within ten seconds").success());
    let mut told = 0;
    while let Some(client) = clients.join_next().await {
        told += client.expect("a client");
    }
    let audit = cluster.assert_balanced(0, "stop").await;
    let held = audit["skus"][0]["ledger"]["held"].as_i64().expect("a count");
    assert!(held >= told, "told {told}, the ledger has {held}");
}
