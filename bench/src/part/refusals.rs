//! The storm on a SKU that is sold out, and how soon a restock sells in it.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::json;

use super::About;
use crate::{
    bench::Bench,
    load::{CONNECTIONS, closed},
    process::Process,
    report::{Figure, Goal, Outcome},
    stage::{admin, hold, open_drop},
};

pub(super) const ABOUT: About = About {
    title: "Refusals of a sold-out SKU against no work, and a restock in the middle",
    how: "256 connections in a closed loop, 64 customers, no idempotency keys: every call is \
          answered 409 `sold_out`. The other side is the same load on the front with no work \
          behind it. Then, in a storm of its own each round, the merchant restocks 1,000 units \
          in the middle; counted is the time from the restock's answer to the first 201 of the \
          storm, 0 when that came first.",
};

const NONE: &str = "no work";
const CUSTOMERS: u64 = 64;

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Outcome> {
    let pair = bench.pair("ledger").await?;
    let drop = bench.drop();
    open_drop(&pair.engine, &drop, 0).await?;
    let engine = "engine";
    let rates = bench
        .rounds(&[engine, NONE], async |side, duration| {
            let (process, status) =
                if side == NONE { (&pair.none, 201) } else { (&pair.engine, 409) };
            let asked = drop.clone();
            let make = move |n| hold(&asked, n % CUSTOMERS);
            let run = closed(process.address, CONNECTIONS, duration, make).await?;
            run.only(status)?;
            Ok(run.rate(status))
        })
        .await?;
    let mut from_call = Vec::new();
    let waits = bench
        .rounds_cold(&["restock to first sale, ms"], async |_| {
            let (behind_answer, behind_call) = restock_in_storm(bench, &pair.engine).await?;
            from_call.push(behind_call);
            Ok(behind_answer)
        })
        .await?;
    let refusals =
        Figure::new("refusals of a sold-out SKU over no work", "", &rates.ratios(engine, NONE))
            .goal(Goal::AtLeast(0.90))
            .side(engine, "refusals/s", rates.of(engine))
            .side(NONE, "calls/s", rates.of(NONE));
    let waits = waits.of("restock to first sale, ms");
    let restock = Figure::new("a restock in the storm until it sells", "ms", waits)
        .goal(Goal::AtMost(100.0))
        .side("from the call, not its answer", "ms", &from_call);
    Ok(Outcome { figures: vec![refusals, restock], ..Outcome::default() })
}

/// Milliseconds from the restock's answer, and from its call, to the first hold that was taken.
async fn restock_in_storm(bench: &Bench, engine: &Process) -> anyhow::Result<(f64, f64)> {
    let drop = bench.drop();
    open_drop(engine, &drop, 0).await?;
    let (address, asked) = (engine.address, drop.clone());
    let duration = bench.seconds.min(Duration::from_secs(2));
    let storm = tokio::spawn(async move {
        closed(address, CONNECTIONS, duration, move |n| hold(&asked, n % CUSTOMERS)).await
    });
    tokio::time::sleep(duration / 2).await;
    let path = format!("/v1/admin/drops/{drop}/skus/s/restock");
    let called = Instant::now();
    admin(engine, "POST", &path, &json!({ "quantity": 1000, "reason": "found" })).await?;
    let answered = Instant::now();
    let storm = storm.await??;
    let sold = storm.first.get(&201).context("nothing was sold behind the restock")?;
    let behind = |from: Instant| sold.saturating_duration_since(from).as_secs_f64() * 1e3;
    Ok((behind(answered), behind(called)))
}
