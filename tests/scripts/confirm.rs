//! `lua/confirm.lua`: held units become sold units, once and for one order.

use crate::support::Case;

const HELD: &str = "r1 H c1 @-60000 @840000 * a:2,b:1";

#[test]
fn confirmed() {
    for state in ["open", "scheduled", "paused", "closed"] {
        let mut case = Case::given(&["stock a 5", "stock b 0", HELD, "meta limit 1"]);
        case.set("state", state);
        case.admit = false;
        case.expect(
            "confirm",
            &["r1|o1|0||||"],
            &["CONFIRMED C c1 @-60000 @840000 o1 a:2,b:1"],
            &[
                "- stock a 5 2 0 *",
                "+ stock a 5 0 2 *",
                "- stock b 0 1 0 *",
                "+ stock b 0 0 1 *",
                "- reservations r1 H c1 @-60000 @840000 * a:2,b:1",
                "+ reservations r1 C c1 @-60000 @840000 o1 a:2,b:1 11",
                "+ ended @600000 11 r1",
                "journal confirmed * * r1 C c1 @-60000 @840000 o1 a:2,b:1 *",
            ],
        );
        case.refused("confirm", "r1|o1|0||||", "ALREADY C c1 @-60000 @840000 o1 a:2,b:1");
        case.refused("confirm", "r1|o2|1||||", "ENDED C");
    }
}

#[test]
fn refusals_come_in_their_order() {
    let mut case = Case::given(&[
        "stock a 5",
        "r1 H c1 @-60000 @840000 * a:2",
        "r2 R c1 @-60000 @840000 * a:2 7",
        "r3 T c1 @-60000 @840000 o1 a:2 7",
        "r4 E c1 @-60000 @-50000 * a:2 7",
        "gone r5 C c1 @-900000 @-1 o1 a:1",
        "key k1 f1 3 @500",
    ]);
    case.refused("confirm", "r9|o|0|||k1|f2", "KEY_REUSED");
    case.refused("confirm", "r9|o|0|||k1|f1", "REPLAYED 3");
    case.refused("confirm", "r9|o|1||||", "UNKNOWN_RESERVATION");
    case.refused("confirm", "r5|o1|1||||", "UNKNOWN_RESERVATION");
    case.refused("confirm", "r2|o1|1||||", "ENDED R");
    case.refused("confirm", "r3|o1|1||||", "ENDED T");
    case.refused("confirm", "r4|o1|0||||", "ENDED E");
}

#[test]
fn keys_in_one_call() {
    let mut case = Case::given(&["stock a 5", "r1 H c1 @-60000 @840000 * a:2"]);
    case.expect(
        "confirm",
        &["r1|o1|0|||k1|f1", "r1|o1|0|||k1|f1", "r1|o2|0|||k1|f2", "r1|o1|0||||", "r1|o2|0||||"],
        &[
            "CONFIRMED C c1 @-60000 @840000 o1 a:2",
            "REPLAYED 11",
            "KEY_REUSED",
            "ALREADY C c1 @-60000 @840000 o1 a:2",
            "ENDED C",
        ],
        &[
            "- stock a 5 2 0 *",
            "+ stock a 5 0 2 *",
            "- reservations r1 H c1 @-60000 @840000 * a:2",
            "+ reservations r1 C c1 @-60000 @840000 o1 a:2 11",
            "+ keys k1 f1 11",
            "+ ended @600000 11 r1",
            "journal confirmed k1 f1 r1 C c1 @-60000 @840000 o1 a:2 *",
        ],
    );
}

#[test]
fn one_that_is_due_expires_and_may_be_taken_again_in_the_same_call() {
    let given = ["stock a 0", "r1 H c1 @-900000 @0 * a:2", "meta state closed"];
    let mut case = Case::given(&given);
    case.expect(
        "confirm",
        &["r1|o1|0||||"],
        &["ENDED E"],
        &[
            "- stock a 0 2 0 *",
            "+ stock a 2 0 0 *",
            "- reservations r1 H c1 @-900000 @0 * a:2",
            "+ reservations r1 E c1 @-900000 @0 * a:2 11",
            "- customers c1 a=2;r1 ",
            "+ ended @600000 11 r1",
            "journal expired * * r1 E c1 @-900000 @0 * a:2 *",
        ],
    );
    let mut case = Case::given(&given);
    case.expect(
        "confirm",
        &["r1|o1|1|||k1|f1"],
        &["CONFIRMED C c1 @-900000 @900000 o1 a:2"],
        &[
            "- stock a 0 2 0 *",
            "+ stock a 0 0 2 *",
            "- reservations r1 H c1 @-900000 @0 * a:2",
            "+ reservations r1 C c1 @-900000 @900000 o1 a:2 13",
            "+ deadlines a @900000 r1",
            "+ keys k1 f1 13",
            "+ ended @600000 13 r1",
            "journal expired * * r1 E c1 @-900000 @0 * a:2 *",
            "journal held * * r1 H c1 @-900000 @900000 * a:2 *",
            "journal confirmed k1 f1 r1 C c1 @-900000 @900000 o1 a:2 *",
        ],
    );
}

#[test]
fn taken_again_if_units_and_limits_allow() {
    let mut case = Case::given(&[
        "stock a 1 3",
        "r1 E c1 @-900000 @-9 * a:2 7",
        "r2 H c1 @-60000 @840000 * a:2",
        "r3 E c2 @-900000 @-9 * a:2,x:1 7",
        "meta limit 3",
    ]);
    case.refused("confirm", "r3|o1|1||||", "UNKNOWN_SKU x");
    case.refused("confirm", "r1|o1|1||||", "LIMIT_EXCEEDED 3 2 2 * r2");
    case.set("limit", "");
    case.refused("confirm", "r1|o1|1||||", "LIMIT_EXCEEDED 3 2 2 a r2");
    case.redis.must(&["HSET", &case.key("stock"), "a", "1 2 0 *"]);
    case.refused("confirm", "r1|o1|1||||", "SOLD_OUT a:2:1");
    case.redis.must(&["HSET", &case.key("stock"), "a", "2 2 0 *"]);
    case.admit = false;
    case.refused("confirm", "r1|o1|1||||", "STALLED");
    case.admit = true;
    case.expect(
        "confirm",
        &["r1|o1|1||||"],
        &["CONFIRMED C c1 @-900000 @900000 o1 a:2"],
        &[
            "- stock a 2 2 0 *",
            "+ stock a 0 2 2 *",
            "- reservations r1 E c1 @-900000 @-9 * a:2 7",
            "+ reservations r1 C c1 @-900000 @900000 o1 a:2 12",
            "+ deadlines a @900000 r1",
            "- customers c1 a=2;r2 ",
            "+ customers c1 a=4;r2 r1 ",
            "+ ended @600000 12 r1",
            "journal held * * r1 H c1 @-900000 @900000 * a:2 *",
            "journal confirmed * * r1 C c1 @-900000 @900000 o1 a:2 *",
        ],
    );
}

#[test]
fn a_version_handed_in_stands_for_one_that_left() {
    let given = ["stock a 5", "gone r1 C c1 @-900000 @-1 o1 a:2"];
    let confirmed = "C c1 @-900000 @-1 o1 a:2";
    let handed = format!("r1|o1|0|{confirmed}|@-60000||");
    Case::given(&given).refused("confirm", &handed, &format!("ALREADY {confirmed}"));
    let handed = format!("r1|o2|0|{confirmed}|@-60000||");
    Case::given(&given).refused("confirm", &handed, "ENDED C");
    // Too old to be believed: it may have changed, and left again, since.
    let old = format!("r1|o1|0|{confirmed}|@-60001||");
    Case::given(&given).refused("confirm", &old, "UNKNOWN_RESERVATION");
    // What Redis has goes before what is handed in.
    let mut case = Case::given(&["stock a 5", "r1 R c1 @-900000 @-1 * a:2 7"]);
    case.refused("confirm", &format!("r1|o1|1|{confirmed}|@0||"), "ENDED R");
}

#[test]
fn an_expired_one_that_left_is_taken_again() {
    let mut case = Case::given(&["stock a 5"]);
    case.expect(
        "confirm",
        &["r1|o1|1||||", "r1|o1|1|E c1 @-900000 @-700000 * a:2|@-5||"],
        &["UNKNOWN_RESERVATION", "CONFIRMED C c1 @-900000 @900000 o1 a:2"],
        &[
            "- stock a 5 0 0 *",
            "+ stock a 3 0 2 *",
            "+ reservations r1 C c1 @-900000 @900000 o1 a:2 12",
            "+ deadlines a @900000 r1",
            "+ customers c1 a=2;r1 ",
            "+ ended @600000 12 r1",
            "journal held * * r1 H c1 @-900000 @900000 * a:2 *",
            "journal confirmed * * r1 C c1 @-900000 @900000 o1 a:2 *",
        ],
    );
}
