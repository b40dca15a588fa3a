//! Arguments that no engine would send, given straight to the scripts: an error, and not a
//! byte changes. Nothing rolls back in Redis, so everything is checked before it is written.

use crate::support::Case;

/// Texts that Lua's `tonumber` takes, or that outgrow what a double can count.
const NUMBERS: [&str; 16] = [
    "nan",
    "-nan",
    "inf",
    "-inf",
    "0x10",
    "1e3",
    " 5",
    "5 ",
    "1.5",
    "-1",
    "+1",
    "",
    "9007199254740993",
    "1000000000000000",
    "5\n",
    "٣",
];

fn given() -> Case {
    Case::given(&[
        "stock a 50",
        "r1 H c1 @-60000 @840000 * a:2",
        "r2 C c1 @-60000 @840000 o1 a:2 7",
        "gone r3 E c3 @-900000 @-700000 * a:2",
    ])
}

/// Each of the operations fails, alone and behind one that would have changed something.
#[track_caller]
fn all_fail(verb: &str, fine: &str, operations: impl Iterator<Item = String>) {
    for operation in operations {
        let mut case = given();
        case.fails(verb, &[&operation], "");
        case.fails(verb, &[fine, &operation], "");
    }
}

#[test]
fn quantities() {
    let numbers = || NUMBERS.into_iter().chain(["0", "10001", "999999999999999"]);
    all_fail("reserve", "r7|c|a:1|||", numbers().map(|n| format!("r8|c|a:{n}|||")));
    all_fail("reserve", "r7|c|a:1|||", numbers().map(|n| format!("r8|c|a:1,b:{n}|||")));
    all_fail("change", "r1|a:1||", numbers().map(|n| format!("r1|a:{n}||")));
    let back = numbers().map(|n| format!("r2|a:{n}|null|1||||"));
    all_fail("return", "r2|a:1|null|1||||", back);
    let signed = NUMBERS.into_iter().filter(|n| *n != "-1").chain(["0", "-0", "--1", "-", "- 1"]);
    let restocks = signed.map(|n| format!("a|{n}|*|null||"));
    all_fail("restock", "a|1|*|null||", restocks);
}

#[test]
fn lines() {
    let hostile =
        ["", "*", "a", "a:", ":1", "a:1,", ",a:1", "a:1,,b:1", "a:1;b:1", "a:1:1", "x,a:1"];
    let repeated = ["a:1,a:1"];
    let many = (0..21).map(|n| format!("s{n}:1")).collect::<Vec<_>>().join(",");
    let all = || hostile.into_iter().chain(repeated).chain([many.as_str()]);
    all_fail("reserve", "r7|c|a:1|||", all().map(|lines| format!("r8|c|{lines}|||")));
    all_fail("change", "r1|a:1||", all().map(|lines| format!("r1|{lines}||")));
    let back = all().filter(|lines| *lines != "*").map(|lines| format!("r2|{lines}|null|1||||"));
    all_fail("return", "r2|a:1|null|1||||", back);
}

#[test]
fn ids() {
    // The sentinel's name, and ids that would break the groups of 22 characters.
    let ids = ["!", "", "short", "r1AAAAAAAAAAAAAAAAAAAAx"];
    all_fail("reserve", "r7|c|a:1|||", ids.into_iter().map(|id| format!("{id}|c|a:1|||")));
    all_fail("reserve", "r7|c|a:1|||", ["r8|!|a:1|||".to_owned()].into_iter());
    all_fail("configure", "b|put||||||||", ["!|put||||||||5".to_owned()].into_iter());
    for (verb, operation) in [
        ("release", "!||||"),
        ("confirm", "!|o|1||||"),
        ("extend", "!|||"),
        ("change", "!|a:1||"),
        ("return", "!|*|null|1||||"),
    ] {
        given().refused(verb, operation, "UNKNOWN_RESERVATION");
    }
    given().refused("reserve", "r8|c|a:1||!|f", "KEY_REUSED");
}

#[test]
fn times_and_settings() {
    let numbers = || NUMBERS.into_iter().filter(|n| !n.is_empty());
    all_fail("reserve", "r7|c|a:1|||", numbers().map(|n| format!("r8|c|a:1|{n}||")));
    all_fail("extend", "r1|||", numbers().map(|n| format!("r1|{n}||")));
    all_fail("expire", "5", NUMBERS.into_iter().map(str::to_owned));
    let read_at = NUMBERS.into_iter().map(|n| format!("r3|o|1|E c3 5 9 * a:2|{n}||"));
    all_fail("confirm", "r1|o|0||||", read_at);
    for field in 4..9 {
        let patches = numbers().map(|n| {
            let mut parts = ["*", "put", "\"x\":1", "", "", "", "", "", "", ""];
            parts[field] = n;
            parts.join("|")
        });
        all_fail("configure", "b|put||||||||", patches);
    }
    let initial = numbers().chain(["1000000001"]).map(|n| format!("c|put||||||||{n}"));
    all_fail("configure", "b|put||||||||", initial);
    let actions = ["*|destroy||||||||", "*|||||||||", "b|open||||||||"];
    all_fail("configure", "b|put||||||||", actions.map(str::to_owned).into_iter());
}

#[test]
fn what_all_operations_share() {
    for number in NUMBERS {
        for at in [1, 2] {
            let mut case = given();
            let before = case.dump();
            let mut arguments = ["1", "0", "1", "1", "1", "500"].map(str::to_owned).to_vec();
            number.clone_into(&mut arguments[at]);
            assert!(case.script("expire", &arguments).is_err(), "{at} {number}");
            assert_eq!(case.dump(), before);
        }
    }
    // Without its last arguments, an operation is none.
    let mut case = given();
    let before = case.dump();
    let now = dropgate::clock::now().0.to_string();
    for arguments in [&["r8", "c", "a:1"][..], &["r8"]] {
        let mut all = ["1", "0", &now, "1", "1"].map(str::to_owned).to_vec();
        all.extend(arguments.iter().map(|text| (*text).to_owned()));
        assert!(case.script("reserve", &all).is_err(), "{arguments:?}");
        assert_eq!(case.dump(), before);
    }
}

#[test]
fn counts_that_can_not_be() {
    let mut case = given();
    let key = case.key("stock");
    for packed in ["nan 2 2 *", "1e3 2 2 *", "50 2", "-1 2 2 *", "50 2 2"] {
        case.redis.must(&["HSET", &key, "a", packed]);
        case.fails("reserve", &["r8|c|a:1|||"], "");
        case.fails("confirm", &["r1|o|0||||"], "");
    }
    // Less held than the reservation has: nothing is written, and the drop gets a look.
    case.redis.must(&["HSET", &key, "a", "50 1 2 *"]);
    case.fails("confirm", &["r1|o|0||||"], "INVARIANT");
    case.fails("release", &["r1||||"], "INVARIANT");
    case.redis.must(&["HSET", &key, "a", "50 2 2 *"]);
    case.redis.must(&["HSET", &case.key("customers"), "c1", "a=1;r1AAAAAAAAAAAAAAAAAAAA "]);
    case.fails("release", &["r1||||"], "INVARIANT");
}
