//! How fast the sweeps of a process go. Whoever buys must hardly notice that others' holds come
//! due, and what is due must not wait for ever: both are weighed here and nowhere else.
//!
//! Nothing here waits or asks anybody, so that the weighing can be tested on its own.

use std::time::{Duration, Instant};

/// Holds that a turn looks at while nobody else wants anything. One script must not hold up Redis
/// for long, not even for a call that comes just then.
const ALONE: u32 = 250;
/// Holds that a turn looks at beside others: what a commit carries of them is what a call may have
/// to wait for.
const BESIDE: u32 = 100;
/// It never pauses longer, so that there is a least rate whatever the others do.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);
/// For so long after somebody else's last event the process is not alone.
const QUIET: Duration = Duration::from_millis(250);

/// What one turn of a sweep may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nobody else wants anything: the next turn comes as soon as the ledger is near.
    Alone,
    /// Others are at it: the next turn comes when this one is durable, and a pause later.
    Beside,
}

impl Turn {
    /// Holds to look at.
    pub(super) fn most(self) -> u32 {
        match self {
            Turn::Alone => ALONE,
            Turn::Beside => BESIDE,
        }
    }

    /// How long to pause behind a turn that became durable after so long: as long again. So sweeps
    /// take half of the time at most, and less the busier the servers are, for a turn takes longer
    /// then and does no more.
    pub(super) fn pause(self, took: Duration) -> Duration {
        match self {
            Turn::Alone => Duration::ZERO,
            Turn::Beside => took.min(LONGEST_PAUSE),
        }
    }
}

/// Whether a process is alone with its sweeps. What other engines do with the same drops, sweeps
/// too, counts as others: two sweeps share what one would take.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Events of all drops that were not this process' sweeps', as of the last look.
    others: Option<i64>,
    /// When they were last seen to have grown.
    grew: Option<Instant>,
}

impl Pace {
    /// What the next turn may do, given how many events all drops have had in Redis and how many of
    /// those were this process' sweeps'.
    pub(super) fn turn(&mut self, now: Instant, events: i64, swept: i64) -> Turn {
        let others = events - swept;
        // Who looks for the first time knows nothing yet, and takes care.
        if self.others.is_none_or(|known| others > known) {
            self.grew = Some(now);
        }
        self.others = Some(others);
        match self.grew {
            Some(grew) if now.saturating_duration_since(grew) < QUIET => Turn::Beside,
            Some(_) | None => Turn::Alone,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn the_sweeps_own_events_are_nobody_elses() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        assert_eq!(pace.turn(start, 1000, 0), Turn::Beside, "nothing is known yet");
        for turn in 1..100_u32 {
            let (now, swept) = (start + QUIET * turn, i64::from(turn * ALONE));
            assert_eq!(pace.turn(now, 1000 + swept, swept), Turn::Alone);
        }
    }

    #[test]
    fn one_event_of_somebody_else_is_heeded_for_a_while() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        pace.turn(start, 1000, 0);
        let later = start + QUIET;
        assert_eq!(pace.turn(later, 1100, 100), Turn::Alone);
        assert_eq!(pace.turn(later + millis(1), 1201, 200), Turn::Beside);
        assert_eq!(pace.turn(later + QUIET, 1301, 300), Turn::Beside);
        assert_eq!(pace.turn(later + QUIET + millis(1), 1401, 400), Turn::Alone);
    }

    #[test]
    fn events_that_are_gone_are_no_news() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        pace.turn(start, 1000, 0);
        // A ledger that went back, a drop that was forgotten.
        assert_eq!(pace.turn(start + QUIET, 400, 0), Turn::Alone);
        assert_eq!(pace.turn(start + QUIET, 401, 0), Turn::Beside);
    }

    #[test]
    fn beside_others_sweeps_take_half_of_the_time_and_never_stop() {
        for (took, pause) in [(0, 0), (4, 4), (50, 50), (51, 50), (100, 50)] {
            assert_eq!(Turn::Beside.pause(millis(took)), millis(pause), "{took} ms");
            assert_eq!(Turn::Alone.pause(millis(took)), Duration::ZERO);
        }
        assert!(Turn::Beside.most() < Turn::Alone.most());
    }
}
