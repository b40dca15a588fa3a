//! Asks Redis whether calls may pass: many at a time, and never for long.
//!
//! The next round trip takes all the calls that have come during the last one, and asks each bucket
//! once for all of its calls: under load a limit by key costs Redis next to nothing. Whoever gets
//! no answer in time may pass: a limiter that can't count must not be what stops a sale.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::oneshot;

use crate::{
    domain::{RateLimit, Standing},
    store::{BucketCalls, BucketGave, Store},
};

/// How long a call waits for its bucket.
const WITHIN: Duration = Duration::from_millis(500);
/// The most buckets of a round trip.
const MOST: usize = 500;

/// The rate limits that all processes share.
#[derive(Debug)]
pub struct Rates {
    store: Store,
    waiting: Mutex<Waiting>,
    /// Since the last round trip failed nobody waits for one; the next that succeeds ends that.
    failing: AtomicBool,
}

#[derive(Debug, Default)]
struct Waiting {
    buckets: HashMap<Name, (RateLimit, Tells)>,
    /// Whether a task is asking, which then takes what comes.
    asking: bool,
}

/// What is limited, and whose bucket it is.
type Name = (&'static str, Arc<str>);
/// Those who wait for one bucket.
type Tells = Vec<oneshot::Sender<Standing>>;

impl Rates {
    pub(super) fn new(store: Store) -> Arc<Rates> {
        Arc::new(Rates { store, waiting: Mutex::default(), failing: AtomicBool::new(false) })
    }

    /// Where the bucket stands that `limit` gives to `whose`, behind one more call; `None` when
    /// Redis can't say. `what` is limited.
    pub async fn ask(
        self: &Arc<Self>,
        what: &'static str,
        whose: &str,
        limit: RateLimit,
    ) -> Option<Standing> {
        let (tell, told) = oneshot::channel();
        let failing = self.failing.load(Ordering::Relaxed);
        {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            // While it fails, one call at a time finds out whether it still does.
            if failing && waiting.asking {
                return None;
            }
            match waiting.buckets.entry((what, whose.into())) {
                Entry::Occupied(mut known) => known.get_mut().1.push(tell),
                Entry::Vacant(new) => _ = new.insert((limit, vec![tell])),
            }
            if !std::mem::replace(&mut waiting.asking, true) {
                tokio::spawn(Arc::clone(self).answer());
            }
        }
        if failing {
            return None;
        }
        if let Ok(answer) = tokio::time::timeout(WITHIN, told).await {
            return answer.ok();
        }
        self.fails("no answer in time");
        None
    }

    /// Asks for all that wait, until nobody does.
    async fn answer(self: Arc<Self>) {
        while let Some((asked, tells)) = self.next() {
            match self.store.rate(&asked).await {
                Ok(gave) => {
                    if self.failing.swap(false, Ordering::Relaxed) {
                        tracing::info!("rate limits are in force again");
                    }
                    tells.into_iter().zip(gave).for_each(|(tells, gave)| tell_all(tells, gave));
                }
                Err(error) => self.fails(&error.to_string()),
            }
        }
    }

    /// What the next round trip asks; `None` when nobody waits, and this task need not go on.
    fn next(&self) -> Option<(Vec<BucketCalls>, Vec<Tells>)> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.buckets.is_empty() {
            waiting.asking = false;
            return None;
        }
        let names: Vec<_> = waiting.buckets.keys().take(MOST).cloned().collect();
        let taken: Vec<_> =
            names.iter().filter_map(|name| waiting.buckets.remove_entry(name)).collect();
        drop(waiting);
        let bucket = |((what, whose), (limit, tells)): (Name, (RateLimit, Tells))| {
            let calls = tells.len() as u64;
            (BucketCalls { what, whose: whose.to_string(), limit, calls }, tells)
        };
        Some(taken.into_iter().map(bucket).unzip())
    }

    fn fails(&self, why: &str) {
        if !self.failing.swap(true, Ordering::Relaxed) {
            tracing::warn!(why, "rate limits by key and customer are not in force");
        }
    }
}

/// Tells the calls of a bucket, in the order in which they came, what it gave them.
fn tell_all(tells: Tells, gave: BucketGave) {
    let BucketGave { passed, left, full_in, wait } = gave;
    let mut passing = passed;
    for tell in tells {
        let standing = if passing > 0 {
            passing -= 1;
            Standing::Pass { left: left + passing, full_in }
        } else {
            Standing::Wait { wait, full_in }
        };
        // Whoever has stopped waiting has passed.
        let _ = tell.send(standing);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn those_who_came_first_pass() {
        let (tells, told): (Tells, Vec<_>) = (0..4).map(|_| oneshot::channel()).unzip();
        let (full_in, wait) = (Duration::from_secs(3), Duration::from_secs(1));
        tell_all(tells, BucketGave { passed: 2, left: 5, full_in, wait });
        let mut standings = Vec::new();
        for told in told {
            standings.push(told.await.expect("told"));
        }
        let waits = Standing::Wait { wait, full_in };
        let passes = |left| Standing::Pass { left, full_in };
        assert_eq!(standings, [passes(6), passes(5), waits, waits]);
    }
}
