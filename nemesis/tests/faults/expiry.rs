//! Holds that come due: one, and ten thousand at once.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use dropgate_nemesis::cluster::{Cluster, PATIENCE};
use reqwest::StatusCode;
use tokio::task::JoinSet;

async fn until_free(cluster: &Cluster, engine: usize, drop: &str, units: i64) {
    let since = Instant::now();
    while cluster.available(engine, drop).await != Some(units) {
        assert!(since.elapsed() < PATIENCE, "{:?}", cluster.available(engine, drop).await);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_came_due_is_free_again_and_stands_in_nobodys_way() {
    let cluster = crate::start(2).await;
    cluster.drop_with("due", 1, Some(1)).await;
    let held = cluster.hold(0, "due", "c", None, Some(1)).await.expect("an answer");
    assert_eq!(held.status, StatusCode::CREATED);
    until_free(&cluster, 1, "due", 1).await;
    // The same customer, whose limit the old hold used up.
    let again = cluster.hold(1, "due", "c", None, Some(1)).await.expect("an answer");
    assert_eq!(again.status, StatusCode::CREATED, "{again:?}");
    cluster.assert_balanced(0, "due").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_holds_that_come_due_at_once_are_all_freed() {
    let cluster = Arc::new(crate::start(2).await);
    cluster.drop_with("flood", 10_000, None).await;
    let mut clients = JoinSet::new();
    for client in 0..100 {
        let cluster = Arc::clone(&cluster);
        clients.spawn(async move {
            for round in 0..100 {
                let name = format!("c-{client}-{round}");
                // All end within a moment of each other, whenever each was made.
                let reply = cluster.hold(client % 2, "flood", &name, None, Some(50)).await;
                assert_eq!(reply.expect("an answer").status, StatusCode::CREATED);
            }
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended.expect("a client");
    }
    // Half of them were held through the other engine, whose news may still be on its way.
    until_free(&cluster, 0, "flood", 0).await;
    assert_few_keys_and_calls(&cluster).await;
    // The drop's clock is moved past every deadline: all are due at once.
    cluster.redis(&["HSET", "dg:{flood}:meta", "skew_ms", "60000"]).await;
    let since = Instant::now();
    until_free(&cluster, 0, "flood", 10_000).await;
    println!("10,000 holds due at once were free after {:?}", since.elapsed());
    let audit = cluster.assert_balanced(1, "flood").await;
    assert_eq!(audit["skus"][0]["ledger"]["held"], 0);
}

/// Whatever the number of holds, a drop has its fixed keys, and calls share script calls.
async fn assert_few_keys_and_calls(cluster: &Cluster) {
    let keys = cluster.redis(&["KEYS", "*"]).await;
    let keys: Vec<String> = redis::from_redis_value(keys).expect("keys");
    assert!(keys.len() <= 10, "{keys:?}");
    assert!(keys.iter().all(|key| key.starts_with("dg:{flood}:")), "{keys:?}");
    let stats = cluster.redis(&["INFO", "commandstats"]).await;
    let stats: String = redis::from_redis_value(stats).expect("text");
    let calls = stats.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:calls="));
    let calls: u64 = calls.expect("calls").split(',').next().expect("a count").parse().expect("it");
    assert!(calls < 8_000, "10,000 holds took {calls} script calls");
}
