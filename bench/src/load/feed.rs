//! Clients that watch a drop's live feed.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use anyhow::{Context as _, ensure};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

/// Connections that are made at a time.
const AT_ONCE: u64 = 64;
const SOLD_OUT: &[u8] = b"\"sold_out\"";

/// Many clients of the feed. They end when this is dropped.
#[derive(Debug)]
pub struct Watchers {
    watching: JoinSet<anyhow::Result<Instant>>,
    /// Bytes that they have read.
    pub bytes: Arc<AtomicU64>,
}

impl Watchers {
    /// Opens `count` streams of a drop, each of which has had its first messages.
    ///
    /// # Errors
    /// When one is refused.
    pub async fn open(address: SocketAddr, drop: &str, count: u64) -> anyhow::Result<Watchers> {
        let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
        setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
        let request = format!("GET /v1/drops/{drop}/events HTTP/1.1\r\nhost: bench\r\n\r\n");
        let bytes = Arc::new(AtomicU64::new(0));
        let mut watching = JoinSet::new();
        for first in (0..count).step_by(AT_ONCE as usize) {
            let opening = (first..count.min(first + AT_ONCE)).map(|_| begin(address, &request));
            for stream in futures_util::future::try_join_all(opening).await? {
                watching.spawn(watch(stream, Arc::clone(&bytes)));
            }
        }
        Ok(Watchers { watching, bytes })
    }

    /// Waits until each has been told of a SKU that is sold out; when each was.
    ///
    /// # Errors
    /// When a stream ends before.
    pub async fn sold_out(mut self) -> anyhow::Result<Vec<Instant>> {
        let mut told = Vec::new();
        while let Some(watched) = self.watching.join_next().await {
            told.push(watched??);
        }
        Ok(told)
    }
}

/// Opens one and reads as far as its first message about stock.
async fn begin(address: SocketAddr, request: &str) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await.context("a watcher can't connect")?;
    stream.write_all(request.as_bytes()).await?;
    let mut seen = Vec::new();
    while !seen.windows(12).any(|window| window == b"event: stock") {
        let read = stream.read_buf(&mut seen).await?;
        ensure!(read > 0, "a watcher is refused: {}", String::from_utf8_lossy(&seen));
    }
    Ok(stream)
}

async fn watch(mut stream: TcpStream, bytes: Arc<AtomicU64>) -> anyhow::Result<Instant> {
    let mut text = [0; 1024];
    // What the last read ended with, where the word may have begun.
    let mut kept = 0;
    loop {
        let read = stream.read(&mut text[kept..]).await?;
        ensure!(read > 0, "a stream ended");
        bytes.fetch_add(read as u64, Ordering::Relaxed);
        let end = kept + read;
        if text[..end].windows(SOLD_OUT.len()).any(|window| window == SOLD_OUT) {
            return Ok(Instant::now());
        }
        let from = end.saturating_sub(SOLD_OUT.len() - 1);
        text.copy_within(from..end, 0);
        kept = end - from;
    }
}
