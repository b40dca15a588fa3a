//! What a merchant sets on a drop and on a SKU.
//!
//! A patch carries only what was given: an absent field keeps its value. Scripts, journal
//! and ledger all apply the same patch, in the order of the journal.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Millis;

/// The most warnings that the holder of a hold gets before it ends.
pub const MAX_WARNINGS: usize = 5;

/// Whether a drop sells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DropState {
    /// Waits for its opening time, or for somebody to open it.
    Scheduled,
    /// Takes holds.
    Open,
    /// Takes no new hold until opened; does not open itself.
    Paused,
    /// Takes no new hold.
    Closed,
}

impl DropState {
    /// Every state.
    pub const ALL: [DropState; 4] =
        [DropState::Scheduled, DropState::Open, DropState::Paused, DropState::Closed];

    /// The word used in JSON, SQL and Redis.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            DropState::Scheduled => "scheduled",
            DropState::Open => "open",
            DropState::Paused => "paused",
            DropState::Closed => "closed",
        }
    }
}

impl FromStr for DropState {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<DropState, &'static str> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or("a state is scheduled, open, paused or closed")
    }
}

/// A drop's settings as they stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropSettings {
    /// What people call it.
    pub name: String,
    /// Whether it sells, as last set; see [`DropSettings::state_at`].
    pub state: DropState,
    /// When it opens by itself.
    pub opens_at: Option<Millis>,
    /// When it closes by itself.
    pub closes_at: Option<Millis>,
    /// How long a hold lasts, in seconds.
    pub hold_ttl_seconds: i64,
    /// How long a hold may last with all its extensions, in seconds from its making.
    pub max_hold_seconds: i64,
    /// Most units one customer may hold and own in this drop.
    pub limit_per_customer: Option<i64>,
    /// How long before its deadline the holder of a hold is warned, in seconds: at most
    /// [`MAX_WARNINGS`] of them, in any order.
    pub expiring_soon_seconds: Vec<i64>,
}

impl DropSettings {
    /// The state in force at `now`: times open and close a drop without anybody's help.
    /// The scripts decide by the same rule (`lua/lib/state_at.lua`).
    #[must_use]
    pub fn state_at(&self, now: Millis) -> DropState {
        if self.closes_at.is_some_and(|at| now >= at) {
            return DropState::Closed;
        }
        let opened = self.opens_at.is_some_and(|at| now >= at);
        if self.state == DropState::Scheduled && opened { DropState::Open } else { self.state }
    }

    /// The next instant after `now` at which times may change the state.
    #[must_use]
    pub fn next_change(&self, now: Millis) -> Option<Millis> {
        [self.opens_at, self.closes_at].into_iter().flatten().filter(|at| *at > now).min()
    }
}

/// A change of a drop's settings. The outer `None` keeps a value; `Some(None)` clears it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DropPatch {
    /// See [`DropSettings::name`].
    pub name: Option<String>,
    /// See [`DropSettings::state`].
    pub state: Option<DropState>,
    /// See [`DropSettings::opens_at`].
    pub opens_at: Option<Option<Millis>>,
    /// See [`DropSettings::closes_at`].
    pub closes_at: Option<Option<Millis>>,
    /// See [`DropSettings::hold_ttl_seconds`].
    pub hold_ttl_seconds: Option<i64>,
    /// See [`DropSettings::max_hold_seconds`].
    pub max_hold_seconds: Option<i64>,
    /// See [`DropSettings::limit_per_customer`].
    pub limit_per_customer: Option<Option<i64>>,
    /// See [`DropSettings::expiring_soon_seconds`].
    pub expiring_soon_seconds: Option<Vec<i64>>,
}

/// A SKU's settings as they stand.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SkuSettings {
    /// What people call it.
    pub name: String,
    /// Most units of it one customer may hold and own.
    pub limit_per_customer: Option<i64>,
    /// At so many units or fewer it is shown as running low.
    pub low_stock_threshold: i64,
}

/// A change of a SKU's settings. The outer `None` keeps a value; `Some(None)` clears it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SkuPatch {
    /// See [`SkuSettings::name`].
    pub name: Option<String>,
    /// Whatever a page needs to show: description, price, picture.
    pub details: Option<Map<String, Value>>,
    /// See [`SkuSettings::limit_per_customer`].
    pub limit_per_customer: Option<Option<i64>>,
    /// See [`SkuSettings::low_stock_threshold`].
    pub low_stock_threshold: Option<i64>,
    /// Units it starts with; ignored once the SKU exists.
    pub initial_stock: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(state: DropState, opens: Option<i64>, closes: Option<i64>) -> DropSettings {
        DropSettings {
            name: String::new(),
            state,
            opens_at: opens.map(Millis),
            closes_at: closes.map(Millis),
            hold_ttl_seconds: 900,
            max_hold_seconds: 3600,
            limit_per_customer: None,
            expiring_soon_seconds: vec![60, 10],
        }
    }

    #[test]
    fn times_open_and_close_a_drop() {
        use DropState::{Closed, Open, Paused, Scheduled};
        for (state, opens, closes, now, expected) in [
            (Scheduled, Some(5), None, 4, Scheduled),
            (Scheduled, Some(5), None, 5, Open),
            (Scheduled, None, None, 5, Scheduled),
            (Paused, Some(5), None, 9, Paused),
            (Paused, Some(5), Some(8), 8, Closed),
            (Open, Some(5), Some(8), 4, Open),
            (Open, None, Some(8), 8, Closed),
            (Closed, Some(5), None, 6, Closed),
        ] {
            assert_eq!(settings(state, opens, closes).state_at(Millis(now)), expected);
        }
    }
}
