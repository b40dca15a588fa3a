//! Public reads of a SKU.

use super::About;
use crate::{
    bench::Bench,
    load::{CONNECTIONS, Call, closed},
    report::{Figure, Goal, Outcome},
    stage::{drain, fill, hold, open_drop},
};

pub(super) const ABOUT: About = About {
    title: "Public reads of a SKU against no work",
    how: "256 connections in a closed loop read one SKU that was sold from just before. The \
          other side is the same front with a route that answers with a text of the same shape \
          and length, which never changes; the engine's answer is kept before its routes.",
};

const NONE: &str = "no work";

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Outcome> {
    let mut pair = bench.pair("ledger").await?;
    let drop = bench.drop();
    open_drop(&pair.engine, &drop, 1_000_000).await?;
    let engine = "engine";
    let rates = bench
        .rounds(&[engine, NONE], async |side, duration| {
            let from = bench.customers();
            let asked = drop.clone();
            // A version that nobody has read yet.
            let make = move |n| hold(&asked, from + n);
            fill(&pair.engine, 100, make).await?;
            drain(&pair.engine, &mut pair.watch, &drop).await?;
            let process = if side == NONE { &pair.none } else { &pair.engine };
            let path = format!("/v1/drops/{drop}/skus/s");
            let read = move |_| Call {
                method: "GET",
                path: path.clone(),
                bearer: None,
                key: None,
                body: String::new(),
            };
            let run = closed(process.address, CONNECTIONS, duration, read).await?;
            run.only(200)?;
            Ok(run.rate(200))
        })
        .await?;
    let figure = Figure::new("public reads over no work", "", &rates.ratios(engine, NONE))
        .goal(Goal::AtLeast(0.95))
        .side(engine, "reads/s", rates.of(engine))
        .side(NONE, "reads/s", rates.of(NONE));
    Ok(Outcome { figures: vec![figure], ..Outcome::default() })
}
