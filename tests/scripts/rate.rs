//! `lua/rate.lua`: buckets of rate limits.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::support::Redis;

/// An hour, so that no time passes to speak of.
const HOUR: &str = "3600000000000";
const HOUR_MS: i64 = 3_600_000;
/// A slice of ten of them. Its end lies far off, but for a test that runs in the wrong minute of
/// half a day; nothing of what is tested changes by that but for where it is looked for.
const SLICE_MS: i64 = 10 * HOUR_MS;

/// The two hashes of a limit that one test has for itself.
struct Limit {
    redis: Redis,
    keys: [String; 2],
}

impl Limit {
    fn new() -> Limit {
        let name = Uuid::now_v7().simple();
        let keys = ["even", "odd"].map(|turn| format!("dg:{{!rate}}:test-{name}:{turn}"));
        Limit { redis: Redis::connect(), keys }
    }

    fn call(&mut self, arguments: &[&str]) -> Result<Vec<String>, String> {
        let arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
        self.redis.script("rate", &self.keys, &arguments)
    }

    /// What each bucket gave: passed, left, full_ms, wait_ms.
    fn ask(&mut self, slice_ms: i64, burst: &str, buckets: &[(&str, &str)]) -> Vec<[i64; 4]> {
        self.ask_keeping("0", &slice_ms.to_string(), burst, buckets)
    }

    /// The same, while so many calls of the burst are kept back.
    fn ask_keeping(
        &mut self,
        kept_back: &str,
        slice_ms: &str,
        burst: &str,
        buckets: &[(&str, &str)],
    ) -> Vec<[i64; 4]> {
        let mut arguments = vec![slice_ms, HOUR, burst, kept_back];
        arguments.extend(buckets.iter().flat_map(|(name, calls)| [*name, *calls]));
        let replies = self.call(&arguments).expect("a reply");
        let read = |text: &String| {
            let numbers = text.split(' ').map(|word| word.parse().expect("a number"));
            numbers.collect::<Vec<i64>>().try_into().expect("four numbers")
        };
        replies.iter().map(read).collect()
    }

    fn one(&mut self, burst: &str) -> [i64; 4] {
        self.ask(SLICE_MS, burst, &[("a", "1")]).remove(0)
    }

    fn now_ms(&mut self) -> i64 {
        let time: (i64, i64) = redis::from_redis_value(self.redis.must(&["TIME"])).expect("a time");
        time.0 * 1000 + time.1 / 1000
    }

    /// The key and the number of the slice of now.
    fn slice(&mut self, slice_ms: i64) -> (String, i64) {
        let number = self.now_ms() / slice_ms;
        (self.keys[usize::try_from(number % 2).expect("0 or 1")].clone(), number)
    }

    /// What stands in both hashes, by field.
    fn kept(&mut self) -> [BTreeMap<String, String>; 2] {
        let keys = self.keys.clone();
        keys.map(|key| {
            redis::from_redis_value(self.redis.must(&["HGETALL", &key])).expect("a hash")
        })
    }
}

/// Whether a time is as long as it was a moment ago.
#[track_caller]
fn about(found: i64, expected: i64) {
    assert!((expected - 60_000..=expected).contains(&found), "{found} {expected}");
}

#[test]
fn a_burst_passes_and_the_next_one_waits() {
    let mut limit = Limit::new();
    for left in [2, 1, 0] {
        let [passed, found, full, _] = limit.one("3");
        assert_eq!((passed, found), (1, left));
        about(full, (3 - left) * HOUR_MS);
    }
    let kept = limit.kept();
    for _ in 0..2 {
        let [passed, left, full, wait] = limit.one("3");
        assert_eq!((passed, left), (0, 0));
        about(wait, HOUR_MS);
        about(full, 3 * HOUR_MS);
    }
    // Whoever waits has taken nothing.
    assert_eq!(limit.kept(), kept);
}

#[test]
fn of_many_at_once_as_many_pass_as_one_by_one() {
    let mut limit = Limit::new();
    let mut ask = |calls: &str| {
        let gave = limit.ask(SLICE_MS, "5", &[("a", calls), ("b", calls), ("c", "0")]);
        gave.iter().map(|[passed, left, ..]| (*passed, *left)).collect::<Vec<_>>()
    };
    assert_eq!(ask("2"), [(2, 3), (2, 3), (0, 5)]);
    assert_eq!(ask("7"), [(3, 0), (3, 0), (0, 5)]);
    assert_eq!(ask("1"), [(0, 0), (0, 0), (0, 5)]);
    // Of whom nothing was taken nothing is kept.
    let kept = limit.kept();
    assert_eq!(kept.iter().filter(|kept| kept.contains_key("a")).count(), 1);
    assert!(kept.iter().all(|kept| !kept.contains_key("c")), "{kept:?}");
}

#[test]
fn what_is_kept_back_is_not_given_out_and_not_lost() {
    let mut limit = Limit::new();
    let slice = SLICE_MS.to_string();
    let mut ask = |kept_back: &str, calls: &str| {
        limit.ask_keeping(kept_back, &slice, "5", &[("a", calls)]).remove(0)
    };
    let [passed, left, full, _] = ask("2", "1");
    assert_eq!((passed, left), (1, 2));
    about(full, HOUR_MS);
    let [passed, left, full, wait] = ask("2", "9");
    assert_eq!((passed, left), (2, 0));
    about(full, 3 * HOUR_MS);
    about(wait, HOUR_MS);
    // Who keeps nothing back gives out the rest; who keeps back again takes nothing of it away.
    assert_eq!(ask("0", "1")[..2], [1, 1]);
    let [passed, left, full, wait] = ask("2", "1");
    assert_eq!((passed, left), (0, 0));
    about(full, 4 * HOUR_MS);
    about(wait, 2 * HOUR_MS);
    assert_eq!(ask("0", "2")[..2], [1, 0]);
}

#[test]
fn as_many_buckets_as_a_round_trip_has_are_taken() {
    let mut limit = Limit::new();
    let names: Vec<String> = (0..500).map(|number| format!("c-{number}")).collect();
    let buckets: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
    for (passed, left) in [(1, 1), (1, 0), (0, 0)] {
        let gave = limit.ask(SLICE_MS, "2", &buckets);
        assert_eq!(gave.len(), buckets.len());
        assert!(gave.iter().all(|[found, more, ..]| (*found, *more) == (passed, left)), "{gave:?}");
    }
}

#[test]
fn a_bucket_lives_through_its_slice_and_the_next_and_no_longer() {
    let mut limit = Limit::new();
    assert_eq!(limit.one("1")[0], 1);
    let (key, number) = limit.slice(SLICE_MS);
    let ttl: i64 = redis::from_redis_value(limit.redis.must(&["PTTL", &key])).expect("a number");
    assert!((1..=3 * SLICE_MS).contains(&ttl), "{ttl}");
    let full = |limit: &mut Limit| limit.one("1")[0] == 0;
    assert!(full(&mut limit));
    // As if a slice had passed: what was this one's is the last one's.
    let other = limit.keys.iter().find(|other| **other != key).expect("the other").clone();
    limit.redis.must(&["RENAME", &key, &other]);
    limit.redis.must(&["HSET", &other, "", &(number - 1).to_string()]);
    assert!(full(&mut limit));
    // Two have passed, and the turn has come to the same hash again; or it is somebody else's.
    for stale in [(number - 2).to_string(), (number + 2).to_string(), "x".to_owned()] {
        limit.redis.must(&["DEL", &other]);
        limit.redis.must(&["HSET", &key, "", &stale, "a", "99999999999999.0000", "b", "1.0"]);
        assert!(!full(&mut limit), "{stale}");
        // With all that was in it.
        let fields: Vec<String> =
            redis::from_redis_value(limit.redis.must(&["HKEYS", &key])).expect("fields");
        assert_eq!(fields.len(), 2, "{fields:?}");
    }
}

#[test]
fn a_bucket_that_is_too_far_ahead_counts_as_empty() {
    // The server's clock has run back, the limit was lowered, or somebody else wrote there.
    for text in ["99999999999999.0000", "nan", "x", "-5", "1e99", "0x10"] {
        let mut limit = Limit::new();
        let (key, number) = limit.slice(SLICE_MS);
        limit.redis.must(&["HSET", &key, "", &number.to_string(), "a", text]);
        let [passed, ..] = limit.one("2");
        assert_eq!(passed, i64::from(!text.starts_with('9')), "{text}");
        // From now on it refills as any other.
        let [_, _, full, wait] = limit.ask(SLICE_MS, "2", &[("a", "0")]).remove(0);
        assert!(full <= 2 * HOUR_MS && wait <= HOUR_MS, "{text}");
    }
}

#[test]
fn what_no_engine_sends_is_an_error() {
    let mut limit = Limit::new();
    let slice = SLICE_MS.to_string();
    let good = [slice.as_str(), HOUR, "2", "0", "a", "1"];
    limit.call(&good).expect("a reply");
    let kept = limit.kept();
    for (place, wrong) in [
        (0, "1"),
        (0, "x"),
        (1, "0"),
        (1, "-1"),
        (1, "1e3"),
        (1, "1.5"),
        (1, "nan"),
        (2, "nan"),
        (2, "100"),
        (3, "2"),
        (3, "-1"),
        (3, "nan"),
        (4, ""),
        (5, ""),
        (5, "nan"),
        (5, "-1"),
    ] {
        let mut arguments = good;
        arguments[place] = wrong;
        let failed = limit.call(&arguments);
        assert!(failed.is_err(), "{arguments:?}: {failed:?}");
    }
    for arguments in [&good[..0], &good[..5]] {
        assert!(limit.call(arguments).is_err(), "{arguments:?}");
    }
    assert_eq!(limit.kept(), kept);
}
