//! `lua/reserve.lua`: given a state and holds, the outcomes and the whole state behind them.

use crate::support::Case;

#[test]
fn held() {
    let mut case = Case::given(&["stock a 5", "stock b 3"]);
    case.expect(
        "reserve",
        &["r1|c1|a:2,b:3|||"],
        &["HELD @0 @900000"],
        &[
            "- stock a 5 0 0 *",
            "+ stock a 3 2 0 *",
            "- stock b 3 0 0 *",
            "+ stock b 0 3 0 *",
            "+ reservations r1 H c1 @0 @900000 * a:2,b:3",
            "+ deadlines a @900000 r1",
            "+ deadlines b @900000 r1",
            "+ customers c1 a=2 b=3;r1 ",
            "journal held * * r1 H c1 @0 @900000 * a:2,b:3 *",
        ],
    );
}

#[test]
fn holds_of_one_call_share_a_group_and_see_each_other() {
    let mut case = Case::given(&["stock a 3", "meta limit 3"]);
    case.expect(
        "reserve",
        &["r1|c1|a:2|||", "r2|c2|a:2|||", "r3|c1|a:1|5000||", "r4|c1|a:1|||", "r5|c3|a:1|||"],
        &[
            "HELD @0 @900000",
            "SOLD_OUT a:2:1",
            "HELD @0 @5000",
            "LIMIT_EXCEEDED 3 3 1 * r1,r3",
            "SOLD_OUT a:1:0",
        ],
        &[
            "- stock a 3 0 0 *",
            "+ stock a 0 3 0 *",
            "+ reservations r1 H c1 @0 @900000 * a:2",
            "+ reservations r3 H c1 @0 @5000 * a:1",
            "+ deadlines a @900000 r1",
            "+ deadlines a @5000 r3",
            "+ customers c1 a=3;r1 r3 ",
            "journal held * * r1 H c1 @0 @900000 * a:2 *",
            "journal held * * r3 H c1 @0 @5000 * a:1 *",
        ],
    );
    let mut case = Case::given(&["stock a 3"]);
    case.expect(
        "reserve",
        &["r1|c1|a:1|||", "r2|c2|a:1|||"],
        &["HELD @0 @900000", "HELD @0 @900000"],
        &[
            "- stock a 3 0 0 *",
            "+ stock a 1 2 0 *",
            "+ reservations r1 H c1 @0 @900000 * a:1",
            "+ reservations r2 H c2 @0 @900000 * a:1",
            "+ deadlines a @900000 r1r2",
            "+ customers c1 a=1;r1 ",
            "+ customers c2 a=1;r2 ",
            "journal held * * r1 H c1 @0 @900000 * a:1 *",
            "journal held * * r2 H c2 @0 @900000 * a:1 *",
        ],
    );
}

#[test]
fn a_key_is_remembered_with_a_success_only() {
    let mut case = Case::given(&["stock a 1"]);
    case.refused("reserve", "r1|c1|a:2||k1|f1", "SOLD_OUT a:2:1");
    case.expect(
        "reserve",
        &["r2|c1|a:1||k1|f2", "r3|c1|a:1||k1|f2", "r4|c1|a:1||k1|f3", "r5|c1|a:1||k2|f2"],
        &["HELD @0 @900000", "REPLAYED 11", "KEY_REUSED", "SOLD_OUT a:1:0"],
        &[
            "- stock a 1 0 0 *",
            "+ stock a 0 1 0 *",
            "+ reservations r2 H c1 @0 @900000 * a:1",
            "+ deadlines a @900000 r2",
            "+ customers c1 a=1;r2 ",
            "+ keys k1 f2 11",
            "journal held k1 f2 r2 H c1 @0 @900000 * a:1 *",
        ],
    );
    // Across calls, and before state, limit and stock are asked.
    for (field, value) in [("state", "closed"), ("limit", "0")] {
        case.set(field, value);
        case.refused("reserve", "r6|c1|a:1||k1|f2", "REPLAYED 11");
        case.refused("reserve", "r6|c1|a:1||k1|f9", "KEY_REUSED");
    }
}

#[test]
fn each_key_of_a_call_is_remembered() {
    let mut case = Case::given(&["stock a 5", "key k7 f7 3 @500"]);
    case.expect(
        "reserve",
        &["r7|c|a:1||k7|f7", "r1|c|a:1||k1|f1", "r2|c|a:1||k2|f2"],
        &["REPLAYED 3", "HELD @0 @900000", "HELD @0 @900000"],
        &[
            "- stock a 5 0 0 *",
            "+ stock a 3 2 0 *",
            "+ reservations r1 H c @0 @900000 * a:1",
            "+ reservations r2 H c @0 @900000 * a:1",
            "+ deadlines a @900000 r1r2",
            "+ customers c a=2;r1 r2 ",
            "+ keys k1 f1 11",
            "+ keys k2 f2 12",
            "journal held k1 f1 r1 H c @0 @900000 * a:1 *",
            "journal held k2 f2 r2 H c @0 @900000 * a:1 *",
        ],
    );
}

#[test]
fn refusals_come_in_their_order() {
    // Every reason at once; each one goes when it has been seen.
    let mut case = Case::given(&[
        "stock a 1 1",
        "r1 H c1 @-60000 @840000 * a:1",
        "key k1 f1 3 @500",
        "meta limit 1",
        "meta opens_at 3999999000000",
    ]);
    let hold = "r2|c1|a:5,x:1|900001|k1|f2";
    case.redis.must(&["HDEL", &case.key("meta"), "state"]);
    case.refused("reserve", hold, "KEY_REUSED");
    let hold = "r2|c1|a:5,x:1|900001|k2|f2";
    case.refused("reserve", hold, "UNKNOWN_DROP");
    case.set("state", "paused");
    case.refused("reserve", hold, "TTL_TOO_LONG 900000");
    let hold = "r2|c1|a:5,x:1|900000|k2|f2";
    case.refused("reserve", hold, "PAUSED @-1000000");
    case.set("state", "closed");
    case.refused("reserve", hold, "CLOSED @-1000000");
    case.set("state", "scheduled");
    case.set("opens_at", 4_000_000_000_001_i64);
    case.refused("reserve", hold, "NOT_OPEN @1");
    case.set("state", "open");
    case.refused("reserve", hold, "UNKNOWN_SKU x");
    let hold = "r2|c1|a:5||k2|f2";
    case.admit = false;
    case.refused("reserve", hold, "LIMIT_EXCEEDED 1 1 5 * r1");
    case.set("limit", "");
    case.refused("reserve", hold, "LIMIT_EXCEEDED 1 1 5 a r1");
    case.refused("reserve", "r2|c2|a:5||k2|f2", "LIMIT_EXCEEDED 1 0 5 a *");
    case.redis.must(&["HSET", &case.key("stock"), "a", "1 1 0 *"]);
    case.refused("reserve", hold, "SOLD_OUT a:5:1");
    case.refused("reserve", "r2|c1|a:1||k2|f2", "STALLED");
}

#[test]
fn a_drop_that_was_never_configured_is_unknown_with_any_ttl() {
    let mut case = Case::given(&[]);
    case.redis.must(&["HDEL", &case.key("meta"), "state", "ttl_ms", "max_hold_ms"]);
    for hold in ["r1|c1|a:1|||", "r1|c1|a:1|1||"] {
        case.refused("reserve", hold, "UNKNOWN_DROP");
    }
}

#[test]
fn the_ttl_is_the_drops_at_most() {
    let mut case = Case::given(&["stock a 5"]);
    case.refused("reserve", "r1|c|a:1|900001||", "TTL_TOO_LONG 900000");
    for (id, ttl, ends) in [("r1", "900000", "@900000"), ("r2", "1", "@1")] {
        let reply = case.call("reserve", &[&format!("{id}|c|a:1|{ttl}||")]).expect("a reply");
        let held = format!("HELD @0 {ends}");
        assert_eq!(crate::support::abbreviate(&reply[5]), held);
    }
}

#[test]
fn times_open_and_close_a_drop() {
    let mut case = Case::given(&[
        "stock a 5",
        "meta state scheduled",
        "meta opens_at @10",
        "meta closes_at @20",
    ]);
    let hold = "r1|c|a:9|||";
    for (at, outcome) in
        [(9, "NOT_OPEN @10"), (10, "SOLD_OUT a:9:5"), (19, "SOLD_OUT a:9:5"), (20, "CLOSED @10")]
    {
        case.at(at);
        case.refused("reserve", hold, outcome);
    }
    case.set("state", "open");
    case.refused("reserve", hold, "CLOSED @10");
    case.set("closes_at", "");
    case.set("state", "paused");
    case.refused("reserve", hold, "PAUSED @10");
}

#[test]
fn limits_count_what_is_held_and_owned() {
    let mut case = Case::given(&[
        "stock a 50 4",
        "stock b 50",
        "r1 H c1 @-60000 @840000 * a:1",
        "gone r2 C c1 @-900000 @-5 o1 a:1,b:2",
        "meta limit 6",
    ]);
    case.refused("reserve", "r3|c1|a:2,b:1|||", "LIMIT_EXCEEDED 6 4 3 * r1,r2");
    case.refused("reserve", "r3|c2|a:5|||", "LIMIT_EXCEEDED 4 0 5 a *");
    case.expect(
        "reserve",
        &["r3|c1|a:2|||"],
        &["HELD @0 @900000"],
        &[
            "- stock a 50 1 1 4",
            "+ stock a 48 3 1 4",
            "+ reservations r3 H c1 @0 @900000 * a:2",
            "+ deadlines a @900000 r3",
            "- customers c1 a=2 b=2;r1 r2 ",
            "+ customers c1 a=4 b=2;r1 r2 r3 ",
            "journal held * * r3 H c1 @0 @900000 * a:2 *",
        ],
    );
}

#[test]
fn a_refusal_by_a_limit_names_twenty_reservations() {
    let holds: Vec<String> = (10..40).map(|n| format!("r{n} H c1 @-60000 @840000 * a:1")).collect();
    let mut lines: Vec<&str> = vec!["stock a 5", "meta limit 30"];
    lines.extend(holds.iter().map(String::as_str));
    let mut case = Case::given(&lines);
    let ids: Vec<String> = (10..30).map(|n| format!("r{n}")).collect();
    let outcome = format!("LIMIT_EXCEEDED 30 30 1 * {}", ids.join(","));
    case.refused("reserve", "r50|c1|a:1|||", &outcome);
}

#[test]
fn a_list_of_reservations_has_sixty_four() {
    let mut case = Case::given(&["stock a 100"]);
    let holds: Vec<String> = (100..170).map(|n| format!("r{n}|c1|a:1|||")).collect();
    let holds: Vec<&str> = holds.iter().map(String::as_str).collect();
    case.call("reserve", &holds).expect("a reply");
    let customer = case.dump().get("customers", "c1").expect("a customer").to_owned();
    let (units, ids) = customer.split_once(';').expect("units and ids");
    assert_eq!((units, ids.len()), ("a=70", 64 * 23));
    // The others count, and can be released.
    let released = case.call("release", &["r169||||"]).expect("a reply");
    assert!(released[5].starts_with("RELEASED"), "{released:?}");
    let customer = case.dump().get("customers", "c1").expect("a customer").to_owned();
    assert!(customer.starts_with("a=69;"), "{customer}");
}

#[test]
fn sold_out_names_only_what_falls_short() {
    let mut case = Case::given(&["stock a 5", "stock b 1", "stock c 0"]);
    case.refused("reserve", "r1|c1|a:5,b:2,c:1|||", "SOLD_OUT b:2:1,c:1:0");
}

#[test]
fn nothing_is_taken_while_the_ledger_stands_still() {
    let mut case = Case::given(&["stock a 5", "key k1 f1 3 @500"]);
    case.admit = false;
    case.refused("reserve", "r1|c1|a:1|||", "STALLED");
    case.refused("reserve", "r1|c1|a:1||k1|f1", "REPLAYED 3");
    case.refused("reserve", "r1|c1|a:6|||", "SOLD_OUT a:6:5");
    case.admit = true;
    let reply = case.call("reserve", &["r1|c1|a:1|||"]).expect("a reply");
    assert!(reply[5].starts_with("HELD"), "{reply:?}");
}
