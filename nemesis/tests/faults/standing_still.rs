//! Redis full, frozen, busy, read-only, forgetful or out of reach.

use std::{
    os::unix::{fs::MetadataExt as _, process::CommandExt as _},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use dropgate_nemesis::{
    cluster::{local, redis_at},
    proxy::{Link, Way},
};
use reqwest::StatusCode;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::{
    endure::{Sees, endure, endure_link},
    load,
    support::{answered, assert_unavailable, assert_well, held_and_sold, resolve, until, wipe},
};

const NOBODY_SELLS: [Sees; 2] = [Sees::Refuses, Sees::Refuses];

#[tokio::test(flavor = "multi_thread")]
async fn without_memory_nothing_new_is_taken_and_everything_else_goes_on() {
    let cluster = crate::start(2).await;
    cluster.drop_with("memory", 100, None).await;
    let confirmed = resolve(&cluster, 0, "memory", "confirmed").await;
    let released = resolve(&cluster, 0, "memory", "released").await;
    let due = cluster.hold(0, "memory", "due", None, Some(1)).await.expect("an answer");
    assert_eq!(due.status, StatusCode::CREATED, "{due:?}");
    cluster.redis(&["CONFIG", "SET", "maxmemory", "1"]).await;
    for engine in [0, 1] {
        let reply = answered(cluster.hold(engine, "memory", "c", None, None)).await;
        assert_eq!(assert_unavailable(&reply), "none");
    }
    let order = json!({ "order_id": "o" });
    let reply = answered(cluster.act(1, "memory", &confirmed, "confirm", order)).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    let reply = answered(cluster.act(0, "memory", &released, "release", json!({}))).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    // The released one, and the one that came due.
    until("it expires", || async { cluster.available(1, "memory").await == Some(99) }).await;
    let reply = answered(cluster.hold(0, "memory", "c", None, None)).await;
    assert_eq!(assert_unavailable(&reply), "none");
    cluster.assert_balanced(0, "memory").await;
    assert_eq!(held_and_sold(&cluster, "memory").await, (0, 1));
    // What is lost meanwhile is rebuilt meanwhile.
    wipe(&cluster, "memory").await;
    let order = json!({ "order_id": "o" });
    let reply = answered(cluster.act(0, "memory", &confirmed, "confirm", order)).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    cluster.redis(&["CONFIG", "SET", "maxmemory", "0"]).await;
    assert_well(&cluster, &[0, 1], "memory", "a lack of memory").await;
    let audit = cluster.assert_balanced(0, "memory").await;
    assert_eq!(audit["epoch"], 2, "rebuilt once, for it was lost once");
    assert_eq!(held_and_sold(&cluster, "memory").await, (2, 1));
}

async fn frozen() {
    let cluster = crate::start(2).await;
    let redis = cluster.servers.redis();
    endure(&cluster, "Redis frozen", NOBODY_SELLS, async || redis.freeze(), async || redis.thaw())
        .await;
}

async fn down() {
    let cluster = crate::start(2).await;
    let redis = cluster.servers.redis();
    let kill = async || redis.kill().await.expect("killed");
    let restart = async || redis.restart().await.expect("restarted");
    endure(&cluster, "Redis down", NOBODY_SELLS, kill, restart).await;
}

async fn busy() {
    let cluster = crate::start(2).await;
    cluster.redis(&["CONFIG", "SET", "busy-reply-threshold", "50"]).await;
    let url = cluster.servers.redis().url();
    let begin = async || {
        tokio::spawn(async move {
            let _ = redis_at(&url, &["EVAL", "while true do end", "0"]).await;
        });
        until("it is busy", || async { cluster.try_redis(&["PING"]).await.is_err() }).await;
    };
    let end = async || {
        cluster.redis(&["SCRIPT", "KILL"]).await;
    };
    endure(&cluster, "Redis busy", NOBODY_SELLS, begin, end).await;
}

async fn read_only() {
    let cluster = crate::start(2).await;
    // Its primary is out of reach: it keeps what it has, and takes no writes.
    let begin = async || {
        cluster.redis(&["REPLICAOF", "127.0.0.1", "1"]).await;
    };
    let end = async || {
        cluster.redis(&["REPLICAOF", "NO", "ONE"]).await;
    };
    endure(&cluster, "Redis read-only", NOBODY_SELLS, begin, end).await;
}

/// Somebody else answers at its address, and never closes a connection: a portal, a wrong route.
async fn a_stranger() {
    let cluster = crate::start(2).await;
    let stranger = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = stranger.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = stranger.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 1024];
                while stream.read(&mut request).await.is_ok_and(|length| length > 0) {
                    let answer = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
                    if answer.await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    let lead_to = |address| {
        for proxy in &cluster.redis_proxies {
            proxy.retarget(address);
        }
    };
    let begin = async || {
        lead_to(address);
        cluster.redis_proxies.iter().for_each(|proxy| proxy.reset_all());
    };
    // What leads to the stranger stays: the engines have to leave it.
    let end = async || lead_to(local(cluster.servers.redis().port()));
    endure(&cluster, "a stranger instead of Redis", NOBODY_SELLS, begin, end).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_at_the_address_of_redis_is_left_again() {
    a_stranger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_frozen_down_busy_or_read_only_is_waited_for() {
    tokio::join!(frozen(), down(), busy(), read_only());
}

/// Lets a process write no file beyond so many bytes: its disk is full.
pub(crate) fn limit_files(pid: i32, bytes: &str) -> bool {
    let limit = format!("--fsize={bytes}:unlimited");
    // As the user it runs as: not every root may limit others' processes.
    let Ok(owner) = std::fs::metadata(format!("/proc/{pid}")) else { return false };
    let mut command = Command::new("prlimit");
    command.args(["--pid", &pid.to_string(), &limit]);
    if nix::unistd::geteuid().is_root() && owner.uid() != 0 {
        command.gid(owner.gid()).uid(owner.uid());
    }
    command.status().is_ok_and(|status| status.success())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_whose_disk_is_full_is_waited_for() {
    use nix::sys::signal::{SigHandler, Signal, signal};
    #[expect(unsafe_code, reason = "the only way to ignore a signal, which children inherit")]
    // SAFETY: no handler is installed, and nothing in this process waits for this signal.
    // Without it, a process that writes beyond its limit would be killed, as no full disk does.
    unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn) }.expect("a known signal");
    let cluster = crate::start(2).await;
    let pid = cluster.servers.redis().pid().expect("it runs");
    if !limit_files(pid, "unlimited") {
        println!("SKIPPED: a full disk needs `prlimit` (util-linux), which can't be run here");
        return;
    }
    let begin = async || {
        limit_files(pid, "1");
        until("it refuses writes", || async {
            let written = cluster.try_redis(&["SET", "other", "x"]).await;
            written.is_err_and(|error| error.code() == Some("MISCONF"))
        })
        .await;
    };
    let end = async || {
        limit_files(pid, "unlimited");
    };
    endure(&cluster, "Redis without disk", NOBODY_SELLS, begin, end).await;
}

async fn link(fault: &str, seen: [Sees; 2], engines: &[usize], link: Link) {
    endure_link(fault, seen, |cluster| &cluster.redis_proxies, engines, link).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_out_of_reach_is_waited_for_and_stops_only_who_cannot_reach_it() {
    let alone = [Sees::Refuses, Sees::Sells];
    let slow = [Sees::Sells, Sees::Sells];
    let late = Link::Delayed(Way::Both, Duration::from_millis(100));
    tokio::join!(
        link("one cut off from Redis", alone, &[0], Link::Held(Way::Both)),
        link("one not heard by Redis", alone, &[0], Link::Held(Way::ToServer)),
        // What they have sent arrives later, when they have given up.
        link("Redis hears late", NOBODY_SELLS, &[0, 1], Link::Held(Way::ToServer)),
        link("Redis not heard", NOBODY_SELLS, &[0, 1], Link::Held(Way::ToClient)),
        link("Redis refuses", NOBODY_SELLS, &[0, 1], Link::Cut),
        link("Redis far away", slow, &[0, 1], late),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_that_are_forgotten_all_the_time_are_given_again() {
    let cluster = Arc::new(crate::start(2).await);
    cluster.drop_with("forgetful", 100_000, None).await;
    let (books, mut clients) = load::start(&cluster, "forgetful", 8);
    let since = Instant::now();
    let mut flushes = 0;
    while books.len() < 200 {
        cluster.redis(&["SCRIPT", "FLUSH"]).await;
        flushes += 1;
    }
    println!("{} reservations beside {flushes} flushes in {:?}", books.len(), since.elapsed());
    books.stop();
    while let Some(ended) = clients.join_next().await {
        ended.expect("a client");
    }
    assert_well(&cluster, &[0, 1], "forgetful", "flushes of scripts").await;
    let audit = cluster.assert_balanced(0, "forgetful").await;
    assert_eq!(audit["epoch"], 1, "nothing had to be rebuilt");
    load::assert_kept(&cluster, "forgetful", &books).await;
    assert_eq!(books.unknown.load(std::sync::atomic::Ordering::Relaxed), 0);
}
