//! Nobody above the limit that is in force at the moment of a grant.

use std::collections::HashMap;

use serde_json::Value;

use super::{
    finding::{Notes, Rule},
    history::Event,
};

/// Units that customers hold or own, and the limits in force.
#[derive(Debug, Default)]
pub(super) struct Limits {
    drop: Option<i64>,
    skus: HashMap<String, Option<i64>>,
    used: HashMap<String, HashMap<String, i64>>,
}

impl Limits {
    /// Follows one event.
    pub(super) fn follow(&mut self, event: &Event, notes: &mut Notes<'_>) {
        if let Some(settings) = &event.settings {
            self.configure(event.sku.as_deref(), settings);
        }
        let Some(customer) = &event.customer else { return };
        let sign = match event.kind.as_str() {
            "held" | "changed" => 1,
            "released" | "expired" | "returned" => -1,
            _ => return,
        };
        let used = self.used.entry(customer.clone()).or_default();
        for (sku, quantity) in &event.moved {
            *used.entry(sku.clone()).or_default() += sign * quantity;
        }
        let grown: Vec<&String> = event
            .moved
            .iter()
            .filter(|(_, quantity)| sign > 0 && **quantity > 0)
            .map(|(sku, _)| sku)
            .collect();
        if grown.is_empty() {
            return;
        }
        let total: i64 = used.values().sum();
        notes.unless(self.drop.is_none_or(|limit| total <= limit), Rule::OverLimit, || {
            format!("{customer} has {total} of {:?} behind seq {}", self.drop, event.seq)
        });
        for sku in grown {
            let limit = self.skus.get(sku).copied().flatten();
            let has = used[sku];
            notes.unless(limit.is_none_or(|limit| has <= limit), Rule::OverLimit, || {
                format!("{customer} has {has} of {limit:?} {sku} behind seq {}", event.seq)
            });
        }
    }

    fn configure(&mut self, sku: Option<&str>, settings: &Value) {
        let Some(limit) = settings.get("limit_per_customer") else { return };
        match sku {
            None => self.drop = limit.as_i64(),
            Some(sku) => {
                self.skus.insert(sku.to_owned(), limit.as_i64());
            }
        }
    }
}
