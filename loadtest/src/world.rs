//! What all buyers share: the drop, who comes next, the opening, the books.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::books::Books;
use crate::buyer::Outcome;
use crate::mix::{Kind, Mix};

/// When the drop opens, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// Not yet known.
    Awaited,
    /// Known.
    At(Instant),
    /// There will be none.
    Cancelled,
}

/// The sizes of a simulation.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The engine's address, without a slash at its end.
    pub(crate) url: String,
    pub(crate) storefront_key: String,
    pub(crate) drop: String,
    /// The SKUs, the one that is wanted most first.
    pub(crate) skus: Vec<String>,
    /// Units a customer may have.
    pub(crate) limit: i64,
    pub(crate) ttl: Duration,
    pub(crate) seed: u64,
    /// For how long a buyer repeats a call that has no answer.
    pub(crate) patience: Duration,
    /// How long after the opening nobody else comes in.
    pub(crate) time_limit: Duration,
    pub(crate) buyers: usize,
    pub(crate) at_once: usize,
    pub(crate) mix: Mix,
}

/// How the buyers of one kind fared.
pub(crate) type Fared = BTreeMap<Outcome, u64>;

/// The shared world of a simulation.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) books: Books,
    /// How many buyers of each kind come.
    wanted: [usize; Kind::ALL.len()],
    /// How many of each kind have come.
    came: [AtomicUsize; Kind::ALL.len()],
    /// How many have gone home.
    gone: AtomicUsize,
    waiting: AtomicUsize,
    ended: AtomicBool,
    opening: watch::Sender<Opening>,
    fared: Mutex<[Fared; Kind::ALL.len()]>,
}

impl World {
    /// A world before its drop.
    pub(crate) fn new(plan: Plan) -> World {
        World {
            wanted: plan.mix.divide(plan.buyers, false),
            plan,
            books: Books::default(),
            came: Default::default(),
            gone: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
            opening: watch::channel(Opening::Awaited).0,
            fared: Mutex::default(),
        }
    }

    /// How many buyers of each kind are there at a time.
    pub(crate) fn places(&self) -> [usize; Kind::ALL.len()] {
        let places = self.plan.mix.divide(self.plan.at_once, true);
        std::array::from_fn(|index| places[index].min(self.wanted[index]))
    }

    /// A place of the crowd is taken: waits at the door until the opening is announced.
    /// `None` when there is none.
    pub(crate) async fn wait_at_door(&self) -> Option<Instant> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let mut opening = self.opening.subscribe();
        let known = opening.wait_for(|opening| *opening != Opening::Awaited).await;
        match known.as_deref() {
            Ok(Opening::At(instant)) => Some(*instant),
            Ok(Opening::Awaited | Opening::Cancelled) | Err(_) => None,
        }
    }

    /// How many wait at the door.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Tells everybody at the door.
    pub(crate) fn announce(&self, opening: Opening) {
        self.opening.send_replace(opening);
    }

    /// Nobody is left.
    pub(crate) fn announce_end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    /// Whether nobody is left.
    pub(crate) fn ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// The number of the next buyer of a kind, `None` when all have come, or it is too late.
    pub(crate) fn next(&self, kind: Kind) -> Option<usize> {
        let late = match *self.opening.borrow() {
            Opening::At(instant) => instant.elapsed() >= self.plan.time_limit,
            Opening::Awaited | Opening::Cancelled => true,
        };
        let wanted = self.wanted[kind.index()];
        let came = &self.came[kind.index()];
        let take = |n: usize| (n < wanted && !late).then_some(n + 1);
        came.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).ok()
    }

    /// A buyer goes home.
    pub(crate) fn leave(&self, kind: Kind, outcome: Outcome) {
        self.gone.fetch_add(1, Ordering::Relaxed);
        let mut fared = self.fared.lock().unwrap_or_else(PoisonError::into_inner);
        *fared[kind.index()].entry(outcome).or_default() += 1;
    }

    /// How many have gone home.
    pub(crate) fn gone(&self) -> usize {
        self.gone.load(Ordering::Relaxed)
    }

    /// How the buyers of each kind fared.
    pub(crate) fn fared(&self) -> [Fared; Kind::ALL.len()] {
        self.fared.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
