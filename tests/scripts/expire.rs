//! `lua/expire.lua`: the sweep of deadlines, and what Redis lets go of.

use crate::support::Case;

#[test]
fn what_is_due_goes_back_and_nothing_else() {
    let mut case = Case::given(&[
        "stock a 1",
        "stock b 0",
        "r1 H c1 @-900000 @-5 * a:2,b:1",
        "r2 H c2 @-900000 @-5 * a:1",
        "r3 H c1 @-900000 @0 * b:1",
        "r4 H c1 @-900000 @1 * b:1",
        "r5 H c1 @-900000 @7 * a:1",
    ]);
    case.expect(
        "expire",
        &["500"],
        &["EXPIRED @1 0 3"],
        &[
            "- stock a 1 4 0 *",
            "+ stock a 4 1 0 *",
            "- stock b 0 3 0 *",
            "+ stock b 2 1 0 *",
            "- reservations r1 H c1 @-900000 @-5 * a:2,b:1",
            "+ reservations r1 E c1 @-900000 @-5 * a:2,b:1 13",
            "- reservations r2 H c2 @-900000 @-5 * a:1",
            "+ reservations r2 E c2 @-900000 @-5 * a:1 13",
            "- reservations r3 H c1 @-900000 @0 * b:1",
            "+ reservations r3 E c1 @-900000 @0 * b:1 13",
            "- deadlines a @-5 r1r2",
            "- deadlines b @-5 r1",
            "- deadlines b @0 r3",
            "- customers c1 a=3 b=3;r1 r3 r4 r5 ",
            "+ customers c1 a=1 b=1;r4 r5 ",
            "- customers c2 a=1;r2 ",
            "+ ended @600000 13 r1r2r3",
            "journal expired * * r1 E c1 @-900000 @-5 * a:2,b:1 *",
            "journal expired * * r2 E c2 @-900000 @-5 * a:1 *",
            "journal expired * * r3 E c1 @-900000 @0 * b:1 *",
        ],
    );
    case.refused("expire", "500", "EXPIRED @1 0 0");
}

#[test]
fn nothing_to_come() {
    let mut case = Case::given(&["stock a 1"]);
    case.refused("expire", "500", "EXPIRED * 0 0");
}

#[test]
fn as_many_as_asked_for() {
    let mut case = Case::given(&[
        "stock a 0",
        "r1 H c1 @-900000 @-5 * a:1",
        "r2 H c2 @-900000 @-5 * a:1",
        "r3 H c3 @-900000 @-4 * a:1",
        "r4 H c4 @-900000 @9 * a:1",
    ]);
    case.refused("expire", "0", "EXPIRED * 1 0");
    for (one, ended, left) in [("r1", "c1", "r2"), ("r2", "c2", "")] {
        let before = if one == "r1" { "r1r2" } else { "r2" };
        let seq = if one == "r1" { 11 } else { 12 };
        let stock = seq - 11;
        let mut changes = vec![
            format!("- stock a {stock} {} 0 *", 4 - stock),
            format!("+ stock a {} {} 0 *", stock + 1, 3 - stock),
            format!("- reservations {one} H {ended} @-900000 @-5 * a:1"),
            format!("+ reservations {one} E {ended} @-900000 @-5 * a:1 {seq}"),
            format!("- deadlines a @-5 {before}"),
            format!("- customers {ended} a=1;{one} "),
            format!("+ ended @600000 {seq} {one}"),
            format!("journal expired * * {one} E {ended} @-900000 @-5 * a:1 *"),
        ];
        if !left.is_empty() {
            changes.push(format!("+ deadlines a @-5 {left}"));
        }
        let changes: Vec<&str> = changes.iter().map(String::as_str).collect();
        case.expect("expire", &["1"], &["EXPIRED * 1 1"], &changes);
    }
    let last = case.call("expire", &["1"]).expect("a reply");
    assert_eq!(crate::support::abbreviate(&last[5]), "EXPIRED @9 0 1");
}

#[test]
fn extended_and_ended_ones_are_skipped() {
    let mut case = Case::given(&[
        "stock a 0",
        "r1 H c1 @-60000 @840000 * a:1",
        "r2 H c2 @-60000 @840000 * a:1",
        "r3 H c3 @-60000 @840000 * a:1",
        "r4 H c4 @-60000 @840000 * a:1",
    ]);
    case.call("extend", &["r1|||"]).expect("a reply");
    case.call("release", &["r2||||"]).expect("a reply");
    case.call("confirm", &["r3|o3|0||||"]).expect("a reply");
    case.at(840_000);
    case.expect(
        "expire",
        &["500"],
        &["EXPIRED @900000 0 1"],
        &[
            "- stock a 1 2 1 *",
            "+ stock a 2 1 1 *",
            "- reservations r4 H c4 @-60000 @840000 * a:1",
            "+ reservations r4 E c4 @-60000 @840000 * a:1 14",
            "- deadlines a @840000 r1r2r3r4",
            "- customers c4 a=1;r4 ",
            "- ended @600000 13 r3",
            "- reservations r3 C c3 @-60000 @840000 o3 a:1 13",
            "+ ended @1440000 14 r4",
            "journal expired * * r4 E c4 @-60000 @840000 * a:1 *",
        ]
        .into_iter()
        .filter(|line| !line.contains("r3 C") && !line.contains("13 r3"))
        .collect::<Vec<_>>(),
    );
}

#[test]
fn overdue_deadlines_have_a_minute_behind_a_rebuild() {
    let mut case = Case::given(&[
        "stock a 0",
        "r1 H c1 @-900000 @-5 * a:1",
        "r2 H c2 @-900000 @-3 * a:1",
        "r3 H c3 @-900000 @90000 * a:1",
        "meta opened_ms @-4",
    ]);
    // r1 passed while the drop was fenced; r2 behind its opening.
    case.expect(
        "expire",
        &["500"],
        &["EXPIRED @59996 0 1"],
        &[
            "- stock a 0 3 0 *",
            "+ stock a 1 2 0 *",
            "- reservations r2 H c2 @-900000 @-3 * a:1",
            "+ reservations r2 E c2 @-900000 @-3 * a:1 11",
            "- deadlines a @-5 r1",
            "- deadlines a @-3 r2",
            "+ deadlines a @59996 r1",
            "- customers c2 a=1;r2 ",
            "+ ended @600000 11 r2",
            "journal expired * * r2 E c2 @-900000 @-3 * a:1 *",
        ],
    );
    case.at(59_995);
    case.refused("expire", "500", "EXPIRED @59996 0 0");
    case.refused("reserve", "r4|c4|a:2|||", "SOLD_OUT a:2:1");
    case.at(59_996);
    case.expect(
        "expire",
        &["500"],
        &["EXPIRED @90000 0 1"],
        &[
            "- stock a 1 2 0 *",
            "+ stock a 2 1 0 *",
            "- reservations r1 H c1 @-900000 @-5 * a:1",
            "+ reservations r1 E c1 @-900000 @-5 * a:1 12",
            "- deadlines a @59996 r1",
            "- customers c1 a=1;r1 ",
            "+ ended @659996 12 r1",
            "journal expired * * r1 E c1 @-900000 @-5 * a:1 *",
        ],
    );
}

const ENDED: [&str; 5] = [
    "stock a 5",
    "r1 C c1 @-60000 @840000 o1 a:1 9",
    "r2 R c1 @-60000 @840000 * a:1 9",
    "r3 C c1 @-60000 @840000 o3 a:1 10",
    "r4 E c1 @-60000 @-1 * a:1 8",
];

#[test]
fn ended_reservations_leave_when_they_are_in_the_ledger() {
    let mut case = Case::given(&ENDED);
    case.at(499_999);
    case.durable_seq = 10;
    case.refused("expire", "1", "EXPIRED * 0 0");
    case.at(500_000);
    for (durable, mark, gone) in [
        (7, "", &[][..]),
        (8, "8 r4", &["r4 E c1 @-60000 @-1 * a:1 8"]),
        (8, "", &[]),
        (9, "9 r1r2", &["r1 C c1 @-60000 @840000 o1 a:1 9", "r2 R c1 @-60000 @840000 * a:1 9"]),
        (10, "10 r3", &["r3 C c1 @-60000 @840000 o3 a:1 10"]),
        (10, "", &[]),
    ] {
        // The group with the lowest mark comes first, for all may leave at the same time.
        if durable == 7 {
            lowest_first(&mut case);
        }
        case.durable_seq = durable;
        let mut changes: Vec<String> =
            gone.iter().map(|line| format!("- reservations {line}")).collect();
        if !mark.is_empty() {
            let at = ["8", "9", "10"].iter().position(|m| mark.starts_with(&format!("{m} ")));
            changes.push(format!("- ended @{} {mark}", 500_000 - 3 + at.expect("a mark")));
        }
        let changes: Vec<&str> = changes.iter().map(String::as_str).collect();
        case.expect("expire", &["1"], &["EXPIRED * 0 0"], &changes);
    }
    // Their units still count: for stock and for limits.
    case.set("limit", 2);
    case.refused("reserve", "r5|c1|a:1|||", "LIMIT_EXCEEDED 2 2 1 * r1,r3");
}

#[test]
fn small_groups_leave_together() {
    let mut case = Case::given(&ENDED);
    case.at(500_000);
    case.durable_seq = 9;
    case.call("expire", &["1"]).expect("a reply");
    let left: Vec<String> =
        case.dump().fields("ended").map(|(member, _)| member.to_owned()).collect();
    assert!(left.iter().any(|member| member.starts_with("10 ")), "not in the ledger: {left:?}");
    case.durable_seq = 10;
    case.call("expire", &["1"]).expect("a reply");
    case.call("expire", &["1"]).expect("a reply");
    let dump = case.dump();
    assert_eq!(dump.fields("ended").filter(|(member, _)| !member.starts_with('!')).count(), 0);
    assert_eq!(dump.fields("reservations").filter(|(id, _)| *id != "!").count(), 0);
}

/// Gives the groups of ended reservations scores in the order of their marks.
fn lowest_first(case: &mut Case) {
    let members: Vec<String> =
        case.dump().fields("ended").map(|(member, _)| member.to_owned()).collect();
    for member in members {
        let mark = member.split(' ').next().expect("a mark");
        let at = ["8", "9", "10"].iter().position(|known| *known == mark).expect("a mark");
        let score = crate::support::expand(&format!("@{}", 500_000 - 3 + at));
        case.redis.must(&["ZADD", &case.key("ended"), &score, &member]);
    }
}

#[test]
fn one_that_changed_since_stays_for_its_later_mark() {
    let mut case = Case::given(&["stock a 5", "r1 C c1 @-60000 @840000 o1 a:2 9"]);
    case.at(100);
    case.call("return", &["r1|a:1|null|1||||"]).expect("a reply");
    case.at(500_000);
    case.durable_seq = 11;
    case.expect("expire", &["1"], &["EXPIRED * 0 0"], &["- ended @500000 9 r1"]);
    case.at(600_100);
    let changes = ["- ended @600100 11 r1", "- reservations r1 C c1 @-60000 @840000 o1 a:1 11"];
    case.expect("expire", &["1"], &["EXPIRED * 0 0"], &changes);
}

#[test]
fn keys_are_forgotten_after_a_day() {
    let mut case = Case::given(&["stock a 5"]);
    case.call("reserve", &["r1|c1|a:1||k1|f1", "r2|c1|a:1||k2|f2"]).expect("a reply");
    case.call("release", &["r1||||", "r2||||"]).expect("a reply");
    case.redis.must(&["DEL", &case.key("ended")]);
    case.redis.must(&["ZADD", &case.key("ended"), "+inf", "!1"]);
    case.at(900_000);
    let noted = ["- deadlines a @900000 r1r2", "+ key_ages @87300000 14"];
    case.expect("expire", &["500"], &["EXPIRED * 0 0"], &noted);
    case.at(87_299_999);
    case.refused("expire", "500", "EXPIRED * 0 0");
    case.refused("reserve", "r3|c1|a:1||k1|f1", "REPLAYED 11");
    case.at(87_300_000);
    let forgotten = ["- keys k1 f1 11", "- keys k2 f2 12"];
    case.expect("expire", &["500"], &["EXPIRED * 0 0"], &forgotten);
    let held = case.call("reserve", &["r3|c1|a:1|5000|k1|f1"]).expect("a reply");
    assert!(held[5].starts_with("HELD "), "{held:?}");
    // The mark behind it takes the place of the first once its own time has come.
    case.expect("expire", &["0"], &["EXPIRED @87305000 0 0"], &["+ key_ages @173700000 15"]);
    case.call("release", &["r3||||"]).expect("a reply");
    case.redis.must(&["DEL", &case.key("ended")]);
    case.redis.must(&["ZADD", &case.key("ended"), "+inf", "!1"]);
    case.at(173_700_000);
    let gone = [
        "- deadlines a @87305000 r3",
        "- key_ages @87300000 14",
        "+ key_ages @260100000 16",
        "- keys k1 f1 15",
    ];
    case.expect("expire", &["500"], &["EXPIRED * 0 0"], &gone);
}

#[test]
fn of_many_keys_those_behind_the_mark_stay() {
    let mut case = Case::given(&["stock a 5"]);
    let key = case.key("keys");
    for n in 1..=500 {
        case.redis.must(&["HSET", &key, &format!("{n:022}"), &format!("f {n}")]);
    }
    let due = crate::support::expand("@-1");
    case.redis.must(&["ZADD", &case.key("key_ages"), &due, "250"]);
    // What older versions wrote: the keys of one call. They go with the next mark.
    case.redis.must(&["ZADD", &case.key("key_ages"), &due, &"x".repeat(44)]);
    for _ in 0..1_000 {
        case.call("expire", &["500"]).expect("a reply");
        if case.redis.must(&["HLEN", &key]) == redis::Value::Int(251) {
            break;
        }
    }
    let dump = case.dump();
    let mut left: Vec<&str> = dump.fields("keys").map(|(field, _)| field).collect();
    left.sort_unstable();
    let wanted: Vec<String> = (251..=500).map(|n| format!("{n:022}")).collect();
    assert_eq!(left, wanted);
}
