//! When a request that has failed is sent again, and when it is given up.

use std::time::Duration;

use crate::ledger::AfterFailure;

/// The longest first pause. A drop's requests go one behind the other, so one that fails holds up all
/// behind it: a receiver that fails half of the time would with a second be told of ten events a minute.
const FIRST: Duration = Duration::from_millis(100);
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

    /// What becomes of a request that was tried for `since`, this time included `attempts` times,
    /// and whose receiver wants to be left alone for `retry_after`.
    pub(super) fn after(
        self,
        attempts: i32,
        since: Duration,
        retry_after: Option<Duration>,
    ) -> AfterFailure {
        match self.0.checked_sub(since) {
            None | Some(Duration::ZERO) => AfterFailure::Bury,
            // The last try comes at the very end.
            Some(left) => {
                let wait = self.jittered(attempts).max(retry_after.unwrap_or_default());
                AfterFailure::Retry(wait.min(self.longest()).clamp(LEAST, left.max(LEAST)))
            }
        }
    }

    /// A random part of a pause that doubles with each try (full jitter), so that what failed
    /// together is not tried together.
    fn jittered(self, attempts: i32) -> Duration {
        let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(0).min(30);
        let first = FIRST.min(self.0 / 100);
        let most = first.saturating_mul(1 << doublings).min(self.longest());
        most.mul_f64(rand::random::<f64>())
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
        let longest = |attempts| {
            (0..500).map(|_| wait(patience.after(attempts, NOW, None))).max().unwrap_or_default()
        };
        assert!(longest(1) <= FIRST && longest(1) > FIRST / 2);
        assert!(longest(4) <= 8 * FIRST && longest(4) > 4 * FIRST);
        assert!(longest(40) <= LONGEST && longest(40) > LONGEST / 2);
        let shortest = (0..500).map(|_| wait(patience.after(40, NOW, None))).min();
        assert!(shortest.is_some_and(|wait| wait < LONGEST / 2), "full jitter");
    }

    #[test]
    fn a_receiver_may_ask_for_a_pause_within_bounds() {
        let patience = Patience::new(DAY);
        let asked = |seconds| wait(patience.after(1, NOW, Some(Duration::from_secs(seconds))));
        assert_eq!(asked(100), Duration::from_secs(100));
        assert_eq!(asked(1_000_000), LONGEST);
    }

    #[test]
    fn patience_ends() {
        let patience = Patience::new(DAY);
        assert_eq!(patience.after(9, DAY, None), AfterFailure::Bury);
        let left = Duration::from_secs(3);
        assert!(wait(patience.after(90, DAY - left, None)) <= left, "the last try is in time");
    }
}
