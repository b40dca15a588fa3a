//! What a hold costs as active holds, SKUs and drops grow.

use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::json;

use super::About;
use crate::{
    bench::{Bench, Spent},
    load::{CONNECTIONS, Until, closed_until},
    plot::{self, Plot},
    process::Process,
    report::{Figure, Goal, Outcome, Table, whole},
    stage::{Stage, UNITS, drain, hold, hold_of, open_drop_with},
    statistics::{Samples, median},
    watch::Watch,
};

pub(super) const ABOUT: About = About {
    title: "Cost of a hold as holds, SKUs and drops grow",
    how: "Processor time of engine, Redis and Postgres a durable hold, from 256 connections, \
          until 0.3 s behind the last. Every level has servers of its own, and its engine runs \
          only while it is measured. Active holds: a drop is filled, then 20,000 more are \
          measured, at the low levels in several drops, 2,000 in each at most, so that they stay \
          near their level. SKUs and drops: 20,000 holds, spread evenly. The figure is the worst \
          level over the first, round by round. `least` is the bound of `holds`: it has a script call for \
          each drop too, and one commit for all.",
};

/// Holds that are measured at a level in a round.
const MEASURED: u64 = 20_000;
/// In a drop that is nearly empty at most so many are measured.
const LEAST_IN_A_DROP: u64 = 2_000;
/// Levels from here on keep their drop over the rounds: what is measured hardly adds to them.
const KEPT_FROM: u64 = 1_000_000;
/// Holds that are not counted, for an engine that was just started.
const WARM_UP: u64 = 2_000;

/// How long engine and servers may tidy up behind the last hold.
const SETTLE: Duration = Duration::from_millis(300);

/// What grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grows {
    Holds,
    Skus,
    Drops,
}

/// A size, with servers of its own.
struct Level {
    size: u64,
    stage: Stage,
    watch: Watch,
    /// Drops that stay over the rounds, once they are there.
    kept: Vec<String>,
}

/// What is held of in one go.
struct Target {
    drops: Vec<String>,
    skus: Vec<String>,
}

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Outcome> {
    let small = if bench.scale < 0.1 { 100 } else { 1000 };
    let mut holds = vec![1000, 10_000, 100_000, 1_000_000];
    holds.retain(|level| *level <= bench.scaled(1_000_000).max(10_000));
    let spread: Vec<u64> = [1, 10, 100, 1000].into_iter().filter(|n| *n <= small).collect();
    let mut outcome = Outcome::default();
    for (grows, name, levels, goal) in [
        (Grows::Holds, "active holds", &holds, 1.5),
        (Grows::Skus, "SKUs", &spread, 1.5),
        (Grows::Drops, "drops", &spread, 3.0),
    ] {
        eprintln!("  by {name}");
        Box::pin(grow(bench, grows, name, levels, goal, &mut outcome)).await?;
    }
    outcome.figures.push(least_by_drops(bench, small).await?);
    Ok(outcome)
}

/// What a hold of the least costs in many drops over what it costs in one.
async fn least_by_drops(bench: &Bench, most: u64) -> anyhow::Result<Figure> {
    let stage = bench.stage().await?;
    let sizes = [1, most];
    let costs = bench
        .rounds_cold(&sizes, async |size| {
            stage.settle().await?;
            let drops: Vec<String> = (0..size).map(|_| bench.drop()).collect();
            let least = stage.least(&drops, "ledger").await?;
            let (from, holds) = (bench.customers(), bench.scaled(MEASURED).max(4000));
            let make = move |n: u64| hold(&drops[n as usize % drops.len()], from + n);
            let before = Spent::so_far(&stage, &least)?;
            closed_until(least.address, CONNECTIONS, Until::Calls(holds), make).await?.only(201)?;
            tokio::time::sleep(SETTLE).await;
            let cost = Spent::so_far(&stage, &least)?.since(before, holds).served();
            least.stop()?;
            Ok(cost)
        })
        .await?;
    let title = format!("the least's cost of a hold in {} drops over one", whole(most));
    Ok(Figure::new(title, "times", &costs.ratios(most, 1)).side(whole(1), "µs", costs.of(1)).side(
        whole(most),
        "µs",
        costs.of(most),
    ))
}

/// Measures along one axis, and adds a figure, a table and a plot.
async fn grow(
    bench: &Bench,
    grows: Grows,
    name: &str,
    sizes: &[u64],
    goal: f64,
    outcome: &mut Outcome,
) -> anyhow::Result<()> {
    let mut levels = Vec::new();
    for &size in sizes {
        let stage = bench.stage().await?;
        let watch = stage.watch().await?;
        levels.push(Level { size, stage, watch, kept: Vec::new() });
    }
    let mut rates = Samples::default();
    let costs = bench
        .rounds_cold(sizes, async |size| {
            let Some(level) = levels.iter_mut().find(|level| level.size == size) else {
                anyhow::bail!("no level of {size}")
            };
            let (cost, rate) = Box::pin(measure(bench, grows, level)).await?;
            rates.push(size, rate);
            Ok(cost)
        })
        .await?;
    let (first, last) = (sizes[0], sizes[sizes.len() - 1]);
    let worst: Vec<f64> = (0..bench.rounds)
        .map(|round| {
            let ratio = |size| costs.of(size)[round] / costs.of(first)[round];
            sizes[1..].iter().map(ratio).fold(f64::NEG_INFINITY, f64::max)
        })
        .collect();
    let (low, high) = (whole(first), whole(last));
    let title = format!("cost of a hold from {low} to {high} {name}, worst over first");
    let mut figure = Figure::new(title, "times", &worst).goal(Goal::AtMost(goal));
    let mut table = Table::new(&[&format!("{name}, a hold"), "CPU, µs", "holds/s"]);
    for &size in sizes {
        figure = figure.side(whole(size), "µs", costs.of(size));
        let row = [median(costs.of(size)), median(rates.of(size))];
        table.row(whole(size), &row);
    }
    let points = |samples: &Samples| {
        sizes.iter().map(|size| (*size as f64, median(samples.of(size)))).collect::<Vec<_>>()
    };
    let file = format!("growth-{}", name.replace(' ', "-").to_lowercase());
    let (x, y) = (plot::Axis::log(name), plot::Axis::linear("CPU time a hold, µs"));
    let mut plot = Plot::new(&file, &format!("Cost of a durable hold by {name}"), x, y);
    plot.line("engine, Redis and Postgres", points(&costs));
    outcome.figures.push(figure);
    outcome.tables.push(table);
    outcome.plots.push(plot);
    Ok(())
}

/// Microseconds a hold, and holds a second.
async fn measure(bench: &Bench, grows: Grows, level: &mut Level) -> anyhow::Result<(f64, f64)> {
    level.stage.settle().await?;
    let engine = level.stage.engine("ledger").await?;
    let holds = bench.scaled(MEASURED).max(4000);
    let (mut cost, mut seconds) = (0.0, 0.0);
    let targets = targets(bench, grows, level, &engine, holds).await?;
    let each = holds / targets.len() as u64;
    for target in &targets {
        take(bench, &engine, target, WARM_UP.min(each)).await?;
        drain_all(level, &engine, target).await?;
        let before = Spent::so_far(&level.stage, &engine)?;
        seconds += take(bench, &engine, target, each).await?;
        // All are durable. What is done behind them counts; asking a thousand drops would too.
        tokio::time::sleep(SETTLE).await;
        cost += Spent::so_far(&level.stage, &engine)?.since(before, 1).served();
    }
    engine.stop()?;
    let holds = (each * targets.len() as u64) as f64;
    Ok((cost / holds, holds / seconds))
}

/// What is held of at a level, filled as far as the level says.
async fn targets(
    bench: &Bench,
    grows: Grows,
    level: &mut Level,
    engine: &Process,
    holds: u64,
) -> anyhow::Result<Vec<Target>> {
    let skus = |count: u64| (0..count).map(|number| format!("s{number}")).collect::<Vec<_>>();
    let skus = skus(if grows == Grows::Skus { level.size } else { 1 });
    if grows != Grows::Holds {
        if level.kept.is_empty() {
            let drops = if grows == Grows::Drops { level.size } else { 1 };
            level.kept = open_drops(bench, engine, drops, &skus).await?;
        }
        return Ok(vec![Target { drops: level.kept.clone(), skus }]);
    }
    if !level.kept.is_empty() {
        return Ok(vec![Target { drops: level.kept.clone(), skus }]);
    }
    let in_a_drop = holds.min(level.size.max(LEAST_IN_A_DROP));
    let drops = open_drops(bench, engine, (holds / in_a_drop).max(1), &skus).await?;
    let each = |drop| Target { drops: vec![drop], skus: skus.clone() };
    let targets: Vec<Target> = drops.iter().cloned().map(each).collect();
    for target in &targets {
        take(bench, engine, target, level.size).await?;
    }
    if level.size >= KEPT_FROM {
        level.kept = drops;
    }
    Ok(targets)
}

/// Takes so many holds, spread evenly; how long it took, in seconds.
async fn take(bench: &Bench, engine: &Process, target: &Target, holds: u64) -> anyhow::Result<f64> {
    let (from, drops, skus) = (bench.customers(), target.drops.clone(), target.skus.clone());
    let make = move |n: u64| {
        let of = |all: &[String]| all[n as usize % all.len()].clone();
        hold_of(&of(&drops), &of(&skus), from + n)
    };
    let run = closed_until(engine.address, CONNECTIONS, Until::Calls(holds), make).await?;
    run.only(201)?;
    Ok(run.elapsed.as_secs_f64())
}

async fn drain_all(level: &mut Level, engine: &Process, target: &Target) -> anyhow::Result<()> {
    for drop in &target.drops {
        drain(engine, &mut level.watch, drop).await?;
    }
    Ok(())
}

/// Makes so many drops with these SKUs, some at a time.
async fn open_drops(
    bench: &Bench,
    engine: &Process,
    count: u64,
    skus: &[String],
) -> anyhow::Result<Vec<String>> {
    const AT_A_TIME: usize = 32;
    stream::iter(0..count)
        .map(|_| async {
            let drop = bench.drop();
            open_drop_with(engine, &drop, &json!({}), skus, UNITS).await?;
            anyhow::Ok(drop)
        })
        .buffered(AT_A_TIME)
        .try_collect()
        .await
}
