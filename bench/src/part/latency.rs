//! Latency under load, and what a durable hold adds to a call that does no work.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use hdrhistogram::Histogram;
use tokio_util::sync::CancellationToken;

use super::About;
use crate::{
    bench::{Bench, Pair},
    load::{CONNECTIONS, Call, Open, closed, open},
    plot::{Axis, Plot},
    report::{Figure, Goal, Outcome, Table, number},
    stage::{Stage, UNITS, drain, fill, hold, open_drop},
    statistics::{Samples, median},
};

pub(super) const ABOUT: About = About {
    title: "Latency under load",
    how: "Open loop: holds start at a fixed rate over 512 connections, whatever becomes of those \
          before, and a latency counts from when its hold was meant to start. The maximal load \
          is the median rate of the engine's durable holds in three closed runs. What a hold \
          adds is the difference of the medians of engine and front at half of that load, over \
          the sum of one Redis round trip (`EVALSHA` of a script that does nothing) and one \
          synchronous commit (an `INSERT`), each the median of 300 by a single client in the \
          same round. `least` is the bound of `holds`, at the same rate.",
};

const NONE: &str = "no work";
const ENGINE: &str = "engine";
const LEAST: &str = "least";
const UNIT: &str = "round trip + commit";
/// More than are ever under way below the maximal load.
const OPEN_CONNECTIONS: usize = 512;
/// So many times each load of the plot is measured, at most.
const PLOT_ROUNDS: usize = 3;
const QUANTILES: [(&str, f64); 3] = [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)];

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Outcome> {
    let mut pair = bench.pair("ledger").await?;
    let most = maximal_load(bench, &mut pair).await?;
    let mut units = Samples::default();
    let medians = bench
        .rounds(&[ENGINE, LEAST, NONE, UNIT], async |side, duration| {
            if side == UNIT {
                let (trip, commit) = round_trip_and_commit(&mut pair).await?;
                units.push("trip", trip);
                units.push("commit", commit);
                return Ok(trip + commit);
            }
            Ok(at_rate(bench, &mut pair, side, most / 2.0, duration).await?.quantile(0.5))
        })
        .await?;
    let added = |side: &str| -> Vec<f64> {
        let pairs = medians.of(side).iter().zip(medians.of(NONE)).zip(medians.of(UNIT));
        pairs.map(|((side, none), unit)| (side - none) / unit).collect()
    };
    // The first value is that of the warm-up.
    let unit = |name: &str| units.of(name).get(1..).unwrap_or_default().to_vec();
    let figure = Figure::new(
        "added median latency of a durable hold, at half load, over (Redis round trip + commit)",
        "times",
        &added(ENGINE),
    )
    .goal(Goal::AtMost(3.0))
    .side(ENGINE, "ms", medians.of(ENGINE))
    .side(NONE, "ms", medians.of(NONE))
    .side("Redis round trip", "ms", &unit("trip"))
    .side("synchronous commit", "ms", &unit("commit"));
    let least = Figure::new("the same of the least", "times", &added(LEAST)).side(
        LEAST,
        "ms",
        medians.of(LEAST),
    );
    let (table, plot) = over_load(bench, &mut pair, most).await?;
    let load = Figure::new("maximal durable load", "holds/s", &[most]);
    Ok(Outcome {
        figures: vec![figure, least, load],
        tables: vec![table],
        plots: vec![plot],
        notes: Vec::new(),
    })
}

/// Durable holds a second in closed loops.
pub(super) async fn maximal_load(bench: &Bench, pair: &mut Pair) -> anyhow::Result<f64> {
    let mut rates = Vec::new();
    for _ in 0..4 {
        let (drop, from) = (bench.drop(), bench.customers());
        open_drop(&pair.engine, &drop, UNITS).await?;
        let asked = drop.clone();
        let duration = bench.seconds.min(Duration::from_secs(3));
        let make = move |n| hold(&asked, from + n);
        let run = closed(pair.engine.address, CONNECTIONS, duration, make).await?;
        run.only(201)?;
        rates.push(run.rate(201));
        drain(&pair.engine, &mut pair.watch, &drop).await?;
    }
    // The first was the warm-up.
    Ok(median(&rates[1..]))
}

/// Holds of a fresh drop at a fixed rate.
async fn at_rate(
    bench: &Bench,
    pair: &mut Pair,
    side: &str,
    rate: f64,
    duration: Duration,
) -> anyhow::Result<Open> {
    pair.stage.settle().await?;
    let (drop, from) = (bench.drop(), bench.customers());
    let asked = drop.clone();
    let make = move |n| hold(&asked, from + n);
    if side == LEAST {
        let least = pair.stage.least(std::slice::from_ref(&drop), "ledger").await?;
        let run = open_for(least.address, rate, duration, make).await?;
        least.stop()?;
        return Ok(run);
    }
    open_drop(&pair.engine, &drop, UNITS).await?;
    let address = if side == NONE { pair.none.address } else { pair.engine.address };
    // The first hold of a drop finds nothing prepared.
    if side == ENGINE {
        let (asked, from) = (drop.clone(), bench.customers());
        fill(&pair.engine, CONNECTIONS as u64, move |n| hold(&asked, from + n)).await?;
    }
    let run = open_for(address, rate, duration, make).await?;
    drain(&pair.engine, &mut pair.watch, &drop).await?;
    Ok(run)
}

/// Holds at a fixed rate, all of which must be taken.
async fn open_for(
    address: SocketAddr,
    rate: f64,
    duration: Duration,
    make: impl Fn(u64) -> Call + Send + Sync + 'static,
) -> anyhow::Result<Open> {
    let stop = CancellationToken::new();
    let run = open(address, OPEN_CONNECTIONS, rate, duration, stop, make).await?;
    run.only(201)?;
    Ok(run)
}

/// Both in milliseconds, medians of one client that waits for each answer.
async fn round_trip_and_commit(pair: &mut Pair) -> anyhow::Result<(f64, f64)> {
    const TIMES: usize = 300;
    let mut trips = Vec::with_capacity(TIMES);
    let connection = pair.watch.connection();
    let script: String =
        redis::cmd("SCRIPT").arg("LOAD").arg("return 1").query_async(connection).await?;
    for _ in 0..TIMES {
        let since = Instant::now();
        redis::cmd("EVALSHA").arg(&script).arg(0).query_async::<u64>(connection).await?;
        trips.push(since.elapsed().as_secs_f64() * 1e3);
    }
    Ok((median(&trips), median(&commits(&pair.stage, TIMES).await?)))
}

/// Milliseconds of each of so many commits of one row.
async fn commits(stage: &Stage, times: usize) -> anyhow::Result<Vec<f64>> {
    let client = stage.postgres().await?;
    client.batch_execute("CREATE TABLE IF NOT EXISTS bench_commit (number bigint)").await?;
    let insert = client.prepare("INSERT INTO bench_commit VALUES ($1)").await?;
    let mut commits = Vec::with_capacity(times);
    for number in 0..i64::try_from(times)? {
        let since = Instant::now();
        client.execute(&insert, &[&number]).await?;
        commits.push(since.elapsed().as_secs_f64() * 1e3);
    }
    Ok(commits)
}

/// Quantiles of both sides from 10 to 90 percent of the maximal load, as a table and a plot.
async fn over_load(bench: &Bench, pair: &mut Pair, most: f64) -> anyhow::Result<(Table, Plot)> {
    let mut cells: Vec<_> =
        (1..=9).flat_map(|tenth| [(tenth, ENGINE), (tenth, NONE)]).map(|at| (at, None)).collect();
    for _ in 0..bench.rounds.min(PLOT_ROUNDS) {
        bench.shuffle(&mut cells);
        for ((tenth, side), sum) in &mut cells {
            let rate = most * f64::from(*tenth) / 10.0;
            let run = at_rate(bench, pair, side, rate, bench.seconds).await?;
            let p50 = run.quantile(0.5);
            eprintln!("  {side} at {tenth}0 % of the load: p50 {}", number(p50));
            let sum: &mut Histogram<u64> = sum.get_or_insert(Histogram::new_from(&run.latencies));
            sum.add(&run.latencies)?;
        }
    }
    cells.sort_by_key(|((tenth, side), _)| (*side, *tenth));
    let columns = ["holds/s, and ms from the intended start", "p50", "p99", "p99.9"];
    let mut table = Table::new(&columns);
    let title = "Latency of durable holds over load";
    let mut plot =
        Plot::new("latency", title, Axis::linear("load, holds/s"), Axis::log("latency, ms"));
    let mut lines = vec![Vec::new(); 2 * QUANTILES.len()];
    for ((tenth, side), sum) in cells {
        let rate = most * f64::from(tenth) / 10.0;
        let sum = sum.context("no run")?;
        let shown = QUANTILES.map(|(_, at)| sum.value_at_quantile(at) as f64 / 1e3);
        table.row(format!("{side}, {}", number(rate)), &shown);
        for (at, value) in shown.into_iter().enumerate() {
            lines[at + if side == NONE { QUANTILES.len() } else { 0 }].push((rate, value));
        }
    }
    for (at, points) in lines.into_iter().enumerate() {
        let side = if at < QUANTILES.len() { ENGINE } else { NONE };
        plot.line(format!("{side}, {}", QUANTILES[at % QUANTILES.len()].0), points);
    }
    Ok((table, plot))
}
