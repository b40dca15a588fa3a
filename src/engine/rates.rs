//! Asks Redis whether calls may pass: many at a time, and never for long.
//!
//! The next round trip takes all the calls that have come during the last one, and asks each bucket
//! once for all of its calls: under load a limit by key costs Redis next to nothing. While calls come
//! all the time, some milliseconds' worth of them is gathered before each. Of a fast limit a round trip
//! takes some calls ahead, for those that follow; when half of these are used, the next is made. Customers are
//! many, and in a drop most of them call once: where the burst has room for that of each process, a customer's first
//! call in a long time passes at once, and Redis hears of it with the next one. Whoever gets
//! no answer in time may pass: a limiter that can't count must not be what stops a sale.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use crate::{
    domain::{RateLimit, Standing},
    engine::{
        newcomers::{Known, Newcomers},
        presence::{Company, Firsts},
    },
    store::{BucketCalls, BucketGave, Store},
};

/// What the buckets of customers are called.
pub const CUSTOMER_BUCKETS: &str = "customer";
/// How long a call waits for its bucket.
const WITHIN: Duration = Duration::from_millis(500);
/// The most buckets of a round trip.
const MOST: usize = 500;
/// A round trip with so many shows a crowd.
const CROWD: usize = 4;
/// So many round trips go one right behind the other. Where calls come even then, each further one
/// waits for company: alone, a call would pay for a whole one.
const AT_ONCE: u32 = 2;
/// How long it waits, and in a crowd, where each call waits for its turn anyway.
const GATHER_FOR: Duration = Duration::from_millis(1);
const GATHER_CROWD_FOR: Duration = Duration::from_millis(3);

/// What was taken ahead and not used within this time is lost. However long it is, a process has no
/// more than [`RateLimit::ahead`] in hand.
const KEPT_FOR: Duration = Duration::from_secs(1);
/// A round trip takes at most so many calls ahead for each that waited for it: who hardly calls takes
/// hardly anything from the others.
const AHEAD_OF_EACH: u64 = 50;

/// A rate limit that all processes share.
#[derive(Debug)]
pub struct Rates {
    store: Store,
    /// What is limited.
    what: &'static str,
    limit: RateLimit,
    /// Which other processes there are.
    company: Arc<Company>,
    waiting: Mutex<Waiting>,
    /// Since the last round trip failed nobody waits for one; the next that succeeds ends that.
    failing: AtomicBool,
}

#[derive(Debug, Default)]
struct Waiting {
    /// By whose bucket it is.
    buckets: HashMap<Arc<str>, Asking>,
    /// Where first calls count apart, whose did.
    newcomers: Option<Newcomers>,
    /// What is left of calls that were taken ahead.
    ahead: HashMap<Arc<str>, Ahead>,
    /// Whether a task is asking, which then takes what comes.
    asking: bool,
}

/// Those who wait for one bucket.
#[derive(Debug, Default)]
struct Asking {
    /// Calls that have passed and that it has not heard of.
    owed: u64,
    tells: Vec<oneshot::Sender<Standing>>,
}

impl Asking {
    fn calls(&self) -> u64 {
        self.owed + self.tells.len() as u64
    }
}

/// Calls of a bucket that have passed before they came.
#[derive(Clone, Copy, Debug)]
struct Ahead {
    calls: u64,
    /// As many as are left when more are fetched.
    fetch_at: u64,
    /// As many have been used since the last were fetched.
    used: u64,
    /// What the bucket has besides them.
    left: u64,
    full_in: Duration,
    until: Instant,
}

impl Ahead {
    /// One of them, for a call that comes now.
    fn take(&mut self, now: Instant) -> Option<Standing> {
        if now >= self.until {
            return None;
        }
        self.calls = self.calls.checked_sub(1)?;
        self.used += 1;
        Some(Standing::Pass { left: self.left + self.calls, full_in: self.full_in })
    }

    /// These with so many more, which the bucket gave now.
    fn with(before: Option<Ahead>, more: u64, gave: &BucketGave, now: Instant) -> Ahead {
        let calls = before.map_or(0, |before| before.in_hand(now)) + more;
        let BucketGave { left, full_in, .. } = *gave;
        Ahead { calls, fetch_at: calls / 2, used: 0, left, full_in, until: now + KEPT_FOR }
    }

    fn in_hand(&self, now: Instant) -> u64 {
        if now < self.until { self.calls } else { 0 }
    }
}

impl Rates {
    pub(super) fn new(
        store: Store,
        company: Arc<Company>,
        what: &'static str,
        limit: RateLimit,
    ) -> Arc<Rates> {
        let of_customers = what == CUSTOMER_BUCKETS;
        let newcomers = of_customers.then(|| Newcomers::new(limit.first_after(), Instant::now()));
        let waiting = Mutex::new(Waiting { newcomers, ..Waiting::default() });
        let failing = AtomicBool::new(false);
        Arc::new(Rates { store, what, limit, company, waiting, failing })
    }

    /// Where the bucket of `whose` stands, behind one more call; `None` when Redis can't say.
    pub async fn ask(self: &Arc<Self>, whose: &str) -> Option<Standing> {
        let failing = self.failing.load(Ordering::Relaxed);
        let told = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            // While it fails, one call at a time finds out whether it still does.
            if failing && waiting.asking {
                return None;
            }
            let owed = match &mut waiting.newcomers {
                Some(newcomers) => {
                    let now = Instant::now();
                    let firsts = self.firsts(now);
                    match newcomers.call(whose, firsts.pass, now) {
                        Known::New => return Some(self.first(firsts)),
                        Known::Owes(calls) => calls,
                    }
                }
                None => 0,
            };
            let taken = waiting.ahead.get_mut(whose).and_then(|ahead| {
                let standing = ahead.take(Instant::now())?;
                Some((standing, ahead.calls == ahead.fetch_at))
            });
            if let Some((standing, false)) = taken {
                return Some(standing);
            }
            // It asks once this lock is given up.
            if !std::mem::replace(&mut waiting.asking, true) {
                self.store.home().spawn(Arc::clone(self).answer());
            }
            let asking = waiting.buckets.entry(whose.into()).or_default();
            asking.owed += owed;
            if let Some((standing, _)) = taken {
                return Some(standing);
            }
            let (tell, told) = oneshot::channel();
            asking.tells.push(tell);
            told
        };
        if failing {
            return None;
        }
        if let Ok(answer) = tokio::time::timeout(WITHIN, told).await {
            return answer.ok();
        }
        self.fails("no answer in time");
        None
    }

    /// What becomes of first calls: only those of customers pass untold.
    fn firsts(&self, now: Instant) -> Firsts {
        match self.what {
            CUSTOMER_BUCKETS => self.company.firsts(self.limit, now),
            _ => Firsts::default(),
        }
    }

    /// Where a bucket stands behind a first call: it was whole.
    fn first(&self, firsts: Firsts) -> Standing {
        let left = u64::from(self.limit.burst() - self.kept_back(firsts)).saturating_sub(1);
        Standing::Pass { left, full_in: self.limit.interval() }
    }

    /// As many calls Redis keeps back for those that it has not heard of.
    fn kept_back(&self, firsts: Firsts) -> u32 {
        let kept = self.limit.kept_for_ahead() + firsts.kept_back;
        kept.min(self.limit.burst() - 1)
    }

    /// Asks for all that wait, until nobody does.
    async fn answer(self: Arc<Self>) {
        let mut trips = 0;
        while let Some((asked, asking)) = self.next() {
            trips += 1;
            let kept_back = self.kept_back(self.firsts(Instant::now()));
            match self.store.rate(self.what, self.limit, kept_back, &asked).await {
                Ok(gave) => {
                    if self.failing.swap(false, Ordering::Relaxed) {
                        tracing::info!(limit = self.what, "a rate limit is in force again");
                    }
                    self.keep_ahead(&asked, &asking, &gave);
                    asking.into_iter().zip(gave).for_each(|(asking, gave)| tell_all(asking, gave));
                }
                Err(error) => self.fails(&error.to_string()),
            }
            if trips >= AT_ONCE {
                let crowded = asked.len() >= CROWD;
                let time = if crowded { GATHER_CROWD_FOR } else { GATHER_FOR };
                tokio::time::sleep(time).await;
            }
        }
    }

    /// What the next round trip asks; `None` when nobody waits, and this task need not go on.
    fn next(&self) -> Option<(Vec<BucketCalls>, Vec<Asking>)> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.buckets.is_empty() {
            waiting.asking = false;
            return None;
        }
        let taken: Vec<_> = if waiting.buckets.len() <= MOST {
            waiting.buckets.drain().collect()
        } else {
            let names: Vec<_> = waiting.buckets.keys().take(MOST).cloned().collect();
            names.iter().filter_map(|name| waiting.buckets.remove_entry(name)).collect()
        };
        let now = Instant::now();
        let bucket = |(whose, asking): (Arc<str>, Asking)| {
            let (in_hand, used) = match waiting.ahead.get(&whose) {
                Some(ahead) => (ahead.in_hand(now), ahead.used),
                None => (0, 0),
            };
            let calls = asking.calls();
            let most = u64::from(self.limit.ahead()).min(AHEAD_OF_EACH * (calls + used));
            // Nobody waits, and there is enough: one more keeps the question a question.
            let calls = (calls + most.saturating_sub(in_hand)).max(1);
            (BucketCalls { whose, calls }, asking)
        };
        Some(taken.into_iter().map(bucket).unzip())
    }

    /// Keeps what passed beyond those that wait.
    fn keep_ahead(&self, asked: &[BucketCalls], asking: &[Asking], gave: &[BucketGave]) {
        let now = Instant::now();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        for ((asked, asking), gave) in asked.iter().zip(asking).zip(gave) {
            let more = gave.passed.saturating_sub(asking.calls());
            if more > 0 {
                let before = waiting.ahead.get(&asked.whose).copied();
                let ahead = Ahead::with(before, more, gave, now);
                waiting.ahead.insert(Arc::clone(&asked.whose), ahead);
            }
        }
        // Those of keys are few; should customers have so fast a limit, theirs don't pile up.
        if waiting.ahead.len() > MOST {
            waiting.ahead.retain(|_, ahead| ahead.until > now);
        }
    }

    fn fails(&self, why: &str) {
        if !self.failing.swap(true, Ordering::Relaxed) {
            tracing::warn!(why, limit = self.what, "a rate limit is not in force");
        }
    }
}

/// Tells the calls of a bucket, in the order in which they came, what it gave them.
fn tell_all(Asking { owed, tells }: Asking, gave: BucketGave) {
    let BucketGave { passed, left, full_in, wait } = gave;
    let mut passing = passed.saturating_sub(owed);
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

    #[test]
    fn what_was_taken_ahead_is_used_or_lost_and_more_is_added() {
        let now = Instant::now();
        let (full_in, wait) = (Duration::from_secs(1), Duration::ZERO);
        let gave = BucketGave { passed: 3, left: 7, full_in, wait };
        let mut ahead = Ahead::with(None, 2, &gave, now);
        assert_eq!((ahead.calls, ahead.fetch_at), (2, 1));
        assert_eq!(ahead.take(now), Some(Standing::Pass { left: 8, full_in }));
        assert_eq!(ahead.take(now + KEPT_FOR), None);
        let mut more = Ahead::with(Some(ahead), 3, &gave, now);
        assert_eq!((more.calls, more.fetch_at, more.used), (4, 2, 0));
        assert_eq!(Ahead::with(Some(ahead), 3, &gave, now + KEPT_FOR).calls, 3);
        for left in [10, 9, 8, 7] {
            assert_eq!(more.take(now), Some(Standing::Pass { left, full_in }));
        }
        assert_eq!((more.take(now), more.used), (None, 4));
    }

    #[tokio::test]
    async fn those_who_came_first_pass() {
        for (owed, passed) in [(0, 2), (1, 3)] {
            let (tells, told): (Vec<_>, Vec<_>) = (0..4).map(|_| oneshot::channel()).unzip();
            let (full_in, wait) = (Duration::from_secs(3), Duration::from_secs(1));
            tell_all(Asking { owed, tells }, BucketGave { passed, left: 5, full_in, wait });
            let mut standings = Vec::new();
            for told in told {
                standings.push(told.await.expect("told"));
            }
            let waits = Standing::Wait { wait, full_in };
            let passes = |left| Standing::Pass { left, full_in };
            assert_eq!(standings, [passes(6), passes(5), waits, waits]);
        }
    }
}
