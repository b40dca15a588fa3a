//! Whose first call passed here without Redis having been asked.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, BuildHasherDefault, Hasher, RandomState},
    mem,
    time::{Duration, Instant},
};

/// The most of a generation, some 5 MB; whoever is new beyond that is asked for at once.
const MOST: usize = 262_144;

/// Those who called of late, and what Redis has not heard of their first calls.
///
/// Nobody's name is kept. Two whose hashes are the same are taken for one, of whom more is asked than
/// needed.
#[derive(Debug)]
pub(super) struct Newcomers {
    hasher: RandomState,
    /// Whoever does not call for so long is new again.
    kept_for: Duration,
    since: Instant,
    /// Who called since, and before that. By each, how many calls Redis has to hear of yet.
    present: Owed,
    before: Owed,
}

type Owed = HashMap<u64, u64, BuildHasherDefault<Itself>>;

/// The hash of what is one already.
#[derive(Clone, Copy, Debug, Default)]
struct Itself(u64);

impl Hasher for Itself {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    // Of anything else nobody asks; all of them would meet.
    fn write(&mut self, _: &[u8]) {}
}

/// What is known of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// The first call in a long time: it may pass, and is told of with the next.
    New,
    /// One that has to be asked for; so many before it were not told of, and have to be now.
    Owes(u64),
}

impl Newcomers {
    pub(super) fn new(kept_for: Duration, now: Instant) -> Newcomers {
        let (present, before) = (Owed::default(), Owed::default());
        Newcomers { hasher: RandomState::new(), kept_for, since: now, present, before }
    }

    /// Notes a call; a first one is asked for too unless it `may_pass`.
    pub(super) fn call(&mut self, whose: &str, may_pass: bool, now: Instant) -> Known {
        let passed = now.saturating_duration_since(self.since);
        if passed >= self.kept_for {
            let ended = mem::take(&mut self.present);
            self.before = if passed >= 2 * self.kept_for { Owed::default() } else { ended };
            self.since = now;
        }
        let hash = self.hasher.hash_one(whose);
        if let Some(owed) = self.present.get_mut(&hash) {
            return Known::Owes(mem::take(owed));
        }
        let known = self.before.remove(&hash);
        if known.is_none() && self.present.len() >= MOST {
            return Known::Owes(0);
        }
        let passes = known.is_none() && may_pass;
        self.present.insert(hash, u64::from(passes));
        if passes { Known::New } else { Known::Owes(known.unwrap_or(0)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEPT_FOR: Duration = Duration::from_secs(10);

    #[test]
    fn the_first_call_is_told_of_once_with_the_next() {
        let now = Instant::now();
        let mut newcomers = Newcomers::new(KEPT_FOR, now);
        assert_eq!(newcomers.call("a", true, now), Known::New);
        assert_eq!(newcomers.call("b", true, now), Known::New);
        assert_eq!(newcomers.call("a", true, now), Known::Owes(1));
        assert_eq!(newcomers.call("a", true, now), Known::Owes(0));
        // In the next generation as well.
        assert_eq!(newcomers.call("b", true, now + KEPT_FOR), Known::Owes(1));
        assert_eq!(newcomers.call("b", true, now + KEPT_FOR), Known::Owes(0));
    }

    #[test]
    fn who_does_not_call_for_long_enough_is_new_again_and_not_before() {
        let now = Instant::now();
        let mut newcomers = Newcomers::new(KEPT_FOR, now);
        let mut last = now;
        assert_eq!(newcomers.call("a", true, last), Known::New);
        for seconds in [9, 10, 19, 20, 29] {
            last = now + Duration::from_secs(seconds);
            assert!(matches!(newcomers.call("a", true, last), Known::Owes(_)), "after {seconds} s");
        }
        // Others turn the generations.
        for seconds in [10, 20] {
            newcomers.call("b", true, last + Duration::from_secs(seconds));
        }
        assert_eq!(newcomers.call("a", true, last + Duration::from_secs(20)), Known::New);
        assert_eq!(newcomers.call("a", true, last + Duration::from_secs(60)), Known::New);
    }

    #[test]
    fn who_was_asked_for_at_first_owes_nothing_and_is_not_new_later() {
        let now = Instant::now();
        let mut newcomers = Newcomers::new(KEPT_FOR, now);
        assert_eq!(newcomers.call("a", false, now), Known::Owes(0));
        assert_eq!(newcomers.call("a", true, now), Known::Owes(0));
        assert_eq!(newcomers.call("b", true, now), Known::New);
        assert_eq!(newcomers.call("b", false, now), Known::Owes(1));
        assert_eq!(newcomers.call("b", true, now + KEPT_FOR), Known::Owes(0));
    }

    #[test]
    fn a_full_generation_takes_nobody_for_new() {
        let now = Instant::now();
        let mut newcomers = Newcomers::new(KEPT_FOR, now);
        (0..MOST as u64).for_each(|hash| {
            newcomers.present.insert(hash, 0);
        });
        assert_eq!(newcomers.call("a", true, now), Known::Owes(0));
        assert_eq!(newcomers.present.len(), MOST);
        assert_eq!(newcomers.call("a", true, now + KEPT_FOR), Known::New);
    }
}
