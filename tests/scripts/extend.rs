//! `lua/extend.lua`: deadlines move forward, up to the drop's longest hold.

use crate::support::Case;

const HELD: &str = "r1 H c1 @-60000 @840000 * a:2,b:1";

fn held() -> Case {
    Case::given(&["stock a 5", "stock b 5", HELD, "r2 R c1 @-9 @-8 * a:1 7", "key k1 f1 3 @500"])
}

fn moved(to: &'static str) -> Vec<String> {
    [
        format!("- reservations {HELD}"),
        format!("+ reservations r1 H c1 @-60000 {to} * a:2,b:1"),
        format!("+ deadlines a {to} r1"),
        format!("+ deadlines b {to} r1"),
        format!("journal extended * * r1 H c1 @-60000 {to} * a:2,b:1 *"),
    ]
    .to_vec()
}

#[track_caller]
fn extends(case: &mut Case, ttl: &str, to: &'static str) {
    let changes = moved(to);
    let changes: Vec<&str> = changes.iter().map(String::as_str).collect();
    let outcome = format!("EXTENDED H c1 @-60000 {to} * a:2,b:1");
    case.expect("extend", &[&format!("r1|{ttl}||")], &[&outcome], &changes);
}

#[test]
fn to_the_drops_ttl_or_less() {
    extends(&mut held(), "", "@900000");
    extends(&mut held(), "900000", "@900000");
    extends(&mut held(), "840001", "@840001");
    held().refused("extend", "r1|900001||", "TTL_TOO_LONG 900000");
}

#[test]
fn never_back_and_never_past_the_longest_hold() {
    let mut case = held();
    case.refused("extend", "r1|840000||", "MAX_HOLD H");
    case.refused("extend", "r1|1||", "MAX_HOLD H");
    case.set("max_hold_ms", 900_010);
    extends(&mut case, "", "@840010");
    case.refused("extend", "r1|||", "MAX_HOLD H");
    case.set("max_hold_ms", 1000);
    case.refused("extend", "r1|||", "MAX_HOLD H");
}

#[test]
fn open_or_not() {
    for state in ["scheduled", "paused", "closed"] {
        let mut case = held();
        case.set("state", state);
        case.admit = false;
        extends(&mut case, "", "@900000");
    }
}

#[test]
fn refusals_come_in_their_order() {
    let mut case = held();
    case.refused("extend", "r9|900001|k1|f2", "KEY_REUSED");
    case.refused("extend", "r9|900001|k1|f1", "REPLAYED 3");
    case.refused("extend", "r9|900001||", "UNKNOWN_RESERVATION");
    case.refused("extend", "r2|900001||", "ENDED R");
    case.refused("extend", "r1|900001||", "TTL_TOO_LONG 900000");
}

#[test]
fn keys_and_repeats_in_one_call() {
    let mut case = held();
    case.expect(
        "extend",
        &["r1|900000|k2|f2", "r1|900000|k2|f2", "r1|900000|k2|f3", "r1|||"],
        &["EXTENDED H c1 @-60000 @900000 * a:2,b:1", "REPLAYED 11", "KEY_REUSED", "MAX_HOLD H"],
        &[
            "- reservations r1 H c1 @-60000 @840000 * a:2,b:1",
            "+ reservations r1 H c1 @-60000 @900000 * a:2,b:1",
            "+ deadlines a @900000 r1",
            "+ deadlines b @900000 r1",
            "+ keys k2 f2 11",
            "journal extended k2 f2 r1 H c1 @-60000 @900000 * a:2,b:1 *",
        ],
    );
}

#[test]
fn one_that_is_due_expires() {
    let mut case = Case::given(&["stock a 5", "r1 H c1 @-900000 @0 * a:2"]);
    case.expect(
        "extend",
        &["r1|||", "r1|||"],
        &["ENDED E", "ENDED E"],
        &[
            "- stock a 5 2 0 *",
            "+ stock a 7 0 0 *",
            "- reservations r1 H c1 @-900000 @0 * a:2",
            "+ reservations r1 E c1 @-900000 @0 * a:2 11",
            "- customers c1 a=2;r1 ",
            "+ ended @600000 11 r1",
            "journal expired * * r1 E c1 @-900000 @0 * a:2 *",
        ],
    );
}

#[test]
fn a_deadline_that_a_rebuild_moved_is_written_down() {
    let mut case = Case::given(&["stock a 5", "stock b 5", HELD, "meta opened_ms @840000"]);
    case.at(840_001);
    extends(&mut case, "grace", "@900000");
    case.refused("extend", "r1|grace||", "MAX_HOLD H");
    // Also by an ordinary extension that would not reach so far.
    let mut case = Case::given(&["stock a 5", "stock b 5", HELD, "meta opened_ms @840000"]);
    case.at(840_001);
    extends(&mut case, "1", "@900000");
    // A deadline behind the opening has not moved.
    let mut case = Case::given(&["stock a 5", "stock b 5", HELD, "meta opened_ms @839999"]);
    case.refused("extend", "r1|grace||", "MAX_HOLD H");
}
