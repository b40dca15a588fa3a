//! The four counts of a SKU.

use serde::{Deserialize, Serialize};

use super::SkuId;

/// The most units a SKU's total may reach.
pub const MAX_STOCK: i64 = 1_000_000_000;

/// The counts of one SKU in units: `total = available + held + sold`, none negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stock {
    /// Units that exist for this drop.
    pub total: i64,
    /// Units that may be held.
    pub available: i64,
    /// Units in reservations that are held.
    pub held: i64,
    /// Units in reservations that are confirmed.
    pub sold: i64,
}

impl Stock {
    /// What is wrong with the counts, if anything: the guard that stays on everywhere
    /// counts are read or decoded.
    #[must_use]
    pub fn violation(&self) -> Option<String> {
        let fine = self.available >= 0
            && self.held >= 0
            && self.sold >= 0
            && self.total == self.available + self.held + self.sold;
        (!fine).then(|| {
            format!(
                "total {} is not available {} + held {} + sold {}, each at least zero",
                self.total, self.available, self.held, self.sold
            )
        })
    }
}

/// Adds a change to counts, or sums up changes.
impl std::ops::AddAssign for Stock {
    fn add_assign(&mut self, change: Stock) {
        self.total += change.total;
        self.available += change.available;
        self.held += change.held;
        self.sold += change.sold;
    }
}

/// One SKU with its counts and the `seq` of its last event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkuStock {
    /// Which SKU.
    pub sku: SkuId,
    /// Its counts.
    #[serde(flatten)]
    pub stock: Stock,
    /// The `seq` of the last event that moved or configured it.
    pub version: i64,
}
