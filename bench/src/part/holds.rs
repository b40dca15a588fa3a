//! Holds of one hot SKU as fast as they are answered, against the front with no work behind it.

use std::time::{Duration, Instant};

use super::About;
use crate::{
    bench::{Bench, Pair, Spent},
    load::{CONNECTIONS, closed},
    report::{Figure, Goal, Outcome, Table},
    stage::{UNITS, drain, hold, open_drop},
    statistics::{Samples, median},
};

pub(super) const ABOUT_REDIS: About = About {
    title: "Holds answered from Redis against no work",
    how: "256 connections in a closed loop hold one unit of one SKU, a customer each, from an \
          engine with `DROPGATE_HOLD_ACK=redis`: holds over the time of the load and the time \
          behind it until the ledger has all that Redis has. The other side is the same load on \
          the same front with no work behind it. `least` is no rival but a bound: behind the same \
          front it writes what the ledger's tables promise to show, in script calls and commits that \
          calls share, and does nothing else that an engine has to do.",
};
pub(super) const ABOUT_LEDGER: About = About {
    title: "Durable holds against no work",
    how: "As `holds-redis`, with an engine as it is by default: a hold is answered once it is \
          durable in Postgres, so the time of the load is all the time there is.",
};

const NONE: &str = "no work";
const ENGINE: &str = "engine";
const LEAST: &str = "least";

pub(super) async fn redis(bench: &Bench) -> anyhow::Result<Outcome> {
    let name = "holds answered from Redis over no work";
    against_none(bench, "redis", name, Goal::AtLeast(0.65)).await
}

pub(super) async fn ledger(bench: &Bench) -> anyhow::Result<Outcome> {
    against_none(bench, "ledger", "durable holds over no work", Goal::AtLeast(0.50)).await
}

async fn against_none(
    bench: &Bench,
    hold_ack: &'static str,
    name: &str,
    goal: Goal,
) -> anyhow::Result<Outcome> {
    let mut pair = bench.pair(hold_ack).await?;
    let mut spent = Samples::default();
    let rates = bench
        .rounds(&[ENGINE, LEAST, NONE], async |side, duration| {
            pair.stage.settle().await?;
            let (rate, cost) = match side {
                NONE => of_none(bench, &pair, duration).await?,
                LEAST => of_least(bench, &pair, duration, hold_ack).await?,
                _ => of_engine(bench, &mut pair, duration, hold_ack == "redis").await?,
            };
            for (of, micros) in [
                ("load", cost.load),
                ("front", cost.front),
                ("redis", cost.redis),
                ("postgres", cost.postgres),
            ] {
                spent.push(format!("{side} {of}"), micros);
            }
            Ok(rate)
        })
        .await?;
    let against = |name: &str, over: &str, under: &str| {
        let unit = |side| if side == NONE { "calls/s" } else { "holds/s" };
        Figure::new(name, "", &rates.ratios(over, under))
            .side(over, unit(over), rates.of(over))
            .side(under, unit(under), rates.of(under))
    };
    let figures = vec![
        against(name, ENGINE, NONE).goal(goal),
        against("the least over no work", LEAST, NONE),
        against("engine over the least", ENGINE, LEAST),
    ];
    let columns = ["CPU a call, µs", "load generator", "front or engine", "Redis", "Postgres"];
    let mut table = Table::new(&columns);
    for side in [ENGINE, LEAST, NONE] {
        let of = |who: &str| median(spent.of(format!("{side} {who}")));
        table.row(side, &[of("load"), of("front"), of("redis"), of("postgres")]);
    }
    Ok(Outcome { figures, tables: vec![table], ..Outcome::default() })
}

/// Calls a second of the front without work.
async fn of_none(bench: &Bench, pair: &Pair, duration: Duration) -> anyhow::Result<(f64, Spent)> {
    let from = bench.customers();
    let before = Spent::so_far(&pair.stage, &pair.none)?;
    let make = move |n| hold("d", from + n);
    let run = closed(pair.none.address, CONNECTIONS, duration, make).await?;
    let calls = run.only(201)?;
    let spent = Spent::so_far(&pair.stage, &pair.none)?.since(before, calls);
    Ok((run.rate(201), spent))
}

/// Holds a second, of a drop that nobody held of before.
async fn of_engine(
    bench: &Bench,
    pair: &mut Pair,
    duration: Duration,
    until_durable: bool,
) -> anyhow::Result<(f64, Spent)> {
    let (drop, from) = (bench.drop(), bench.customers());
    open_drop(&pair.engine, &drop, UNITS).await?;
    let before = Spent::so_far(&pair.stage, &pair.engine)?;
    let asked = drop.clone();
    let make = move |n| hold(&asked, from + n);
    let run = closed(pair.engine.address, CONNECTIONS, duration, make).await?;
    let holds = run.only(201)?;
    let since = Instant::now();
    drain(&pair.engine, &mut pair.watch, &drop).await?;
    let elapsed = if until_durable { run.elapsed + since.elapsed() } else { run.elapsed };
    let spent = Spent::so_far(&pair.stage, &pair.engine)?.since(before, holds);
    Ok((holds as f64 / elapsed.as_secs_f64(), spent))
}

/// Holds a second of the least, of a drop of its own, until it has committed them.
async fn of_least(
    bench: &Bench,
    pair: &Pair,
    duration: Duration,
    hold_ack: &str,
) -> anyhow::Result<(f64, Spent)> {
    let (drop, from) = (bench.drop(), bench.customers());
    let least = pair.stage.least(std::slice::from_ref(&drop), hold_ack).await?;
    let before = Spent::so_far(&pair.stage, &least)?;
    let asked = drop.clone();
    let since = Instant::now();
    let make = move |n| hold(&asked, from + n);
    let run = closed(least.address, CONNECTIONS, duration, make).await?;
    let holds = run.only(201)?;
    pair.stage.until_least_has(&drop, holds).await?;
    let elapsed = since.elapsed();
    let spent = Spent::so_far(&pair.stage, &least)?.since(before, holds);
    least.stop()?;
    Ok((holds as f64 / elapsed.as_secs_f64(), spent))
}
