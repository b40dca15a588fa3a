//! What holds for every entry of a journal, whichever call wrote it.

use std::collections::BTreeMap;

use dropgate::domain::{DropId, Entry};

use super::{Dump, RawEntry};

/// The one entry that a call appended, if it appended one, after checking all that can be
/// said of any: its id, its place in the chain, what `meta` says of it, and that its events
/// come to exactly the change in stock.
#[track_caller]
pub(crate) fn check_entry(drop: &DropId, before: &Dump, after: &Dump) -> Option<Entry> {
    let known = before.entries.len();
    assert_eq!(after.entries[..known], before.entries[..], "the journal is append-only");
    let (raw, more) = match &after.entries[known..] {
        [] => {
            assert_eq!(before.pairs["meta"], after.pairs["meta"], "no entry, no change of meta");
            assert_eq!(before.stock(), after.stock(), "no entry, no change of stock");
            return None;
        }
        [first, more @ ..] => (first, more),
    };
    assert!(more.is_empty(), "one call, one entry: {more:?}");
    let entry = read_entry(drop, raw);
    check_chain(before, after, &entry, raw);
    let mut moved: BTreeMap<String, [i64; 3]> = before.stock();
    for (event, _) in &entry.events {
        for (sku, change) in event.stock_changes() {
            let counts = moved.entry(sku.to_string()).or_default();
            counts[0] += change.available;
            counts[1] += change.held;
            counts[2] += change.sold;
            // At every event, not just at the end of the entry.
            assert!(counts.iter().all(|count| *count >= 0), "{event:?}: {counts:?}");
        }
    }
    for (sku, counts) in after.stock() {
        assert_eq!(moved.remove(&sku).unwrap_or_default(), counts, "the journal's {sku}");
    }
    assert_eq!(moved, BTreeMap::new(), "the journal knows more SKUs");
    Some(entry)
}

fn read_entry(drop: &DropId, (id, fields): &RawEntry) -> Entry {
    let field = |name: &str| {
        fields.chunks_exact(2).find(|pair| pair[0] == name).map(|pair| pair[1].as_str())
    };
    let names: Vec<&str> = fields.chunks_exact(2).map(|pair| pair[0].as_str()).collect();
    assert_eq!(names, ["v", "n", "p", "c", "t", "e"], "the fields of an entry");
    Entry::parse(drop, id, field).expect("an entry that can be read")
}

#[track_caller]
fn check_chain(before: &Dump, after: &Dump, entry: &Entry, (id, fields): &RawEntry) {
    let text = &fields[11];
    let count = i64::try_from(entry.events.len()).expect("few");
    assert_eq!(entry.epoch, after.number("epoch"));
    assert_eq!(entry.seq, before.number("seq") + count, "seq rises by one an event");
    assert_eq!(*id, format!("{}-{}", entry.epoch, entry.seq));
    assert_eq!(after.number("seq"), entry.seq);
    assert_eq!(after.number("latest_ms"), entry.at.0);
    assert_eq!(Some(entry.previous.as_str()), before.get("meta", "chain"));
    assert_eq!(Some(entry.chain.as_str()), after.get("meta", "chain"));
    let digested = [
        entry.previous.clone(),
        entry.epoch.to_string(),
        entry.seq.to_string(),
        entry.at.0.to_string(),
        before.get("meta", "token").unwrap_or_default().to_owned(),
        text.clone(),
    ];
    // A script's name in Redis is the SHA-1 of its text.
    let digest = redis::Script::new(&digested.join("\n")).get_hash().to_owned();
    assert_eq!(entry.chain, digest, "the chain is the digest of what it covers");
}
