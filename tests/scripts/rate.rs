//! `lua/rate.lua`: buckets of rate limits.

use uuid::Uuid;

use crate::support::Redis;

/// A bucket that one test has for itself.
fn bucket() -> String {
    format!("dg:{{!rate}}:test:{}", Uuid::now_v7().simple())
}

/// An hour, so that no time passes to speak of.
const HOUR: &str = "3600000000000";
const HOUR_MS: i64 = 3_600_000;

/// What each bucket gave: passed, left, full_ms, wait_ms.
fn ask(redis: &mut Redis, buckets: &[&String], argument: &str) -> Vec<[i64; 4]> {
    let keys: Vec<String> = buckets.iter().map(|key| (*key).clone()).collect();
    let arguments = vec![argument.to_owned(); keys.len()];
    let replies = redis.script("rate", &keys, &arguments).expect("a reply");
    let read = |text: &String| {
        let numbers = text.split(' ').map(|word| word.parse().expect("a number"));
        numbers.collect::<Vec<i64>>().try_into().expect("four numbers")
    };
    replies.iter().map(read).collect()
}

/// Whether a time is as long as it was a moment ago.
#[track_caller]
fn about(found: i64, expected: i64) {
    assert!((expected - 60_000..=expected).contains(&found), "{found} {expected}");
}

fn ttl(redis: &mut Redis, key: &str) -> i64 {
    redis::from_redis_value(redis.must(&["PTTL", key])).expect("a number")
}

#[test]
fn a_burst_passes_and_the_next_one_waits() {
    let (redis, key) = (&mut Redis::connect(), bucket());
    for left in [2, 1, 0] {
        let [passed, found, full, _] = ask(redis, &[&key], &format!("{HOUR} 3 1")).remove(0);
        assert_eq!((passed, found), (1, left));
        about(full, (3 - left) * HOUR_MS);
    }
    let kept = redis.must(&["GET", &key]);
    for _ in 0..2 {
        let [passed, left, full, wait] = ask(redis, &[&key], &format!("{HOUR} 3 1")).remove(0);
        assert_eq!((passed, left), (0, 0));
        about(wait, HOUR_MS);
        about(full, 3 * HOUR_MS);
    }
    // Whoever waits has taken nothing, and the bucket goes when it is whole again.
    assert_eq!(redis.must(&["GET", &key]), kept);
    about(ttl(redis, &key), 3 * HOUR_MS);
}

#[test]
fn of_many_at_once_as_many_pass_as_one_by_one() {
    let (redis, one, other) = (&mut Redis::connect(), bucket(), bucket());
    let ask = |redis: &mut Redis, calls: i64| {
        let gave = ask(redis, &[&one, &other], &format!("{HOUR} 5 {calls}"));
        gave.iter().map(|[passed, left, ..]| (*passed, *left)).collect::<Vec<_>>()
    };
    assert_eq!(ask(redis, 2), [(2, 3), (2, 3)]);
    assert_eq!(ask(redis, 7), [(3, 0), (3, 0)]);
    assert_eq!(ask(redis, 1), [(0, 0), (0, 0)]);
}

#[test]
fn a_bucket_that_is_too_far_ahead_counts_as_empty() {
    // The server's clock has run back, the limit was lowered, or somebody else wrote there.
    for text in ["99999999999999.0000", "nan", "x", "-5", "1e99", "0x10"] {
        let (redis, key) = (&mut Redis::connect(), bucket());
        redis.must(&["SET", &key, text]);
        let [passed, ..] = ask(redis, &[&key], &format!("{HOUR} 2 1")).remove(0);
        assert_eq!(passed, i64::from(!text.starts_with('9')), "{text}");
        // From now on it refills as any other.
        assert!((1..=2 * HOUR_MS).contains(&ttl(redis, &key)), "{text}");
    }
}

#[test]
fn what_no_engine_sends_is_an_error() {
    let (redis, key) = (&mut Redis::connect(), bucket());
    for argument in [
        "", "1", "1 2", "1 2 ", " 1 2 3", "1 2 3 4", "-1 2 1", "1e3 2 1", "1.5 2 1", "nan 2 1",
        "1 nan 1", "1 2 nan", "1 2 -1",
    ] {
        let failed = redis.script("rate", std::slice::from_ref(&key), &[argument.to_owned()]);
        assert!(failed.is_err(), "{argument}: {failed:?}");
    }
    let found: Option<String> = redis::from_redis_value(redis.must(&["GET", &key])).expect("text");
    assert_eq!(found, None);
}
