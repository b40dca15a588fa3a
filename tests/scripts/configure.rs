//! `lua/configure.lua`: settings of the drop and its SKUs, open, pause, close.
//!
//! Arguments of an operation: sku, action, patch, state, opens_at, closes_at, ttl_ms,
//! max_hold_ms, limit, initial.

use crate::support::Case;

/// A drop as a rebuild of one that was never configured leaves it.
fn unconfigured() -> Case {
    let mut case = Case::given(&[]);
    case.redis.must(&["HDEL", &case.key("meta"), "state"]);
    case
}

#[test]
fn a_drop_is_created() {
    let mut case = unconfigured();
    case.expect(
        "configure",
        &["*|put||||||||", "*|put||||||||"],
        &["CONFIGURED 1", "CONFIGURED 0"],
        &["+ meta state open", "journal configured * * * {\"state\":\"open\"}"],
    );
    let mut case = unconfigured();
    case.expect(
        "configure",
        &["*|put|\"name\":\"A b\",\"opens_at\":9||@9|@20|60000|120000|4|"],
        &["CONFIGURED 1"],
        &[
            "+ meta state scheduled",
            "- meta opens_at ",
            "+ meta opens_at @9",
            "- meta closes_at ",
            "+ meta closes_at @20",
            "- meta ttl_ms 900000",
            "+ meta ttl_ms 60000",
            "- meta max_hold_ms 3600000",
            "+ meta max_hold_ms 120000",
            "- meta limit ",
            "+ meta limit 4",
            "journal configured * * * {\"state\":\"scheduled\",\"name\":\"A b\",\"opens_at\":9}",
        ],
    );
}

#[test]
fn a_patch_keeps_what_it_does_not_name_and_clears_what_it_stars() {
    let mut case = Case::given(&["meta opens_at @9", "meta closes_at @20", "meta limit 4"]);
    case.expect(
        "configure",
        &["*|put|\"name\":\"B\"|||||||", "*|put|\"limit\":null||*||||*|"],
        &["CONFIGURED 0", "CONFIGURED 0"],
        &[
            "- meta opens_at @9",
            "+ meta opens_at ",
            "- meta limit 4",
            "+ meta limit ",
            "journal configured * * * {\"name\":\"B\"}",
            "journal configured * * * {\"limit\":null}",
        ],
    );
}

#[test]
fn a_drop_never_closes_before_it_opens() {
    let mut case = Case::given(&["meta opens_at @9"]);
    case.refused("configure", "*|put|\"closes_at\":9|||@9||||", "CLOSES_FIRST @9 @9");
    case.refused("configure", "*|put|\"x\":1||@8|@7||||", "CLOSES_FIRST @8 @7");
    let mut case = Case::given(&["meta closes_at @9"]);
    case.refused("configure", "*|put|\"opens_at\":9||@10|||||", "CLOSES_FIRST @10 @9");
    let reply = case.call("configure", &["*|put|\"opens_at\":8||@8|||||"]).expect("a reply");
    assert_eq!(reply[5], "CONFIGURED 0");
}

#[test]
fn nothing_is_known_of_a_drop_before_it_is_put() {
    let mut case = unconfigured();
    for operation in ["a|put||||||||5", "*|open||||||||", "*|pause||||||||", "*|close||||||||"] {
        case.refused("configure", operation, "UNKNOWN_DROP");
    }
}

/// An action's outcome and the state it leaves, from a state and times.
#[track_caller]
fn acts(action: &str, state: &str, times: &[&str], outcome: &str, left: &str) {
    let mut lines = times.to_vec();
    let set = format!("meta state {state}");
    lines.push(&set);
    let mut case = Case::given(&lines);
    let operation = format!("*|{action}||||||||");
    if state == left {
        case.refused("configure", &operation, outcome);
    } else {
        let changes = [
            format!("- meta state {state}"),
            format!("+ meta state {left}"),
            format!("journal configured * * * {{\"state\":\"{left}\"}}"),
        ];
        let changes: Vec<&str> = changes.iter().map(String::as_str).collect();
        case.expect("configure", &[&operation], &[outcome], &changes);
    }
}

#[test]
fn opened_paused_and_closed() {
    const DONE: &str = "CONFIGURED 0";
    const OVER: [&str; 2] = ["meta opens_at @-9", "meta closes_at @0"];
    const AHEAD: [&str; 2] = ["meta opens_at @1", "meta closes_at @2"];
    acts("open", "scheduled", &AHEAD, DONE, "open");
    acts("open", "paused", &[], DONE, "open");
    acts("open", "closed", &[], DONE, "open");
    acts("open", "open", &[], DONE, "open");
    acts("open", "paused", &OVER, "CLOSED @-9", "paused");
    acts("open", "scheduled", &OVER[1..], "CLOSED *", "scheduled");
    acts("pause", "open", &[], DONE, "paused");
    acts("pause", "scheduled", &AHEAD, DONE, "paused");
    acts("pause", "closed", &[], "CLOSED *", "closed");
    acts("pause", "open", &OVER, "CLOSED @-9", "open");
    acts("close", "scheduled", &AHEAD, DONE, "closed");
    acts("close", "paused", &OVER, DONE, "closed");
    acts("close", "closed", &[], DONE, "closed");
}

#[test]
fn settling_writes_down_what_the_times_say() {
    acts("settle", "scheduled", &["meta opens_at @1"], "CONFIGURED 0", "scheduled");
    acts("settle", "scheduled", &["meta opens_at @0"], "CONFIGURED 0", "open");
    acts("settle", "paused", &["meta opens_at @0"], "CONFIGURED 0", "paused");
    acts("settle", "paused", &["meta closes_at @0"], "CONFIGURED 0", "closed");
    acts("settle", "open", &["meta closes_at @1"], "CONFIGURED 0", "open");
}

#[test]
fn skus_are_created_once_and_keep_their_units() {
    let mut case = Case::given(&["stock a 5 2", "r1 H c1 @-60000 @840000 * a:1"]);
    case.expect(
        "configure",
        &[
            "b|put|\"name\":\"B\"||||||3|7",
            "c|put||||||||",
            "d|put||||||||0",
            "a|put|\"x\":1||||||*|9",
            "b|put|||||||4|9",
        ],
        &["CONFIGURED 1", "CONFIGURED 1", "CONFIGURED 1", "CONFIGURED 0", "CONFIGURED 0"],
        &[
            "+ stock b 7 0 0 4",
            "+ stock c 0 0 0 *",
            "+ stock d 0 0 0 *",
            "- stock a 5 1 0 2",
            "+ stock a 5 1 0 *",
            "journal configured * * b {\"name\":\"B\"}",
            "journal restocked * * b 7 7 7 0 0 * null",
            "journal configured * * c {}",
            "journal configured * * d {}",
            "journal configured * * a {\"x\":1}",
            "journal configured * * b {}",
        ],
    );
}

#[test]
fn a_call_that_fails_leaves_nothing_of_its_other_operations() {
    let mut case = Case::given(&["stock a 5"]);
    let fine = "b|put|\"name\":\"B\"||||||3|7";
    case.fails("configure", &[fine, "c|put|||||||x|"], "not a whole number");
    case.fails("configure", &[fine, "*|put|\"x\":1||||0x10|||"], "not a whole number");
    case.fails("configure", &[fine, "c|put||||||||1000000001"], "INVARIANT");
}
