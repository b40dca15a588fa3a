//! What is known of a sale at the moment, and since when.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::look::Seen;
use crate::client::Failure;
use crate::config::WatchSettings;
use crate::domain::Millis;

/// What has not been confirmed for so long, beyond the pause between two looks, is not shown.
const STALE: Duration = Duration::from_secs(2);

/// The picture of a sale.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    /// Of which drop.
    pub(super) drop: String,
    /// Which engine is asked.
    pub(super) url: String,
    every: Duration,
    began: Instant,
    last: Option<Last>,
    /// Why there is no answer, while there is none.
    why: Option<String>,
}

/// The last answer.
#[derive(Clone, Debug)]
struct Last {
    seen: Seen,
    at: Instant,
    clock: Millis,
}

/// An engine that does not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Silence {
    /// For how long.
    pub(super) since: Duration,
    /// As far as that is known.
    pub(super) why: Option<String>,
}

impl Picture {
    pub(super) fn new(settings: &WatchSettings) -> Picture {
        Picture {
            drop: settings.drop.to_string(),
            url: settings.client.url.clone(),
            every: settings.every,
            began: Instant::now(),
            last: None,
            why: None,
        }
    }

    /// Takes in what a look found, at the time `clock`.
    ///
    /// # Errors
    /// [`Failure::Refused`]: looking again would not help.
    pub(super) fn take(
        &mut self,
        found: Result<Seen, Failure>,
        clock: Millis,
    ) -> Result<(), Failure> {
        match found {
            Ok(seen) => {
                self.last = Some(Last { seen, at: Instant::now(), clock });
                self.why = None;
            }
            Err(Failure::Unreachable(why)) => self.why = Some(why),
            Err(refused @ Failure::Refused(_)) => return Err(refused),
            Err(
                failure @ (Failure::NotNow { .. } | Failure::Unknown { .. } | Failure::Stranger(_)),
            ) => self.why = Some(failure.to_string()),
        }
        Ok(())
    }

    /// What is to be shown at `now`: the present, or since when there is none. `None` before the
    /// first look has ended.
    pub(super) fn at(&self, now: Instant) -> Option<Result<&Seen, Silence>> {
        let since = now.saturating_duration_since(self.last.as_ref().map_or(self.began, |l| l.at));
        let stale = since > self.every + STALE;
        match &self.last {
            Some(last) if self.why.is_none() && !stale => Some(Ok(&last.seen)),
            None if self.why.is_none() && !stale => None,
            Some(_) | None => Some(Err(Silence { since, why: self.why.clone() })),
        }
    }

    /// The same for programs. What differs by chance from look to look is rounded or left out.
    pub(super) fn document(&self) -> Value {
        let Some(Last { seen, clock, .. }) = &self.last else {
            return json!({ "drop": self.drop, "answering": false, "last_answer": null });
        };
        if self.why.is_some() {
            return json!({ "drop": self.drop, "answering": false, "last_answer": clock });
        }
        let round = |number: f64| (number * 10.0).round() / 10.0;
        let Seen { drop, figures, rates } = seen;
        let skus: Vec<Value> = drop
            .skus
            .iter()
            .map(|sku| {
                let stock = &sku.stock;
                json!({ "sku": sku.sku, "total": stock.total, "available": stock.available,
                    "held": stock.held, "sold": stock.sold })
            })
            .collect();
        let rates = rates.map(|rates| {
            json!({ "holds": round(rates.holds), "confirms": round(rates.confirms),
                "refusals": round(rates.refusals), "unanswered": round(rates.unanswered) })
        });
        let lag = figures.as_ref().map(|figures| {
            json!({ "backlog_events": figures.backlog_events,
                "backlog_seconds": round(figures.backlog_seconds),
                "expiry_seconds": round(figures.expiry_seconds),
                "waiting_calls": figures.waiting_calls, "halted": figures.halted })
        });
        json!({ "drop": self.drop, "answering": true, "state": drop.state, "epoch": drop.epoch,
            "seq": drop.seq, "skus": skus, "per_second": rates, "lag": lag })
    }

    /// Why there is no answer, while there is none.
    pub(super) fn why(&self) -> Option<&str> {
        self.why.as_deref()
    }
}
