//! Postgres frozen, down, full, locked, without a free connection or out of reach.

use std::{sync::Arc, time::Duration};

use dropgate_nemesis::{
    cluster::{Cluster, ClusterOptions},
    proxy::{Link, Way},
};

use crate::{
    endure::{Sees, endure, endure_link},
    load,
    standing_still::limit_files,
    support::{assert_well, until},
};

const NOBODY_SELLS: [Sees; 2] = [Sees::Refuses, Sees::Refuses];

async fn frozen() {
    let cluster = crate::start(2).await;
    let postgres = cluster.servers.postgres();
    let (begin, end) = (async || postgres.freeze(), async || postgres.thaw());
    endure(&cluster, "Postgres frozen", NOBODY_SELLS, begin, end).await;
}

async fn down() {
    let cluster = crate::start(2).await;
    let postgres = cluster.servers.postgres();
    let kill = async || postgres.kill().await.expect("killed");
    let restart = async || postgres.restart().await.expect("restarted");
    endure(&cluster, "Postgres down", NOBODY_SELLS, kill, restart).await;
}

async fn stopped_in_good_order() {
    let cluster = crate::start(2).await;
    let postgres = cluster.servers.postgres();
    let stop = async || postgres.stop().await.expect("stopped");
    let restart = async || postgres.restart().await.expect("restarted");
    endure(&cluster, "Postgres stopped", NOBODY_SELLS, stop, restart).await;
}

/// A full disk makes Postgres panic; it can't recover either until there is room.
async fn disk_full() {
    let cluster = crate::start(2).await;
    let postgres = cluster.servers.postgres();
    let pid = postgres.pid().expect("it runs");
    if !limit_files(pid, "unlimited") {
        println!("SKIPPED: a full disk needs `prlimit` (util-linux), which can't be run here");
        return;
    }
    let begin = async || {
        family(pid).into_iter().for_each(|pid| {
            limit_files(pid, "1");
        });
        // Whoever writes next finds out.
        if let Ok(sql) = cluster.sql().await {
            let _ = sql.batch_execute("CREATE TABLE other AS SELECT generate_series(1, 9)").await;
        }
        until("it gives up", || async { postgres.pid().is_none() }).await;
    };
    let room = async || postgres.restart().await.expect("restarted");
    endure(&cluster, "Postgres without disk", NOBODY_SELLS, begin, room).await;
}

/// A process and its children.
fn family(pid: i32) -> Vec<i32> {
    let children = format!("/proc/{pid}/task/{pid}/children");
    let children = std::fs::read_to_string(children).unwrap_or_default();
    [pid]
        .into_iter()
        .chain(children.split_whitespace().filter_map(|pid| pid.parse().ok()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_is_frozen_down_or_full_is_waited_for() {
    tokio::join!(frozen(), down(), stopped_in_good_order(), disk_full());
}

/// As many connections as Postgres gives in the scene without any.
const CONNECTIONS: usize = 40;

async fn no_connection_left() {
    let postgres_settings = vec![("max_connections".to_owned(), CONNECTIONS.to_string())];
    let cluster = crate::start_with(ClusterOptions { postgres_settings, ..crate::options() }).await;
    let taken = std::sync::Mutex::new(Vec::new());
    let begin = async || {
        let first = cluster.sql().await.expect("a connection");
        until("others have every connection", || async {
            let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE application_name = 'dropgate'";
            first.query(end, &[]).await.expect("an answer");
            while let Ok(one) = cluster.sql().await {
                taken.lock().expect("a list").push(one);
            }
            // One that was ended is out of sight before its place is free: who counts only those
            // of the engines leaves them that place.
            taken.lock().expect("a list").len() + 1 == CONNECTIONS
        })
        .await;
        taken.lock().expect("a list").push(first);
    };
    let end = async || {
        let taken = std::mem::take(&mut *taken.lock().expect("a list"));
        drop(taken);
        until("there are connections", || async { cluster.sql().await.is_ok() }).await;
    };
    endure(&cluster, "no connection left", NOBODY_SELLS, begin, end).await;
}

async fn locked() {
    let cluster = crate::start(2).await;
    let sql = cluster.sql().await.expect("a connection");
    let begin = async || {
        let lock = "BEGIN; SELECT 1 FROM drops FOR UPDATE";
        sql.batch_execute(lock).await.expect("locked");
    };
    let end = async || sql.batch_execute("COMMIT").await.expect("unlocked");
    endure(&cluster, "drops locked", NOBODY_SELLS, begin, end).await;
}

async fn link(fault: &str, seen: [Sees; 2], engines: &[usize], link: Link) {
    endure_link(fault, seen, |cluster| &cluster.postgres_proxies, engines, link).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_lets_nobody_in_is_waited_for() {
    let not_heard = Link::Held(Way::ToClient);
    // One that can't write is told of its holds by the other, which can.
    let alone = [Sees::Either, Sees::Sells];
    let slow = [Sees::Sells, Sees::Sells];
    let late = Link::Delayed(Way::Both, Duration::from_millis(50));
    tokio::join!(
        no_connection_left(),
        locked(),
        link("one cut off from Postgres", alone, &[0], Link::Held(Way::Both)),
        // Its commits arrive later, when others have written the same.
        link("one late at Postgres", alone, &[0], Link::Held(Way::ToServer)),
        link("Postgres not heard", NOBODY_SELLS, &[0, 1], not_heard),
        link("Postgres refuses", NOBODY_SELLS, &[0, 1], Link::Cut),
        link("Postgres far away", slow, &[0, 1], late),
    );
}

/// Locks in the reverse order of a commit: first the stock, then the drop. Postgres ends one of
/// the two, and here it is the engine's.
async fn deadlock(cluster: &Cluster) {
    let sql = cluster.sql().await.expect("a connection");
    // Whoever has waited so long looks for a deadlock, and is ended if there is one.
    sql.batch_execute("SET deadlock_timeout = '20s'; BEGIN").await.expect("begun");
    let stock = "SELECT 1 FROM stock WHERE drop_id = 'deadlock' FOR UPDATE";
    sql.query(stock, &[]).await.expect("locked");
    let waiting = "SELECT 1 FROM pg_stat_activity
        WHERE application_name = 'dropgate' AND wait_event_type = 'Lock' LIMIT 1";
    until("a commit waits for the stock", || async {
        cluster.sql().await.expect("it").query_opt(waiting, &[]).await.expect("it").is_some()
    })
    .await;
    let lock = "SELECT 1 FROM drops WHERE id = 'deadlock' FOR UPDATE";
    sql.query(lock, &[]).await.expect("locked");
    sql.batch_execute("COMMIT").await.expect("done");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_was_ended_by_a_deadlock_is_written_again() {
    let cluster = Arc::new(crate::start(2).await);
    cluster.drop_with("deadlock", 100_000, None).await;
    let (books, mut clients) = load::start(&cluster, "deadlock", 8);
    for _ in 0..2 {
        load::let_win(&books, 50).await;
        tokio::time::timeout(Duration::from_secs(10), deadlock(&cluster)).await.expect("in time");
    }
    load::let_win(&books, 50).await;
    books.stop();
    while let Some(ended) = clients.join_next().await {
        ended.expect("a client");
    }
    let log = cluster.servers.postgres().dir().join("postgres.log");
    let log = std::fs::read_to_string(log).expect("a log");
    assert!(log.matches("deadlock detected").count() >= 2, "{log}");
    assert_well(&cluster, &[0, 1], "deadlock", "deadlocks").await;
    let audit = cluster.assert_balanced(0, "deadlock").await;
    assert_eq!(audit["epoch"], 1, "nothing had to be rebuilt");
    load::assert_kept(&cluster, "deadlock", &books).await;
    assert_eq!(books.unknown.load(std::sync::atomic::Ordering::Relaxed), 0);
}
