//! The whole state of a drop's nine keys at one instant.

use std::collections::{BTreeMap, BTreeSet};

use dropgate::store::DropKeys;

use super::{
    Redis,
    stored::{show_group, show_reservation},
};

/// One entry of the journal as Redis has it: id, then field and value in turn.
pub(crate) type RawEntry = (String, Vec<String>);

/// Everything in a drop's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dump {
    /// Field and value of each hash, score and member of each sorted set, by key name;
    /// reservations and groups of deadlines in their long form.
    pub(crate) pairs: BTreeMap<&'static str, BTreeMap<String, String>>,
    /// The journal.
    pub(crate) entries: Vec<RawEntry>,
}

const NAMES: [(&str, bool); 8] = [
    ("meta", false),
    ("stock", false),
    ("reservations", false),
    ("deadlines", true),
    ("customers", false),
    ("keys", false),
    ("key_ages", true),
    ("ended", true),
];

impl Dump {
    pub(crate) fn take(redis: &mut Redis, keys: &DropKeys) -> Dump {
        let mut pipeline = redis::pipe();
        pipeline.atomic();
        for ((_, sorted), key) in NAMES.iter().zip(&keys.all) {
            if *sorted {
                pipeline.cmd("ZRANGE").arg(key).arg(0).arg(-1).arg("WITHSCORES");
            } else {
                pipeline.cmd("HGETALL").arg(key);
            }
        }
        pipeline.cmd("XRANGE").arg(keys.journal()).arg("-").arg("+");
        let mut values = redis.pipeline(&pipeline).into_iter();
        let mut pairs = BTreeMap::new();
        for (name, _) in NAMES {
            let value = values.next().expect("a reply a key");
            let texts: Vec<String> = redis::from_redis_value(value).expect("texts");
            let read = texts.chunks_exact(2).map(|pair| match name {
                "reservations" => (pair[0].clone(), show_reservation(&pair[0], &pair[1])),
                "deadlines" => (show_group(&pair[0]), pair[1].clone()),
                _ => (pair[0].clone(), pair[1].clone()),
            });
            pairs.insert(name, read.collect());
        }
        let journal = values.next().expect("the journal");
        Dump { pairs, entries: redis::from_redis_value(journal).expect("entries") }
    }

    /// What every call is checked by: `meta`, `stock`, and the journal from its last entry on.
    pub(crate) fn head(redis: &mut Redis, keys: &DropKeys) -> Dump {
        let mut pipeline = redis::pipe();
        pipeline.cmd("HGETALL").arg(keys.meta()).cmd("HGETALL").arg(keys.stock());
        pipeline.cmd("XREVRANGE").arg(keys.journal()).arg("+").arg("-").arg("COUNT").arg(1);
        Dump::read_head(redis.pipeline(&pipeline).into_iter())
    }

    /// Asks for the head as it is now, with the journal from the last entry of `before` on.
    pub(crate) fn ask_head(pipeline: &mut redis::Pipeline, keys: &DropKeys, before: &Dump) {
        let last = before.entries.last().map_or("-", |(id, _)| id);
        pipeline.cmd("HGETALL").arg(keys.meta()).cmd("HGETALL").arg(keys.stock());
        pipeline.cmd("XRANGE").arg(keys.journal()).arg(last).arg("+");
    }

    /// Reads the answer to [`Dump::ask_head`].
    pub(crate) fn read_head(mut values: impl Iterator<Item = redis::Value>) -> Dump {
        let mut pairs = BTreeMap::new();
        for name in ["meta", "stock"] {
            let value = values.next().expect("a reply a key");
            let fields: BTreeMap<String, String> = redis::from_redis_value(value).expect("texts");
            pairs.insert(name, fields);
        }
        let journal = values.next().expect("the journal");
        Dump { pairs, entries: redis::from_redis_value(journal).expect("entries") }
    }

    /// Forgets all entries but the last.
    pub(crate) fn keep_last_entry(&mut self) {
        self.entries.drain(..self.entries.len().saturating_sub(1));
    }

    /// One field, or one member's score.
    pub(crate) fn get(&self, name: &str, field: &str) -> Option<&str> {
        self.pairs[name].get(field).map(String::as_str)
    }

    /// A number in `meta`.
    #[track_caller]
    pub(crate) fn number(&self, field: &str) -> i64 {
        self.get("meta", field).and_then(|text| text.parse().ok()).expect(field)
    }

    /// Fields and values of a key, without its sentinel.
    pub(crate) fn fields(&self, name: &str) -> impl Iterator<Item = (&str, &str)> {
        self.pairs[name]
            .iter()
            .filter(|(field, _)| !field.starts_with('!'))
            .map(|(field, value)| (field.as_str(), value.as_str()))
    }

    /// Available, held and sold of every SKU.
    pub(crate) fn stock(&self) -> BTreeMap<String, [i64; 3]> {
        let counts = |packed: &str| {
            let mut part = packed.split(' ').map(|text| text.parse().expect("a count"));
            [(); 3].map(|()| part.next().expect("three counts"))
        };
        let read = |text: &str| counts(&text[..text.rfind(' ').expect("a limit")]);
        self.fields("stock").map(|(sku, packed)| (sku.to_owned(), read(packed))).collect()
    }

    /// Everything but the journal as lines `key field value`; of a sorted set with a constant
    /// score `key member`, of the others `key score member`.
    pub(crate) fn lines(&self) -> BTreeSet<String> {
        let mut lines = BTreeSet::new();
        for (name, pairs) in &self.pairs {
            for (field, value) in pairs {
                lines.insert(match *name {
                    "deadlines" if value == "0" => format!("{name} {field}"),
                    // The ids of one call's ended reservations are in no order.
                    "ended" => format!("{name} {value} {}", in_order(field)),
                    "deadlines" | "key_ages" => format!("{name} {value} {field}"),
                    _ => format!("{name} {field} {value}"),
                });
            }
        }
        lines
    }
}

fn in_order(member: &str) -> String {
    let Some((mark, ids)) = member.split_once(' ') else { return member.to_owned() };
    let mut ids: Vec<&[u8]> = ids.as_bytes().chunks(22).collect();
    ids.sort_unstable();
    format!("{mark} {}", String::from_utf8_lossy(&ids.concat()))
}
