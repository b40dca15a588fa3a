//! `lua/return.lua`: sold units go back, wholly or in part; damaged ones leave the total.

use crate::support::Case;

const SOLD: [&str; 4] = [
    "stock a 5",
    "stock b 0",
    "r1 C c1 @-60000 @840000 o1 a:3,b:1 7",
    "r2 H c1 @-60000 @840000 * a:1",
];

#[test]
fn all_of_it() {
    for state in ["open", "scheduled", "paused", "closed"] {
        let mut case = Case::given(&SOLD);
        case.set("state", state);
        case.admit = false;
        case.expect(
            "return",
            &["r1|*|\"too small\"|1||||"],
            &["RETURNED T c1 @-60000 @840000 o1 a:3,b:1"],
            &[
                "- stock a 5 1 3 *",
                "+ stock a 8 1 0 *",
                "- stock b 0 0 1 *",
                "+ stock b 1 0 0 *",
                "- reservations r1 C c1 @-60000 @840000 o1 a:3,b:1 7",
                "+ reservations r1 T c1 @-60000 @840000 o1 a:3,b:1 11",
                "- customers c1 a=4 b=1;r1 r2 ",
                "+ customers c1 a=1;r2 ",
                "+ ended @600000 11 r1",
                "journal returned * * r1 T c1 @-60000 @840000 o1 a:3,b:1 a:3,b:1 \"too small\"",
            ],
        );
        case.refused("return", "r1|*|null|1||||", "ENDED T");
    }
}

#[test]
fn a_part_and_then_the_rest() {
    let mut case = Case::given(&SOLD);
    case.expect(
        "return",
        &["r1|a:2,b:1|null|1|||k1|f1", "r1|a:2,b:1|null|1|||k1|f1", "r1|a:2|null|1||||"],
        &["RETURNED C c1 @-60000 @840000 o1 a:1", "REPLAYED 11", "NOT_OWNED a 1"],
        &[
            "- stock a 5 1 3 *",
            "+ stock a 7 1 1 *",
            "- stock b 0 0 1 *",
            "+ stock b 1 0 0 *",
            "- reservations r1 C c1 @-60000 @840000 o1 a:3,b:1 7",
            "+ reservations r1 C c1 @-60000 @840000 o1 a:1 11",
            "- customers c1 a=4 b=1;r1 r2 ",
            "+ customers c1 a=2;r1 r2 ",
            "+ keys k1 f1 11",
            "+ ended @600000 11 r1",
            "journal returned k1 f1 r1 C c1 @-60000 @840000 o1 a:1 a:2,b:1 null",
        ],
    );
    case.expect(
        "return",
        &["r1|a:1|null|1||||"],
        &["RETURNED T c1 @-60000 @840000 o1 a:1"],
        &[
            "- stock a 7 1 1 *",
            "+ stock a 8 1 0 *",
            "- reservations r1 C c1 @-60000 @840000 o1 a:1 11",
            "+ reservations r1 T c1 @-60000 @840000 o1 a:1 12",
            "- customers c1 a=2;r1 r2 ",
            "+ customers c1 a=1;r2 ",
            "+ ended @600000 12 r1",
            "journal returned * * r1 T c1 @-60000 @840000 o1 a:1 a:1 null",
        ],
    );
}

#[test]
fn damaged_units_leave_the_total() {
    let mut case = Case::given(&SOLD);
    case.expect(
        "return",
        &["r1|b:1,a:2|\"wet\"|0|||k1|f1"],
        &["RETURNED C c1 @-60000 @840000 o1 a:1"],
        &[
            "- stock a 5 1 3 *",
            "+ stock a 5 1 1 *",
            "- stock b 0 0 1 *",
            "+ stock b 0 0 0 *",
            "- reservations r1 C c1 @-60000 @840000 o1 a:3,b:1 7",
            "+ reservations r1 C c1 @-60000 @840000 o1 a:1 13",
            "- customers c1 a=4 b=1;r1 r2 ",
            "+ customers c1 a=2;r1 r2 ",
            "+ keys k1 f1 11",
            "+ ended @600000 13 r1",
            "journal returned k1 f1 r1 C c1 @-60000 @840000 o1 a:1 b:1,a:2 \"wet\"",
            "journal restocked * * b -1 0 0 0 0 * \"wet\"",
            "journal restocked * * a -2 7 5 1 1 * \"wet\"",
        ],
    );
}

#[test]
fn refusals_come_in_their_order() {
    let mut case = Case::given(&[
        "stock a 5",
        "stock b 5",
        "r1 H c1 @-60000 @840000 * a:2",
        "r2 R c1 @-60000 @840000 * a:2 7",
        "r3 T c1 @-60000 @840000 o1 a:2 7",
        "r4 E c1 @-900000 @-5 * a:2 7",
        "r5 C c1 @-60000 @840000 o1 a:2 7",
        "gone r6 C c1 @-900000 @-1 o1 a:1",
        "key k1 f1 3 @500",
    ]);
    case.refused("return", "r9|*|null|1|||k1|f2", "KEY_REUSED");
    case.refused("return", "r9|*|null|1|||k1|f1", "REPLAYED 3");
    case.refused("return", "r9|*|null|1||||", "UNKNOWN_RESERVATION");
    case.refused("return", "r6|*|null|1||||", "UNKNOWN_RESERVATION");
    case.refused("return", "r1|x:9|null|1||||", "ENDED H");
    case.refused("return", "r2|x:9|null|1||||", "ENDED R");
    case.refused("return", "r3|x:9|null|1||||", "ENDED T");
    case.refused("return", "r4|x:9|null|1||||", "ENDED E");
    case.refused("return", "r5|a:3|null|1||||", "NOT_OWNED a 2");
    case.refused("return", "r5|a:2,b:1|null|0||||", "NOT_OWNED b 0");
    case.refused("return", "r5|a:1,x:1|null|1||||", "NOT_OWNED x 0");
    // Of several, the first that was asked for.
    case.refused("return", "r5|y:1,a:3,x:1|null|1||||", "NOT_OWNED y 0");
    case.refused("return", "r5|a:3,y:1|null|1||||", "NOT_OWNED a 2");
}

#[test]
fn one_that_is_due_expires() {
    let mut case = Case::given(&["stock a 5", "r1 H c1 @-900000 @0 * a:2"]);
    case.expect(
        "return",
        &["r1|*|null|1||||"],
        &["ENDED E"],
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
fn a_version_handed_in_stands_for_one_that_left() {
    let given = ["stock a 5", "gone r1 C c1 @-900000 @-1 o1 a:2"];
    let sold = "C c1 @-900000 @-1 o1 a:2";
    let old = format!("r1|*|null|1|{sold}|@-60001||");
    Case::given(&given).refused("return", &old, "UNKNOWN_RESERVATION");
    let mut case = Case::given(&given);
    // The second operation finds in memory what the first one left.
    case.expect(
        "return",
        &[
            &format!("r1|a:1|null|1|{sold}|@-60000||"),
            &format!("r1|a:2|null|1|{sold}|@-60000||"),
            "r1|a:1|null|1||||",
        ],
        &[
            "RETURNED C c1 @-900000 @-1 o1 a:1",
            "NOT_OWNED a 1",
            "RETURNED T c1 @-900000 @-1 o1 a:1",
        ],
        &[
            "- stock a 5 0 2 *",
            "+ stock a 7 0 0 *",
            "+ reservations r1 T c1 @-900000 @-1 o1 a:1 12",
            "- customers c1 a=2;r1 ",
            "+ ended @600000 12 r1",
            "journal returned * * r1 C c1 @-900000 @-1 o1 a:1 a:1 null",
            "journal returned * * r1 T c1 @-900000 @-1 o1 a:1 a:1 null",
        ],
    );
    let released = "r1|*|null|1|R c1 @-900000 @-1 * a:2|@0||";
    Case::given(&["stock a 5"]).refused("return", released, "ENDED R");
}

#[test]
fn what_came_back_does_not_count_against_a_limit() {
    let mut case = Case::given(&["stock a 5", "r1 C c1 @-9 @9 o1 a:2 7", "meta limit 2"]);
    case.refused("reserve", "r2|c1|a:1|||", "LIMIT_EXCEEDED 2 2 1 * r1");
    case.call("return", &["r1|a:1|null|0||||"]).expect("a reply");
    let held = case.call("reserve", &["r2|c1|a:1|||"]).expect("a reply");
    assert!(held[5].starts_with("HELD "), "{held:?}");
}
