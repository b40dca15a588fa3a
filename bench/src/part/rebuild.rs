//! How soon a drop of a million active holds sells again after Redis lost it.

use std::time::{Duration, Instant};

use anyhow::ensure;

use super::About;
use crate::{
    bench::{Bench, Pair},
    load::Connection,
    report::{Figure, Goal, Outcome, number, whole},
    stage::{UNITS, drain, fill, hold, open_drop},
};

pub(super) const ABOUT: About = About {
    title: "Rebuild of a drop",
    how: "1,000,000 active one-line holds are taken through the API; then every key of the drop \
          is deleted. Counted is the time from the deletion to the first new hold that is \
          answered 201, so the engine's finding out is in it. The drop is lost again in each \
          round.",
};

const HOLDS: u64 = 1_000_000;
const BACK_WITHIN: Duration = Duration::from_secs(300);

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Outcome> {
    let mut pair = bench.pair("ledger").await?;
    let holds = bench.scaled(HOLDS);
    let (drop, from) = (bench.drop(), bench.customers());
    open_drop(&pair.engine, &drop, UNITS).await?;
    let (asked, since) = (drop.clone(), Instant::now());
    fill(&pair.engine, holds, move |n| hold(&asked, from + n)).await?;
    let filled = since.elapsed();
    let times = bench
        .rounds_cold(&["away"], async |_| Ok(lose(bench, &mut pair, &drop).await?.as_secs_f64()))
        .await?;
    let name = format!("rebuild of {} active holds", whole(holds));
    let figure = Figure::new(name, "s", times.of("away")).goal(Goal::AtMost(30.0));
    let notes = vec![format!("The holds were taken in {} s.", number(filled.as_secs_f64()))];
    Ok(Outcome { figures: vec![figure], notes, ..Outcome::default() })
}

async fn lose(bench: &Bench, pair: &mut Pair, drop: &str) -> anyhow::Result<Duration> {
    drain(&pair.engine, &mut pair.watch, drop).await?;
    let mut connection = Connection::open(pair.engine.address).await?;
    let from = bench.customers();
    pair.watch.lose(drop).await?;
    let since = Instant::now();
    for number in 0.. {
        let (status, _) = connection.send(hold(drop, from + number)).await?;
        if status == 201 {
            break;
        }
        ensure!(status == 503, "a hold of a drop that is away: {status}");
        ensure!(since.elapsed() < BACK_WITHIN, "{drop} does not come back");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(since.elapsed())
}
