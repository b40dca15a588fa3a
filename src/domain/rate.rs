//! How fast somebody may call.

use std::{fmt, str::FromStr, time::Duration};

use super::InvalidId;

/// The most calls of a limit, and of a burst.
const MAX_CALLS: u32 = 1_000_000;
/// The most calls a second: Redis counts buckets in ten-thousandths of a millisecond.
const MAX_A_SECOND: u64 = 100_000;
/// The longest window of a limit: a day.
const MAX_WINDOW: u64 = 86_400;
/// What a process takes ahead of a fast limit.
const AHEAD: Duration = Duration::from_millis(5);
/// At most so many processes let calls pass before Redis counts them.
const AT_ONCE: u32 = 4;
/// A process lets a first call pass once in at least so many calls of the limit: [`AT_ONCE`] of them
/// make 5 % of it.
const FIRST_OF: u32 = 20 * AT_ONCE;
/// And no more often than this, so that in ten seconds each has one.
const FIRST_WITHIN: Duration = Duration::from_secs(10);

/// So many calls in a window of so many seconds, spread evenly but for a burst.
///
/// By its text `100/s`, `20/10s`, `600/m` or `5000/h`, a burst behind it: `20/10s burst 5`. In any
/// stretch of time pass at most `burst` calls more than the rate makes of it. Without a word about
/// it the burst is half a second's worth, at least one: 5 % of what passes in ten seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    calls: u32,
    window_seconds: u64,
    burst: u32,
}

impl RateLimit {
    /// The most calls in a window.
    #[must_use]
    pub fn calls(self) -> u32 {
        self.calls
    }

    /// How long the window is, in seconds.
    #[must_use]
    pub fn window_seconds(self) -> u64 {
        self.window_seconds
    }

    /// How many calls may come at once.
    #[must_use]
    pub fn burst(self) -> u32 {
        self.burst
    }

    /// From one call to the next, when the burst is spent. Never zero.
    #[must_use]
    pub fn interval(self) -> Duration {
        Duration::from_nanos(self.window_seconds * 1_000_000_000 / u64::from(self.calls))
    }
}

impl RateLimit {
    /// So many calls a process may take ahead for those that follow at once: five milliseconds'
    /// worth of a fast limit with a large burst, none of others.
    #[must_use]
    pub fn ahead(self) -> u32 {
        let ahead = AHEAD.as_nanos() / self.interval().as_nanos();
        let ahead = u32::try_from(ahead).unwrap_or(u32::MAX);
        let fast = ahead >= 5 && self.burst / (2 * AT_ONCE) >= ahead;
        if fast { ahead } else { 0 }
    }

    /// How long somebody must not have called before a process may let a call of theirs pass untold, as
    /// the first of some.
    #[must_use]
    pub fn first_after(self) -> Duration {
        FIRST_WITHIN.max(self.interval().saturating_mul(FIRST_OF))
    }

    /// Whether each of so many processes may let such calls pass: half of the burst is left then.
    #[must_use]
    pub fn has_room_for_firsts_of(self, processes: u32) -> bool {
        (1..=AT_ONCE).contains(&processes) && processes <= self.burst / 2
    }

    /// As many calls of the burst are kept back for those that some processes, fewer than `all`, may
    /// have let pass untold.
    #[must_use]
    pub fn kept_for_firsts_beside(self, all: u32) -> u32 {
        all.saturating_sub(1).min(AT_ONCE).min(self.burst / 2)
    }

    /// As many are kept back for those that processes took ahead.
    #[must_use]
    pub fn kept_for_ahead(self) -> u32 {
        AT_ONCE * self.ahead()
    }
}

impl FromStr for RateLimit {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<RateLimit, InvalidId> {
        read(text).ok_or(InvalidId::new("rate limit", "100/s, 20/10s or 600/m burst 50"))
    }
}

impl fmt::Display for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}s burst {}", self.calls, self.window_seconds, self.burst)
    }
}

fn read(text: &str) -> Option<RateLimit> {
    let mut words = text.split_whitespace();
    let (calls, window) = words.next()?.split_once('/')?;
    let calls = number(calls)?;
    let window_seconds = window_of(window)?;
    let fast = u64::from(calls) > MAX_A_SECOND * window_seconds;
    let burst = match (words.next(), words.next()) {
        (None, None) => u32::try_from(u64::from(calls) / (2 * window_seconds)).ok()?.max(1),
        (Some("burst"), Some(burst)) => number(burst)?,
        (Some(_) | None, _) => return None,
    };
    (!fast && words.next().is_none()).then_some(RateLimit { calls, window_seconds, burst })
}

fn number(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && (1..=MAX_CALLS).contains(number))
}

/// Seconds of `s`, `10s`, `m` or `2h`.
fn window_of(text: &str) -> Option<u64> {
    let (count, unit) = [('s', 1), ('m', 60), ('h', 3_600)]
        .into_iter()
        .find_map(|(unit, seconds)| text.strip_suffix(unit).map(|count| (count, seconds)))?;
    let count = if count.is_empty() { 1 } else { number(count)? };
    Some(u64::from(count) * unit).filter(|seconds| *seconds <= MAX_WINDOW)
}

/// Where a bucket stands behind a call that asked it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The call passes.
    Pass {
        /// So many may follow at once.
        left: u64,
        /// So long until the burst is whole again.
        full_in: Duration,
    },
    /// The call has to wait; nothing was taken for it.
    Wait {
        /// So long until one may pass.
        wait: Duration,
        /// So long until the burst is whole again.
        full_in: Duration,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read() {
        for (text, shown, interval_us) in [
            ("100/s", "100/1s burst 50", 10_000),
            ("1/s", "1/1s burst 1", 1_000_000),
            ("20/10s", "20/10s burst 1", 500_000),
            (" 600/m  burst 7 ", "600/60s burst 7", 100_000),
            ("5000/2h", "5000/7200s burst 1", 1_440_000),
            ("100000/s", "100000/1s burst 50000", 10),
        ] {
            let limit: RateLimit = text.parse().expect(text);
            assert_eq!(limit.to_string(), shown);
            assert_eq!(limit.interval(), Duration::from_micros(interval_us), "{text}");
            assert_eq!(shown.parse(), Ok(limit));
        }
    }

    #[test]
    fn only_fast_limits_with_room_are_taken_ahead() {
        for (text, ahead, kept) in [
            ("100/s", 0, 0),
            ("999/s", 0, 0),
            ("1000/s", 5, 20),
            ("1000/s burst 39", 0, 0),
            ("1000/s burst 40", 5, 20),
            ("100000/s", 500, 2_000),
            ("1/h burst 1000000", 0, 0),
        ] {
            let limit: RateLimit = text.parse().expect(text);
            assert_eq!((limit.ahead(), limit.kept_for_ahead()), (ahead, kept), "{text}");
        }
    }

    #[test]
    fn first_calls_pass_untold_where_they_are_few_among_many() {
        for (text, seconds) in [
            ("10/s", 10),
            ("1/s burst 8", 80),
            ("6/m burst 20", 800),
            ("1/24h burst 1000000", 80 * MAX_WINDOW),
        ] {
            let limit: RateLimit = text.parse().expect(text);
            assert_eq!(limit.first_after(), Duration::from_secs(seconds), "{text}");
        }
    }

    #[test]
    fn the_burst_has_room_for_first_calls_of_some_processes_and_half_is_left() {
        // Of no more than so many; kept back beside one, two and nine others.
        for (burst, most, kept) in [
            (1, 0, [0, 0, 0]),
            (2, 1, [1, 1, 1]),
            (5, 2, [1, 2, 2]),
            (8, 4, [1, 2, 4]),
            (1_000, 4, [1, 2, 4]),
        ] {
            let limit: RateLimit = format!("1/s burst {burst}").parse().expect("a limit");
            let room = |processes: &u32| limit.has_room_for_firsts_of(*processes);
            assert_eq!((0..10).filter(room).max().unwrap_or_default(), most, "{burst}");
            assert_eq!([2, 3, 10].map(|all| limit.kept_for_firsts_beside(all)), kept, "{burst}");
            assert_eq!(limit.kept_for_firsts_beside(1), 0);
        }
    }

    #[test]
    fn what_is_no_limit_is_refused() {
        for text in [
            "",
            "100",
            "/s",
            "0/s",
            "-1/s",
            "+1/s",
            "1.5/s",
            "100/x",
            "100/0s",
            "100/25h",
            "100/s 5",
            "100/s burst",
            "100/s burst 0",
            "100/s burst 5 6",
            "100001/s",
            "1000001/h",
            "1/ss",
        ] {
            assert!(text.parse::<RateLimit>().is_err(), "{text}");
        }
    }
}
