//! The only place where a key is spelt.
//!
//! Every key of a drop is `dg:{<drop>}:<name>`. What stands in braces decides the hash slot
//! in a Redis Cluster, so all of a drop's keys live in one slot, one script may use them all,
//! and drops spread over a cluster by themselves. A drop id can't contain a brace. There is a
//! fixed number of keys a drop and never one a hold: a script with many keys fails with
//! TRYAGAIN while a cluster moves the slot. What each key holds is in `lua/README.md`. Besides them
//! there are the buckets of rate limits and copies of SKUs' details, which come and go, and what is counted of
//! a sale.

use crate::domain::{DetailsVersion, DropId, SkuId};

/// The names of a drop's keys, in the order in which scripts take them as KEYS.
pub(super) const NAMES: [&str; 9] = [
    "meta",
    "stock",
    "reservations",
    "deadlines",
    "customers",
    "keys",
    "key_ages",
    "ended",
    "journal",
];

/// A pattern that matches the channels of every drop.
pub(super) const ALL_CHANNELS: [&str; 2] = ["dg:{*}:moved", "dg:{*}:durable"];

/// The keys of the two hashes in which the buckets of a rate limit take turns, for slices of so many
/// milliseconds. No drop can be called `!rate`.
pub(super) fn buckets(what: &str, slice_ms: u64) -> [String; 2] {
    ["even", "odd"].map(|turn| format!("dg:{{!rate}}:{what}:{slice_ms}:{turn}"))
}

/// The key of a copy of a SKU's details.
pub(super) fn details(drop: &DropId, sku: &SkuId, version: DetailsVersion) -> String {
    format!("dg:{{{drop}}}:details:{sku}:{version}")
}

/// The key of what all engines count of a drop's calls. No drop can be called `!sale`; the counts are
/// no part of the drop, and stay when it is rebuilt or leaves Redis.
pub(super) fn tally(drop: &DropId) -> String {
    format!("dg:{{!sale}}:{drop}")
}

/// The same for one minute since 1970.
pub(super) fn tally_of_minute(drop: &DropId, minute: i64) -> String {
    format!("dg:{{!sale}}:{drop}:{minute}")
}

/// The keys and channels of one drop.
#[derive(Clone, Debug)]
pub struct DropKeys {
    /// All keys, in the order of the catalogue.
    pub all: [String; 9],
    /// Names the usual writer of the drop's journal; it only saves work.
    pub writer: String,
    /// Where what became durable is told.
    pub durable: String,
}

impl DropKeys {
    /// Spells the keys of a drop.
    #[must_use]
    pub fn new(drop: &DropId) -> DropKeys {
        let key = |name: &str| format!("dg:{{{drop}}}:{name}");
        DropKeys { all: NAMES.map(key), writer: key("writer"), durable: key("durable") }
    }

    /// Epoch, settings, where the journal stands.
    #[must_use]
    pub fn meta(&self) -> &str {
        &self.all[0]
    }

    /// The counts of each SKU.
    #[must_use]
    pub fn stock(&self) -> &str {
        &self.all[1]
    }

    /// The stream of what every script changed.
    #[must_use]
    pub fn journal(&self) -> &str {
        &self.all[8]
    }
}

/// The drop and the name behind a channel such as `dg:{summer}:durable`.
pub(super) fn read_channel(channel: &str) -> Option<(DropId, &str)> {
    let (drop, name) = channel.strip_prefix("dg:{")?.split_once("}:")?;
    Some((drop.parse().ok()?, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_a_drop_has_its_hash_tag() {
        let keys = DropKeys::new(&"summer".parse().expect("an id"));
        let others = [keys.writer.as_str(), keys.durable.as_str()];
        for key in keys.all.iter().map(String::as_str).chain(others) {
            assert!(key.starts_with("dg:{summer}:"), "{key}");
        }
        let (drop, name) = read_channel(&keys.durable).expect("a channel");
        assert_eq!((drop.as_str(), name), ("summer", "durable"));
    }
}
