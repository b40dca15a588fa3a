//! Redis damaged, rolled back, replaced or split: noticed before an answer rests on it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use dropgate::store::DropKeys;
use dropgate_nemesis::{
    cluster::{Cluster, PATIENCE, Reply},
    replica::Replica,
};
use futures_util::future::join_all;
use reqwest::StatusCode;

use crate::{
    load,
    support::{
        Stopwatch, answered, assert_unavailable, assert_well, held_and_sold, in_ledger, recorded,
        resolve, until, wipe,
    },
};

fn keys(drop: &str) -> [String; 9] {
    DropKeys::new(&drop.parse().expect("an id")).all
}

/// Puts something else in the place of a key, in one step.
async fn replace(cluster: &Cluster, key: &str, with: &[&str]) {
    const SCRIPT: &str = "redis.call('DEL', KEYS[1]) return redis.call(unpack(ARGV))";
    cluster.redis(&[&["EVAL", SCRIPT, "1", key], with].concat()).await;
}

/// Asserts that a 2xx is in the ledger, and that anything else says what it must.
async fn assert_honest(cluster: &Cluster, drop: &str, reply: &Reply) {
    if reply.status == StatusCode::CREATED {
        assert!(in_ledger(cluster, drop, reply.id()).await, "the ledger lacks {reply:?}");
    } else {
        assert_unavailable(reply);
    }
}

/// Damages a drop with one hold, and asserts that it heals and counts right.
async fn damage(cluster: &Cluster, drop: &str, key: &str, with: &[&str]) {
    cluster.drop_with(drop, 100, None).await;
    let first = resolve(cluster, 0, drop, "first").await;
    replace(cluster, key, with).await;
    let reply = answered(cluster.hold(1, drop, "second", Some("second"), None)).await;
    assert_honest(cluster, drop, &reply).await;
    let second = resolve(cluster, 1, drop, "second").await;
    assert!(reply.status != StatusCode::CREATED || reply.id() == second, "{drop}: {reply:?}");
    assert_eq!(resolve(cluster, 1, drop, "first").await, first, "{drop}");
    let audit = cluster.assert_balanced(0, drop).await;
    assert!(audit["epoch"].as_i64() > Some(1), "{drop} was rebuilt: {audit}");
    assert_eq!(held_and_sold(cluster, drop).await, (2, 0), "{drop}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_lost_what_was_in_it_is_noticed() {
    let cluster = crate::start(2).await;
    let tests = (0..9).map(|at| {
        let cluster = &cluster;
        async move {
            let drop = format!("emptied-{at}");
            let key = &keys(&drop)[at];
            let shell: &[&str] = match at {
                3 | 6 | 7 => &["ZADD", key, "0", "x"],
                8 => &["XADD", key, "*", "x", "y"],
                _ => &["HSET", key, "x", "y"],
            };
            damage(cluster, &drop, key, shell).await;
        }
    });
    join_all(tests).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_another_type_is_noticed() {
    let cluster = crate::start(2).await;
    let tests = (0..9).map(|at| {
        let cluster = &cluster;
        async move {
            let drop = format!("type-{at}");
            let key = &keys(&drop)[at];
            damage(cluster, &drop, key, &["SET", key, "x"]).await;
        }
    });
    join_all(tests).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_whose_head_was_changed_is_noticed() {
    let cluster = crate::start(2).await;
    let changes: [(&str, &[&str]); 4] = [
        ("seq-back", &["HINCRBY", "meta", "seq", "-1"]),
        ("seq-ahead", &["HINCRBY", "meta", "seq", "5"]),
        ("chain", &["HSET", "meta", "chain", "a-fork"]),
        ("epoch-back", &["HINCRBY", "meta", "epoch", "-1"]),
    ];
    let tests = changes.into_iter().map(|(drop, change)| {
        let cluster = &cluster;
        async move {
            cluster.drop_with(drop, 100, None).await;
            let first = resolve(cluster, 0, drop, "first").await;
            let meta = &keys(drop)[0];
            let words: Vec<&str> =
                change.iter().map(|word| if *word == "meta" { meta } else { *word }).collect();
            cluster.redis(&words).await;
            let reply = answered(cluster.hold(1, drop, "second", Some("second"), None)).await;
            assert_honest(cluster, drop, &reply).await;
            resolve(cluster, 1, drop, "second").await;
            assert_eq!(resolve(cluster, 0, drop, "first").await, first, "{drop}");
            let audit = cluster.assert_balanced(0, drop).await;
            assert!(audit["epoch"].as_i64() > Some(1), "{drop} was rebuilt: {audit}");
            assert_eq!(held_and_sold(cluster, drop).await, (2, 0), "{drop}");
        }
    });
    join_all(tests).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_that_vanish_before_they_are_durable_are_told_to_nobody() {
    let cluster = Arc::new(crate::start(2).await);
    let ways: [(&str, &[&str]); 3] = [
        ("trimmed", &["XTRIM", "journal", "MAXLEN", "0"]),
        ("deleted", &["DEL", "journal"]),
        ("renamed", &["RENAME", "journal", "elsewhere"]),
    ];
    for (drop, way) in ways {
        cluster.drop_with(drop, 100, None).await;
        let names = keys(drop);
        let elsewhere = format!("{}-elsewhere", names[8]);
        for engine in &cluster.engines {
            engine.orders("write_behind.after_read sleep 500");
            engine.await_orders(PATIENCE).await.expect("the orders are in force");
        }
        let hold = |customer: &'static str| {
            let cluster = Arc::clone(&cluster);
            tokio::spawn(async move {
                answered(cluster.hold(0, drop, customer, Some(customer), None)).await
            })
        };
        // The first is read by a write-behind, which then sleeps; the second stands behind it.
        let sleeps = || cluster.engines.iter().map(|engine| engine.done().len()).sum::<usize>();
        let before = sleeps();
        let first = hold("first");
        until("a write-behind sleeps", || async { sleeps() > before }).await;
        let second = hold("second");
        until("both are in Redis", || async {
            let stock = cluster.redis(&["HGET", &names[1], "s"]).await;
            redis::from_redis_value::<String>(stock).expect("counts").starts_with("98 2 ")
        })
        .await;
        let words: Vec<&str> = way
            .iter()
            .map(|word| match *word {
                "journal" => &names[8],
                "elsewhere" => &elsewhere,
                word => word,
            })
            .collect();
        cluster.redis(&words).await;
        for engine in &cluster.engines {
            engine.orders("");
        }
        for (customer, reply) in [("first", first), ("second", second)] {
            let reply = reply.await.expect("a client");
            assert_honest(&cluster, drop, &reply).await;
            let id = resolve(&cluster, 1, drop, customer).await;
            assert!(reply.status != StatusCode::CREATED || reply.id() == id, "{drop}: {reply:?}");
        }
        cluster.assert_balanced(0, drop).await;
        assert_eq!(held_and_sold(&cluster, drop).await, (2, 0), "{drop}");
    }
    // And a server that comes back with nothing at all.
    let redis = cluster.servers.redis();
    redis.kill().await.expect("killed");
    std::fs::remove_dir_all(redis.dir().join("appendonlydir")).expect("removed");
    redis.restart().await.expect("restarted");
    for (drop, _) in ways {
        assert_well(&cluster, &[0, 1], drop, "an empty start").await;
        cluster.assert_balanced(0, drop).await;
        assert_eq!(held_and_sold(&cluster, drop).await, (4, 0), "{drop}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_replica_and_its_old_primary_at_once_sell_nothing_twice() {
    let cluster = Arc::new(crate::start(2).await);
    cluster.drop_with("split", 100_000, None).await;
    let replica = Replica::start(cluster.servers.redis()).await.expect("a replica");
    replica.await_sync(PATIENCE).await.expect("in sync");
    let (books, mut clients) = load::start(&cluster, "split", 8);
    load::let_win(&books, 50).await;
    replica.cut_link().await.expect("cut");
    load::let_win(&books, 100).await;
    // Engine 1 is sent to the new primary, which lacks a hundred; engine 0 stays with the old one.
    let before = recorded(&cluster, "split").await;
    replica.promote().await.expect("promoted");
    cluster.redis_proxies[1].retarget(replica.address());
    cluster.redis_proxies[1].reset_all();
    assert_well(&cluster, &[1], "split", "a stale replica was promoted").await;
    assert!(recorded(&cluster, "split").await.epoch > before.epoch, "it was rebuilt");
    // Both sides go on for a while: whatever they tell is in the books.
    let until = Instant::now() + Duration::from_secs(2);
    while Instant::now() < until {
        for engine in [0, 1] {
            let name = format!("split-{engine}-{:?}", until - Instant::now());
            let reply = answered(cluster.hold(engine, "split", &name, None, None)).await;
            assert_honest(&cluster, "split", &reply).await;
        }
    }
    cluster.redis_proxies[0].retarget(replica.address());
    cluster.redis_proxies[0].reset_all();
    assert_well(&cluster, &[0, 1], "split", "both were sent to one Redis").await;
    books.stop();
    while let Some(ended) = clients.join_next().await {
        ended.expect("a client");
    }
    cluster.assert_balanced(0, "split").await;
    cluster.assert_balanced(1, "split").await;
    load::assert_kept(&cluster, "split", &books).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_drops_trouble_is_not_anothers() {
    let cluster = crate::start(2).await;
    cluster.drop_with("sick", 100, None).await;
    cluster.drop_with("healthy", 100_000, None).await;
    resolve(&cluster, 0, "sick", "before").await;
    for engine in &cluster.engines {
        engine.orders("rebuild.after_fence sleep 2500");
    }
    let fenced = || cluster.engines.iter().any(|engine| !engine.done().is_empty());
    let mut slowest = Duration::ZERO;
    let mut sold = 0;
    let sell = async {
        // As long as the other is being rebuilt.
        while recorded(&cluster, "sick").await.epoch == 1 || sold < 100 {
            for engine in [0, 1] {
                let watch = Stopwatch::start();
                let name = format!("c-{sold}-{engine}");
                let reply = answered(cluster.hold(engine, "healthy", &name, None, None)).await;
                assert_eq!(reply.status, StatusCode::CREATED, "{reply:?}");
                let took = watch.assert_within(Duration::from_secs(1), || format!("{reply:?}"));
                slowest = slowest.max(took);
            }
            sold += 2;
        }
    };
    let suffer = async {
        while !fenced() {
            wipe(&cluster, "sick").await;
            let reply = answered(cluster.hold(0, "sick", "c", Some("c"), None)).await;
            assert_honest(&cluster, "sick", &reply).await;
        }
    };
    tokio::join!(sell, suffer);
    println!("beside a drop in trouble, {sold} holds took at most {slowest:?}");
    for engine in &cluster.engines {
        engine.orders("");
    }
    assert_well(&cluster, &[0, 1], "sick", "its rebuild was held up").await;
    cluster.assert_balanced(0, "sick").await;
    cluster.assert_balanced(1, "healthy").await;
}
