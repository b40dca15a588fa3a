//! How far the ledger is behind Redis under full load.

use std::time::{Duration, Instant};

use super::About;
use crate::{
    bench::{Bench, Pair},
    load::{CONNECTIONS, closed},
    plot::{Axis, Plot},
    report::{Figure, Goal, Outcome, number},
    stage::{UNITS, drain, durable_seq, hold, open_drop},
};

pub(super) const ABOUT: About = About {
    title: "Backlog of the write-behind under full load",
    how: "256 connections in a closed loop take holds for a minute (15 times a run), once from \
          an engine that answers from Redis and once from one that answers when the ledger has \
          the hold. Every 100 ms Redis' `seq` is compared with the ledger's. The largest \
          difference over the events that became durable a second is how many seconds of work \
          the ledger was behind. One run each, not a round.",
};

const EVERY: Duration = Duration::from_millis(100);

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Outcome> {
    let title = "Backlog of the write-behind under full load";
    let mut plot =
        Plot::new("backlog", title, Axis::linear("time, s"), Axis::linear("backlog, s of work"));
    let mut figures = Vec::new();
    for hold_ack in ["redis", "ledger"] {
        let mut pair = bench.pair(hold_ack).await?;
        let run = load(bench, &mut pair).await?;
        let most = run.seconds.iter().map(|(_, behind)| *behind).fold(0.0, f64::max);
        eprintln!("  {hold_ack}: {} s", number(most));
        let name = format!("largest backlog, holds answered from {hold_ack}");
        figures.push(
            Figure::new(name, "s of work", &[most])
                .goal(Goal::AtMost(2.0))
                .side("answered", "holds/s", &[run.answered])
                .side("durable", "events/s", &[run.durable]),
        );
        plot.line(format!("answered from {hold_ack}"), run.seconds);
    }
    Ok(Outcome { figures, plots: vec![plot], ..Outcome::default() })
}

/// One run under full load.
#[derive(Debug)]
struct Run {
    /// When, and how many seconds of work the ledger was behind.
    seconds: Vec<(f64, f64)>,
    answered: f64,
    durable: f64,
}

async fn load(bench: &Bench, pair: &mut Pair) -> anyhow::Result<Run> {
    let (drop, from) = (bench.drop(), bench.customers());
    open_drop(&pair.engine, &drop, UNITS).await?;
    drain(&pair.engine, &mut pair.watch, &drop).await?;
    let (address, asked) = (pair.engine.address, drop.clone());
    let duration = bench.seconds * 15;
    let first = durable_seq(&pair.engine, &drop).await?;
    let since = Instant::now();
    let load = tokio::spawn(async move {
        closed(address, CONNECTIONS, duration, move |n| hold(&asked, from + n)).await
    });
    let mut behind = Vec::new();
    let mut last = (first, Duration::ZERO);
    while !load.is_finished() {
        tokio::time::sleep(EVERY).await;
        // The ledger's first: what comes in between is then counted as backlog.
        let durable = durable_seq(&pair.engine, &drop).await?;
        let seq = pair.watch.seq(&drop).await?;
        let at = since.elapsed();
        behind.push((at.as_secs_f64(), seq.saturating_sub(durable) as f64));
        last = (durable, at);
    }
    let run = load.await??;
    run.only(201)?;
    let durable = (last.0 - first) as f64 / last.1.as_secs_f64();
    drain(&pair.engine, &mut pair.watch, &drop).await?;
    let seconds = behind.into_iter().map(|(at, events)| (at, events / durable)).collect();
    Ok(Run { seconds, answered: run.rate(201), durable })
}
