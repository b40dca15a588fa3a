//! How fast the sweeps of a process go. Whoever buys must hardly notice that others' holds come
//! due, and what is due must not wait for ever: both are weighed here and nowhere else.
//!
//! Nothing here waits or asks anybody, so that the weighing can be tested on its own.

use std::time::{Duration, Instant};

/// Holds that a turn looks at while nobody else wants anything. One script must not hold up Redis for
/// long.
const ALONE: u32 = 250;
/// Holds that a turn looks at beside others: what a commit carries of them is what a call may have to
/// wait for.
const BESIDE: u32 = 100;
/// Holds that are freed in a second beside others, evenly. 10,000 are promised to be free within a
/// second of their deadline; a fifth more makes up for moments in which nothing is.
const A_SECOND: u32 = 12_000;
const SECOND: Duration = Duration::from_secs(1);
/// It never pauses longer, so that there is a least rate whatever has been freed before: alone, or by the
/// first turns of many drops' sweeps.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);
/// For so long after somebody else's last event the process is not alone.
const QUIET: Duration = Duration::from_millis(250);

/// What the next turn of a sweep may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    /// Holds to look at.
    pub(super) most: u32,
    /// How long to wait before it.
    pub(super) pause: Duration,
}

/// Whether a process is alone with its sweeps, and how far they are in this second. What other engines
/// do with the same drops, sweeps too, counts as others: two sweeps share what one would take.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Events of all drops that were not this process' sweeps', as of the last look.
    others: Option<i64>,
    /// When they were last seen to have grown.
    grew: Option<Instant>,
    /// When the present second began, and how many holds had been freed by then.
    second: Option<(Instant, i64)>,
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
        let since = |then: Instant| now.saturating_duration_since(then);
        // What could not be done within its second is not caught up with: that would be a burst.
        let (began, before) = match self.second {
            Some(second) if since(second.0) < SECOND => second,
            Some(_) | None => (now, swept),
        };
        self.second = Some((began, before));
        if self.grew.is_none_or(|grew| since(grew) >= QUIET) {
            return Turn { most: ALONE, pause: Duration::ZERO };
        }
        let freed = u32::try_from(swept - before).unwrap_or(0);
        let due = SECOND * freed / A_SECOND;
        Turn { most: BESIDE, pause: due.saturating_sub(since(began)).min(LONGEST_PAUSE) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_ONCE: Turn = Turn { most: ALONE, pause: Duration::ZERO };

    #[test]
    fn the_sweeps_own_events_are_nobody_elses() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        pace.turn(start, 1000, 0);
        for turn in 1..100_u32 {
            let (now, swept) = (start + QUIET * turn, i64::from(turn) * i64::from(A_SECOND));
            assert_eq!(pace.turn(now, 1000 + swept, swept), AT_ONCE);
        }
    }

    /// Buyers never wait behind more than a turn of them, and what is promised is done.
    #[test]
    fn beside_others_sweeps_go_evenly_as_fast_as_is_promised() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        let (mut now, mut swept, mut bought) = (start, 0, 0);
        while now < start + 5 * SECOND {
            bought += 1;
            let turn = pace.turn(now, bought + swept, swept);
            assert_eq!(turn.most, BESIDE);
            let least =
                i64::from(A_SECOND) * i64::try_from((now - start).as_millis()).unwrap() / 1000;
            assert!(
                (least - 250..=least + 250).contains(&swept),
                "{swept} after {:?}",
                now - start
            );
            // A turn that takes five milliseconds is no reason to be late.
            now += turn.pause + Duration::from_millis(5);
            swept += i64::from(turn.most);
        }
    }

    #[test]
    fn what_one_second_was_too_short_for_is_not_caught_up_with() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        let slow = SECOND / 10;
        for turn in 0..10_u32 {
            let swept = i64::from(turn) * 100;
            let next = pace.turn(start + slow * turn, i64::from(turn) + 1 + swept, swept);
            assert_eq!(next, Turn { most: BESIDE, pause: Duration::ZERO });
        }
        assert_eq!(pace.turn(start + SECOND, 11 + 1000, 1000).pause, Duration::ZERO);
        let next = pace.turn(start + SECOND, 12 + 1100, 1100);
        assert_eq!(next.pause, SECOND * 100 / A_SECOND);
    }

    #[test]
    fn however_much_has_been_freed_sweeps_never_stop() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        pace.turn(start, 1000, 0);
        let freed = 10 * i64::from(A_SECOND);
        assert_eq!(pace.turn(start, 1001 + freed, freed).pause, LONGEST_PAUSE);
    }

    #[test]
    fn one_event_of_somebody_else_is_heeded_for_a_while() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        pace.turn(start, 1000, 0);
        let later = start + QUIET;
        assert_eq!(pace.turn(later, 1000, 0), AT_ONCE);
        assert_eq!(pace.turn(later, 1001, 0).most, BESIDE);
        let soon = later + QUIET - Duration::from_millis(1);
        assert_eq!(pace.turn(soon, 1001, 0).most, BESIDE);
        assert_eq!(pace.turn(later + QUIET, 1001, 0), AT_ONCE);
    }

    #[test]
    fn events_that_are_gone_are_no_news() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        pace.turn(start, 1000, 0);
        // A ledger that went back, a drop that was forgotten.
        assert_eq!(pace.turn(start + QUIET, 400, 0), AT_ONCE);
        assert_eq!(pace.turn(start + QUIET, 401, 0).most, BESIDE);
    }
}
