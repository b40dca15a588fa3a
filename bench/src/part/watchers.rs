//! Thousands who watch a drop while others buy.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use anyhow::Context as _;

use super::About;
use crate::{
    bench::{Bench, Pair},
    load::{CONNECTIONS, Call, Connection, Watchers, closed},
    process::resident,
    report::{Figure, Goal, Outcome},
    stage::{UNITS, drain, hold, open_drop},
    statistics::median,
};

pub(super) const ABOUT: About = About {
    title: "Durable holds with 5,000 watchers, and when they hear",
    how: "As `holds`, with 5,000 streams of Server-Sent Events open on the same drop and process, \
          against the same without; the load generator reads the streams, on the same cores. \
          Memory is what the engine's process grew by per stream. Then, in a storm of its own \
          each round, 3,000 units sell out: counted is the time from when the engine's own public read \
          first says so (or the first watcher, whichever came first) until the last \
          watcher has heard.",
};

const STREAMS: u64 = 5_000;
const FEW: u64 = 3_000;
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Outcome> {
    let mut pair = bench.pair("ledger").await?;
    let streams = bench.scaled(STREAMS);
    let (watched, alone) = ("watched", "not watched");
    let (mut memory, mut told) = (Vec::new(), Vec::new());
    let rates = bench
        .rounds(&[watched, alone], async |side, duration| {
            let drop = bench.drop();
            open_drop(&pair.engine, &drop, UNITS).await?;
            let before = resident(pair.engine.id())?;
            let count = if side == watched { streams } else { 0 };
            let watchers = Watchers::open(pair.engine.address, &drop, count).await?;
            if side == watched {
                let grown = resident(pair.engine.id())?.saturating_sub(before);
                memory.push(grown as f64 / count as f64 / 1024.0);
            }
            let (asked, from) = (drop.clone(), bench.customers());
            let read_before = watchers.bytes.load(Ordering::Relaxed);
            let make = move |n| hold(&asked, from + n);
            let run = closed(pair.engine.address, CONNECTIONS, duration, make).await?;
            run.only(201)?;
            if side == watched {
                let read = watchers.bytes.load(Ordering::Relaxed) - read_before;
                told.push(read as f64 / count as f64 / run.elapsed.as_secs_f64());
            }
            drain(&pair.engine, &mut pair.watch, &drop).await?;
            Ok(run.rate(201))
        })
        .await?;
    let last = "sold out to last watcher, ms";
    let mut middle = Vec::new();
    let waits = bench
        .rounds_cold(&[last], async |_| {
            let waits = until_all_know(bench, &pair, streams).await?;
            middle.push(median(&waits));
            Ok(waits.iter().copied().fold(0.0, f64::max))
        })
        .await?;
    // Memory that the first streams took is used again by the next ones.
    let most = memory.iter().copied().fold(0.0, f64::max);
    let figures = vec![
        Figure::new("durable holds with watchers over without", "", &rates.ratios(watched, alone))
            .goal(Goal::AtLeast(0.7))
            .side(watched, "holds/s", rates.of(watched))
            .side(alone, "holds/s", rates.of(alone))
            .side("read by each watcher", "bytes/s", &told),
        Figure::new("memory of the engine's process a stream", "KB", &[most])
            .goal(Goal::AtMost(20.0)),
        Figure::new("from sold out until the last watcher knows", "ms", waits.of(last))
            .goal(Goal::AtMost(1000.0))
            .side("until half of them know", "ms", &middle),
    ];
    Ok(Outcome { figures, ..Outcome::default() })
}

/// Milliseconds until each watcher has heard that nothing is left.
async fn until_all_know(bench: &Bench, pair: &Pair, streams: u64) -> anyhow::Result<Vec<f64>> {
    let (drop, from) = (bench.drop(), bench.customers());
    open_drop(&pair.engine, &drop, FEW).await?;
    let watchers = Watchers::open(pair.engine.address, &drop, streams).await?;
    let (address, asked) = (pair.engine.address, drop.clone());
    // However slow the machine is at that moment, they must sell out.
    let seconds = bench.seconds * 3;
    let storm = tokio::spawn(async move {
        closed(address, CONNECTIONS, seconds, move |n| hold(&asked, from + n)).await
    });
    let shown = tokio::spawn(sold_out_shown(address, format!("/v1/drops/{drop}/skus/s")));
    let told = tokio::time::timeout(PATIENCE, watchers.sold_out()).await;
    let told = told.context("not all watchers hear that it is sold out")??;
    storm.await??;
    let first = told.iter().copied().min().context("watchers")?.min(shown.await??);
    Ok(told.iter().map(|at| (*at - first).as_secs_f64() * 1e3).collect())
}

/// When a public read first says that nothing is left.
async fn sold_out_shown(address: std::net::SocketAddr, path: String) -> anyhow::Result<Instant> {
    let mut connection = Connection::open(address).await?;
    loop {
        let call = Call {
            method: "GET",
            path: path.clone(),
            bearer: None,
            key: None,
            body: String::new(),
        };
        let (_, body) = connection.send(call).await?;
        if body.windows(10).any(|window| window == b"\"sold_out\"") {
            return Ok(Instant::now());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
