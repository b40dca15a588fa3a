//! What Redis works for a hold: in a crowd, alone, and against a plain `SET`.

use std::time::{Duration, Instant};

use super::About;
use crate::{
    bench::{Bench, Pair, Spent},
    load::{CONNECTIONS, closed},
    report::{Figure, Goal, Outcome, Table},
    stage::{UNITS, drain, hold, open_drop},
    statistics::{Samples, median},
    watch::Watch,
};

pub(super) const ABOUT: About = About {
    title: "Redis' processor time a hold",
    how: "`INFO cpu`, main thread, user and system, before a run of durable holds and after its \
          journal is drained, over the holds; what Redis works while nothing is asked is taken \
          off. 256 connections make large batches, one connection makes batches of one call. The \
          `SET`s have a key of their own and 100 bytes each and are pipelined, 128 at a time. \
          `least` is the bound of `holds`: a script that takes units, counts a customer's, stores the \
          hold, its deadline and an entry of a journal, and does nothing else. \
          Append-only file on, synced every second.",
};

const CROWD: &str = "256 in flight";
const ALONE: &str = "1 in flight";
const LEAST: &str = "least, 256 in flight";
const SET: &str = "pipelined SET";
const SETS: u64 = 200_000;
const BATCH: u64 = 128;

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Outcome> {
    let mut pair = bench.pair("ledger").await?;
    let mut spent = Samples::default();
    let cpu = bench
        .rounds(&[CROWD, ALONE, LEAST, SET], async |side, duration| {
            pair.stage.settle().await?;
            let idle = idle(&mut pair.watch).await?;
            match side {
                SET => sets(bench, &mut pair.watch, idle).await,
                LEAST => of_least(bench, &mut pair, duration, idle).await,
                _ => {
                    let connections = if side == ALONE { 1 } else { CONNECTIONS };
                    let (redis, all) = holds(bench, &mut pair, connections, duration, idle).await?;
                    for (who, micros) in
                        [("engine", all.front), ("redis", all.redis), ("postgres", all.postgres)]
                    {
                        spent.push(format!("{side} {who}"), micros);
                    }
                    Ok(redis)
                }
            }
        })
        .await?;
    let mut table = Table::new(&["CPU a hold, µs", "engine", "Redis, all threads", "Postgres"]);
    for side in [CROWD, ALONE] {
        let of = |who: &str| median(spent.of(format!("{side} {who}")));
        table.row(side, &[of("engine"), of("redis"), of("postgres")]);
    }
    let unit = "µs";
    let figures = vec![
        Figure::new(
            "Redis CPU a hold, 256 in flight over one call a batch",
            "",
            &cpu.ratios(CROWD, ALONE),
        )
        .goal(Goal::AtMost(0.25))
        .side(CROWD, unit, cpu.of(CROWD))
        .side(ALONE, unit, cpu.of(ALONE)),
        Figure::new("Redis CPU a hold over a pipelined `SET`", "times", &cpu.ratios(CROWD, SET))
            .goal(Goal::AtMost(2.0))
            .side(CROWD, unit, cpu.of(CROWD))
            .side(SET, unit, cpu.of(SET)),
        Figure::new("Redis CPU a hold of the least over a `SET`", "times", &cpu.ratios(LEAST, SET))
            .side(LEAST, unit, cpu.of(LEAST))
            .side(SET, unit, cpu.of(SET)),
    ];
    Ok(Outcome { figures, tables: vec![table], ..Outcome::default() })
}

/// What Redis works in a second in which nothing is asked, in microseconds.
async fn idle(watch: &mut Watch) -> anyhow::Result<f64> {
    let (before, since) = (watch.cpu_micros().await?, Instant::now());
    tokio::time::sleep(Duration::from_millis(500)).await;
    Ok((watch.cpu_micros().await? - before) / since.elapsed().as_secs_f64())
}

/// What Redis' main thread works from here on.
struct Meter {
    before: f64,
    since: Instant,
    idle: f64,
}

impl Meter {
    /// Begins; `idle` is what Redis works in a second while nothing is asked.
    async fn begin(watch: &mut Watch, idle: f64) -> anyhow::Result<Meter> {
        Ok(Meter { before: watch.cpu_micros().await?, since: Instant::now(), idle })
    }

    /// Microseconds since it began, without those of an idle Redis.
    async fn read(&self, watch: &mut Watch) -> anyhow::Result<f64> {
        let worked = watch.cpu_micros().await? - self.before;
        Ok(worked - self.idle * self.since.elapsed().as_secs_f64())
    }
}

/// Microseconds of Redis' main thread a hold, and of everybody.
async fn holds(
    bench: &Bench,
    pair: &mut Pair,
    connections: usize,
    duration: Duration,
    idle: f64,
) -> anyhow::Result<(f64, Spent)> {
    let (drop, from) = (bench.drop(), bench.customers());
    open_drop(&pair.engine, &drop, UNITS).await?;
    drain(&pair.engine, &mut pair.watch, &drop).await?;
    let spent = Spent::so_far(&pair.stage, &pair.engine)?;
    let meter = Meter::begin(&mut pair.watch, idle).await?;
    let asked = drop.clone();
    let make = move |n| hold(&asked, from + n);
    let run = closed(pair.engine.address, connections, duration, make).await?;
    let holds = run.only(201)?;
    drain(&pair.engine, &mut pair.watch, &drop).await?;
    let worked = meter.read(&mut pair.watch).await?;
    let spent = Spent::so_far(&pair.stage, &pair.engine)?.since(spent, holds);
    Ok((worked / holds as f64, spent))
}

/// Microseconds of Redis' main thread a hold of the least.
async fn of_least(
    bench: &Bench,
    pair: &mut Pair,
    duration: Duration,
    idle: f64,
) -> anyhow::Result<f64> {
    let (drop, from) = (bench.drop(), bench.customers());
    let least = pair.stage.least(std::slice::from_ref(&drop), "ledger").await?;
    let meter = Meter::begin(&mut pair.watch, idle).await?;
    let make = move |n| hold(&drop, from + n);
    let holds = closed(least.address, CONNECTIONS, duration, make).await?.only(201)?;
    let worked = meter.read(&mut pair.watch).await?;
    least.stop()?;
    Ok(worked / holds as f64)
}

/// Microseconds of Redis' main thread a `SET`.
async fn sets(bench: &Bench, watch: &mut Watch, idle: f64) -> anyhow::Result<f64> {
    let count = bench.scaled(SETS) / BATCH * BATCH;
    let value = "v".repeat(100);
    let meter = Meter::begin(watch, idle).await?;
    for batch in 0..count / BATCH {
        let mut pipe = redis::pipe();
        for number in batch * BATCH..(batch + 1) * BATCH {
            pipe.cmd("SET").arg(format!("bench:set:{number}")).arg(&value).ignore();
        }
        pipe.query_async::<()>(watch.connection()).await?;
    }
    let worked = meter.read(watch).await?;
    for batch in 0..count / BATCH {
        let keys = (batch * BATCH..(batch + 1) * BATCH).map(|number| format!("bench:set:{number}"));
        let mut unlink = redis::cmd("UNLINK");
        unlink.arg(keys.collect::<Vec<_>>());
        unlink.query_async::<()>(watch.connection()).await?;
    }
    Ok(worked / count as f64)
}
