//! The Lua scripts, put together from `lua/` and built into the program.
//!
//! A line `-- include name` stands for `lua/lib/name.lua`; each is included once, before
//! what needs it. With ` when needed` behind it, it is made at its first call. A script is known
//! by the SHA-1 of the whole text, as Redis knows it.

use std::{collections::HashMap, sync::LazyLock};

use redis::Script as RedisScript;

use crate::{
    domain::Protocol,
    failpoint::{self, Mutant},
};

macro_rules! sources {
    ($prefix:literal: $($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../lua/", $prefix, $name, ".lua")))),*]
    };
}

const SCRIPTS: &[(&str, &str)] = sources!("":
    "change", "configure", "confirm", "evict", "expire", "extend", "inspect", "rate", "rebuild_begin",
    "rebuild_chunk", "rebuild_finish", "release", "reserve", "restock", "return", "trim",
);

const LIBRARY: &[(&str, &str)] = sources!("lib/":
    "append_event", "call_in_chunks", "column", "customer_of", "deadline_of", "decimal", "end_hold",
    "evict_ended", "fits", "flush", "forget_keys", "free_customer", "free_due", "group_deadline",
    "hold_kind", "hold_lines", "id_ms", "is_due", "key_outcome", "kind_of", "limit_refusal",
    "list_reservation", "live_hold", "missing_key", "name_keys", "next_group", "open_batch",
    "over_limit", "pack_ids", "pack_lines", "pack_reservation", "pack_stock", "padded",
    "parse_lines", "read_ahead", "read_fields", "read_reservation", "reply", "reservation_of",
    "sentinel_of", "server_ms", "shares_protocol", "signed", "sku_column", "state_at",
    "state_refusal", "stock_of", "stock_refusal", "store_reservation", "take_refusal", "take_units",
    "unlist_reservation", "unpack_ids", "use_units", "whole", "write_customers", "write_deadlines",
    "write_journal", "write_keys", "write_reservations", "write_stock",
);

/// One script, ready to be called.
#[derive(Debug)]
pub struct Script {
    /// The whole text, includes and all.
    pub text: String,
    /// The SHA-1 under which Redis knows it.
    pub sha: String,
}

static ASSEMBLED: LazyLock<HashMap<&'static str, Script>> = LazyLock::new(|| {
    SCRIPTS
        .iter()
        .map(|&(name, source)| {
            let text = speak(weaken(assemble(source)));
            let sha = RedisScript::new(&text).get_hash().to_owned();
            (name, Script { text, sha })
        })
        .collect()
});

impl Script {
    /// The script of a file in `lua/`, by its name without the ending.
    ///
    /// # Panics
    /// When there is no such file; the names are constants of this program.
    #[must_use]
    pub fn named(name: &str) -> &'static Script {
        ASSEMBLED.get(name).unwrap_or_else(|| panic!("there is no lua/{name}.lua"))
    }
}

/// The names of all scripts and of all included files.
#[must_use]
pub fn script_names() -> (Vec<&'static str>, Vec<&'static str>) {
    let names = |sources: &[(&'static str, &str)]| sources.iter().map(|(name, _)| *name).collect();
    (names(SCRIPTS), names(LIBRARY))
}

fn assemble(source: &str) -> String {
    // A first line `#!lua …` must stay the first line.
    let (shebang, body) = match source.split_once('\n') {
        Some((first, rest)) if first.starts_with("#!") => (format!("{first}\n"), rest),
        _ => (String::new(), source),
    };
    let mut text = shebang;
    include(body, &mut Vec::new(), &mut text);
    text
}

/// Where each rule of the scripts stands, and what takes it out.
const RULES: &[(Mutant, &str, &str)] = &[
    (Mutant::ScriptWithoutEpochCheck, "elseif epoch ~= argv[1] then", "elseif false then"),
    (Mutant::ScriptWithoutBehindCheck, "if seq < durable_seq then", "if false then"),
    (
        Mutant::ScriptWithoutSentinels,
        "missing_key(key, epoch, fields or {}, found)\n  if",
        "nil\n  if",
    ),
    (Mutant::ScriptWithoutKeys, "if field == '' then", "if true then"),
    (
        Mutant::ScriptWithoutLimits,
        "local customer = customer_of(b, customer_id)\n  if b.limit",
        "do return nil end\n  local customer\n  if b.limit",
    ),
    (Mutant::SweepWithoutGuard, "if r and is_due(b, r) then", "if r and r.state == 'H' then"),
];

/// The text without the rules that a test has taken out; they must be named before the first
/// script is asked for.
fn weaken(text: String) -> String {
    RULES
        .iter()
        .filter(|(mutant, ..)| failpoint::without(*mutant))
        .fold(text, |text, (_, rule, instead)| text.replace(rule, instead))
}

/// Where the scripts say which protocol they speak.
const PROTOCOL: &str = "local PROTOCOL, SHARES_FROM = 1, 1";

/// The protocol that this engine speaks.
#[must_use]
pub fn protocol() -> Protocol {
    let given = failpoint::protocol();
    given.map_or(Protocol::OURS, |(number, shares_from)| Protocol { number, shares_from })
}

/// The text in the protocol of this engine, where a test has made it one of another version.
fn speak(text: String) -> String {
    let Protocol { number, shares_from } = protocol();
    if protocol() == Protocol::OURS {
        return text;
    }
    text.replace(PROTOCOL, &format!("local PROTOCOL, SHARES_FROM = {number}, {shares_from}"))
}

fn include(source: &str, seen: &mut Vec<String>, text: &mut String) {
    for line in source.lines().filter_map(|line| line.strip_prefix("-- include ")) {
        let (name, lazily) =
            line.strip_suffix(" when needed").map_or((line, false), |name| (name, true));
        if seen.iter().any(|known| known == name) {
            continue;
        }
        seen.push(name.to_owned());
        let (_, found) = LIBRARY
            .iter()
            .find(|(known, _)| *known == name)
            .unwrap_or_else(|| panic!("there is no lua/lib/{name}.lua"));
        if lazily {
            make_when_needed(name, found, seen.clone(), text);
        } else {
            include(found, seen, text);
        }
    }
    for line in source.lines().filter(|line| !line.starts_with("-- include ")) {
        text.push_str(line);
        text.push('\n');
    }
}

/// A function that makes itself, and what only it includes, at its first call. To make all
/// functions of a script is a good part of what a small call costs, and some are rarely called.
fn make_when_needed(name: &str, found: &str, mut seen: Vec<String>, text: &mut String) {
    let made = format!("made_{name}");
    let head = format!("local {made}\nlocal function {name}(...)\nif not {made} then\n");
    text.push_str(&head);
    include(found, &mut seen, text);
    let tail = format!("{made} = {name}\nend\nreturn {made}(...)\nend\n");
    text.push_str(&tail);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_and_engine_speak_one_protocol() {
        let Protocol { number, shares_from } = Protocol::OURS;
        assert_eq!(PROTOCOL, format!("local PROTOCOL, SHARES_FROM = {number}, {shares_from}"));
        assert!(assemble("-- include shares_protocol\n").contains(PROTOCOL));
    }

    #[test]
    fn the_rules_that_tests_take_out_are_there() {
        for (mutant, rule, _) in RULES {
            let found = SCRIPTS.iter().any(|(_, source)| assemble(source).contains(rule));
            assert!(found, "{mutant:?}: {rule}");
        }
    }

    #[test]
    fn includes_come_once_and_before_what_needs_them() {
        let text = &Script::named("reserve").text;
        let at = |needle: &str| text.find(needle).unwrap_or_else(|| panic!("no {needle}"));
        assert_eq!(text.matches("local function whole(").count(), 1);
        assert!(at("local function whole(") < at("local function parse_lines("));
        assert!(!text.contains("-- include"));
        assert!(Script::named("confirm").text.starts_with("#!lua flags=allow-oom\n"));
        let made =
            at("made_take_refusal = take_refusal\nend\nreturn made_take_refusal(...)\nend\n");
        assert!(at("if not made_take_refusal then\n") < at("local function free_due("));
        assert!(at("local function free_due(") < made);
    }
}
