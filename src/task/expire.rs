//! Keeps a drop's time: frees what is due, opens and closes at the set times.
//!
//! Woken by the nearest deadline and by a tick a second, whichever comes first.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Semaphore, watch},
    time::Instant,
};

use super::{
    pace::{Pace, Turn},
    schedule,
};
use crate::{
    clock,
    command::{Expire, Expired, Outcome},
    engine::{DropHandle, Engine},
    failpoint::{self, Place},
    lane::Until,
};

/// Holds that the first turn of a sweep looks at.
const FIRST: u32 = 100;
/// Events that may wait for the ledger while the sweep goes on: some 30 ms of its work, so
/// that a million expiries don't stand before one hold.
const BACKLOG: i64 = 500;
/// For so long it waits for the ledger to get there; then it goes on as long as the ledger moves,
/// for under an overload it never would.
const PATIENCE: Duration = Duration::from_millis(100);
/// A drop without holds is looked at so often, to let go of what Redis no longer needs.
const HOUSEKEEPING: Duration = Duration::from_secs(60);
/// With more drops than these, each is looked at with every second tick, with every third and so on. What
/// comes due is known here or was written by others, and either is looked at without delay.
const A_TICK: usize = 200;
/// For so long after its last event it is looked at again and again, like one that has holds: a
/// turn lets go of some hundreds that ended, and a big sale leaves a million behind.
const LINGER: Duration = Duration::from_secs(3600);

/// Keeps time for as long as the process lives.
pub(super) async fn run(
    engine: Arc<Engine>,
    drop: Arc<DropHandle>,
    sweeps: Arc<Sweeps>,
    mut ticks: watch::Receiver<u64>,
) {
    let mut kept = Instant::now();
    let phase = rand::random::<u32>();
    let (mut seen, mut moved) = (drop.progress.seen_seq(), None::<Instant>);
    loop {
        let due = wait(&drop, &mut ticks).await;
        if drop.progress.is_evicted() {
            // It has no holds, and is closed for good unless somebody opens it.
            drop.counted.expire.set();
            continue;
        }
        schedule::run_once(&engine, &drop).await;
        let before = std::mem::replace(&mut seen, drop.progress.seen_seq());
        if seen != before {
            moved = Some(Instant::now());
        }
        let lingers = moved.is_some_and(|moved| moved.elapsed() < LINGER);
        let turns = u64::try_from(engine.drop_count().div_ceil(A_TICK)).unwrap_or(u64::MAX);
        let tick = *ticks.borrow() + u64::from(phase);
        let routine = || drop.progress.take_others_wrote() || tick.is_multiple_of(turns.max(1));
        let alive = lingers || has_holds(&drop);
        if due || (alive && routine()) || kept.elapsed() >= HOUSEKEEPING {
            kept = Instant::now();
            sweep(&engine, &drop, &sweeps).await;
        } else {
            drop.counted.expire.set();
        }
    }
}

/// What the sweeps of a process share: they go one turn at a time, at one pace.
#[derive(Debug)]
pub(super) struct Sweeps {
    turn: Semaphore,
    pace: Mutex<Pace>,
    /// Holds that they have freed.
    freed: AtomicI64,
}

impl Sweeps {
    pub(super) fn new() -> Sweeps {
        Sweeps { turn: Semaphore::new(1), pace: Mutex::default(), freed: AtomicI64::new(0) }
    }

    fn next(&self, engine: &Engine) -> Turn {
        let freed = self.freed.load(Ordering::Relaxed);
        let events = engine.known_drops().iter().map(|drop| drop.progress.seen_seq()).sum();
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        pace.turn(Instant::now().into_std(), events, freed)
    }
}

/// Frees everything that is due. What comes due in the usual course is freed at once, however many
/// drops there are; what is more than one turn frees takes its turns with other drops' sweeps.
async fn sweep(engine: &Engine, drop: &DropHandle, sweeps: &Sweeps) {
    if !ledger_is_near(drop).await {
        return;
    }
    let mut done = run_once(engine, drop, sweeps, FIRST).await;
    while done == Some(true) {
        if !ledger_is_near(drop).await {
            return;
        }
        let Ok(only_one) = sweeps.turn.acquire().await else { return };
        let turn = sweeps.next(engine);
        tokio::time::sleep(turn.pause).await;
        let swept = run_once(engine, drop, sweeps, turn.most);
        tokio::pin!(swept);
        done = match tokio::time::timeout(PATIENCE, &mut swept).await {
            Ok(done) => done,
            Err(_) => {
                // A drop in trouble must not hold up the others.
                std::mem::drop(only_one);
                swept.await
            }
        };
    }
}

/// Waits a while for the ledger to catch up; false when it is far behind and stands still: then the
/// next tick looks again.
async fn ledger_is_near(drop: &DropHandle) -> bool {
    let since = Instant::now();
    while drop.progress.backlog() > BACKLOG {
        if since.elapsed() >= PATIENCE {
            return drop.progress.admits();
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    true
}

/// Waits for a deadline (true), a tick, or the time at which the drop opens or closes.
async fn wait(drop: &DropHandle, ticks: &mut watch::Receiver<u64>) -> bool {
    loop {
        let now = clock::now();
        let deadline = drop.progress.until_deadline(now);
        let boundary = schedule::until_boundary(drop, now).unwrap_or(HOUSEKEEPING);
        let until = deadline.unwrap_or(HOUSEKEEPING).min(boundary);
        tokio::select! {
            () = tokio::time::sleep(until) => return deadline == Some(until),
            // A nearer deadline came: reckon anew.
            () = drop.progress.sweep.notified() => {}
            _ = ticks.changed() => return false,
        }
    }
}

fn has_holds(drop: &DropHandle) -> bool {
    drop.progress.backlog() > 0
        || drop.known_view().is_none_or(|view| view.skus.iter().any(|sku| sku.stock.stock.held > 0))
}

/// One bounded turn of the sweep: whether more is due. `None` when Redis did not run it; the next tick
/// looks again.
async fn run_once(engine: &Engine, drop: &DropHandle, sweeps: &Sweeps, most: u32) -> Option<bool> {
    failpoint::pass(Place::SweepBefore).await;
    drop.progress.sweep_begins();
    let deadline = Instant::now() + engine.options.answer_timeout;
    let reached = match drop.lane.run(Expire { most }, Until::Decided, deadline).await {
        Ok(reached) => reached,
        Err(undone) => {
            tracing::debug!(drop = %drop.id, ?undone, "a turn of the sweep failed");
            return None;
        }
    };
    let expired = match reached.outcome {
        Outcome::Done(expired) => expired,
        Outcome::Replayed { .. } | Outcome::Refused(_) | Outcome::Retry => {
            Expired { next: None, more: false, freed: 0 }
        }
    };
    sweeps.freed.fetch_add(expired.freed, Ordering::Relaxed);
    if let Some(next) = expired.next {
        drop.progress.deadline(next);
    }
    if !expired.more {
        drop.progress.sweep_ends();
    }
    drop.counted.expire.set();
    Some(expired.more)
}
