//! The figures of a sale: what a merchant looks at while it runs.
//!
//! They are those of all engines together. What became durable is summed up from the ledger, by
//! each process for itself and only as far as it has not done so yet; what left nothing there,
//! refusals above all, comes from the tally that all engines keep in Redis.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{
    CallError, Engine,
    admin::unavailable,
    sale_figures::{
        Expiring, Funnel, HoldsUnder, PerSecond, SaleFigures, SaleSku, SecondRates, ToConfirm,
        Unheld, VerbOutcome, WriteBehind,
    },
};
use crate::{
    command::Verb,
    domain::{DropId, DropView, KINDS, Millis, Stock},
    ledger::{CONFIRMS, HoldsLeft, LedgerError, REMAINING, STRETCH, StretchSums},
    store::{SaleRead, TALLY_SECONDS, Tally},
};

/// The seconds over which the present rates are taken.
const RATE_SECONDS: i64 = 5;
/// So long ago, in seconds, ends the last second that is told: by then every engine has told what it
/// counted in it.
const TOLD_AFTER: i64 = 2;
/// Sales that are kept summed up.
const MOST: usize = 32;
/// How often the time of a look at all holds must pass before the next one: so it takes a twentieth
/// of one connection at most, however many there are and however many ask.
const REST: u32 = 20;
/// The longest that such a look may take; if it takes longer, what it would tell is not known, and
/// the next one comes after the longest rest.
const LOOK_WITHIN: Duration = Duration::from_secs(2);
const LONGEST_REST: Duration = Duration::from_secs(60);

/// The sums of one sale; whoever brings them up to date has them alone.
type Shared = Arc<tokio::sync::Mutex<Sums>>;

/// The sales that were looked at last, and when each of them was.
#[derive(Debug, Default)]
pub(super) struct Sales(Mutex<HashMap<DropId, (Instant, Shared)>>);

impl Sales {
    /// The sums of a drop; those that nobody asked for longest make room.
    fn of(&self, drop: &DropId) -> Shared {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !kept.contains_key(drop) && kept.len() >= MOST {
            let oldest = kept.iter().min_by_key(|(_, (asked, _))| *asked).map(|(id, _)| id.clone());
            if let Some(id) = oldest {
                kept.remove(&id);
            }
        }
        let (asked, sums) =
            kept.entry(drop.clone()).or_insert_with(|| (Instant::now(), Arc::default()));
        *asked = Instant::now();
        Arc::clone(sums)
    }
}

/// A drop's ledger, summed up as far as this process has read it.
#[derive(Debug, Default)]
struct Sums {
    epoch: i64,
    upto: i64,
    events: BTreeMap<&'static str, i64>,
    /// By second: new holds, confirms.
    seconds: BTreeMap<i64, (i64, i64)>,
    confirmed_after: VecDeque<i64>,
    holds: Option<Look>,
}

/// A look at all holds.
#[derive(Clone, Copy, Debug)]
struct Look {
    at: Millis,
    /// Not before then comes the next one.
    next: Instant,
    /// `None` if it took too long.
    left: Option<HoldsLeft>,
}

impl Sums {
    /// Takes in a stretch behind what is summed up already.
    fn take(&mut self, stretch: StretchSums, upto: i64) {
        for sum in stretch.kinds {
            let Some(kind) = KINDS.into_iter().find(|kind| *kind == sum.kind) else { continue };
            *self.events.entry(kind).or_default() += sum.events;
            let Some(second) = sum.second else { continue };
            let (holds, confirms) = self.seconds.entry(second).or_default();
            match kind {
                "held" => *holds += sum.events,
                "confirmed" => *confirms += sum.events,
                _ => {}
            }
        }
        self.confirmed_after.extend(stretch.confirmed_after);
        let beyond = self.confirmed_after.len().saturating_sub(CONFIRMS);
        self.confirmed_after.drain(..beyond);
        self.upto = upto;
    }

    fn events_of(&self, kind: &str) -> i64 {
        self.events.get(kind).copied().unwrap_or_default()
    }

    /// New holds and confirms in each second before `until`.
    fn per_second(&self, until: i64) -> (Vec<i64>, Vec<i64>) {
        let seconds = until - TALLY_SECONDS..until;
        seconds.map(|second| self.seconds.get(&second).copied().unwrap_or_default()).unzip()
    }

    fn to_confirm(&self) -> ToConfirm {
        let mut sorted: Vec<i64> = self.confirmed_after.iter().copied().collect();
        sorted.sort_unstable();
        // The smallest that so many of a hundred don't exceed.
        let percentile = |percent: usize| {
            let rank = (sorted.len() * percent).div_ceil(100);
            sorted.get(rank.checked_sub(1)?).copied()
        };
        ToConfirm { confirms: sorted.len(), median_ms: percentile(50), p95_ms: percentile(95) }
    }
}

impl Engine {
    /// The figures of a sale, those of all engines together.
    ///
    /// # Errors
    /// [`CallError`] when the ledger can't be read. Without Redis only what comes from there is missing.
    pub async fn sale(&self, drop: &DropId) -> Result<SaleFigures, CallError> {
        let handle = self.find(drop).await?;
        let view = self.view_in_ledger(drop).await?;
        let sums = self.sales.of(drop);
        let mut sums = sums.lock().await;
        self.sum_up(&view, &mut sums).await.map_err(unavailable)?;
        let until = self.now().0.div_euclid(1000) - TOLD_AFTER;
        let read = self.store.sale(drop, &handle.keys, (view.epoch, view.seq), until).await;
        let read =
            read.inspect_err(|error| tracing::debug!(%drop, %error, "a sale without Redis")).ok();
        let now = read.as_ref().map_or_else(|| self.now(), |read| read.now);
        let look = self.look_at_holds(&view, &mut sums, now).await.map_err(unavailable)?;
        let evicted = handle.progress.is_evicted();
        let write_behind = read.as_ref().and_then(|read| write_behind(&view, read, evicted));
        Ok(figures(&view, &sums, until, read.map(|read| read.tally), &look, write_behind, now))
    }

    /// Sums up what has become durable since the last time. What has been read stays if the rest
    /// can't be.
    async fn sum_up(&self, view: &DropView, sums: &mut Sums) -> Result<(), LedgerError> {
        // A later epoch may have other customers, and after a decision of a person another history.
        if sums.epoch != view.epoch {
            *sums = Sums { epoch: view.epoch, ..Sums::default() };
        }
        let oldest = self.now().plus(-1000 * (TALLY_SECONDS + 2 * TOLD_AFTER));
        let oldest_second = oldest.0.div_euclid(1000);
        while sums.upto < view.seq {
            let upto = view.seq.min(sums.upto + STRETCH);
            let stretch = self.ledger.sums(&view.id, (sums.upto, upto), oldest).await?;
            sums.take(stretch, upto);
        }
        sums.seconds = sums.seconds.split_off(&oldest_second);
        Ok(())
    }

    /// The holds by what is left of their time, looked at now or not long ago.
    async fn look_at_holds(
        &self,
        view: &DropView,
        sums: &mut Sums,
        now: Millis,
    ) -> Result<Look, LedgerError> {
        let held: i64 = view.skus.iter().map(|sku| sku.stock.stock.held).sum();
        if held == 0 {
            sums.holds = None;
            return Ok(Look { at: now, next: Instant::now(), left: Some(HoldsLeft::default()) });
        }
        if let Some(look) = sums.holds.filter(|look| look.next > Instant::now()) {
            return Ok(look);
        }
        let began = Instant::now();
        let left = tokio::time::timeout(LOOK_WITHIN, self.ledger.holds_left(&view.id, now)).await;
        let (left, rest) = match left {
            Ok(left) => (Some(left?), began.elapsed().saturating_mul(REST).min(LONGEST_REST)),
            Err(_) => (None, LONGEST_REST),
        };
        let look = Look { at: now, next: Instant::now() + rest, left };
        sums.holds = Some(look);
        Ok(look)
    }
}

fn write_behind(view: &DropView, read: &SaleRead, evicted: bool) -> Option<WriteBehind> {
    if evicted {
        return Some(WriteBehind::default());
    }
    let meta = read.meta.as_ref().filter(|meta| meta.open && meta.epoch == view.epoch)?;
    // The ledger was read first: what it has gained since counts as missing still.
    let events = (meta.seq - view.seq).max(0);
    let oldest = read.oldest.filter(|_| events > 0);
    let lag_seconds = oldest.map_or(0.0, |at| seconds(read.now.since(at)));
    Some(WriteBehind { events, lag_seconds })
}

fn figures(
    view: &DropView,
    sums: &Sums,
    until: i64,
    tally: Option<Tally>,
    look: &Look,
    write_behind: Option<WriteBehind>,
    now: Millis,
) -> SaleFigures {
    let mut counts = Stock::default();
    view.skus.iter().for_each(|sku| counts += sku.stock.stock);
    let (holds, confirms) = sums.per_second(until);
    let refusals = tally.as_ref().map(|tally| tally.refused_holds.clone());
    let funnel = Funnel {
        attempts: tally.as_ref().map(|tally| sums.events_of("held") + missed(tally)),
        holds: sums.events_of("held"),
        confirms: sums.events_of("confirmed"),
    };
    let sku = |sku: &crate::domain::SkuView| SaleSku {
        sku: sku.stock.sku.clone(),
        name: sku.settings.name.clone(),
        stock: sku.stock.stock,
    };
    SaleFigures {
        drop: view.id.clone(),
        name: view.settings.name.clone(),
        state: view.settings.state_at(now),
        at: now,
        epoch: view.epoch,
        seq: view.seq,
        counts,
        skus: view.skus.iter().map(sku).collect(),
        events: KINDS.into_iter().map(|kind| (kind, sums.events_of(kind))).collect(),
        funnel,
        unheld: tally.map(unheld),
        rates: SecondRates {
            over_seconds: RATE_SECONDS,
            holds: rate(&holds),
            confirms: rate(&confirms),
            refusals: refusals.as_deref().map(rate),
        },
        per_second: PerSecond { until: Millis(until * 1000), holds, confirms, refusals },
        hold_to_confirm: sums.to_confirm(),
        remaining: look.left.map(|left| remaining(&left)),
        expiry: look.left.map(|left| Expiring {
            looked_at: look.at,
            due: left.holds[0],
            lag_seconds: left.nearest.map_or(0.0, |nearest| seconds(look.at.since(nearest))),
        }),
        write_behind,
    }
}

fn remaining(left: &HoldsLeft) -> Vec<HoldsUnder> {
    let bounds = REMAINING.into_iter().map(Some).chain([None]);
    let under = |(under_seconds, holds)| HoldsUnder { under_seconds, holds };
    bounds.zip(left.holds).map(under).collect()
}

/// Calls for a new hold that are known to have come to none.
fn missed(tally: &Tally) -> i64 {
    let of_holds = tally.counts.iter().filter(|count| count.verb == Verb::Reserve.script());
    let known = of_holds.filter(|count| count.outcome != "unknown");
    known.map(|count| i64::try_from(count.calls).unwrap_or(i64::MAX)).sum()
}

fn unheld(tally: Tally) -> Unheld {
    let outcomes = tally.counts.into_iter().map(|count| VerbOutcome {
        verb: count.verb,
        outcome: count.outcome,
        calls: count.calls,
    });
    Unheld { since: tally.since, outcomes: outcomes.collect() }
}

/// A second, over the last [`RATE_SECONDS`].
fn rate<T: Copy + TryInto<i32>>(of_seconds: &[T]) -> f64 {
    let seconds = usize::try_from(RATE_SECONDS).unwrap_or(1);
    let last = of_seconds.iter().rev().take(seconds);
    let sum: f64 = last.map(|&count| f64::from(count.try_into().unwrap_or(i32::MAX))).sum();
    sum / seconds as f64
}

/// Milliseconds as seconds; none for a time that lies ahead.
fn seconds(millis: i64) -> f64 {
    millis.max(0) as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ledger::KindSum, store::TallyCount};

    fn stretch(kinds: &[(&str, Option<i64>, i64)], confirmed_after: &[i64]) -> StretchSums {
        let sum = |(kind, second, events): &(&str, Option<i64>, i64)| KindSum {
            kind: (*kind).to_owned(),
            second: *second,
            events: *events,
        };
        StretchSums {
            kinds: kinds.iter().map(sum).collect(),
            confirmed_after: confirmed_after.to_vec(),
        }
    }

    #[test]
    fn stretches_add_up() {
        let mut sums = Sums::default();
        sums.take(stretch(&[("held", None, 7), ("held", Some(1000), 2)], &[]), 9);
        let more = [("held", Some(1000), 1), ("confirmed", Some(1001), 3), ("released", None, 1)];
        sums.take(stretch(&more, &[10, 30, 20]), 14);
        assert_eq!((sums.upto, sums.events_of("held"), sums.events_of("released")), (14, 10, 1));
        let (holds, confirms) = sums.per_second(1002);
        assert_eq!(holds.len(), 300);
        assert_eq!((&holds[297..], &confirms[297..]), (&[0, 3, 0][..], &[0, 0, 3][..]));
        assert_eq!(rate(&confirms), 0.6);
        let expected = ToConfirm { confirms: 3, median_ms: Some(20), p95_ms: Some(30) };
        assert_eq!(sums.to_confirm(), expected);
    }

    #[test]
    fn only_the_last_confirms_tell_how_long_they_take() {
        let mut sums = Sums::default();
        assert_eq!(sums.to_confirm(), ToConfirm::default());
        let many: Vec<i64> = (0..20_000).collect();
        sums.take(stretch(&[], &many), 1);
        let ToConfirm { confirms, median_ms, p95_ms } = sums.to_confirm();
        assert_eq!((confirms, median_ms, p95_ms), (CONFIRMS, Some(14_999), Some(19_499)));
    }

    #[test]
    fn what_nobody_knows_is_no_attempt() {
        let count = |verb: &str, outcome: &str, calls| TallyCount {
            verb: verb.to_owned(),
            outcome: outcome.to_owned(),
            calls,
        };
        let counts = vec![
            count("reserve", "sold_out", 5),
            count("reserve", "unavailable", 2),
            count("reserve", "unknown", 9),
            count("confirm", "ended", 4),
        ];
        assert_eq!(missed(&Tally { counts, ..Tally::default() }), 7);
    }

    #[test]
    fn sales_make_room_for_each_other() {
        let sales = Sales::default();
        let id = |n: usize| -> DropId { format!("d-{n}").parse().expect("an id") };
        let first = sales.of(&id(0));
        for n in 1..=MOST {
            sales.of(&id(n));
        }
        assert!(!Arc::ptr_eq(&first, &sales.of(&id(0))));
        assert_eq!(sales.0.lock().expect("whole").len(), MOST);
    }
}
