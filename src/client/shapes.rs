//! What answers look like, as far as the commands show it.

use serde::Deserialize;
use serde_json::Value;

use crate::domain::{DropState, Millis, Stock};

/// An answer as it came, and what was understood of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown<T> {
    /// As it came.
    pub document: Value,
    /// What was understood.
    pub read: T,
    /// Whether it is the repeated answer of an earlier call with the same idempotency key.
    pub replayed: bool,
}

/// A drop as its merchant sees it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Drop {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Whether it sells.
    pub state: DropState,
    /// When it opens by itself.
    pub opens_at: Option<Millis>,
    /// When it closes by itself.
    pub closes_at: Option<Millis>,
    /// How long a hold lasts, in seconds.
    pub hold_ttl_seconds: i64,
    /// How long a hold may last with all its extensions, in seconds.
    pub max_hold_seconds: i64,
    /// Most units of it one customer may hold and own.
    pub limit_per_customer: Option<i64>,
    /// How many seconds before a deadline its holder is warned; none by an engine that warns nobody.
    #[serde(default)]
    pub expiring_soon_seconds: Vec<i64>,
    /// Its generation.
    pub epoch: i64,
    /// The last `seq` that is durable.
    pub seq: i64,
    /// What it sells.
    pub skus: Vec<Sku>,
}

/// A SKU as its merchant sees it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Sku {
    /// Its id.
    pub sku: String,
    /// What people call it.
    pub name: String,
    /// Its counts.
    #[serde(flatten)]
    pub stock: Stock,
    /// Most units of it one customer may hold and own.
    pub limit_per_customer: Option<i64>,
}

/// A SKU's counts after a restock.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Counts {
    /// Its counts.
    #[serde(flatten)]
    pub stock: Stock,
}

impl Drop {
    /// The counts of all SKUs together.
    #[must_use]
    pub fn sum(&self) -> Stock {
        self.skus.iter().fold(Stock::default(), |sum, Sku { stock, .. }| Stock {
            total: sum.total.saturating_add(stock.total),
            available: sum.available.saturating_add(stock.available),
            held: sum.held.saturating_add(stock.held),
            sold: sum.sold.saturating_add(stock.sold),
        })
    }
}
