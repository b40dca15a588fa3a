//! When a request that has failed is sent again, and when it is given up.

use std::time::Duration;

use crate::ledger::AfterFailure;

/// The longest first pause. A drop's requests go one behind the other, so one that fails holds up all
/// behind it: a receiver that fails half of the time would with a second be told of ten events a minute.
const FIRST: Duration = Duration::from_millis(100);
/// A pause is no longer than this part of the time for which its request has failed: so much later
/// than it could does a receiver that was away hear of it.
const PART: u32 = 3;
/// The longest pause of all: a receiver that comes back hears of it soon.
const LONGEST: Duration = Duration::from_secs(600);
/// The shortest: a receiver that fails at once must not be asked in a circle.
const LEAST: Duration = Duration::from_millis(20);

/// For how long one request is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Patience(Duration);

impl Patience {
    /// Requests are tried for so long.
    pub(super) fn new(whole: Duration) -> Patience {
        Patience(whole)
    }

    /// What becomes of a request that has failed for `since`, and whose receiver wants to be left
    /// alone for `retry_after`.
    pub(super) fn after(self, since: Duration, retry_after: Option<Duration>) -> AfterFailure {
        match self.0.checked_sub(since) {
            None | Some(Duration::ZERO) => AfterFailure::Bury,
            // The last try comes at the very end.
            Some(left) => {
                let wait = self.jittered(since).max(retry_after.unwrap_or_default());
                AfterFailure::Retry(wait.min(self.longest()).clamp(LEAST, left.max(LEAST)))
            }
        }
    }

    /// A pause that grows with the time for which it failed; a random half of it, so that what failed
    /// together is not tried together.
    fn jittered(self, since: Duration) -> Duration {
        let first = FIRST.min(self.0 / 100);
        let most = (since / PART).clamp(first, self.longest().max(first));
        most.mul_f64(rand::random_range(0.5..1.0))
    }

    /// Also a receiver that wants more is asked after so long.
    fn longest(self) -> Duration {
        LONGEST.min(self.0 / 20)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);
    const NOW: Duration = Duration::ZERO;

    fn wait(then: AfterFailure) -> Duration {
        match then {
            AfterFailure::Retry(wait) => wait,
            AfterFailure::Bury | AfterFailure::Disable => panic!("{then:?}"),
        }
    }

    #[test]
    fn pauses_grow_and_stay_below_ten_minutes() {
        let patience = Patience::new(DAY);
        for (since, most) in [
            (NOW, FIRST),
            (Duration::from_millis(300), FIRST),
            (Duration::from_secs(60), Duration::from_secs(20)),
            (Duration::from_secs(1_800), LONGEST),
            (DAY / 2, LONGEST),
        ] {
            let waits = (0..500).map(|_| wait(patience.after(since, None)));
            let (shortest, longest) =
                waits.fold((DAY, NOW), |(short, long), wait| (short.min(wait), long.max(wait)));
            assert!(
                shortest >= most / 2 && longest <= most,
                "{since:?}: {shortest:?}, {longest:?}"
            );
            assert!(longest - shortest > most / 4, "jitter");
        }
    }

    /// A day of failures takes some hundred tries, and an outage of a minute some dozens.
    #[test]
    fn tries_are_few() {
        let patience = Patience::new(DAY);
        let tries_within = |whole: Duration| {
            let (mut tries, mut since) = (1, NOW);
            while since < whole {
                since += wait(patience.after(since, None));
                tries += 1;
            }
            tries
        };
        let minute = tries_within(Duration::from_secs(60));
        let day = tries_within(DAY - LONGEST);
        assert!((20..60).contains(&minute), "{minute}");
        assert!((170..360).contains(&day), "{day}");
    }

    #[test]
    fn a_receiver_may_ask_for_a_pause_within_bounds() {
        let patience = Patience::new(DAY);
        let asked = |seconds| wait(patience.after(NOW, Some(Duration::from_secs(seconds))));
        assert_eq!(asked(100), Duration::from_secs(100));
        assert_eq!(asked(1_000_000), LONGEST);
    }

    #[test]
    fn patience_ends() {
        let patience = Patience::new(DAY);
        assert_eq!(patience.after(DAY, None), AfterFailure::Bury);
        let left = Duration::from_secs(3);
        assert!(wait(patience.after(DAY - left, None)) <= left, "the last try is in time");
    }
}
