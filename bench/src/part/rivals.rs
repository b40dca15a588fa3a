//! Durable holds against the designs that shops use, behind the same front.

use std::time::Duration;

use clap::ValueEnum as _;
use serde_json::json;

use super::About;
use crate::{
    bench::Bench,
    design::{Design, LIMIT},
    load::{CONNECTIONS, closed},
    process::Process,
    report::{Figure, Goal, Outcome, Table, number},
    stage::{Stage, UNITS, drain, hold, open_drop_with},
    statistics::{Samples, median, ratios},
};

pub(super) const ABOUT: About = About {
    title: "Durable holds against the designs that shops use",
    how: "256 connections in a closed loop hold one unit of one hot SKU, a customer each, with a \
          limit of 10 a customer on every side and without idempotency keys. Each design stands \
          behind the engine's own front. The number of Postgres connections is swept once for \
          each design in Postgres, and the best is taken. Every run is of a drop that is sold \
          for the first time. Of the two locks in Redis the better one of each round counts. \
          `evalsha` answers from Redis and writes nothing anywhere else: it is told for \
          comparison. So are the bounds of any engine behind this front: with no work behind it, and with \
          `least`, as in `holds`.",
};

const ENGINE: &str = "engine";
/// Designs in Postgres, with what the engine must be times as fast.
const IN_POSTGRES: [(&str, f64); 3] =
    [("for-update", 20.0), ("conditional-update", 20.0), ("unit-rows", 4.0)];
const LOCKS: [&str; 2] = ["redis-lock-spin", "redis-lock-message"];
const EVALSHA: &str = "evalsha";
/// No rivals: what the front can do, and what it can do with the least behind it.
const BOUNDS: [&str; 2] = ["least", "none"];
const POOLS: [usize; 5] = [4, 8, 16, 32, 64];
/// A run of the sweep is no longer.
const SWEEP: Duration = Duration::from_secs(2);
/// Nobody runs out of these either, where each has a row that must be made first.
const ROWS: u64 = 300_000;

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Outcome> {
    let stage = bench.stage().await?;
    let mut table = Table::new(&["holds/s by Postgres connections", "4", "8", "16", "32", "64"]);
    let mut rivals = Vec::new();
    for (name, _) in IN_POSTGRES {
        let mut rates = Vec::new();
        for pool in POOLS {
            let rate = of_rival(bench, &stage, (name, pool), bench.seconds.min(SWEEP)).await?;
            eprintln!("  {name} with {pool} connections: {}", number(rate));
            rates.push(rate);
        }
        let best = (0..POOLS.len()).max_by(|a, b| rates[*a].total_cmp(&rates[*b])).unwrap_or(0);
        table.row(format!("`{name}`, best with {}", POOLS[best]), &rates);
        rivals.push((name, POOLS[best]));
    }
    let others = [LOCKS[0], LOCKS[1], EVALSHA, BOUNDS[0], BOUNDS[1]];
    rivals.extend(others.map(|name| (name, POOLS[2])));
    let engine = stage.engine("ledger").await?;
    let mut watch = stage.watch().await?;
    let mut sides: Vec<&str> = rivals.iter().map(|(name, _)| *name).collect();
    sides.push(ENGINE);
    let rates = bench
        .rounds(&sides, async |side, duration| {
            stage.settle().await?;
            if let Some(rival) = rivals.iter().find(|(name, _)| *name == side) {
                return of_rival(bench, &stage, *rival, duration).await;
            }
            let drop = bench.drop();
            let settings = json!({ "limit_per_customer": LIMIT });
            open_drop_with(&engine, &drop, &settings, &["s".to_owned()], UNITS).await?;
            let rate = rate(bench, &engine, &drop, duration).await?;
            drain(&engine, &mut watch, &drop).await?;
            Ok(rate)
        })
        .await?;
    let tables = vec![times(&rates), table];
    Ok(Outcome { figures: figures(&rates), tables, ..Outcome::default() })
}

/// How many times as fast as each rival the engine is, and how many anybody could be.
fn times(rates: &Samples) -> Table {
    let mut table = Table::new(&["times as fast as", ENGINE, "`least`", "no work"]);
    let locks = rates.best(&LOCKS);
    let mut row = |name: &str, rival: &[f64]| {
        let over = |side: &str| median(&ratios(rates.of(side), rival));
        table.row(name, &[over(ENGINE), over(BOUNDS[0]), over(BOUNDS[1])]);
    };
    for (name, _) in IN_POSTGRES {
        row(&format!("`{name}`"), rates.of(name));
    }
    row("the better Redis lock", &locks);
    table
}

fn figures(rates: &Samples) -> Vec<Figure> {
    let engine = rates.of(ENGINE);
    let against = |name: &str, rival: &[f64]| {
        Figure::new(format!("durable holds over {name}"), "times", &ratios(engine, rival))
            .side(ENGINE, "holds/s", engine)
    };
    let mut figures = Vec::new();
    for (name, goal) in IN_POSTGRES {
        let rival = rates.of(name);
        let figure = against(&format!("`{name}`"), rival).side(name, "holds/s", rival);
        figures.push(figure.goal(Goal::AtLeast(goal)));
    }
    let mut locks = against("the better Redis lock", &rates.best(&LOCKS));
    for name in LOCKS {
        locks = locks.side(name, "holds/s", rates.of(name));
    }
    figures.push(locks.goal(Goal::AtLeast(5.0)));
    let evalsha = rates.of(EVALSHA);
    figures.push(against("`evalsha`, not durable", evalsha).side(EVALSHA, "holds/s", evalsha));
    figures
}

/// Holds a second of a design with so many connections: of a drop of its own, as the engine's.
async fn of_rival(
    bench: &Bench,
    stage: &Stage,
    (name, pool): (&str, usize),
    duration: Duration,
) -> anyhow::Result<f64> {
    let design = Design::from_str(name, false).map_err(anyhow::Error::msg)?;
    let (drop, units) = (bench.drop(), if name == "unit-rows" { ROWS } else { UNITS });
    let settings = [
        ("BENCH_DROP", drop.clone()),
        ("BENCH_POOL", pool.to_string()),
        ("BENCH_UNITS", units.to_string()),
    ];
    let front = stage.front_with(design, &settings).await?;
    // It has to open its connections and prepare its statements.
    rate(bench, &front, &drop, duration / 8).await?;
    let rate = rate(bench, &front, &drop, duration).await?;
    front.stop()?;
    Ok(rate)
}

/// Holds a second.
async fn rate(
    bench: &Bench,
    process: &Process,
    drop: &str,
    duration: Duration,
) -> anyhow::Result<f64> {
    let (from, drop) = (bench.customers(), drop.to_owned());
    let run =
        closed(process.address, CONNECTIONS, duration, move |n| hold(&drop, from + n)).await?;
    run.only(201)?;
    Ok(run.rate(201))
}
