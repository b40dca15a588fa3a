//! What the figures of a sale are: the shapes in which [`super::Engine::sale`] tells them.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::{DropId, DropState, Millis, SkuId, Stock};

/// A sale as it runs.
#[derive(Clone, Debug, Serialize)]
pub struct SaleFigures {
    /// Which drop.
    pub drop: DropId,
    /// Its name.
    pub name: String,
    /// Its state at that time.
    pub state: DropState,
    /// When these figures were taken.
    pub at: Millis,
    /// The drop's generation.
    pub epoch: i64,
    /// The last `seq` that is in the ledger.
    pub seq: i64,
    /// The counts of all SKUs together.
    pub counts: Stock,
    /// The counts of each.
    pub skus: Vec<SaleSku>,
    /// How many events the ledger has of each kind.
    pub events: BTreeMap<&'static str, i64>,
    /// From wanting a unit to having it.
    pub funnel: Funnel,
    /// What left nothing in the ledger; `None` while Redis can't be read.
    pub unheld: Option<Unheld>,
    /// What happened in each of the last seconds.
    pub per_second: PerSecond,
    /// What happened a second of late.
    pub rates: SecondRates,
    /// From the making of a hold to its confirm.
    pub hold_to_confirm: ToConfirm,
    /// Holds by what is left of their time; `None` where there are too many to look at.
    pub remaining: Option<Vec<HoldsUnder>>,
    /// Holds that came due and are not free yet; `None` as for the time that is left.
    pub expiry: Option<Expiring>,
    /// What the ledger lacks; `None` while Redis can't be read or has not the drop's epoch.
    pub write_behind: Option<WriteBehind>,
}

/// A SKU of a sale.
#[derive(Clone, Debug, Serialize)]
pub struct SaleSku {
    /// Which one.
    pub sku: SkuId,
    /// Its name.
    pub name: String,
    /// Its counts.
    #[serde(flatten)]
    pub stock: Stock,
}

/// From wanting a unit to having it: each is a part of the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Funnel {
    /// Calls for a new hold that came to a hold, a refusal, or nothing because the engine could not;
    /// repeats don't count, nor does what nobody knows. `None` while Redis can't be read.
    pub attempts: Option<i64>,
    /// New holds.
    pub holds: i64,
    /// Confirms.
    pub confirms: i64,
}

/// Calls that left nothing in the ledger, on all engines.
#[derive(Clone, Debug, Serialize)]
pub struct Unheld {
    /// When the first of them was counted: a Redis that is wiped begins anew.
    pub since: Option<Millis>,
    /// By verb and outcome.
    pub outcomes: Vec<VerbOutcome>,
}

/// Calls of one verb that came to one outcome.
#[derive(Clone, Debug, Serialize)]
pub struct VerbOutcome {
    /// The verb.
    pub verb: String,
    /// The problem's `code`, or one of the words of the metrics.
    pub outcome: String,
    /// How many.
    pub calls: u64,
}

/// What happened in each of the seconds before `until`, the oldest first.
#[derive(Clone, Debug, Serialize)]
pub struct PerSecond {
    /// The end of the last second.
    pub until: Millis,
    /// New holds.
    pub holds: Vec<i64>,
    /// Confirms.
    pub confirms: Vec<i64>,
    /// New holds that were refused; `None` while Redis can't be read.
    pub refusals: Option<Vec<u64>>,
}

/// What happened a second, over the last of the seconds that are told.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SecondRates {
    /// Over how many seconds.
    pub over_seconds: i64,
    /// New holds.
    pub holds: f64,
    /// Confirms.
    pub confirms: f64,
    /// New holds that were refused; `None` while Redis can't be read.
    pub refusals: Option<f64>,
}

/// How long it took from a hold's making to its confirm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ToConfirm {
    /// Of how many confirms, the last ones.
    pub confirms: usize,
    /// Half of them took no longer.
    pub median_ms: Option<i64>,
    /// 95 % of them took no longer.
    pub p95_ms: Option<i64>,
}

/// Holds that have less time left than this, and not less than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct HoldsUnder {
    /// The bound; 0 for those that are due, `None` for those above all bounds.
    pub under_seconds: Option<i32>,
    /// How many.
    pub holds: i64,
}

/// Holds that came due and are not free yet.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Expiring {
    /// When it was looked, for this and for the time that holds have left.
    pub looked_at: Millis,
    /// How many.
    pub due: i64,
    /// For how long at most one has been due.
    pub lag_seconds: f64,
}

/// Events that Redis has and the ledger lacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct WriteBehind {
    /// How many.
    pub events: i64,
    /// How long ago the oldest of them happened.
    pub lag_seconds: f64,
}
