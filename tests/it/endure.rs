//! What a server on the internet has to stand: clients that are slow on purpose, that read nothing,
//! and a stop in the middle of it all.

use std::collections::HashSet;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use reqwest::{Client, Method};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::support::{EngineProcess, PATIENCE, STOREFRONT_KEY, Sale, connect, lines};

/// Slow clients at a time.
const SLOW: usize = 1000;
/// How much more memory the process may use for them, in bytes: they have sent a few hundred each.
const ROOM: u64 = 64 * 1024 * 1024;

/// The memory of a process, in bytes.
fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}

/// Sends the beginning of a request, then a byte now and then, until it is let go.
async fn dawdle(url: &str, begin: &str, every: Duration) {
    let mut stream = connect(url).await;
    if stream.write_all(begin.as_bytes()).await.is_err() {
        return;
    }
    let mut answer = [0; 1024];
    loop {
        tokio::select! {
            read = stream.read(&mut answer) => match read {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            },
            () = sleep(every) => if stream.write_all(b"x").await.is_err() { return },
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_slow_clients_keep_nobody_from_an_answer() {
    let sale = Sale::open(&[("a", 100_000)]).await;
    let (redis, database) = (sale.world().redis_url(), sale.world().database_url());
    // It has to make room for them by itself: the usual limit is far below.
    let plain = EngineProcess::serving(redis, database, &[("DROPGATE_CONNECTIONS", "2000")]);
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -Sn 256 && exec \"$0\" serve"]).arg(plain.get_program());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let engine = EngineProcess::start(command);
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    setrlimit(Resource::RLIMIT_NOFILE, most.min(8192), most).expect("room for the clients");

    let path = format!("/v1/drops/{}/reservations", sale.id());
    let in_headers = "GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow: ".to_owned();
    let in_body = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {STOREFRONT_KEY}\r\n\
         content-type: application/json\r\ncontent-length: 1000\r\n\r\n{{"
    );
    let before = resident(engine.id());
    let let_go = Arc::new(AtomicUsize::new(0));
    let mut slow = JoinSet::new();
    for n in 0..SLOW {
        let begin = if n % 2 == 0 { in_headers.clone() } else { in_body.clone() };
        let (url, let_go) = (engine.url().to_owned(), Arc::clone(&let_go));
        slow.spawn(async move {
            loop {
                dawdle(&url, &begin, Duration::from_secs(2)).await;
                let_go.fetch_add(1, Ordering::Relaxed);
            }
        });
    }

    let http = Client::new();
    let url = format!("{}{path}", engine.url());
    let (mut answered, mut slowest, mut most) = (0, Duration::ZERO, before);
    let end = Instant::now() + Duration::from_secs(15);
    while Instant::now() < end || let_go.load(Ordering::Relaxed) < SLOW {
        assert!(Instant::now() < end + PATIENCE, "{let_go:?} of {SLOW} were let go");
        let body = json!({ "customer_id": format!("c-{answered}"), "lines": lines(&[("a", 1)]) });
        let since = Instant::now();
        // Now on the connection that is there, now on a new one, as a new client would.
        let client = if answered % 2 == 0 { http.clone() } else { Client::new() };
        let reply = client.post(&url).bearer_auth(STOREFRONT_KEY).json(&body).send().await;
        assert_eq!(reply.expect("an answer").status(), 201);
        slowest = slowest.max(since.elapsed());
        answered += 1;
        most = most.max(resident(engine.id()));
        sleep(Duration::from_millis(20)).await;
    }
    slow.shutdown().await;
    assert!(slowest < Duration::from_secs(2), "{slowest:?} for one of {answered} answers");
    assert!(most - before < ROOM, "{before} bytes grew to {most}");
    assert_eq!(sale.counts("a").await.2, answered);
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_let_go() {
    let sale = Sale::unborn().await;
    let mut stream = connect(sale.world().url(0)).await;
    let requests = "GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(100);
    let asking = async {
        // When nothing more fits in between, the engine waits for it to be read, and then no more.
        while stream.write_all(requests.as_bytes()).await.is_ok() {}
    };
    timeout(PATIENCE, asking).await.expect("the connection ends");
}

/// Buys until the engine is gone; the reservations that it was told of.
async fn buy(client: usize, url: String) -> HashSet<String> {
    let http = Client::new();
    let mut told = HashSet::new();
    for n in 0.. {
        let customer = format!("c-{client}-{n}");
        let body = json!({ "customer_id": customer, "lines": lines(&[("a", 1)]) });
        let Ok(reply) = http.post(&url).bearer_auth(STOREFRONT_KEY).json(&body).send().await else {
            break;
        };
        let status = reply.status();
        let Ok(body) = reply.json::<serde_json::Value>().await else { break };
        assert_eq!(status, 201, "{body}");
        told.insert(body["id"].as_str().expect("an id").to_owned());
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_under_load_loses_nothing_that_was_told() {
    let sale = Sale::open(&[("a", 1_000_000)]).await;
    let (redis, database) = (sale.world().redis_url(), sale.world().database_url());
    let mut engine = EngineProcess::serve(redis, database, &[]);
    let url = format!("{}/v1/drops/{}/reservations", engine.url(), sale.id());
    let mut buyers = JoinSet::new();
    for client in 0..64 {
        buyers.spawn(buy(client, url.clone()));
    }
    // Some have sent half a request and go on with it, some nothing at all.
    let mut slow = JoinSet::new();
    for begin in ["GET /healthz HTTP/1.1\r\nx-slow: ", ""].repeat(10) {
        let url = engine.url().to_owned();
        slow.spawn(async move { dawdle(&url, begin, Duration::from_secs(1)).await });
    }
    crate::support::eventually("the sale is in full swing", || async {
        (sale.counts("a").await.2 >= 200).then_some(())
    })
    .await;
    engine.signal(Signal::SIGTERM);
    let since = Instant::now();
    let status = loop {
        if let Some(status) = engine.ended() {
            break status;
        }
        assert!(since.elapsed() < Duration::from_secs(10), "it does not end");
        sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(status, 0);
    let told: HashSet<String> = buyers.join_all().await.into_iter().flatten().collect();
    slow.join_all().await;
    assert!(told.len() >= 200, "{} were told", told.len());
    let mut held = HashSet::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/reservations?limit=500{cursor}");
        let page = sale.elsewhere().admin(Method::GET, &path).send().await.ok(200);
        let items = page["items"].as_array().expect("items").iter();
        held.extend(items.map(|item| item["id"].as_str().expect("an id").to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let lost: Vec<&String> = told.difference(&held).collect();
    assert!(lost.is_empty(), "{} of {} are lost: {lost:?}", lost.len(), told.len());
}
