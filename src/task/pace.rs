//! How fast the sweeps of a process go. Whoever buys must hardly notice that others' holds come
//! due, and what is due must not wait for ever: both are weighed here and nowhere else.
//!
//! Nothing here waits or asks anybody, so that the weighing can be tested on its own.

use std::time::{Duration, Instant};

/// Holds that a prompt turn looks at. One script must not hold up Redis for long.
const PROMPT: u32 = 250;
/// Holds that a polite turn looks at: what a commit carries of them is what a call may have to wait
/// for.
const POLITE: u32 = 100;
/// Holds that are freed promptly in each second, whoever else wants something: so many are promised
/// to be free within a second of their deadline.
const PROMISED: i64 = 10_000;
const SECOND: Duration = Duration::from_secs(1);
/// It never pauses longer, so that there is a least rate whatever the others do.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);
/// For so long after somebody else's last event the process is not alone.
const QUIET: Duration = Duration::from_millis(250);

/// What one turn of a sweep may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// What was promised is not done yet, or nobody else wants anything: the next turn comes as
    /// soon as the ledger is near.
    Prompt,
    /// Others are at it: the next turn comes when this one is durable, and a pause later.
    Polite,
}

impl Turn {
    /// Holds to look at.
    pub(super) fn most(self) -> u32 {
        match self {
            Turn::Prompt => PROMPT,
            Turn::Polite => POLITE,
        }
    }

    /// How long to pause behind a turn that became durable after so long: as long again. So sweeps
    /// take half of the time at most, and less the busier the servers are, for a turn takes longer
    /// then and does no more.
    pub(super) fn pause(self, took: Duration) -> Duration {
        match self {
            Turn::Prompt => Duration::ZERO,
            Turn::Polite => took.min(LONGEST_PAUSE),
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
        let ran_out = |(since, _): (Instant, i64)| now.saturating_duration_since(since) >= SECOND;
        if self.second.is_none_or(ran_out) {
            self.second = Some((now, swept));
        }
        let freed = self.second.map_or(0, |(_, before)| swept - before);
        match self.grew {
            Some(grew) if freed >= PROMISED && now.saturating_duration_since(grew) < QUIET => {
                Turn::Polite
            }
            Some(_) | None => Turn::Prompt,
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
        pace.turn(start, 1000, 0);
        for turn in 1..100_u32 {
            let (now, swept) = (start + QUIET * turn, i64::from(turn) * PROMISED);
            assert_eq!(pace.turn(now, 1000 + swept, swept), Turn::Prompt);
        }
    }

    #[test]
    fn what_is_promised_is_done_promptly_beside_others_too() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        for second in 0..5_u32 {
            let (now, before) = (start + SECOND * second, i64::from(second) * (PROMISED + 100));
            let events = |swept: i64| 1000 + i64::from(second) * 10 + swept;
            assert_eq!(pace.turn(now, events(before), before), Turn::Prompt);
            let done = before + PROMISED - 1;
            assert_eq!(pace.turn(now + millis(600), events(done) + 1, done), Turn::Prompt);
            let done = before + PROMISED;
            assert_eq!(pace.turn(now + millis(700), events(done) + 2, done), Turn::Polite);
        }
    }

    #[test]
    fn one_event_of_somebody_else_is_heeded_for_a_while() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        pace.turn(start, 1000, 0);
        let (later, freed) = (start + QUIET, 2 * PROMISED);
        assert_eq!(pace.turn(later, 1000 + freed, freed), Turn::Prompt);
        assert_eq!(pace.turn(later + millis(1), 1001 + freed, freed), Turn::Polite);
        assert_eq!(pace.turn(later + QUIET, 1001 + freed, freed), Turn::Polite);
        assert_eq!(pace.turn(later + QUIET + millis(1), 1001 + freed, freed), Turn::Prompt);
    }

    #[test]
    fn events_that_are_gone_are_no_news() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        let freed = PROMISED;
        pace.turn(start, 1000, 0);
        // A ledger that went back, a drop that was forgotten.
        assert_eq!(pace.turn(start + QUIET, 400 + freed, freed), Turn::Prompt);
        assert_eq!(pace.turn(start + QUIET, 401 + freed, freed), Turn::Polite);
    }

    #[test]
    fn beside_others_sweeps_take_half_of_the_time_and_never_stop() {
        for (took, pause) in [(0, 0), (4, 4), (50, 50), (51, 50), (100, 50)] {
            assert_eq!(Turn::Polite.pause(millis(took)), millis(pause), "{took} ms");
            assert_eq!(Turn::Prompt.pause(millis(took)), Duration::ZERO);
        }
        assert!(Turn::Polite.most() < Turn::Prompt.most());
    }
}
