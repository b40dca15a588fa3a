//! Holds at half of the maximal load while a million others come due at once.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
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
    how: "1,000,000 holds of one drop are taken with such a `ttl_seconds` each that all come due \
          within one second. Holds are made at half of the maximal load (open loop, latency from \
          the intended start), once of another drop and once of the same drop and SKU, in shuffled \
          order: first while the million is held and what its fill left behind has settled, then from \
          the moment at which it comes due, each for twice as long as a run takes. The ratio is that of the two 99th \
          percentiles. Some of the million must still be due when the last of these runs ends, or \
          the part fails. Beside it stands how many holds a second the ledger had expired during \
          those runs, and how many once nobody asked for anything. One fill, which takes most of \
          the time, serves both; it is why there are three rounds at most, whatever `--rounds` \
          says, each on fresh servers.",
};

const HOLDS: u64 = 1_000_000;
/// A fill takes minutes, and what is looked for is a factor: the spread tells whether it is enough.
const ROUNDS: usize = 3;
const CONNECTIONS: usize = 1024;
/// A fill surely keeps this share of the maximal load; the moment is set by it.
const FILL_SHARE: f64 = 0.7;
/// What a fill leaves to do (a checkpoint, a vacuum, a rewrite of the append-only file) has so long
/// at least, and what the fill did not need of its time.
const SETTLE: Duration = Duration::from_secs(10);
const OTHER: &str = "another drop";
const SAME: &str = "the same drop";
/// The drop whose holds come due, and the one beside it.
const DUE: &str = "due";
const BESIDE: &str = "beside";

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Outcome> {
    let mut pair = bench.pair("ledger").await?;
    let rate = maximal_load(bench, &mut pair).await? / 2.0;
    drop(pair);
    let mut samples = Samples::default();
    let rounds = bench.rounds.min(ROUNDS);
    for number in 1..=rounds {
        Box::pin(round(bench, rate, &mut samples)).await?;
        for side in [OTHER, SAME] {
            let last = samples.of(side).last().copied().unwrap_or(f64::NAN);
            eprintln!("  {number}/{rounds} holds of {side}: {last:.2}");
        }
    }
    let holds = whole(bench.scaled(HOLDS));
    let mut figures = Vec::new();
    for side in [OTHER, SAME] {
        let of = |name: &str| samples.of(format!("{side} {name}")).to_vec();
        let name = format!("p99 at half load of holds of {side} while {holds} come due");
        figures.push(
            Figure::new(name, "times", samples.of(side))
                .goal(Goal::AtMost(3.0))
                .side("p99 with", "ms", &of("with"))
                .side("p99 without", "ms", &of("without"))
                .side("median with", "ms", &of("median with"))
                .side("median without", "ms", &of("median without"))
                .side("expired meanwhile", "holds/s", &of("expired")),
        );
    }
    let alone = samples.of("alone");
    figures.push(Figure::new("expired while nobody asks for anything", "holds/s", alone));
    let notes = vec![format!("The load: {} holds/s.", number(rate))];
    Ok(Outcome { figures, notes, ..Outcome::default() })
}

/// Measures both sides once, on fresh servers.
async fn round(bench: &Bench, rate: f64, samples: &mut Samples) -> anyhow::Result<()> {
    let mut pair = bench.pair("ledger").await?;
    let count = bench.scaled(HOLDS);
    for drop in [DUE, BESIDE] {
        open_drop(&pair.engine, drop, 1_000_000_000).await?;
    }
    let stay = AtomicU64::new(0);
    let buyers = Buyers { bench, engine: &pair.engine, rate, stay: &stay };
    for side in [OTHER, SAME] {
        buyers.hold(side, Duration::from_secs(1)).await?;
    }
    let fill_takes = Duration::from_secs_f64(count as f64 / (2.0 * rate * FILL_SHARE));
    let run = 2 * bench.seconds;
    let settled = Instant::now() + fill_takes + SETTLE;
    let moment = settled + 2 * run + Duration::from_secs(3);
    let from = bench.customers();
    fill(&pair.engine, count, move |n| due_at(from + n, moment)).await?;
    drain(&pair.engine, &mut pair.watch, DUE).await?;
    ensure!(Instant::now() < settled, "the fill took longer than it was given");
    tokio::time::sleep_until(settled.into()).await;
    let mut order = [OTHER, SAME];
    bench.shuffle(&mut order);
    let mut without = Vec::new();
    for side in order {
        without.push(buyers.hold(side, run).await?);
    }
    ensure!(Instant::now() < moment, "they came due too early");
    tokio::time::sleep_until(moment.into()).await;
    for (side, without) in order.into_iter().zip(without) {
        let (due, since) = (buyers.left().await?, Instant::now());
        let with = buyers.hold(side, run).await?;
        let (left, took) = (buyers.left().await?, since.elapsed());
        ensure!(left > 0, "{count} holds are too few: nothing was due any more");
        samples.push(side, with.quantile(0.99) / without.quantile(0.99));
        for (name, value) in [
            ("with", with.quantile(0.99)),
            ("without", without.quantile(0.99)),
            ("median with", with.quantile(0.5)),
            ("median without", without.quantile(0.5)),
            ("expired", due.saturating_sub(left) as f64 / took.as_secs_f64()),
        ] {
            samples.push(format!("{side} {name}"), value);
        }
    }
    let (due, since) = (buyers.left().await?, Instant::now());
    let mut left = due;
    while left > 0 && since.elapsed() < bench.seconds {
        tokio::time::sleep(Duration::from_millis(100)).await;
        left = buyers.left().await?;
    }
    samples.push("alone", due.saturating_sub(left) as f64 / since.elapsed().as_secs_f64());
    Ok(())
}

/// Those who hold at a fixed rate.
#[derive(Debug)]
struct Buyers<'a> {
    bench: &'a Bench,
    engine: &'a Process,
    rate: f64,
    /// Holds of theirs of the drop whose others come due.
    stay: &'a AtomicU64,
}

impl Buyers<'_> {
    async fn hold(&self, side: &str, duration: Duration) -> anyhow::Result<Open> {
        let (from, drop) = (self.bench.customers(), if side == SAME { DUE } else { BESIDE });
        let make = move |n| hold(drop, from + n);
        let stop = CancellationToken::new();
        let run = open(self.engine.address, CONNECTIONS, self.rate, duration, stop, make).await?;
        let made = run.only(201)?;
        if side == SAME {
            self.stay.fetch_add(made, Ordering::Relaxed);
        }
        Ok(run)
    }

    /// How many of those that come due are still held, as the ledger has it. Nobody holds meanwhile.
    async fn left(&self) -> anyhow::Result<u64> {
        let path = format!("/v1/admin/drops/{DUE}");
        let shown = admin(self.engine, "GET", &path, &Value::Null).await?;
        let held = shown["skus"][0]["held"].as_u64().context("held")?;
        Ok(held.saturating_sub(self.stay.load(Ordering::Relaxed)))
    }
}

/// A hold that comes due within the second from `moment` on.
fn due_at(customer: u64, moment: Instant) -> Call {
    let left = moment.saturating_duration_since(Instant::now()).as_secs() + 1;
    let mut call = hold(DUE, customer);
    call.body.pop();
    call.body += &format!(r#","ttl_seconds":{left}}}"#);
    call
}
