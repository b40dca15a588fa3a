//! What the ledger shows of a drop: the durable picture that reads are answered from.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use super::{
    CustomerId, DropId, DropSettings, Millis, OrderId, ReservationId, SkuId, SkuSettings, SkuStock,
};

/// One drop as the ledger has it.
#[derive(Clone, Debug, PartialEq)]
pub struct DropView {
    /// Its id.
    pub id: DropId,
    /// Its settings.
    pub settings: DropSettings,
    /// Its generation.
    pub epoch: i64,
    /// The last `seq` that is durable.
    pub seq: i64,
    /// What it sells, in the order in which the SKUs were created.
    pub skus: Vec<SkuView>,
}

/// One SKU as the ledger has it.
#[derive(Clone, Debug, PartialEq)]
pub struct SkuView {
    /// Its counts and version.
    pub stock: SkuStock,
    /// Its settings.
    pub settings: SkuSettings,
    /// Which details it has.
    pub details: DetailsVersion,
}

/// Whatever a page needs to show of a SKU: description, price, picture. A JSON object as the ledger
/// writes it; up to 16 KB, so a picture has only its version.
pub type Details = Arc<RawValue>;

/// Which details a SKU has: the event that gave them. It only rises; 0-0 before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DetailsVersion {
    /// In which generation.
    pub epoch: i64,
    /// Its number.
    pub seq: i64,
}

impl fmt::Display for DetailsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.seq)
    }
}

/// A SKU with its details.
#[derive(Clone, Debug)]
pub struct FullSku {
    /// What the picture has of it.
    pub view: SkuView,
    /// Its details.
    pub details: Details,
}

/// A drop with everything that there is of its SKUs.
#[derive(Clone, Debug)]
pub struct FullDrop {
    /// What the picture has of it.
    pub view: DropView,
    /// The details of each of its SKUs, in their order.
    pub details: Vec<Details>,
}

/// One row of the ledger: one line that an event moved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LedgerRow {
    /// The generation in which it happened.
    pub epoch: i64,
    /// The event's number.
    pub seq: i64,
    /// What happened.
    pub kind: String,
    /// To which reservation.
    pub reservation_id: Option<ReservationId>,
    /// Of which customer.
    pub customer_id: Option<CustomerId>,
    /// With which SKU.
    pub sku: Option<SkuId>,
    /// How many units; signed for `restocked` and `changed`.
    pub quantity: i64,
    /// For which order.
    pub order_id: Option<OrderId>,
    /// When, by the Redis server's clock.
    pub occurred_at: Millis,
    /// The merchant's own reference, for a restock.
    pub reference: Option<String>,
    /// Why, where somebody said so.
    pub reason: Option<String>,
    /// The settings that were given, for `configured`.
    pub settings: Option<Value>,
}

/// Names of a row's columns where rows are written as a table: those of its JSON.
pub const LEDGER_COLUMNS: [&str; 12] = [
    "epoch",
    "seq",
    "occurred_at",
    "kind",
    "sku",
    "quantity",
    "customer_id",
    "reservation_id",
    "order_id",
    "reference",
    "reason",
    "settings",
];

impl LedgerRow {
    /// The texts of its columns; an empty one for what it hasn't.
    #[must_use]
    pub fn cells(&self) -> [String; LEDGER_COLUMNS.len()] {
        fn text(of: Option<&impl ToString>) -> String {
            of.map(ToString::to_string).unwrap_or_default()
        }
        [
            self.epoch.to_string(),
            self.seq.to_string(),
            self.occurred_at.to_string(),
            self.kind.clone(),
            text(self.sku.as_ref()),
            self.quantity.to_string(),
            text(self.customer_id.as_ref()),
            text(self.reservation_id.as_ref()),
            text(self.order_id.as_ref()),
            text(self.reference.as_ref()),
            text(self.reason.as_ref()),
            text(self.settings.as_ref()),
        ]
    }
}

/// Every `kind` of the ledger.
pub const KINDS: [&str; 9] = [
    "restocked",
    "held",
    "changed",
    "extended",
    "confirmed",
    "released",
    "expired",
    "returned",
    "configured",
];

/// Which rows of a drop's ledger are asked for: those that fit everything that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerFilter {
    /// Only this customer's.
    pub customer: Option<CustomerId>,
    /// Only this reservation's.
    pub reservation: Option<ReservationId>,
    /// Only this SKU's.
    pub sku: Option<SkuId>,
    /// Only of these kinds; of every kind if there is none.
    pub kinds: Vec<String>,
    /// Only what happened then or later.
    pub since: Option<Millis>,
    /// Only what happened before.
    pub until: Option<Millis>,
}

/// Which part of a drop's ledger is asked for, and from which end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerRange {
    /// Only events behind this `seq`.
    pub after: i64,
    /// Only events before this `seq`; `None` for all that there are.
    pub before: Option<i64>,
    /// The newest first.
    pub newest_first: bool,
}

/// One page of a longer list.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Where the next one begins; `None` on the last.
    pub next_cursor: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::super::ReservationChange;
    use super::*;

    #[test]
    fn the_kinds_are_those_of_events() {
        let changes = ReservationChange::ALL.map(ReservationChange::as_str);
        let others = ["restocked", "configured"];
        assert!(changes.iter().chain(&others).all(|kind| KINDS.contains(kind)));
        assert_eq!(KINDS.len(), changes.len() + others.len());
    }
}
