//! What users want to know of a drop, as one structure for every form of the report.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use goose::metrics::GooseMetrics;
use serde::Serialize;

use crate::admin::{Audit, Stock};
use crate::books::{Counted, Fate, Pages};
use crate::join::{Finding, Joined, Records};
use crate::mix::Kind;
use crate::wire::Verb;
use crate::world::World;

/// The figures of a run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figures {
    pub(crate) drop: String,
    pub(crate) engine: String,
    pub(crate) seed: u64,
    pub(crate) size: Size,
    pub(crate) opened_at: String,
    /// From the opening until nobody was left, in seconds.
    pub(crate) sale_seconds: f64,
    /// Until nothing was held any more, in seconds from the opening.
    pub(crate) settled_seconds: f64,
    pub(crate) units: Units,
    pub(crate) sellout: Sellout,
    pub(crate) calls: Vec<CallFigures>,
    /// Calls that were refused in the end, by code.
    pub(crate) refused: BTreeMap<String, u64>,
    pub(crate) replayed_answers: u64,
    pub(crate) unknown: Unknown,
    pub(crate) buyers: Vec<BuyerFigures>,
    pub(crate) goose: Vec<GooseFigures>,
    pub(crate) audit: Audit,
    pub(crate) ledger_events: BTreeMap<String, u64>,
    pub(crate) findings: Vec<Finding>,
    /// The counts of all SKUs over time.
    pub(crate) curve: Vec<CurvePoint>,
}

/// What was simulated.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Size {
    pub(crate) buyers: usize,
    pub(crate) came: usize,
    pub(crate) at_once: usize,
    pub(crate) units: i64,
    pub(crate) skus: usize,
    pub(crate) mix: String,
    pub(crate) ttl_seconds: u64,
    pub(crate) limit: i64,
}

/// Where the units went, by the ledger.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Units {
    pub(crate) total: i64,
    pub(crate) sold: i64,
    pub(crate) left: i64,
    /// Units ever held.
    pub(crate) held: i64,
    /// Units that came back because a deadline had passed.
    pub(crate) expired: i64,
    /// Units that were given back.
    pub(crate) released: i64,
    /// The longest time between a deadline and its expiry, in seconds.
    pub(crate) latest_expiry_seconds: Option<f64>,
}

/// When it was over, in seconds from the opening.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Sellout {
    /// The first moment at which nothing was available.
    pub(crate) none_available_seconds: Option<f64>,
    /// The moment at which the last of all units was confirmed.
    pub(crate) all_sold_seconds: Option<f64>,
    /// The last confirm.
    pub(crate) last_confirm_seconds: Option<f64>,
}

/// One kind of call.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct CallFigures {
    pub(crate) call: Verb,
    pub(crate) requests: usize,
    pub(crate) p50_ms: f64,
    pub(crate) p95_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
    pub(crate) answers: BTreeMap<String, u64>,
}

/// Calls without an outcome at some time.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Unknown {
    /// A repeat found it done.
    pub(crate) done: usize,
    /// A repeat was refused: it had not happened.
    pub(crate) refused: usize,
    /// No repeat had an answer, or none was possible.
    pub(crate) remained: usize,
    /// Of those, what the ledger shows to have happened.
    pub(crate) remained_and_happened: usize,
}

/// One kind of buyer.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct BuyerFigures {
    pub(crate) kind: &'static str,
    pub(crate) came: u64,
    pub(crate) outcomes: crate::world::Fared,
    pub(crate) units_bought: i64,
}

/// One row of goose's own metrics.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct GooseFigures {
    pub(crate) request: String,
    pub(crate) answered: usize,
    pub(crate) without_answer: usize,
    pub(crate) mean_ms: f64,
    pub(crate) min_ms: f64,
    pub(crate) max_ms: f64,
}

/// The counts at a moment.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct CurvePoint {
    /// Seconds from the opening.
    pub(crate) at: f64,
    #[serde(flatten)]
    pub(crate) stock: Stock,
}

/// The most points a curve has.
const CURVE: usize = 400;

/// What happened when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) opened: DateTime<Utc>,
    pub(crate) sale_ended: DateTime<Utc>,
    pub(crate) settled: DateTime<Utc>,
}

impl Figures {
    /// Everything of a run.
    pub(crate) fn of(
        world: &World,
        pages: &Pages,
        records: &Records,
        joined: Joined,
        goose: &GooseMetrics,
        times: Times,
    ) -> Figures {
        let plan = &world.plan;
        let since = |at: DateTime<Utc>| seconds(at, times.opened);
        let (done, refused, remained) = pages.unknown();
        let total = joined.replay.stock.values().map(|stock| stock.total).sum();
        Figures {
            drop: plan.drop.clone(),
            engine: plan.url.clone(),
            seed: plan.seed,
            size: Size {
                buyers: plan.buyers,
                came: world.gone(),
                at_once: world.places().iter().sum(),
                units: total,
                skus: plan.skus.len(),
                mix: plan.mix.to_string(),
                ttl_seconds: plan.ttl.as_secs(),
                limit: plan.limit,
            },
            opened_at: times.opened.to_rfc3339_opts(SecondsFormat::Millis, true),
            sale_seconds: since(times.sale_ended),
            settled_seconds: since(times.settled),
            units: units(&joined, records),
            sellout: sellout(&joined, times.opened),
            calls: pages.counted.iter().map(|(verb, counted)| call(*verb, counted)).collect(),
            refused: refusals(pages),
            replayed_answers: pages.replayed,
            unknown: Unknown {
                done,
                refused,
                remained,
                remained_and_happened: joined.unknown_happened,
            },
            buyers: buyers(world, pages),
            goose: goose_figures(goose),
            audit: records.audit.clone(),
            curve: curve(&joined, times.opened),
            ledger_events: joined.replay.events,
            findings: joined.findings,
        }
    }
}

fn seconds(at: DateTime<Utc>, from: DateTime<Utc>) -> f64 {
    (at - from).as_seconds_f64()
}

fn units(joined: &Joined, records: &Records) -> Units {
    let moved = |kind: &str| joined.replay.moved.get(kind).copied().unwrap_or_default();
    let sum = |count: fn(&Stock) -> i64| joined.replay.stock.values().map(count).sum::<i64>();
    let lag = records.reservations.iter().filter_map(|reservation| {
        let life = joined.replay.lives.get(&reservation.id)?;
        let end = life.events.last().filter(|event| event.kind == "expired")?;
        Some(seconds(end.at, reservation.expires_at))
    });
    Units {
        total: sum(|stock| stock.total),
        sold: sum(|stock| stock.sold),
        left: sum(|stock| stock.available),
        held: moved("held") + moved("changed"),
        expired: moved("expired"),
        released: moved("released"),
        latest_expiry_seconds: lag.reduce(f64::max),
    }
}

fn sellout(joined: &Joined, opened: DateTime<Utc>) -> Sellout {
    let points = &joined.replay.points;
    let since = |at: DateTime<Utc>| seconds(at, opened);
    // Before the opening, a drop whose SKUs are still being made may have none.
    let selling = points.iter().filter(|point| point.at >= opened);
    let none = selling.clone().find(|point| point.stock.available == 0);
    let all = selling.clone().find(|point| point.stock.sold == point.stock.total);
    let lives = joined.replay.lives.values().flat_map(|life| &life.events);
    let last = lives.filter(|event| event.kind == "confirmed").map(|event| event.at).max();
    Sellout {
        none_available_seconds: none.map(|point| since(point.at)),
        all_sold_seconds: all.map(|point| since(point.at)),
        last_confirm_seconds: last.map(since),
    }
}

fn call(verb: Verb, counted: &Counted) -> CallFigures {
    let mut took = counted.took.clone();
    took.sort_unstable();
    let ms = |per_mille: usize| percentile(&took, per_mille).as_secs_f64() * 1e3;
    CallFigures {
        call: verb,
        requests: took.len(),
        p50_ms: ms(500),
        p95_ms: ms(950),
        p99_ms: ms(990),
        max_ms: ms(1000),
        answers: counted.answers.clone(),
    }
}

/// The smallest of `sorted` that is not exceeded by `per_mille` of them: the nearest rank.
fn percentile(sorted: &[Duration], per_mille: usize) -> Duration {
    let rank = (sorted.len() * per_mille).div_ceil(1000).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

fn refusals(pages: &Pages) -> BTreeMap<String, u64> {
    let mut refused = BTreeMap::new();
    for call in &pages.calls {
        if let Fate::Refused(refusal) = &call.fate {
            *refused.entry(refusal.code.clone()).or_default() += 1;
        }
    }
    refused
}

fn buyers(world: &World, pages: &Pages) -> Vec<BuyerFigures> {
    let mut bought: BTreeMap<&str, i64> = BTreeMap::new();
    for call in &pages.calls {
        if let (Verb::Confirm, Fate::Done(reservation)) = (call.wish.verb, &call.fate) {
            let kind = call.wish.customer.split('-').next().unwrap_or_default();
            *bought.entry(kind).or_default() += reservation.lines.values().sum::<i64>();
        }
    }
    let fared = Kind::ALL.into_iter().zip(world.fared());
    let came = fared.filter(|(_, outcomes)| !outcomes.is_empty());
    came.map(|(kind, outcomes)| BuyerFigures {
        kind: kind.as_str(),
        came: outcomes.values().sum(),
        outcomes,
        units_bought: bought.get(kind.as_str()).copied().unwrap_or_default(),
    })
    .collect()
}

fn goose_figures(goose: &GooseMetrics) -> Vec<GooseFigures> {
    let mut rows: Vec<_> = goose
        .requests
        .values()
        .map(|request| {
            let (times, ms) = (&request.raw_data, |us: f64| us / 1e3);
            GooseFigures {
                request: format!("{} {}", request.custom_method, request.path),
                answered: request.success_count,
                without_answer: request.fail_count,
                mean_ms: ms(times.total_time_us as f64 / (times.counter.max(1) as f64)),
                min_ms: ms(times.minimum_time_us as f64),
                max_ms: ms(times.maximum_time_us as f64),
            }
        })
        .collect();
    rows.sort_by(|one, other| one.request.cmp(&other.request));
    rows
}

/// The points of the curve, thinned out; the first and the last stay.
fn curve(joined: &Joined, opened: DateTime<Utc>) -> Vec<CurvePoint> {
    let points: Vec<_> = joined.replay.points.iter().filter(|point| point.at >= opened).collect();
    let step = points.len().div_ceil(CURVE).max(1);
    let last = points.len().saturating_sub(1);
    let kept = points.iter().enumerate().filter(|(index, _)| index % step == 0 || *index == last);
    kept.map(|(_, point)| CurvePoint { at: seconds(point.at, opened), stock: point.stock })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_the_nearest_rank() {
        let hundred: Vec<_> = (1..=100).map(Duration::from_millis).collect();
        for (per_mille, expected) in [(500, 50), (950, 95), (990, 99), (1000, 100)] {
            assert_eq!(percentile(&hundred, per_mille), Duration::from_millis(expected));
        }
        let one = [Duration::from_millis(7)];
        assert_eq!(percentile(&one, 500), one[0]);
        assert_eq!(percentile(&one, 990), one[0]);
        assert_eq!(percentile(&[], 500), Duration::ZERO);
    }

    #[test]
    fn a_call_counts_every_answer() {
        let took = (1..=4).rev().map(Duration::from_millis).collect();
        let answers = BTreeMap::from([("201".to_owned(), 1), ("sold_out".to_owned(), 3)]);
        let figures = call(Verb::Reserve, &Counted { took, answers });
        assert_eq!((figures.requests, figures.answers["sold_out"]), (4, 3));
        assert!(figures.p50_ms <= figures.p95_ms && figures.p95_ms <= figures.max_ms);
        assert!((figures.max_ms - 4.0).abs() < 1e-9);
    }
}
