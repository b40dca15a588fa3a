//! Compares Redis with the ledger, and what this process knows with what the ledger has.

use std::{collections::HashSet, sync::Arc, time::Duration};

use tokio::sync::watch;

use crate::{
    domain::DropId,
    engine::Engine,
    guard,
    ledger::LedgerError,
    measure,
    progress::{Halt, Trouble},
};

/// Ticks between two comparisons.
const EVERY: Duration = Duration::from_secs(10);
/// Ticks between two cleanings of old idempotency keys in the ledger.
const FORGET_TICKS: u64 = 3_600;

/// Compares every drop every ten seconds, for as long as the process lives.
pub(super) async fn run(engine: Arc<Engine>, mut ticks: watch::Receiver<u64>) {
    let mut suspects = HashSet::new();
    let mut last = tokio::time::Instant::now();
    while ticks.changed().await.is_ok() {
        if last.elapsed() >= EVERY {
            last = tokio::time::Instant::now();
            run_once(&engine, &mut suspects).await;
            if let Err(error) = super::evict::run_once(&engine).await {
                tracing::debug!(%error, "could not take drops out of Redis");
            }
        }
    }
}

/// Compares every known drop once. One that is found unbalanced twice in a row is fenced and
/// rebuilt: what the ledger says happened, happened.
pub(super) async fn run_once(engine: &Engine, suspects: &mut HashSet<DropId>) {
    let drops = engine.known_drops();
    let mut balanced = 0;
    for drop in &drops {
        if drop.progress.is_evicted() {
            // There is nothing to compare.
            balanced += 1;
            continue;
        }
        if matches!(drop.progress.halted(), Some(Halt::Newer(_))) {
            // What Redis has of it is not for this engine to judge.
            continue;
        }
        let found = engine.reconcile(&drop.id).await;
        if let Ok(report) = &found {
            drop.note_balanced(report.balanced);
        }
        match found {
            Ok(report) if report.balanced => {
                suspects.remove(&drop.id);
                balanced += 1;
                tracing::debug!(drop = %drop.id, epoch = report.epoch, seq = report.seq,
                    behind = report.seq - report.durable_seq, "balanced");
            }
            Ok(report) => {
                tracing::error!(drop = %drop.id, epoch = report.epoch, seq = report.seq,
                    violations = ?report.violations, "Redis and the ledger disagree");
                if !suspects.insert(drop.id.clone()) {
                    let what = report.violations.join("; ");
                    guard::violation(&drop.id, "reconcile", &what);
                    drop.progress.report(Trouble::Broken { epoch: report.epoch, what });
                    suspects.remove(&drop.id);
                }
            }
            Err(error) => tracing::debug!(drop = %drop.id, %error, "could not compare"),
        }
    }
    measure::RECONCILE.set();
    tracing::debug!(drops = drops.len(), balanced, "reconciled Redis with the ledger");
}

/// Gets to know every drop of the ledger, and where each stands.
pub(super) async fn learn_drops(engine: &Engine) -> Result<(), LedgerError> {
    for (id, head) in engine.ledger.heads().await? {
        match engine.known_drop(&id) {
            None => {
                engine.open(&id).await?;
            }
            Some(known) => {
                let durable = known.progress.durable();
                // Below what is known here: the ledger may have gone back in time.
                let moved = (head.epoch, head.seq) != (durable.epoch, durable.seq);
                if moved || head.lost.is_some() {
                    known.refresh(&engine.ledger).await?;
                }
            }
        }
    }
    Ok(())
}

/// Does so at every tick: news may have been lost, and other engines make drops.
pub(super) async fn keep_up(engine: Arc<Engine>, mut ticks: watch::Receiver<u64>) {
    while ticks.changed().await.is_ok() {
        let tick = *ticks.borrow_and_update();
        if let Err(error) = learn_drops(&engine).await {
            tracing::debug!(%error, "could not look for drops");
        } else {
            measure::KEEP_UP.set();
        }
        if tick.is_multiple_of(FORGET_TICKS)
            && let Err(error) = engine.ledger.forget_requests().await
        {
            tracing::debug!(%error, "could not forget old idempotency keys");
        }
    }
}
