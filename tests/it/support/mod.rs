//! The harness: real servers, two real engines, a drop for each test, and an oracle that
//! looks at the books when a test is over.

mod apart;
mod between;
mod browser;
mod call;
pub(crate) mod cli;
pub(crate) mod collector;
mod engine;
mod feed;
mod keys;
mod line;
mod oracle;
mod rabbitmq;
mod receiver;
mod sale;
mod terminal;
mod tls;
mod traces;
mod world;

pub(crate) use apart::{Apart, TAKE_OVER, event_of, firsts};
pub(crate) use between::{Between, Fate};
pub(crate) use browser::{Browser, Dev};
pub(crate) use call::{Call, Reply};
pub(crate) use engine::EngineProcess;
pub(crate) use feed::Feed;
pub(crate) use keys::MadeKey;
pub(crate) use line::Line;
pub(crate) use rabbitmq::RabbitMq;
pub(crate) use receiver::{Act, Received, Receiver};
pub(crate) use sale::{Sale, lines};
pub(crate) use terminal::Terminal;
pub(crate) use tls::{Certificate, Terminator};
pub(crate) use traces::{checked, keys_with, remove_keys, tables_with};
pub(crate) use world::{ADMIN_KEY, STOREFRONT_KEY, World};

use std::future::Future;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

/// How long something that has to happen may take before a test gives up on it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Opens a connection to an engine, for requests that no HTTP client would send.
pub(crate) async fn connect(url: &str) -> TcpStream {
    let address = url.trim_start_matches("http://");
    TcpStream::connect(address).await.expect("a connection")
}

/// The status of the answer that comes on `stream`.
pub(crate) async fn status(stream: &mut TcpStream) -> u16 {
    let mut answer = [0; 12];
    let read = timeout(PATIENCE, stream.read_exact(&mut answer)).await;
    read.expect("an answer in time").expect("an answer");
    let text = std::str::from_utf8(&answer).expect("ASCII");
    text.strip_prefix("HTTP/1.1 ").and_then(|status| status.parse().ok()).expect("a status")
}

/// Looks again and again until `look` finds what it looks for.
pub(crate) async fn eventually<T, F>(what: &str, look: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    within(PATIENCE, what, look).await
}

/// Looks again and again until `look` finds what it looks for, for at most so long.
pub(crate) async fn within<T, F>(limit: Duration, what: &str, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {limit:?} in vain: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

/// The most memory that a process has had, in kilobytes.
pub(crate) fn peak(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
