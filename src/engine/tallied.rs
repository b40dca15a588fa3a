//! What this process has counted of a drop's calls and not yet added to the tally of all engines.
//!
//! Only calls that left nothing in the ledger: refusals, and what could not be answered. The others
//! are counted there, exactly.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::{Engine, counted::Kind};
use crate::{
    command::Verb,
    store::{StoreError, TallyCount, TallyNews},
};

/// Calls of one verb that came to one outcome.
type Calls = (Verb, Kind, u64);

/// Counts by verb and outcome. Counting is an addition; a task takes them away once a second.
#[derive(Debug, Default)]
pub(super) struct Tallied {
    stirred: AtomicBool,
    calls: [[AtomicU64; Kind::COUNT]; Verb::ALL.len()],
}

impl Tallied {
    pub(super) fn count(&self, verb: Verb, kind: Kind) {
        self.calls[verb as usize][kind as usize].fetch_add(1, Ordering::Relaxed);
        // Most find it set: then nothing is written that other threads would have to read anew.
        if !self.stirred.load(Ordering::Relaxed) {
            self.stirred.store(true, Ordering::Release);
        }
    }

    /// Takes what was counted: by verb and outcome, and how many of them were refused holds.
    fn take(&self) -> Option<(Vec<Calls>, u64)> {
        if !self.stirred.swap(false, Ordering::AcqRel) {
            return None;
        }
        let mut taken = Vec::new();
        let mut refused_holds = 0;
        for verb in Verb::ALL {
            for kind in Kind::ALL {
                let calls = self.calls[verb as usize][kind as usize].swap(0, Ordering::Relaxed);
                if calls > 0 {
                    taken.push((verb, kind, calls));
                }
                if verb == Verb::Reserve && kind.is_refusal() {
                    refused_holds += calls;
                }
            }
        }
        Some((taken, refused_holds))
    }

    /// Puts back what could not be told.
    fn put_back(&self, taken: &[Calls]) {
        for (verb, kind, calls) in taken {
            self.calls[*verb as usize][*kind as usize].fetch_add(*calls, Ordering::Relaxed);
        }
        self.stirred.store(true, Ordering::Release);
    }
}

impl Engine {
    /// Adds what this process has counted since the last time to the tallies of all engines. What
    /// Redis gave no answer about is added again: then it may count twice.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn tell_tallies(&self) -> Result<(), StoreError> {
        let drops = self.known_drops();
        let taken: Vec<_> =
            drops.iter().filter_map(|drop| Some((drop, drop.counted.tallied.take()?))).collect();
        if taken.is_empty() {
            return Ok(());
        }
        let count = |(verb, kind, calls): &Calls| TallyCount {
            verb: verb.script().to_owned(),
            outcome: kind.word().to_owned(),
            calls: *calls,
        };
        let news: Vec<TallyNews> = taken
            .iter()
            .map(|(drop, (counts, refused_holds))| TallyNews {
                drop: drop.id.clone(),
                counts: counts.iter().map(count).collect(),
                refused_holds: *refused_holds,
            })
            .collect();
        // What was counted since the last turn, most of it in the second that has just ended.
        let second = self.now().0.div_euclid(1000) - 1;
        let told = self.store.add_to_tallies(second, &news).await;
        if told.is_err() {
            for (drop, (counts, _)) in &taken {
                drop.counted.tallied.put_back(counts);
            }
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_taken_once_and_can_be_put_back() {
        let tallied = Tallied::default();
        assert!(tallied.take().is_none());
        tallied.count(Verb::Reserve, Kind::SoldOut);
        tallied.count(Verb::Reserve, Kind::SoldOut);
        tallied.count(Verb::Reserve, Kind::NothingHappened);
        tallied.count(Verb::Change, Kind::SoldOut);
        let (counts, refused_holds) = tallied.take().expect("something");
        assert_eq!(refused_holds, 2);
        let expected = [
            (Verb::Change, Kind::SoldOut, 1),
            (Verb::Reserve, Kind::SoldOut, 2),
            (Verb::Reserve, Kind::NothingHappened, 1),
        ];
        assert_eq!(counts, expected);
        assert!(tallied.take().is_none());
        tallied.put_back(&counts);
        assert_eq!(tallied.take().expect("again").0, expected);
    }
}
