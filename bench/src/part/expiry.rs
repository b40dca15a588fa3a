//! Holds at half of the maximal load while a million others come due at once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{About, latency::maximal_load};
use crate::{
    bench::Bench,
    load::{Call, Open, open},
    process::Process,
    report::{Figure, Goal, Outcome, number, whole},
    stage::{admin, drain, fill, hold, open_drop},
    statistics::Samples,
};

pub(super) const ABOUT: About = About {
    title: "Holds while a million others come due",
    how: "1,000,000 holds are taken with such a `ttl_seconds` each that all come due within one \
          second. Holds of a drop are made at half of the maximal load (open loop, latency from \
          the intended start): first for as long as a run takes, then from the moment at which \
          the others come due until the ledger has every one of them expired. The ratio is that \
          of the two 99th percentiles. Servers are fresh in each round. The others are once of a \
          drop of their own, once of the same drop and SKU.",
};

const HOLDS: u64 = 1_000_000;
const CONNECTIONS: usize = 1024;
/// A fill surely keeps this share of the maximal load; the moment is set by it.
const FILL_SHARE: f64 = 0.6;
/// Within which time all must have expired.
const EXPIRED_WITHIN: Duration = Duration::from_secs(300);
const OTHER: &str = "another drop";
const SAME: &str = "the same drop";
/// The drop that is measured, and the one beside it.
const BUSY: &str = "busy";
const BESIDE: &str = "beside";

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Outcome> {
    let mut pair = bench.pair("ledger").await?;
    let rate = maximal_load(bench, &mut pair).await? / 2.0;
    drop(pair);
    let mut samples = Samples::default();
    let ratios = bench
        .rounds_cold(&[OTHER, SAME], async |side| {
            let round = Box::pin(round(bench, side == SAME, rate)).await?;
            for (name, value) in
                [("without", round.without), ("with", round.with), ("due", round.due)]
            {
                samples.push(format!("{side} {name}"), value);
            }
            Ok(round.with / round.without)
        })
        .await?;
    let holds = whole(bench.scaled(HOLDS));
    let mut figures = Vec::new();
    for side in [OTHER, SAME] {
        let of = |name: &str| samples.of(format!("{side} {name}")).to_vec();
        let name = format!("p99 at half load while {holds} holds of {side} come due");
        figures.push(
            Figure::new(name, "times", ratios.of(side))
                .goal(Goal::AtMost(3.0))
                .side("p99 with", "ms", &of("with"))
                .side("p99 without", "ms", &of("without")),
        );
        let name = format!("until all of {side} are expired in the ledger");
        figures.push(Figure::new(name, "s", &of("due")));
    }
    let notes = vec![format!("The load: {} holds/s.", number(rate))];
    Ok(Outcome { figures, notes, ..Outcome::default() })
}

/// 99th percentiles in milliseconds, and how long all took to expire, in seconds.
#[derive(Clone, Copy, Debug)]
struct Round {
    without: f64,
    with: f64,
    due: f64,
}

async fn round(bench: &Bench, same: bool, rate: f64) -> anyhow::Result<Round> {
    let mut pair = bench.pair("ledger").await?;
    let count = bench.scaled(HOLDS);
    for drop in [BUSY, BESIDE] {
        open_drop(&pair.engine, drop, 1_000_000_000).await?;
    }
    let due_drop = if same { BUSY } else { BESIDE };
    let busy = Busy { rate, made: Arc::default(), stop: CancellationToken::new() };
    busy.hold(bench, &pair.engine, Duration::from_secs(1)).await?;
    let without = busy.hold(bench, &pair.engine, bench.seconds).await?;
    let fill_takes = Duration::from_secs_f64(count as f64 / (2.0 * rate * FILL_SHARE));
    let moment = Instant::now() + fill_takes + Duration::from_secs(10);
    let from = bench.customers();
    fill(&pair.engine, count, move |n| due_at(due_drop, from + n, moment)).await?;
    drain(&pair.engine, &mut pair.watch, due_drop).await?;
    ensure!(Instant::now() < moment, "the fill took longer than until they come due");
    tokio::time::sleep_until(moment.into()).await;
    let (with, due) = tokio::join!(busy.hold(bench, &pair.engine, EXPIRED_WITHIN), async {
        let due = until_expired(&pair.engine, due_drop, same.then_some(&busy.made)).await;
        busy.stop.cancel();
        due
    });
    let (with, due) = (with?.quantile(0.99), due?.as_secs_f64());
    Ok(Round { without: without.quantile(0.99), with, due })
}

/// Those who hold of the busy drop at a fixed rate.
#[derive(Debug)]
struct Busy {
    rate: f64,
    /// Holds asked for so far.
    made: Arc<AtomicU64>,
    stop: CancellationToken,
}

impl Busy {
    async fn hold(
        &self,
        bench: &Bench,
        engine: &Process,
        duration: Duration,
    ) -> anyhow::Result<Open> {
        let (from, made) = (bench.customers(), Arc::clone(&self.made));
        let make = move |n| {
            made.fetch_add(1, Ordering::Relaxed);
            hold(BUSY, from + n)
        };
        let stop = self.stop.clone();
        let run = open(engine.address, CONNECTIONS, self.rate, duration, stop, make).await?;
        run.only(201)?;
        Ok(run)
    }
}

/// A hold that comes due within the second from `moment` on.
fn due_at(drop: &str, customer: u64, moment: Instant) -> Call {
    let left = moment.saturating_duration_since(Instant::now()).as_secs() + 1;
    let mut call = hold(drop, customer);
    call.body.pop();
    call.body += &format!(r#","ttl_seconds":{left}}}"#);
    call
}

/// How long until the ledger holds no more of the drop than was asked for by those who stay:
/// then all that came due are expired, but for as many as are under way.
async fn until_expired(
    engine: &Process,
    drop: &str,
    stay: Option<&Arc<AtomicU64>>,
) -> anyhow::Result<Duration> {
    let since = Instant::now();
    let path = format!("/v1/admin/drops/{drop}");
    while since.elapsed() < EXPIRED_WITHIN {
        tokio::time::sleep(Duration::from_millis(250)).await;
        let shown = admin(engine, "GET", &path, &Value::Null).await?;
        let held = shown["skus"][0]["held"].as_u64().context("held")?;
        if held <= stay.map_or(0, |made| made.load(Ordering::Relaxed)) {
            return Ok(since.elapsed());
        }
    }
    bail!("not all that came due are expired within {EXPIRED_WITHIN:?}")
}
