//! Random histories through real Redis and a model beside it: every outcome, every event, and
//! the whole state must be the same, whatever is lost, rebuilt or sent in between.
//!
//! - `DROPGATE_MODEL_CASES` sets the number of histories, in which a call has few operations and
//!   the whole state is compared after each.
//! - `DROPGATE_MODEL_OPERATIONS` plays histories with many operations a call until there were so
//!   many. The head (`meta`, `stock`, the journal's new entry) is compared after each call, the whole
//!   state after every fourth and after each sweep.
//!   `DROPGATE_MODEL_OPERATIONS=1000000 cargo test -p dropgate --test scripts model -- --nocapture`
//! - `DROPGATE_MODEL_SEED` is the seed of the first history. A failure prints the seed of its own and
//!   its last steps.

mod compare;
mod history;
mod losses;
mod ops;
mod random;
mod state;
mod verbs;

use std::{
    env,
    ops::AddAssign,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    time::Instant,
};

use history::{History, Pace};

/// Histories, unless the environment says otherwise.
const CASES: u64 = 200;
/// Histories that are played at once: the scripts keep one core busy, the model the other.
const AT_ONCE: u64 = 3;

/// What was played.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    histories: usize,
    calls: usize,
    operations: usize,
    events: usize,
    hostile: usize,
    rebuilds: usize,
    trims: usize,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.histories += other.histories;
        self.calls += other.calls;
        self.operations += other.operations;
        self.events += other.events;
        self.hostile += other.hostile;
        self.rebuilds += other.rebuilds;
        self.trims += other.trims;
    }
}

fn setting(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().expect("a whole number"))
}

#[test]
fn histories_are_those_of_the_model() {
    let seed = setting("DROPGATE_MODEL_SEED").unwrap_or_else(|| rand::random::<u32>().into());
    let cases = setting("DROPGATE_MODEL_CASES").unwrap_or(CASES);
    let operations = setting("DROPGATE_MODEL_OPERATIONS");
    let pace = match operations {
        None => Pace { crowded: false, compare_every: 1 },
        Some(_) => Pace { crowded: true, compare_every: 4 },
    };
    let begun = Instant::now();
    let (next, played) = (AtomicU64::new(0), AtomicUsize::new(0));
    let worker = || {
        let mut counts = Counts::default();
        loop {
            let history = next.fetch_add(1, Ordering::Relaxed);
            let enough = match operations {
                None => history >= cases,
                Some(wanted) => {
                    let played = played.load(Ordering::Relaxed);
                    history > 0 && u64::try_from(played).is_ok_and(|played| played >= wanted)
                }
            };
            // A single history is played alone, so that a failure can be looked at.
            if enough || (operations == Some(1) && history > 0) {
                return counts;
            }
            let one = History::play(seed + history, pace);
            played.fetch_add(one.operations, Ordering::Relaxed);
            counts += one;
        }
    };
    let counts = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().fold(Counts::default(), |mut all, worker| {
            all += worker.join().expect("the histories agree");
            all
        })
    });
    println!("seed {seed}, {:.1} s: {counts:?}", begun.elapsed().as_secs_f64());
}
