//! Drops that share a transaction: one that fails is alone with it.

use std::sync::Arc;

use dropgate_nemesis::cluster::{Cluster, Reply};
use reqwest::StatusCode;
use tokio::task::JoinHandle;

use crate::support::{answered, assert_unavailable, resolve, until};

/// Calls a hold of each drop while no transaction can end, and lets them end when Redis has all.
async fn hold_at_once(cluster: &Arc<Cluster>, drops: &[String]) -> Vec<JoinHandle<Reply>> {
    hold_at_once_and_again(cluster, drops, &["k"]).await
}

/// The same, with a hold for each of these customers, one behind the other.
async fn hold_at_once_and_again(
    cluster: &Arc<Cluster>,
    drops: &[String],
    customers: &[&'static str],
) -> Vec<JoinHandle<Reply>> {
    let mut sql = cluster.sql().await.expect("Postgres");
    let barrier = sql.transaction().await.expect("a transaction");
    barrier.batch_execute("LOCK TABLE entries IN ACCESS EXCLUSIVE MODE").await.expect("locked");
    let mut calls = Vec::new();
    for (held, customer) in (1..).zip(customers) {
        for drop in drops {
            let (cluster, drop, customer) = (Arc::clone(cluster), drop.clone(), *customer);
            calls.push(tokio::spawn(async move {
                answered(cluster.hold(0, &drop, customer, Some(customer), None)).await
            }));
        }
        for drop in drops {
            until("Redis has it", || async {
                let stock = cluster.redis(&["HGET", &format!("dg:{{{drop}}}:stock"), "s"]).await;
                let counts = redis::from_redis_value::<String>(stock).expect("counts");
                counts.starts_with(&format!("{} {held} 0 ", 10 - held))
            })
            .await;
        }
    }
    barrier.commit().await.expect("unlocked");
    calls
}

async fn drops(cluster: &Cluster, names: impl Iterator<Item = String>) -> Vec<String> {
    let names: Vec<String> = names.collect();
    for name in &names {
        cluster.drop_with(name, 10, None).await;
    }
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn drops_that_wait_share_a_transaction() {
    let cluster = Arc::new(crate::start(1).await);
    let drops = drops(&cluster, (0..24).map(|n| format!("drop-{n}"))).await;
    for call in hold_at_once(&cluster, &drops).await {
        let reply = call.await.expect("an answer");
        assert_eq!(reply.status, StatusCode::CREATED, "{reply:?}");
    }
    let count = "SELECT count(*), count(DISTINCT xmin::text) FROM ledger WHERE kind = 'held'";
    let row = cluster.sql().await.expect("Postgres").query_one(count, &[]).await.expect("counts");
    let (holds, transactions): (i64, i64) = (row.get(0), row.get(1));
    println!("{holds} holds of as many drops in {transactions} transactions");
    assert_eq!(holds, 24);
    assert!(transactions < 12, "{transactions}");
    for drop in &drops {
        cluster.assert_balanced(0, drop).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn seals_fit_where_drops_with_several_entries_share_a_transaction() {
    let cluster = Arc::new(crate::start(1).await);
    let drops = drops(&cluster, (0..16).map(|n| format!("drop-{n}"))).await;
    for call in hold_at_once_and_again(&cluster, &drops, &["a", "b", "c"]).await {
        let reply = call.await.expect("an answer");
        assert_eq!(reply.status, StatusCode::CREATED, "{reply:?}");
    }
    let shared = "SELECT count(*), COALESCE(max(drops), 0), COALESCE(max(entries), 0) FROM (
        SELECT count(DISTINCT drop_id) AS drops, count(*) AS entries FROM entries GROUP BY xmin::text
        HAVING count(DISTINCT drop_id) > 1 AND count(*) > count(DISTINCT drop_id)) AS t";
    let sql = cluster.sql().await.expect("Postgres");
    let row = sql.query_one(shared, &[]).await.expect("counts");
    let shared: [i64; 3] = [0, 1, 2].map(|at| row.get(at));
    println!("transactions of several drops, one with several entries; drops, entries: {shared:?}");
    assert!(shared[0] > 0);
    let folder = tempfile::tempdir().expect("a folder");
    for drop in &drops {
        cluster.assert_balanced(0, drop).await;
        let file = folder.path().join(drop);
        let path = file.to_str().expect("UTF-8");
        for arguments in [["export", drop, "--out", path].as_slice(), &["export", "--check", path]]
        {
            let ended = cluster.engines[0].command(arguments).status().expect("it ends");
            assert!(ended.success(), "{arguments:?}: {ended}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drop_that_fails_or_waits_is_alone_with_it() {
    let cluster = Arc::new(crate::start(1).await);
    let names = (0..8).map(|n| format!("drop-{n}")).chain(["refused", "waits"].map(String::from));
    let drops = drops(&cluster, names).await;
    let mut sql = cluster.sql().await.expect("Postgres");
    // The ledger has fewer units than Redis gives: no commit of this drop can be right.
    let spoil = "UPDATE stock SET total = 0, available = 0 WHERE drop_id = 'refused'";
    sql.batch_execute(spoil).await.expect("spoilt");
    let lock = sql.transaction().await.expect("a transaction");
    lock.batch_execute("SELECT FROM drops WHERE id = 'waits' FOR UPDATE").await.expect("locked");
    let mut calls = hold_at_once(&cluster, &drops).await;
    let waits = calls.pop().expect("a call");
    let refused = calls.pop().expect("a call");
    for call in calls {
        let reply = call.await.expect("an answer");
        assert_eq!(reply.status, StatusCode::CREATED, "{reply:?}");
    }
    assert_unavailable(&refused.await.expect("an answer"));
    lock.rollback().await.expect("unlocked");
    let reply = waits.await.expect("an answer");
    if reply.status != StatusCode::CREATED {
        assert_eq!(assert_unavailable(&reply), "unknown");
    }
    resolve(&cluster, 0, "waits", "k").await;
    cluster.assert_balanced(0, "waits").await;
}
