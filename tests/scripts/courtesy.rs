//! The courtesy: a hold that would be refused for stock or limit first frees what is due.

use crate::support::{Case, START};

/// Three holds of one SKU, two of them due at `@0`.
const DUE: [&str; 5] = [
    "stock a 0",
    "stock b 0",
    "r1 H c1 @-900000 @-20 * a:2,b:1",
    "r2 H c1 @-900000 @-10 * a:2",
    "r3 H c1 @-900000 @1 * a:2",
];

#[test]
fn what_is_due_is_freed_for_stock_and_no_more_than_needed() {
    let mut case = Case::given(&DUE);
    case.expect(
        "reserve",
        &["r4|c2|a:2|||"],
        &["HELD @0 @900000"],
        &[
            "- stock b 0 1 0 *",
            "+ stock b 1 0 0 *",
            "- reservations r1 H c1 @-900000 @-20 * a:2,b:1",
            "+ reservations r1 E c1 @-900000 @-20 * a:2,b:1 12",
            "+ reservations r4 H c2 @0 @900000 * a:2",
            "- deadlines a @-20 r1",
            "+ deadlines a @900000 r4",
            "- customers c1 a=6 b=1;r1 r2 r3 ",
            "+ customers c1 a=4;r2 r3 ",
            "+ customers c2 a=2;r4 ",
            "+ ended @600000 12 r1",
            "journal expired * * r1 E c1 @-900000 @-20 * a:2,b:1 *",
            "journal held * * r4 H c2 @0 @900000 * a:2 *",
        ],
    );
    // b's group still names r1: it is freed once.
    case.expect(
        "expire",
        &["500"],
        &["EXPIRED @1 0 1"],
        &[
            "- stock a 0 6 0 *",
            "+ stock a 2 4 0 *",
            "- reservations r2 H c1 @-900000 @-10 * a:2",
            "+ reservations r2 E c1 @-900000 @-10 * a:2 13",
            "- deadlines a @-10 r2",
            "- deadlines b @-20 r1",
            "- customers c1 a=4;r2 r3 ",
            "+ customers c1 a=2;r3 ",
            "+ ended @600000 13 r2",
            "journal expired * * r2 E c1 @-900000 @-10 * a:2 *",
        ],
    );
}

#[test]
fn what_is_freed_in_vain_stays_free() {
    let mut case = Case::given(&DUE);
    case.expect(
        "reserve",
        &["r4|c2|a:9|||"],
        &["SOLD_OUT a:9:4"],
        &[
            "- stock a 0 6 0 *",
            "+ stock a 4 2 0 *",
            "- stock b 0 1 0 *",
            "+ stock b 1 0 0 *",
            "- reservations r1 H c1 @-900000 @-20 * a:2,b:1",
            "+ reservations r1 E c1 @-900000 @-20 * a:2,b:1 12",
            "- reservations r2 H c1 @-900000 @-10 * a:2",
            "+ reservations r2 E c1 @-900000 @-10 * a:2 12",
            "- deadlines a @-20 r1",
            "- deadlines a @-10 r2",
            "- customers c1 a=6 b=1;r1 r2 r3 ",
            "+ customers c1 a=2;r3 ",
            "+ ended @600000 12 r1r2",
            "journal expired * * r1 E c1 @-900000 @-20 * a:2,b:1 *",
            "journal expired * * r2 E c1 @-900000 @-10 * a:2 *",
        ],
    );
    case.refused("reserve", "r4|c2|a:9|||", "SOLD_OUT a:9:4");
}

#[test]
fn what_is_due_is_freed_for_a_limit() {
    let mut case = Case::given(&[
        "stock a 5 3",
        "r1 H c1 @-900000 @0 * a:2",
        "r2 H c1 @-900000 @1 * a:1",
        "r3 H c2 @-900000 @0 * a:2",
    ]);
    case.expect(
        "reserve",
        &["r4|c1|a:3|||"],
        &["LIMIT_EXCEEDED 3 1 3 a r2"],
        &[
            "- stock a 5 5 0 3",
            "+ stock a 7 3 0 3",
            "- reservations r1 H c1 @-900000 @0 * a:2",
            "+ reservations r1 E c1 @-900000 @0 * a:2 11",
            "- customers c1 a=3;r1 r2 ",
            "+ customers c1 a=1;r2 ",
            "+ ended @600000 11 r1",
            "journal expired * * r1 E c1 @-900000 @0 * a:2 *",
        ],
    );
    case.expect(
        "reserve",
        &["r4|c1|a:2|||"],
        &["HELD @0 @900000"],
        &[
            "- stock a 7 3 0 3",
            "+ stock a 5 5 0 3",
            "+ reservations r4 H c1 @0 @900000 * a:2",
            "+ deadlines a @900000 r4",
            "- customers c1 a=1;r2 ",
            "+ customers c1 a=3;r2 r4 ",
            "journal held * * r4 H c1 @0 @900000 * a:2 *",
        ],
    );
}

#[test]
fn a_group_that_is_used_up_in_part_goes_back() {
    let mut case = Case::given(&[
        "stock a 0",
        "r1 H c1 @-900000 @-9 * a:1",
        "r2 H c2 @-900000 @-9 * a:1",
        "r3 H c3 @-900000 @-9 * a:1",
    ]);
    case.expect(
        "reserve",
        &["r4|c4|a:1|||", "r5|c5|a:1|||"],
        &["HELD @0 @900000", "HELD @0 @900000"],
        &[
            "- reservations r1 H c1 @-900000 @-9 * a:1",
            "+ reservations r1 E c1 @-900000 @-9 * a:1 14",
            "- reservations r2 H c2 @-900000 @-9 * a:1",
            "+ reservations r2 E c2 @-900000 @-9 * a:1 14",
            "+ reservations r4 H c4 @0 @900000 * a:1",
            "+ reservations r5 H c5 @0 @900000 * a:1",
            "- deadlines a @-9 r1r2r3",
            "+ deadlines a @-9 r3",
            "+ deadlines a @900000 r4r5",
            "- customers c1 a=1;r1 ",
            "- customers c2 a=1;r2 ",
            "+ customers c4 a=1;r4 ",
            "+ customers c5 a=1;r5 ",
            "+ ended @600000 14 r1r2",
            "journal expired * * r1 E c1 @-900000 @-9 * a:1 *",
            "journal held * * r4 H c4 @0 @900000 * a:1 *",
            "journal expired * * r2 E c2 @-900000 @-9 * a:1 *",
            "journal held * * r5 H c5 @0 @900000 * a:1 *",
        ],
    );
}

#[test]
fn nothing_is_freed_by_a_clock_that_is_far_off() {
    let mut case = Case::given(&DUE);
    for error in [6_000, -6_000] {
        case.clock_error = error;
        case.refused("reserve", "r4|c2|a:1|||", "SOLD_OUT a:1:0");
        case.refused("restock", "a|-1|*|null||", "INSUFFICIENT 0");
        case.refused("expire", "500", "EXPIRED * 0 0");
    }
    // A hold past its deadline is as good as before, for nobody may say that it has passed.
    let confirmed = case.call("confirm", &["r1|o1|0||||"]).expect("a reply");
    assert!(confirmed[5].starts_with("CONFIRMED"), "{confirmed:?}");
}

/// A SKU whose one unit that is due stands behind 40 groups of 30 holds that have ended.
fn behind_stale_groups() -> Case {
    let mut case = Case::given(&[
        "stock a 0",
        "stock b 0",
        "r1 H c1 @-900000 @-1 * a:1",
        "r3 H c3 @-60000 @840000 * b:1",
        "r4 E c4 @-900000 @-5 * a:1 7",
    ]);
    let key = case.key("deadlines");
    for group in 0..40 {
        let ids: String = (0..30).map(|n| format!("s{:021}", group * 30 + n)).collect();
        let deadline = START - 500_000 + group;
        case.redis.must(&["ZADD", &key, "0", &format!("a {deadline} {ids}")]);
    }
    case
}

#[test]
fn more_than_one_call_frees_is_asked_for_again() {
    for (verb, operation, done) in [
        ("reserve", "r2|c2|a:1|||", "HELD"),
        ("change", "r3|a:1||", "CHANGED"),
        ("confirm", "r4|o|1||||", "CONFIRMED"),
        ("restock", "a|-1|*|null||", "RESTOCKED"),
    ] {
        let mut case = behind_stale_groups();
        let outcome = case.call(verb, &[operation]).expect("a reply")[5].clone();
        assert_eq!(outcome, "RETRY", "{verb}");
        let left = case.dump().fields("deadlines").filter(|(m, _)| m.starts_with("a ")).count();
        // 33 groups of 30 are used up, and what is left of one more goes back.
        assert_eq!(left, 6 + 1 + 1, "{verb}: progress was made");
        let outcome = case.call(verb, &[operation]).expect("a reply")[5].clone();
        assert_eq!(outcome.split(' ').next(), Some(done), "{verb}");
    }
}
