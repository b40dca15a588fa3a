//! `lua/rebuild_*.lua`, `lua/evict.lua`, `lua/trim.lua` and `lua/inspect.lua`: how a drop comes
//! back from the ledger and leaves Redis, and what its write-behind asks.

use redis::Value;

use crate::support::{Case, START, abbreviate};

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Calls a script that must leave every byte as it was.
#[track_caller]
fn idle(case: &mut Case, script: &str, arguments: &[&str], reply: &[&str]) {
    let before = case.dump();
    assert_eq!(case.script(script, &words(arguments)), Ok(words(reply)), "{script} {arguments:?}");
    assert_eq!(case.dump(), before, "{script} {arguments:?}");
}

const GIVEN: [&str; 3] = ["stock a 5", "r1 H c1 @-60000 @840000 * a:2", "key k1 f1 3 @500"];

#[test]
fn a_rebuild_begins_only_in_a_later_epoch() {
    let mut case = Case::given(&GIVEN);
    idle(&mut case, "rebuild_begin", &["1", "t"], &["OTHER_EPOCH", "1"]);
    idle(&mut case, "rebuild_begin", &["0", "t"], &["OTHER_EPOCH", "1"]);
    case.set("skew_ms", 77);
    let reply = case.script("rebuild_begin", &words(&["2", "t"])).expect("a reply");
    assert_eq!((reply[0].as_str(), reply.len()), ("OK", 2));
    let now: i64 = reply[1].parse().expect("a time");
    let dump = case.dump();
    assert_eq!(now, dump.number("progress_ms") + 77, "the drop's time has its skew");
    let (about, rest): (Vec<_>, Vec<_>) =
        dump.fields("meta").partition(|(name, _)| *name == "about");
    assert!(about[0].1.len() > 64, "one long value makes meta a table");
    let mut meta: Vec<_> = rest.into_iter().filter(|(name, _)| *name != "progress_ms").collect();
    meta.sort_unstable();
    let left = [
        ("epoch", "2"),
        ("phase", "rebuilding"),
        ("protocol", "1"),
        ("shares_from", "1"),
        ("skew_ms", "77"),
        ("token", "t"),
    ];
    assert_eq!(meta, left);
    for name in ["stock", "reservations", "deadlines", "customers", "keys", "key_ages", "ended"] {
        assert_eq!(dump.pairs[name].len(), 0, "{name} is gone");
    }
    assert_eq!(dump.entries, []);
    // The same rebuild twice, or a rebuilder that thaws late.
    idle(&mut case, "rebuild_begin", &["2", "u"], &["OTHER_EPOCH", "2"]);
    idle(&mut case, "rebuild_begin", &["1", "t"], &["OTHER_EPOCH", "2"]);
}

#[test]
fn a_drop_leaves_only_for_a_later_epoch() {
    let mut case = Case::given(&GIVEN);
    idle(&mut case, "evict", &["0"], &["OTHER_EPOCH", "1"]);
    idle(&mut case, "evict", &["1"], &["OTHER_EPOCH", "1"]);
    assert_eq!(case.script("evict", &words(&["2"])), Ok(words(&["OK"])));
    let left = case.dump();
    assert!(left.pairs.values().all(|pairs| pairs.is_empty()) && left.entries.is_empty());
    idle(&mut case, "evict", &["2"], &["OK"]);
    // One that has come back meanwhile stays, also half-way.
    case.script("rebuild_begin", &words(&["3", "t"])).expect("a reply");
    idle(&mut case, "evict", &["2"], &["OTHER_EPOCH", "3"]);
    idle(&mut case, "evict", &["3"], &["OTHER_EPOCH", "3"]);
}

#[test]
fn only_the_rebuild_under_way_brings_chunks() {
    let mut case = Case::nothing();
    idle(&mut case, "rebuild_chunk", &["1", "t", "stock", "a", "5 0 0 *"], &["OTHER_EPOCH"]);
    let mut case = Case::given(&GIVEN);
    for (epoch, token) in [("1", "token"), ("1", ""), ("2", "token")] {
        let chunk = [epoch, token, "stock", "b", "5 0 0 *"];
        idle(&mut case, "rebuild_chunk", &chunk, &["OTHER_EPOCH"]);
        let finish = [epoch, token, "1", "1", "1", "1", "2", "0"];
        idle(&mut case, "rebuild_finish", &finish, &["OTHER_EPOCH"]);
    }
    case.script("rebuild_begin", &words(&["2", "t"])).expect("a reply");
    for (epoch, token) in [("1", "token"), ("2", "token"), ("1", "t"), ("3", "t")] {
        let chunk = [epoch, token, "stock", "b", "5 0 0 *"];
        idle(&mut case, "rebuild_chunk", &chunk, &["OTHER_EPOCH"]);
        let finish = [epoch, token, "0", "0", "0", "0", "0", "0"];
        idle(&mut case, "rebuild_finish", &finish, &["OTHER_EPOCH"]);
    }
    let before = case.dump();
    case.set("progress_ms", 5);
    let alive = words(&["2", "t", "meta"]);
    assert_eq!(case.script("rebuild_chunk", &alive), Ok(words(&["OK"])));
    let after = case.dump();
    assert!(after.number("progress_ms") >= before.number("progress_ms"), "a sign of life");
    // No other script does anything meanwhile.
    case.epoch = 2;
    let reply = case.call("reserve", &["r1|c|a:1|||"]).expect("a reply");
    assert_eq!(reply[..2], words(&["REBUILDING", "2"]));
    let age: i64 = reply[2].parse().expect("an age");
    assert!((0..60_000).contains(&age), "{age}");
    case.epoch = 1;
    case.refused("reserve", "r1|c|a:1|||", "OTHER_EPOCH 2");
}

#[test]
fn chunks_may_be_longer_than_unpack_can_take() {
    let mut case = Case::nothing();
    case.script("rebuild_begin", &words(&["1", "t"])).expect("a reply");
    let mut arguments = words(&["1", "t", "customers"]);
    arguments.extend((0..10_000).flat_map(|n| [format!("c{n}"), "a=1;".to_owned()]));
    assert_eq!(case.script("rebuild_chunk", &arguments), Ok(words(&["OK"])));
    assert_eq!(case.dump().pairs["customers"].len(), 10_000);
}

#[test]
fn a_drop_opens_only_when_everything_is_there() {
    let mut case = Case::nothing();
    case.script("rebuild_begin", &words(&["1", "t"])).expect("a reply");
    for chunk in [
        &["meta", "seq", "7", "chain", "c7", "state", "open"][..],
        &["stock", "a", "5 2 1 *", "b", "0 1 3 *"],
        &["reservations", "r1", "H c1 1 2 * a:2,b:1"],
        &["customers", "c1", "a=3 b=4;r1 "],
        &["keys", "k1", "f1 3", "k2", "f2 4"],
        &["deadlines", "0", "a 0000000000002 r1"],
    ] {
        let arguments = words(&[&["1", "t"], chunk].concat());
        assert_eq!(case.script("rebuild_chunk", &arguments), Ok(words(&["OK"])));
    }
    for (expected, missing) in [
        (["3", "1", "1", "2", "1", "0", "0", "3", "4"], ["stock", "2"]),
        (["2", "2", "1", "2", "1", "0", "0", "3", "4"], ["reservations", "1"]),
        (["2", "1", "0", "2", "1", "0", "0", "3", "4"], ["customers", "1"]),
        (["2", "1", "1", "3", "1", "0", "0", "3", "4"], ["keys", "2"]),
        (["2", "1", "1", "2", "2", "0", "0", "3", "4"], ["deadlines", "1"]),
        (["2", "1", "1", "2", "1", "1", "0", "3", "4"], ["ended", "0"]),
        (["2", "1", "1", "2", "1", "0", "1", "3", "4"], ["key_ages", "0"]),
        (["2", "1", "1", "2", "1", "0", "0", "4", "4"], ["units", "3 held, 4 sold"]),
        (["2", "1", "1", "2", "1", "0", "0", "3", "5"], ["units", "3 held, 4 sold"]),
    ] {
        let arguments = [["1", "t"].as_slice(), &expected].concat();
        let reply = ["INCOMPLETE", missing[0], missing[1]];
        idle(&mut case, "rebuild_finish", &arguments, &reply);
    }
    case.set("skew_ms", 5000);
    let arguments = words(&["1", "t", "2", "1", "1", "2", "1", "0", "0", "3", "4"]);
    let reply = case.script("rebuild_finish", &arguments).expect("a reply");
    let dump = case.dump();
    assert_eq!(reply, ["OK".to_owned(), dump.number("opened_ms").to_string()]);
    assert_eq!(dump.get("meta", "phase"), Some("open"));
    assert_eq!(dump.get("stock", "!"), Some("1"));
    assert_eq!(dump.get("deadlines", "!1"), Some("0"));
    assert_eq!(dump.get("ended", "!1"), Some("inf"));
    let (id, fields) = &dump.entries[0];
    assert_eq!((id.as_str(), dump.entries.len()), ("1-7", 1), "a journal is never empty");
    assert_eq!(fields[..8], words(&["v", "1", "n", "0", "p", "c7", "c", "c7"]));
    assert_eq!(fields[10..], words(&["e", ""]));
    idle(
        &mut case,
        "rebuild_finish",
        &["1", "t", "2", "1", "1", "2", "1", "0", "0", "3", "4"],
        &["OTHER_EPOCH"],
    );
}

#[test]
fn the_first_entry_of_an_epoch_goes_on_where_the_last_one_ended() {
    let mut case = Case::given(&GIVEN);
    case.call("release", &["r1||||"]).expect("a reply");
    let old = case.dump();
    case.epoch = 2;
    let chunks = vec![
        ("meta", vec!["seq".to_owned(), "11".to_owned(), "chain".to_owned()]),
        ("stock", words(&["a", "7 0 0 *"])),
    ];
    let mut chunks = chunks;
    chunks[0].1.push(old.get("meta", "chain").expect("a chain").to_owned());
    chunks[0].1.extend(words(&["state", "open", "ttl_ms", "900000", "max_hold_ms", "3600000"]));
    case.rebuild(&chunks, &words(&["1", "0", "0", "0", "0", "0", "0", "0", "0"]));
    case.set("latest_ms", START);
    // `expect` checks the id 2-12 and the chain over the one before.
    case.expect(
        "reserve",
        &["r2|c1|a:1|||"],
        &["HELD @0 @900000"],
        &[
            "- stock a 7 0 0 *",
            "+ stock a 6 1 0 *",
            "+ reservations r2 H c1 @0 @900000 * a:1",
            "+ deadlines a @900000 r2",
            "+ customers c1 a=1;r2 ",
            "journal held * * r2 H c1 @0 @900000 * a:1 *",
        ],
    );
    case.epoch = 1;
    case.refused("reserve", "r3|c1|a:1|||", "OTHER_EPOCH 2");
}

#[test]
fn trimming_leaves_the_last_entry() {
    let mut case = Case::given(&["stock a 500"]);
    for n in 100..330 {
        case.call("reserve", &[&format!("r{n}|c{n}|a:1|||")]).expect("a reply");
    }
    let keys = vec![case.keys.meta().to_owned(), case.keys.journal().to_owned()];
    let trim = |case: &mut Case, epoch: &str, seq: &str| {
        case.redis.script("trim", &keys, &words(&[epoch, seq]))
    };
    let before = case.dump();
    assert_eq!(trim(&mut case, "2", "200"), Ok(words(&["OTHER_EPOCH"])));
    assert_eq!(trim(&mut case, "1", "10"), Ok(words(&["OK"])));
    assert_eq!(trim(&mut case, "1", "9"), Ok(words(&["OK"])));
    for hostile in ["nan", "0x7f", "1e9", "-1", ""] {
        assert!(trim(&mut case, "1", hostile).is_err(), "{hostile}");
    }
    assert_eq!(case.dump(), before);
    assert_eq!(trim(&mut case, "1", "140"), Ok(words(&["OK"])));
    let dump = case.dump();
    assert_eq!(dump.number("durable_seq"), 140);
    // Trimmed roughly, by whole nodes of the stream, and never beyond the mark.
    assert!((101..231).contains(&dump.entries.len()), "{}", dump.entries.len());
    assert!(dump.entries.iter().any(|(id, _)| id == "1-140"));
    case.durable_seq = 140;
    assert_eq!(trim(&mut case, "1", "139"), Ok(words(&["OK"])), "what is known stays known");
    assert_eq!(case.dump(), dump);
    case.redis.must(&["XTRIM", &keys[1], "MAXLEN", "1"]);
    let reply = case.call("expire", &["1"]).expect("a reply");
    assert_eq!(reply[0], "OK", "one entry is enough");
}

#[test]
fn inspecting_shows_one_instant_and_changes_nothing() {
    let mut case = Case::given(&GIVEN);
    case.call("release", &["r1||||"]).expect("a reply");
    let before = case.dump();
    let names = [case.keys.meta(), case.keys.stock(), case.keys.journal()].map(str::to_owned);
    let value = case.redis.raw_script("inspect", &names, &words(&["1-10"])).expect("a reply");
    let Value::Array(parts) = value else { panic!("{value:?}") };
    let meta: Vec<Option<String>> = redis::from_redis_value(parts[0].clone()).expect("meta");
    let names = ["epoch", "phase", "seq", "chain", "durable_seq", "progress_ms"];
    let known = names.map(|name| before.get("meta", name).map(str::to_owned));
    assert_eq!(meta, known);
    let stock: Vec<String> = redis::from_redis_value(parts[1].clone()).expect("stock");
    assert_eq!(stock.len(), 4);
    let entries: Vec<(String, Vec<String>)> =
        redis::from_redis_value(parts[2].clone()).expect("entries");
    assert_eq!(entries.len(), 1, "only what lies behind the given place");
    assert_eq!(entries[0].0, "1-11");
    assert_eq!(abbreviate(&entries[0].1[11]), "released * * r1 R c1 @-60000 @840000 * a:2 *");
    assert_eq!(case.dump(), before);
}
