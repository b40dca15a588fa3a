//! Add units to a SKU's total, or take unsold ones out of it.

use super::{Operation, Verb, push_key};
use crate::domain::{DropId, Reference, RequestKey, SkuId, Stock};

/// Add units, or (negative) take free ones away.
#[derive(Clone, Debug)]
pub struct Restock {
    /// Which SKU.
    pub sku: SkuId,
    /// How many units, signed, not zero.
    pub quantity: i64,
    /// Why.
    pub reason: Option<String>,
    /// The merchant's own reference.
    pub reference: Option<Reference>,
    /// The idempotency key.
    pub key: Option<RequestKey>,
}

impl Operation for Restock {
    const VERB: Verb = Verb::Restock;
    const STATUSES: &'static [&'static str] = &[
        "REPLAYED",
        "KEY_REUSED",
        "UNKNOWN_SKU",
        "INSUFFICIENT",
        "TOO_LARGE",
        "RETRY",
        "RESTOCKED",
    ];
    type Answer = Stock;

    fn encode(&self, arguments: &mut Vec<String>) {
        arguments.push(self.sku.to_string());
        arguments.push(self.quantity.to_string());
        arguments.push(self.reference.as_ref().map_or("*", Reference::as_str).to_owned());
        arguments.push(serde_json::json!(self.reason).to_string());
        push_key(arguments, self.key.as_ref());
    }

    fn decode(&self, _: &DropId, status: &str, facts: &str) -> Option<Stock> {
        let mut part = facts.split(' ').map(|text| text.parse::<i64>().ok());
        let mut next = || part.next().flatten();
        (status == "RESTOCKED").then_some(())?;
        let stock = Stock { total: next()?, available: next()?, held: next()?, sold: next()? };
        stock.violation().is_none().then_some(stock)
    }
}
