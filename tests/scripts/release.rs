//! `lua/release.lua`: held units go back before their deadline.

use crate::support::{Case, expand};

#[test]
fn released() {
    for state in ["open", "scheduled", "paused", "closed"] {
        let mut case = Case::given(&[
            "stock a 5",
            "stock b 0",
            "r1 H c1 @-60000 @840000 * a:2,b:1",
            "r2 H c1 @-60000 @840000 * a:1",
        ]);
        case.set("state", state);
        case.admit = false;
        case.expect(
            "release",
            &["r1||||"],
            &["RELEASED R c1 @-60000 @840000 * a:2,b:1"],
            &[
                "- stock a 5 3 0 *",
                "+ stock a 7 1 0 *",
                "- stock b 0 1 0 *",
                "+ stock b 1 0 0 *",
                "- reservations r1 H c1 @-60000 @840000 * a:2,b:1",
                "+ reservations r1 R c1 @-60000 @840000 * a:2,b:1 11",
                "- customers c1 a=3 b=1;r1 r2 ",
                "+ customers c1 a=1;r2 ",
                "+ ended @600000 11 r1",
                "journal released * * r1 R c1 @-60000 @840000 * a:2,b:1 *",
            ],
        );
        case.refused("release", "r1||||", "ALREADY R c1 @-60000 @840000 * a:2,b:1");
    }
}

#[test]
fn refusals_come_in_their_order() {
    let mut case = Case::given(&[
        "stock a 5",
        "r1 C c1 @-60000 @840000 o1 a:2 7",
        "r2 E c1 @-900000 @-5 * a:2 7",
        "r3 T c1 @-60000 @840000 o1 a:2 7",
        "key k1 f1 3 @500",
    ]);
    case.refused("release", "r9|||k1|f2", "KEY_REUSED");
    case.refused("release", "r9|||k1|f1", "REPLAYED 3");
    case.refused("release", "r9||||", "UNKNOWN_RESERVATION");
    case.refused("release", "r1||||", "ENDED C");
    case.refused("release", "r2||||", "ENDED E");
    case.refused("release", "r3||||", "ENDED T");
}

#[test]
fn several_in_one_call() {
    let mut case = Case::given(&[
        "stock a 5",
        "r1 H c1 @-60000 @840000 * a:2",
        "r2 H c2 @-900000 @0 * a:1",
        "r3 H c1 @-60000 @840000 * a:1",
    ]);
    case.expect(
        "release",
        &["r1|||k1|f1", "r2||||", "r1|||k1|f1", "r1||||", "r1|||k1|f2", "r3|||k3|f3"],
        &[
            "RELEASED R c1 @-60000 @840000 * a:2",
            "ENDED E",
            "REPLAYED 11",
            "ALREADY R c1 @-60000 @840000 * a:2",
            "KEY_REUSED",
            "RELEASED R c1 @-60000 @840000 * a:1",
        ],
        &[
            "- stock a 5 4 0 *",
            "+ stock a 9 0 0 *",
            "- reservations r1 H c1 @-60000 @840000 * a:2",
            "+ reservations r1 R c1 @-60000 @840000 * a:2 13",
            "- reservations r2 H c2 @-900000 @0 * a:1",
            "+ reservations r2 E c2 @-900000 @0 * a:1 13",
            "- reservations r3 H c1 @-60000 @840000 * a:1",
            "+ reservations r3 R c1 @-60000 @840000 * a:1 13",
            "- customers c1 a=3;r1 r3 ",
            "- customers c2 a=1;r2 ",
            "+ keys k1 f1 11",
            "+ keys k3 f3 13",
            "+ ended @600000 13 r1r2r3",
            "journal released k1 f1 r1 R c1 @-60000 @840000 * a:2 *",
            "journal expired * * r2 E c2 @-900000 @0 * a:1 *",
            "journal released k3 f3 r3 R c1 @-60000 @840000 * a:1 *",
        ],
    );
}

#[test]
fn a_version_handed_in_stands_for_one_that_left() {
    let mut case = Case::given(&["stock a 5"]);
    let released = "R c1 @-900000 @-1 * a:2";
    case.refused("release", &format!("r1|{released}|@-60000||"), &format!("ALREADY {released}"));
    case.refused("release", &format!("r1|{released}|@-60001||"), "UNKNOWN_RESERVATION");
    case.refused("release", "r1|E c1 @-900000 @-1 * a:2|@0||", "ENDED E");
}

#[test]
fn what_older_versions_wrote_is_read() {
    let mut case = Case::given(&["stock a 5", "r1 H c1 @-60000 @840000 * a:2"]);
    let id = expand("r1");
    let long = expand("H c1 @-60000 @840000 * a:2");
    let key = case.key("reservations");
    let stored = case.redis.must(&["HGET", &key, &id]);
    assert_ne!(stored, redis::Value::BulkString(long.clone().into_bytes()));
    case.redis.must(&["HSET", &key, &id, &long]);
    case.expect(
        "release",
        &["r1||||"],
        &["RELEASED R c1 @-60000 @840000 * a:2"],
        &[
            "- stock a 5 2 0 *",
            "+ stock a 7 0 0 *",
            "- reservations r1 H c1 @-60000 @840000 * a:2",
            "+ reservations r1 R c1 @-60000 @840000 * a:2 11",
            "- customers c1 a=2;r1 ",
            "+ ended @600000 11 r1",
            "journal released * * r1 R c1 @-60000 @840000 * a:2 *",
        ],
    );
}
