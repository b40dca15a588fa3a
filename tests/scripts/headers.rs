//! Holds every script's header, body and Rust binding together: a header that lies is worse
//! than none.

mod bindings;
mod parse;
mod sizes;

use std::collections::BTreeSet;

use dropgate::{command::Verb, domain::DropId, store::DropKeys, store::script_names};
use parse::{Header, Source};

/// The replies that refuse a whole call, as `open_batch` gives them.
const CALL_REFUSALS: [&str; 6] =
    ["MISSING", "OTHER_EPOCH", "OTHER_PROTOCOL", "REBUILDING", "BEHIND", "LOST_KEY"];

/// Every kind of event in the journal.
const KINDS: [&str; 9] = [
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

fn all() -> Vec<Source> {
    script_names().0.into_iter().map(Source::read).collect()
}

fn verbs() -> Vec<(Verb, Source)> {
    Verb::ALL.into_iter().map(|verb| (verb, Source::read(verb.script()))).collect()
}

fn catalogue() -> Vec<String> {
    let drop: DropId = "d".parse().expect("an id");
    let keys = DropKeys::new(&drop).all;
    keys.iter().map(|key| key.rsplit(':').next().expect("a name").to_owned()).collect()
}

#[test]
fn keys_of_header_and_body_are_the_same() {
    let catalogue = catalogue();
    for script in all() {
        let header = Header::parse(&script);
        let names = &header.keys;
        let mut rest = catalogue.iter();
        for name in names {
            assert!(rest.any(|known| known == name), "{}: {name} is out of order", script.name);
        }
        let read = script.reads("KEYS");
        let wanted: BTreeSet<usize> = (1..=names.len()).collect();
        assert_eq!(read, wanted, "{}: KEYS", script.name);
    }
}

#[test]
fn arguments_of_header_and_body_are_the_same() {
    for script in all() {
        let header = Header::parse(&script);
        let mut wanted: BTreeSet<usize> = (1..=header.arguments.len()).collect();
        if let Some((from, count)) = header.operation {
            assert_eq!(from, header.arguments.len() + 1, "{}", script.name);
            assert_eq!(count, header.operands.len(), "{}: operands", script.name);
            wanted.extend(from..from + count);
        }
        assert_eq!(script.reads("ARGV"), wanted, "{}: ARGV", script.name);
    }
}

#[test]
fn verbs_share_the_first_arguments() {
    let first = Header::parse(&Source::read("reserve"));
    assert_eq!(first.arguments, ["epoch", "durable_seq", "engine_ms", "admit", "tell"]);
    for (verb, script) in verbs() {
        let header = Header::parse(&script);
        assert_eq!(header.keys, catalogue(), "{verb:?}");
        assert_eq!(header.arguments, first.arguments, "{verb:?}");
        assert_eq!(header.shared_lines, first.shared_lines, "{verb:?}");
    }
}

#[test]
fn an_operation_has_as_many_arguments_everywhere() {
    for (verb, script) in verbs() {
        let header = Header::parse(&script);
        assert_eq!(header.operation, Some((6, verb.arity())), "{verb:?}: the header");
        let stride = script.stride().unwrap_or(1);
        assert_eq!(stride, verb.arity(), "{verb:?}: N in the body");
    }
}

#[test]
fn outcomes_of_header_body_and_binding_are_the_same() {
    for (verb, script) in verbs() {
        let header = Header::parse(&script);
        assert_eq!(header.outcomes, verb.statuses(), "{verb:?}: the order in header and binding");
        let given: BTreeSet<&str> = header.outcomes.iter().map(String::as_str).collect();
        let wanted: BTreeSet<&str> =
            given.iter().copied().chain(CALL_REFUSALS).chain(["OK"]).collect();
        let found = script.statuses();
        let found: BTreeSet<&str> = found.iter().map(String::as_str).collect();
        assert_eq!(found, wanted, "{verb:?}: texts in the body and statuses in the header");
        assert_eq!(header.call_statuses, in_order(&CALL_REFUSALS), "{verb:?}");
    }
}

#[test]
fn replies_of_the_other_scripts_are_in_their_headers() {
    for script in all().iter().filter(|script| !script.is_verb()) {
        let header = Header::parse(script);
        let found: BTreeSet<String> = script.statuses();
        let wanted: BTreeSet<String> = header.call_statuses.iter().cloned().collect();
        assert_eq!(found, wanted, "{}", script.name);
    }
}

fn in_order(refusals: &[&str]) -> Vec<String> {
    ["OK"].iter().chain(refusals).map(|status| (*status).to_owned()).collect()
}

#[test]
fn events_of_header_and_body_are_the_same() {
    for script in all() {
        let header = Header::parse(&script);
        let found = script.kinds();
        let wanted: BTreeSet<String> = header.kinds.iter().cloned().collect();
        assert_eq!(found, wanted, "{}: Journal", script.name);
        assert!(found.iter().all(|kind| KINDS.contains(&kind.as_str())), "{found:?}");
    }
    let all: BTreeSet<String> = all().iter().flat_map(Source::kinds).collect();
    assert_eq!(all, KINDS.iter().map(|kind| (*kind).to_owned()).collect(), "every kind is written");
}

#[test]
fn every_outcome_has_a_case() {
    let tables = [
        ("configure", include_str!("configure.rs")),
        ("expire", include_str!("expire.rs")),
        ("release", include_str!("release.rs")),
        ("return", include_str!("return_units.rs")),
        ("restock", include_str!("restock.rs")),
        ("confirm", include_str!("confirm.rs")),
        ("extend", include_str!("extend.rs")),
        ("change", include_str!("change.rs")),
        ("reserve", include_str!("reserve.rs")),
    ];
    let courtesy = include_str!("courtesy.rs");
    for (verb, (name, table)) in Verb::ALL.into_iter().zip(tables) {
        assert_eq!(verb.script(), name);
        for status in verb.statuses() {
            let held = [format!("\"{status} "), format!("\"{status}\"")];
            assert!(
                held.iter().any(|text| table.contains(text) || courtesy.contains(text)),
                "no case of {name}: {status}"
            );
        }
    }
}
