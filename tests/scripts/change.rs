//! `lua/change.lua`: the new whole of a reservation's lines; only the difference moves.

use crate::support::Case;

const HELD: [&str; 4] =
    ["stock a 5", "stock b 3", "stock c 0", "r1 H c1 @-60000 @840000 * a:2,b:1"];

#[test]
fn grown_shrunk_added_and_dropped_at_once() {
    let mut case = Case::given(&["stock a 5", "stock b 3", "stock d 1", HELD[3]]);
    case.expect(
        "change",
        &["r1|a:4,d:1||"],
        &["CHANGED H c1 @-60000 @840000 * a:4,d:1"],
        &[
            "- stock a 5 2 0 *",
            "+ stock a 3 4 0 *",
            "- stock b 3 1 0 *",
            "+ stock b 4 0 0 *",
            "- stock d 1 0 0 *",
            "+ stock d 0 1 0 *",
            "- reservations r1 H c1 @-60000 @840000 * a:2,b:1",
            "+ reservations r1 H c1 @-60000 @840000 * a:4,d:1",
            "+ deadlines d @840000 r1",
            "- customers c1 a=2 b=1;r1 ",
            "+ customers c1 a=4 d=1;r1 ",
            "journal changed * * r1 H c1 @-60000 @840000 * a:4,d:1 a:2,d:1,b:-1",
        ],
    );
}

#[test]
fn giving_back_is_always_allowed() {
    for (field, value) in [
        ("state", "paused"),
        ("state", "closed"),
        ("state", "scheduled"),
        ("limit", "1"),
        ("seq", "10"),
    ] {
        let mut case = Case::given(&HELD);
        case.set(field, value);
        case.redis.must(&["HSET", &case.key("stock"), "a", "5 2 0 1"]);
        case.admit = false;
        case.expect(
            "change",
            &["r1|a:2||"],
            &["CHANGED H c1 @-60000 @840000 * a:2"],
            &[
                "- stock b 3 1 0 *",
                "+ stock b 4 0 0 *",
                "- reservations r1 H c1 @-60000 @840000 * a:2,b:1",
                "+ reservations r1 H c1 @-60000 @840000 * a:2",
                "- customers c1 a=2 b=1;r1 ",
                "+ customers c1 a=2;r1 ",
                "journal changed * * r1 H c1 @-60000 @840000 * a:2 b:-1",
            ],
        );
    }
}

#[test]
fn nothing_to_change_leaves_no_event_but_a_key_does() {
    let mut case = Case::given(&HELD);
    case.refused("change", "r1|a:2,b:1||", "CHANGED H c1 @-60000 @840000 * a:2,b:1");
    case.refused("change", "r1|b:1,a:2||", "CHANGED H c1 @-60000 @840000 * a:2,b:1");
    case.expect(
        "change",
        &["r1|a:2,b:1|k1|f1"],
        &["CHANGED H c1 @-60000 @840000 * a:2,b:1"],
        &["+ keys k1 f1 11", "journal changed k1 f1 r1 H c1 @-60000 @840000 * a:2,b:1 *"],
    );
    case.refused("change", "r1|a:2,b:1|k1|f1", "REPLAYED 11");
    case.refused("change", "r1|a:2,b:1|k1|f2", "KEY_REUSED");
}

#[test]
fn changes_of_one_call_see_each_other() {
    let mut case = Case::given(&HELD);
    case.expect(
        "change",
        &["r1|a:7,b:1||", "r1|a:8||", "r1|b:4|k1|f1", "r1|a:1|k1|f1", "r1|a:1|k1|f2"],
        &[
            "CHANGED H c1 @-60000 @840000 * a:7,b:1",
            "SOLD_OUT a:8:7",
            "CHANGED H c1 @-60000 @840000 * b:4",
            "REPLAYED 12",
            "KEY_REUSED",
        ],
        &[
            "- stock a 5 2 0 *",
            "+ stock a 7 0 0 *",
            "- stock b 3 1 0 *",
            "+ stock b 0 4 0 *",
            "- reservations r1 H c1 @-60000 @840000 * a:2,b:1",
            "+ reservations r1 H c1 @-60000 @840000 * b:4",
            "- customers c1 a=2 b=1;r1 ",
            "+ customers c1 b=4;r1 ",
            "+ keys k1 f1 12",
            "journal changed * * r1 H c1 @-60000 @840000 * a:7,b:1 a:5",
            "journal changed k1 f1 r1 H c1 @-60000 @840000 * b:4 b:3,a:-7",
        ],
    );
}

#[test]
fn another_order_of_the_lines_is_no_change_that_the_journal_would_miss() {
    let mut case = Case::given(&HELD);
    case.expect(
        "change",
        &["r1|b:2,a:2||", "r1|a:2,b:2||"],
        &["CHANGED H c1 @-60000 @840000 * b:2,a:2", "CHANGED H c1 @-60000 @840000 * b:2,a:2"],
        &[
            "- stock b 3 1 0 *",
            "+ stock b 2 2 0 *",
            "- reservations r1 H c1 @-60000 @840000 * a:2,b:1",
            "+ reservations r1 H c1 @-60000 @840000 * b:2,a:2",
            "- customers c1 a=2 b=1;r1 ",
            "+ customers c1 a=2 b=2;r1 ",
            "journal changed * * r1 H c1 @-60000 @840000 * b:2,a:2 b:1",
        ],
    );
}

#[test]
fn refusals_come_in_their_order() {
    let mut case = Case::given(&[
        "stock a 5",
        "stock b 3 4",
        "r1 H c1 @-60000 @840000 * a:2,b:1",
        "r2 R c1 @-60000 @-30000 * a:1 7",
        "gone r3 C c1 @-900000 @0 o1 b:1",
        "key k1 f1 3 @500",
        "meta opens_at @-5",
        "meta limit 6",
    ]);
    case.set("state", "paused");
    case.admit = false;
    case.refused("change", "r9|a:1|k1|f2", "KEY_REUSED");
    case.refused("change", "r9|a:1|k1|f1", "REPLAYED 3");
    case.refused("change", "r9|a:1||", "UNKNOWN_RESERVATION");
    case.refused("change", "r3|a:1||", "UNKNOWN_RESERVATION");
    case.refused("change", "r2|a:1||", "ENDED R");
    let grow = "r1|a:9,b:4,x:1||";
    case.refused("change", grow, "PAUSED @-5");
    case.set("state", "closed");
    case.refused("change", grow, "CLOSED @-5");
    case.set("state", "scheduled");
    case.set("opens_at", "");
    case.refused("change", grow, "NOT_OPEN *");
    case.set("state", "open");
    case.refused("change", grow, "UNKNOWN_SKU x");
    let grow = "r1|a:9,b:4||";
    case.refused("change", grow, "LIMIT_EXCEEDED 6 1 13 * r1,r3");
    case.set("limit", "");
    case.refused("change", grow, "LIMIT_EXCEEDED 4 1 4 b r1,r3");
    // Over a SKU's limit already: only what grows is held against it.
    case.redis.must(&["HSET", &case.key("stock"), "b", "3 1 1 1"]);
    case.refused("change", "r1|a:9,b:1||", "SOLD_OUT a:9:7");
    case.refused("change", "r1|a:7,b:1||", "STALLED");
    case.admit = true;
    let reply = case.call("change", &["r1|a:7,b:1||"]).expect("a reply");
    assert!(reply[5].starts_with("CHANGED "), "{reply:?}");
}

#[test]
fn one_that_is_due_expires() {
    let mut case =
        Case::given(&["stock a 5", "r1 H c1 @-900000 @0 * a:2", "r2 E c2 @-9 @-8 * a:1 7"]);
    case.expect(
        "change",
        &["r1|a:1||"],
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
    case.refused("change", "r2|a:1||", "ENDED E");
}

#[test]
fn what_is_due_makes_room_but_never_the_reservation_itself() {
    let mut case = Case::given(&[
        "stock a 0 3",
        "r1 H c1 @-60000 @840000 * a:1",
        "r2 H c1 @-900000 @0 * a:1",
        "r3 H c2 @-900000 @0 * a:1",
    ]);
    case.expect(
        "change",
        &["r1|a:3||"],
        &["CHANGED H c1 @-60000 @840000 * a:3"],
        &[
            "- reservations r1 H c1 @-60000 @840000 * a:1",
            "+ reservations r1 H c1 @-60000 @840000 * a:3",
            "- reservations r2 H c1 @-900000 @0 * a:1",
            "+ reservations r2 E c1 @-900000 @0 * a:1 13",
            "- reservations r3 H c2 @-900000 @0 * a:1",
            "+ reservations r3 E c2 @-900000 @0 * a:1 13",
            "- deadlines a @0 r2r3",
            "- customers c1 a=2;r1 r2 ",
            "+ customers c1 a=3;r1 ",
            "- customers c2 a=1;r3 ",
            "+ ended @600000 13 r2r3",
            "journal expired * * r2 E c1 @-900000 @0 * a:1 *",
            "journal expired * * r3 E c2 @-900000 @0 * a:1 *",
            "journal changed * * r1 H c1 @-60000 @840000 * a:3 a:2",
        ],
    );
}
