//! Answers that never come: of Postgres to a COMMIT, of either server in the middle of a message,
//! of an engine to a client that has hung up.

use std::{sync::Arc, time::Duration};

use dropgate_nemesis::cluster::{Cluster, STOREFRONT};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use reqwest::StatusCode;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

use crate::{
    load,
    support::{Stopwatch, answered, assert_well, held_and_sold, recorded, resolve, until},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_happened_once() {
    let cluster = crate::start(2).await;
    cluster.drop_with("commit", 1_000, None).await;
    // Or it would commit in engine 0's stead.
    cluster.engines[1].freeze();
    for round in 0..10 {
        let name = format!("lost-commit-{round}");
        // The customer's name is in the batch, and in nothing else that Postgres is told.
        cluster.postgres_proxies[0].lose_answer_to(name.as_str());
        let reply = answered(cluster.hold(0, "commit", &name, Some(&name), None)).await;
        assert!(cluster.postgres_proxies[0].is_done(), "the answer was lost");
        // The ledger itself told what happened.
        assert_eq!(reply.status, StatusCode::CREATED, "{reply:?}");
        assert_eq!(resolve(&cluster, 0, "commit", &name).await, reply.id());
    }
    cluster.engines[1].thaw();
    cluster.assert_balanced(1, "commit").await;
    assert_eq!(held_and_sold(&cluster, "commit").await, (10, 0));
    assert_eq!(recorded(&cluster, "commit").await.holds, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_whose_answer_is_lost_happened_once() {
    let cluster = crate::start(2).await;
    cluster.drop_with("script", 1_000, None).await;
    for round in 0..10 {
        let name = format!("lost-script-{round}");
        cluster.redis_proxies[0].lose_answer_to(name.as_str());
        let reply = answered(cluster.hold(0, "script", &name, Some(&name), None)).await;
        assert!(cluster.redis_proxies[0].is_done(), "the answer was lost");
        if reply.status != StatusCode::CREATED {
            assert_eq!(crate::support::assert_unavailable(&reply), "unknown");
        }
        let id = resolve(&cluster, 1, "script", &name).await;
        assert_eq!(resolve(&cluster, 0, "script", &name).await, id);
    }
    cluster.assert_balanced(1, "script").await;
    assert_eq!(held_and_sold(&cluster, "script").await, (10, 0));
    assert_eq!(recorded(&cluster, "script").await.holds, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_break_inside_an_answer_lose_nothing() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut dice = StdRng::seed_from_u64(seed);
    let cluster = Arc::new(crate::start(2).await);
    cluster.drop_with("broken", 100_000, None).await;
    let (books, mut clients) = load::start(&cluster, "broken", 8);
    for _ in 0..40 {
        let engine = dice.random_range(0..2);
        let proxies = [&cluster.redis_proxies, &cluster.postgres_proxies];
        proxies[dice.random_range(0..2)][engine].reset_after(dice.random_range(0..2_000));
        load::let_win(&books, 5).await;
    }
    books.stop();
    while let Some(ended) = clients.join_next().await {
        ended.expect("a client");
    }
    cluster.assert_balanced(0, "broken").await;
    load::assert_kept(&cluster, "broken", &books).await;
    assert_eq!(books.unknown.load(std::sync::atomic::Ordering::Relaxed), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_ended_by_the_servers_lose_nothing() {
    let cluster = Arc::new(crate::start(2).await);
    cluster.drop_with("ended", 100_000, None).await;
    let (books, mut clients) = load::start(&cluster, "ended", 8);
    let sql = cluster.sql().await.expect("a connection");
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'dropgate'";
    for _ in 0..20 {
        load::let_win(&books, 5).await;
        cluster.redis(&["CLIENT", "KILL", "SKIPME", "yes"]).await;
        load::let_win(&books, 5).await;
        sql.query(end, &[]).await.expect("ended");
    }
    books.stop();
    while let Some(ended) = clients.join_next().await {
        ended.expect("a client");
    }
    assert_well(&cluster, &[0, 1], "ended", "connections that were ended").await;
    let audit = cluster.assert_balanced(0, "ended").await;
    assert_eq!(audit["epoch"], 1, "nothing had to be rebuilt");
    load::assert_kept(&cluster, "ended", &books).await;
    assert_eq!(books.unknown.load(std::sync::atomic::Ordering::Relaxed), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn news_that_are_lost_only_cost_time() {
    let cluster = crate::start(2).await;
    cluster.drop_with("news", 1_000, None).await;
    for round in 1..=10 {
        cluster.redis(&["CLIENT", "KILL", "TYPE", "pubsub"]).await;
        resolve(&cluster, 0, "news", &format!("c-{round}")).await;
        let watch = Stopwatch::start();
        until("the other engine shows it", || async {
            cluster.available(1, "news").await == Some(1_000 - round)
        })
        .await;
        watch.assert_within(Duration::from_secs(2), || "the look at the drop".to_owned());
    }
    cluster.assert_balanced(1, "news").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_hang_up_anywhere_leave_nothing_stuck() {
    const CLIENTS: u64 = 8;
    const ROUNDS: u64 = 10;
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let cluster = Arc::new(crate::start(2).await);
    cluster.drop_with("gone", 1_000, None).await;
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let cluster = Arc::clone(&cluster);
        clients.spawn(async move {
            let mut dice = StdRng::seed_from_u64(seed.wrapping_add(client));
            for round in 0..ROUNDS {
                let name = format!("c-{client}-{round}");
                hang_up(&cluster, &name, &mut dice).await;
                let id = resolve(&cluster, 1, "gone", &name).await;
                assert_eq!(resolve(&cluster, 0, "gone", &name).await, id);
            }
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended.expect("a client");
    }
    cluster.assert_balanced(0, "gone").await;
    let all = i64::try_from(CLIENTS * ROUNDS).expect("few");
    assert_eq!(held_and_sold(&cluster, "gone").await, (all, 0));
    assert_eq!(recorded(&cluster, "gone").await.holds, all);
}

/// Sends a hold, or the beginning of one, and resets the connection at some moment.
async fn hang_up(cluster: &Cluster, name: &str, dice: &mut StdRng) {
    let body = format!(r#"{{"customer_id":"{name}","lines":[{{"sku":"s","quantity":1}}]}}"#);
    let request = format!(
        "POST /v1/drops/gone/reservations HTTP/1.1\r\nHost: dropgate\r\n\
         Authorization: Bearer {STOREFRONT}\r\nIdempotency-Key: {name}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let address = cluster.engines[0].address();
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.set_zero_linger().expect("a socket");
    // Half of them send all of it, and leave while the engine is at work or in its answer.
    let length = if dice.random() { request.len() } else { dice.random_range(0..request.len()) };
    stream.write_all(&request.as_bytes()[..length]).await.expect("written");
    match dice.random_range(0..3) {
        0 => {}
        1 => tokio::time::sleep(Duration::from_micros(dice.random_range(0..8_000))).await,
        _ => {
            let mut part = [0; 20];
            let some = tokio::time::timeout(Duration::from_millis(20), stream.read(&mut part));
            let _ = some.await;
        }
    }
}
