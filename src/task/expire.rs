//! Keeps a drop's time: frees what is due, opens and closes at the set times.
//!
//! Woken by the nearest deadline and by a tick a second, whichever comes first.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, time::Instant};

use super::schedule;
use crate::{
    clock,
    command::{Expire, Expired, Outcome},
    engine::{DropHandle, Engine},
    failpoint::{self, Place},
    lane::Undone,
};

/// Holds that one turn looks at.
const MOST: u32 = 500;
/// Events that may wait for the ledger while the sweep goes on: some 50 ms of its work, so
/// that a million expiries don't stand before one hold.
const BACKLOG: i64 = 1_000;
/// A drop without holds is looked at so often, to let go of what Redis no longer needs.
const HOUSEKEEPING: Duration = Duration::from_secs(60);

/// Keeps time for as long as the process lives.
pub(super) async fn run(
    engine: Arc<Engine>,
    drop: Arc<DropHandle>,
    mut ticks: watch::Receiver<u64>,
) {
    let mut kept = Instant::now();
    loop {
        let due = wait(&drop, &mut ticks).await;
        schedule::run_once(&engine, &drop).await;
        if due || has_holds(&drop) || kept.elapsed() >= HOUSEKEEPING {
            kept = Instant::now();
            sweep(&engine, &drop).await;
        }
    }
}

/// Frees everything that is due, turn by turn, at the pace of the ledger.
async fn sweep(engine: &Engine, drop: &DropHandle) {
    loop {
        while drop.progress.backlog() > BACKLOG {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        match run_once(engine, drop).await {
            Ok(Expired { more: true, .. }) => {}
            Ok(_) => return,
            Err(undone) => {
                tracing::debug!(drop = %drop.id, ?undone, "a turn of the sweep failed");
                return;
            }
        }
    }
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

/// One bounded turn of the sweep.
pub(super) async fn run_once(engine: &Engine, drop: &DropHandle) -> Result<Expired, Undone> {
    failpoint::pass(Place::SweepBefore).await;
    drop.progress.forget_deadline();
    let deadline = Instant::now() + engine.options.answer_timeout;
    let reached = drop.lane.run(Expire { most: MOST }, deadline).await?;
    match reached.outcome {
        Outcome::Done(expired) => {
            if let Some(next) = expired.next {
                drop.progress.deadline(next);
            }
            Ok(expired)
        }
        Outcome::Replayed { .. } | Outcome::Refused(_) | Outcome::Retry => {
            Ok(Expired { next: None, more: false })
        }
    }
}
