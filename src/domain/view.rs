//! What the ledger shows of a drop: the durable picture that reads are answered from.

use serde::Serialize;
use serde_json::Value;

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
}

/// One row of the ledger: one line that an event moved.
#[derive(Clone, Debug, PartialEq, Serialize)]
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

/// One page of a longer list.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Where the next one begins; `None` on the last.
    pub next_cursor: Option<String>,
}
