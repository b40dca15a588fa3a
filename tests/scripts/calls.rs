//! What refuses a whole call, and which clock decides: alike for every verb.

use dropgate::{clock, command::Verb};

use crate::support::{Case, Redis, START, abbreviate};

/// One operation of each verb that would change something.
fn operation(verb: Verb) -> &'static str {
    match verb {
        Verb::Configure => "b|put|||||||1|7",
        Verb::Expire => "500",
        Verb::Release => "r1||||",
        Verb::Return => "r2|*|null|1||||",
        Verb::Restock => "a|1|*|null||",
        Verb::Confirm => "r1|o|0||||",
        Verb::Extend => "r1|||",
        Verb::Change => "r1|a:1||",
        Verb::Reserve => "r5|c5|a:1|||",
    }
}

fn given() -> Case {
    Case::given(&[
        "stock a 5",
        "r1 H c1 @-60000 @840000 * a:2",
        "r2 C c1 @-60000 @840000 o1 a:2 7",
        "r3 H c1 @-900000 @0 * a:2",
        "key k1 f1 3 @500",
    ])
}

/// Every verb gives this reply and changes nothing.
#[track_caller]
fn all_refused(case: &mut Case, reply: &str) {
    for verb in Verb::ALL {
        case.refused(verb.script(), operation(verb), reply);
    }
}

#[test]
fn every_verb_would_change_something() {
    for verb in Verb::ALL {
        let mut case = given();
        let before = case.dump();
        case.call(verb.script(), &[operation(verb)]).expect("a reply");
        assert_ne!(case.dump(), before, "{verb:?}");
    }
}

#[test]
fn redis_has_nothing_of_the_drop() {
    all_refused(&mut Case::nothing(), "MISSING");
    let mut case = given();
    case.redis.must(&["DEL", case.keys.meta()]);
    all_refused(&mut case, "MISSING");
}

#[test]
fn another_epoch() {
    for epoch in [0, 2] {
        let mut case = given();
        case.epoch = epoch;
        all_refused(&mut case, "OTHER_EPOCH 1");
    }
}

#[test]
fn built_by_another_protocol() {
    for (built, shares_from, shares) in [
        ("1", "1", true),
        ("2", "1", true),
        ("3", "2", false),
        ("2", "2", false),
        ("0", "0", false),
        ("later", "1", false),
    ] {
        let mut case = given();
        let meta = case.keys.meta().to_owned();
        case.redis.must(&["HSET", &meta, "protocol", built, "shares_from", shares_from]);
        if shares {
            let reply = case.call("reserve", &[operation(Verb::Reserve)]).expect("a reply");
            assert_eq!(reply[0], "OK", "{built} {shares_from}");
        } else {
            all_refused(&mut case, &format!("OTHER_PROTOCOL {built}"));
        }
    }
    // Drops of before have no number, and are used as ever.
    let mut case = given();
    let meta = case.keys.meta().to_owned();
    case.redis.must(&["HDEL", &meta, "protocol", "shares_from"]);
    let reply = case.call("reserve", &[operation(Verb::Reserve)]).expect("a reply");
    assert_eq!(reply[0], "OK");
}

#[test]
fn behind_what_is_durable() {
    let mut case = given();
    case.durable_seq = 11;
    all_refused(&mut case, "BEHIND 1 10");
    case.durable_seq = 10;
    let reply = case.call("reserve", &[operation(Verb::Reserve)]).expect("a reply");
    assert_eq!(reply[0], "OK");
}

#[test]
fn a_rebuild_under_way() {
    let mut case = given();
    case.set("phase", "rebuilding");
    case.set("progress_ms", clock::now().0);
    for verb in Verb::ALL {
        let before = case.dump();
        let reply = case.call(verb.script(), &[operation(verb)]).expect("a reply");
        assert_eq!((reply[0].as_str(), reply[1].as_str()), ("REBUILDING", "1"));
        assert!(reply[2].parse::<i64>().is_ok_and(|age| age < 60_000), "{reply:?}");
        assert_eq!(case.dump(), before);
    }
}

#[test]
fn a_key_that_is_lost() {
    for name in
        ["stock", "reservations", "customers", "keys", "deadlines", "ended", "key_ages", "journal"]
    {
        let mut case = given();
        case.redis.must(&["DEL", &case.key(name)]);
        all_refused(&mut case, &format!("LOST_KEY {name}"));
    }
    for name in ["stock", "reservations", "customers", "keys"] {
        let mut case = given();
        // What another epoch left behind, and a key that came back without its sentinel.
        case.redis.must(&["HSET", &case.key(name), "!", "2"]);
        all_refused(&mut case, &format!("LOST_KEY {name}"));
        case.redis.must(&["HDEL", &case.key(name), "!"]);
        all_refused(&mut case, &format!("LOST_KEY {name}"));
    }
    for name in ["deadlines", "ended", "key_ages"] {
        let mut case = given();
        case.redis.must(&["ZREM", &case.key(name), "!1"]);
        case.redis.must(&["ZADD", &case.key(name), "0", "!2"]);
        all_refused(&mut case, &format!("LOST_KEY {name}"));
    }
    let mut case = given();
    case.redis.must(&["XTRIM", &case.key("journal"), "MAXLEN", "0"]);
    all_refused(&mut case, "LOST_KEY journal");
}

#[test]
fn refusals_of_a_call_come_in_their_order() {
    let mut case = given();
    case.redis.must(&["DEL", &case.key("stock")]);
    case.durable_seq = 11;
    case.set("phase", "rebuilding");
    case.epoch = 2;
    all_refused(&mut case, "OTHER_EPOCH 1");
    case.epoch = 1;
    let reply = case.call("release", &["r1||||"]).expect("a reply");
    assert_eq!(reply[0], "REBUILDING");
    case.set("phase", "open");
    all_refused(&mut case, "BEHIND 1 10");
    case.durable_seq = 10;
    all_refused(&mut case, "LOST_KEY stock");
}

#[test]
fn a_call_without_operations_changes_nothing() {
    let mut case = given();
    for verb in Verb::ALL {
        case.expect(verb.script(), &[], &[], &[]);
    }
}

#[test]
fn the_drops_time_is_the_servers_clock_and_its_skew() {
    let mut case = Case::given(&["stock a 5"]);
    case.redis.must(&["HDEL", case.keys.meta(), "latest_ms"]);
    for skew in [0, 60_000, -60_000] {
        case.set("skew_ms", skew);
        let (before, reply, after) =
            (clock::now().0, case.call("expire", &["1"]).expect("a reply"), clock::now().0);
        let now: i64 = reply[4].parse().expect("a time");
        // The two clocks are the same one, read with a millisecond's grain.
        assert!((before + skew - 1..=after + skew + 1).contains(&now), "{before} {now} {after}");
    }
}

#[test]
fn others_hear_that_the_journal_moved_only_from_those_who_do_not_write_it() {
    let mut case = Case::given(&["stock a 5"]);
    let mut heard = Redis::listen(&case.key("moved"));
    for (tell, id) in [(false, "r1"), (true, "r2"), (false, "r3"), (true, "r4")] {
        case.tell = tell;
        let reply = case.call("reserve", &[&format!("{id}|c|a:1|||")]).expect("a reply");
        if tell {
            assert_eq!(heard(), reply[2], "the next message is that of this call");
        }
    }
}

#[test]
fn the_drops_time_never_runs_back() {
    let mut case = Case::given(&["stock a 5", "meta state scheduled", "meta opens_at @0"]);
    let reply = case.call("reserve", &["r1|c|a:1|5||"]).expect("a reply");
    assert_eq!(abbreviate(&reply[4]), "@0");
    assert_eq!(abbreviate(&reply[5]), "HELD @0 @5");
    // The server's clock is far behind; the drop stays where it was.
    assert!(clock::now().0 < START);
    let reply = case.call("extend", &["r1|7||"]).expect("a reply");
    assert_eq!(abbreviate(&reply[5]), "EXTENDED H c @0 @7 * a:1");
    // And goes on with the clock, once that has caught up.
    let ahead = START + 50_000 - clock::now().0;
    case.set("skew_ms", ahead);
    let reply = case.call("expire", &["9"]).expect("a reply");
    let now: i64 = reply[4].parse().expect("a time");
    assert!((START + 49_000..START + 100_000).contains(&now), "{now}");
    assert_eq!(case.dump().number("latest_ms"), now);
    assert_eq!(case.dump().stock()["a"], [5, 0, 0]);
}
