//! Carries a drop's journal into the ledger: in order, exactly once in effect.
//!
//! Whoever writes, only the fence in the ledger decides; the lease merely keeps two engines
//! from doing the same work. Cursor and effect are one transaction, so this may die at any
//! point and be repeated by anybody.

use std::{sync::Arc, time::Duration};

use super::{
    TaskError, jitter,
    rebuild::{Patience, rebuild_and_go_on},
};
use crate::{
    domain::Entry,
    engine::{DropHandle, DurableNews, Engine},
    failpoint::{
        self,
        Mutant::{DetectionWithoutChain, GapWithoutSecondLook, TrimAheadOfLedger},
        Place,
    },
    guard,
    ledger::{Batch, LedgerError},
    progress::{Halt, Position, Trouble},
    store::{JournalRead, StoreError},
};

/// Entries that are read at once, and events that one transaction carries at most.
const ENTRIES: usize = 128;
const EVENTS: usize = 4_000;
/// An engine whose own call has waited so long writes itself, whoever holds the lease.
const OWN_CALL_WAITS: Duration = Duration::from_millis(50);
/// After so long it looks into the ledger: the news may have been lost.
const LOOK: Duration = Duration::from_millis(20);
/// With nothing to do, it looks so often.
const IDLE: Duration = Duration::from_millis(500);

/// What one turn came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// So many events became durable; there may be more.
    Wrote(usize),
    /// Nothing waits.
    Idle,
    /// The usual writer is at it, or the drop is being rebuilt by somebody.
    Others,
    /// The drop was rebuilt, or where it stands was looked up: go on at once.
    Again,
    /// The drop is stopped and waits for a person.
    Halted,
}

/// What a look at Redis says about the drop, given what the ledger has.
#[derive(Debug, PartialEq, Eq)]
enum Health {
    /// Journal and ledger fit together.
    Fits,
    /// Redis lacks what the ledger has, or tells another story: rebuild.
    Rebuild(String),
    /// Somebody rebuilds, or should: Redis is at an earlier epoch or not open.
    Waits(i64),
    /// The ledger lacks what was durable once, up to this (epoch, `seq`).
    WentBack(i64, i64),
}

/// Carries for as long as the process lives.
pub(super) async fn run(engine: Arc<Engine>, drop: Arc<DropHandle>) {
    let mut patience = Patience::new(drop.progress.durable().epoch);
    let mut failures = 0_u32;
    loop {
        let pause = match run_once(&engine, &drop, &mut patience).await {
            Ok(step) => {
                failures = 0;
                match step {
                    Step::Wrote(_) | Step::Again => Duration::ZERO,
                    Step::Idle if drop.progress.longest_wait().is_none() => IDLE,
                    Step::Idle | Step::Others => Duration::from_millis(10),
                    Step::Halted => Duration::from_secs(1),
                }
            }
            Err(error) => {
                failures += 1;
                if failures.is_power_of_two() {
                    tracing::warn!(drop = %drop.id, %error, failures, "the write-behind waits");
                }
                let most = Duration::from_millis(250);
                let pause = Duration::from_millis(10 * u64::from(failures.min(20)));
                tokio::time::sleep(pause.min(most) + jitter(pause / 2)).await;
                continue;
            }
        };
        if !pause.is_zero() {
            let _ = tokio::time::timeout(pause, drop.progress.wake.notified()).await;
        }
    }
}

/// One turn: look, then write at most one batch.
pub(super) async fn run_once(
    engine: &Arc<Engine>,
    drop: &Arc<DropHandle>,
    patience: &mut Patience,
) -> Result<Step, TaskError> {
    // While the ledger refuses an event, Redis is not right either: that is for a person too.
    let halted = drop.progress.halted().is_some();
    let trouble = drop.progress.take_trouble().filter(|_| !halted);
    if trouble.is_some() || halted {
        // The ledger first, then Redis: Redis may only seem to be behind.
        drop.refresh(&engine.ledger).await?;
    }
    if matches!(drop.progress.halted(), Some(Halt::Lost(_))) {
        return Ok(Step::Halted);
    }
    let (durable, mark) = (drop.progress.durable(), drop.progress.mark());
    let after = (durable.epoch, durable.seq);
    let read = engine.store.read_journal(&drop.id, &drop.keys, &engine.name, after, ENTRIES).await;
    let read = match read {
        Err(StoreError::Damaged(what)) => {
            guard::violation(&drop.id, "decode", &what);
            return mend(engine, drop, patience, &durable, Health::Rebuild(what)).await;
        }
        read => read?,
    };
    let health = diagnose(&durable, mark, &read, trouble.as_ref());
    if health != Health::Fits {
        return mend(engine, drop, patience, &durable, health).await;
    }
    patience.healthy(durable.epoch);
    if read.entries.is_empty() {
        // What the ledger had refused is gone.
        drop.halt(None);
        look_if_late(engine, drop).await?;
        return Ok(Step::Idle);
    }
    let late = drop.progress.longest_wait().is_some_and(|wait| wait >= OWN_CALL_WAITS);
    if !read.is_writer && !late {
        look_if_late(engine, drop).await?;
        return Ok(Step::Others);
    }
    failpoint::pass(Place::WriteAfterRead).await;
    write(engine, drop, &durable, read.entries).await
}

async fn look_if_late(engine: &Engine, drop: &DropHandle) -> Result<(), LedgerError> {
    if drop.progress.longest_wait().is_some_and(|wait| wait >= LOOK) {
        drop.refresh(&engine.ledger).await?;
    }
    Ok(())
}

/// Commits one batch, tells the calls that wait for it, then everybody else.
async fn write(
    engine: &Arc<Engine>,
    drop: &Arc<DropHandle>,
    durable: &Position,
    mut entries: Vec<Entry>,
) -> Result<Step, TaskError> {
    let mut events = 0;
    let fitting = entries.iter().take_while(|entry| {
        let first = events == 0;
        events += entry.events.len();
        first || events <= EVENTS
    });
    entries.truncate(fitting.count());
    let batch = Batch::new(&entries);
    if failpoint::without(TrimAheadOfLedger)
        && let Some(last) = entries.last()
    {
        let ahead = (durable.epoch, last.seq);
        engine.store.tell_durable(&drop.keys, &engine.name, ahead, "").await?;
    }
    let committing = drop.progress.committing();
    let committed = engine.ledger.commit(&drop.id, &batch).await;
    std::mem::drop(committing);
    let committed = match committed {
        Ok(Ok(committed)) => committed,
        Ok(Err(_fenced)) => {
            drop.refresh(&engine.ledger).await?;
            return Ok(Step::Again);
        }
        Err(LedgerError::Unavailable(reason)) => {
            // The outcome is unknown: the ledger itself tells, and the same batch again is
            // fenced if it was committed.
            drop.refresh(&engine.ledger).await?;
            return Err(LedgerError::Unavailable(reason).into());
        }
        Err(refused) => {
            let what = format!("seq {} and on: {refused}", durable.seq + 1);
            if drop.progress.halted().is_none() {
                guard::violation(&drop.id, "ledger", &what);
            }
            drop.halt(Some(Halt::Refused(what)));
            return Ok(Step::Halted);
        }
    };
    failpoint::pass(Place::WriteAfterCommit).await;
    drop.halt(None);
    let news = DurableNews {
        epoch: durable.epoch,
        from: durable.seq,
        chains: batch.chains(),
        stock: committed.stock,
        configures: batch.configures,
    };
    let events = u64::try_from(batch.events()).unwrap_or(0);
    metrics::counter!("dropgate_durable_events_total", "drop" => drop.id.to_string())
        .increment(events);
    let told = drop.committed(&engine.ledger, &news).await;
    tell(engine, drop, news);
    told?;
    Ok(Step::Wrote(batch.events()))
}

/// Tells other engines, beside the next turn: nothing depends on it.
fn tell(engine: &Arc<Engine>, drop: &Arc<DropHandle>, news: DurableNews) {
    let (engine, drop) = (Arc::clone(engine), Arc::clone(drop));
    tokio::spawn(async move {
        let seq = news.chains.last().map_or(news.from, |(seq, _)| *seq);
        let Ok(words) = serde_json::to_string(&news) else { return };
        failpoint::pass(Place::WriteBeforeTrim).await;
        let reached = (news.epoch, seq);
        let told = engine.store.tell_durable(&drop.keys, &engine.name, reached, &words).await;
        if let Err(error) = told {
            tracing::debug!(drop = %drop.id, %error, "could not tell what is durable");
        }
    });
}

/// `mark` is how far the ledger has been, as far as is known here: above `durable` only when
/// the ledger has gone back in time since.
fn diagnose(
    durable: &Position,
    mark: (i64, i64),
    read: &JournalRead,
    trouble: Option<&Trouble>,
) -> Health {
    let lost = |(epoch, seq): (i64, i64)| Health::WentBack(epoch, seq);
    let behind = (durable.epoch, durable.seq) < mark;
    let found = diagnose_redis(durable, read, trouble);
    match (&found, &read.meta) {
        // Only a journal that still has all of it can bring it back.
        (Health::Fits, Some(meta)) if behind && meta.seq < mark.1 => lost(mark),
        (Health::Rebuild(_) | Health::Waits(_), _) if behind => lost(mark),
        (Health::Fits | Health::Rebuild(_) | Health::Waits(_) | Health::WentBack(..), _) => found,
    }
}

fn diagnose_redis(durable: &Position, read: &JournalRead, trouble: Option<&Trouble>) -> Health {
    let Some(meta) = &read.meta else {
        return Health::Rebuild("Redis has nothing of the drop".to_owned());
    };
    if meta.epoch > durable.epoch {
        return Health::WentBack(meta.epoch, meta.durable_seq);
    }
    if meta.epoch < durable.epoch || !meta.open {
        return Health::Waits(meta.progress_ms);
    }
    if let Some(Trouble::Broken { epoch, what }) = trouble
        && *epoch == durable.epoch
    {
        return Health::Rebuild(what.clone());
    }
    if meta.seq < durable.seq {
        return Health::Rebuild(format!("Redis is at {}, the ledger at {}", meta.seq, durable.seq));
    }
    let gap = |reached: i64| {
        if meta.durable_seq > durable.seq {
            return Health::WentBack(meta.epoch, meta.durable_seq);
        }
        Health::Rebuild(format!("the journal does not go on behind {reached}"))
    };
    let mut reached = (durable.seq, durable.chain.as_str());
    for entry in &read.entries {
        if !follows(entry, reached) {
            return gap(reached.0);
        }
        reached = (entry.seq, &entry.chain);
    }
    let all = read.entries.len() < ENTRIES;
    let other = reached.0 == meta.seq && reached.1 != meta.chain;
    if all && (reached.0 < meta.seq || (other && !failpoint::without(DetectionWithoutChain))) {
        return gap(reached.0);
    }
    Health::Fits
}

/// Whether an entry goes on where the history before it ends.
fn follows(entry: &Entry, (seq, chain): (i64, &str)) -> bool {
    entry.first_seq() == seq + 1
        && (entry.previous == chain || failpoint::without(DetectionWithoutChain))
}

/// Acts on what a look has found, once the ledger has been asked again: another engine may
/// have committed, trimmed or rebuilt meanwhile.
async fn mend(
    engine: &Arc<Engine>,
    drop: &Arc<DropHandle>,
    patience: &mut Patience,
    durable: &Position,
    found: Health,
) -> Result<Step, TaskError> {
    if !failpoint::without(GapWithoutSecondLook) {
        drop.refresh(&engine.ledger).await?;
        if drop.progress.durable() != *durable {
            return Ok(Step::Again);
        }
    }
    let reason = match found {
        Health::Fits => return Ok(Step::Again),
        Health::WentBack(epoch, seq) => {
            engine.ledger.note_lost(&drop.id, durable.epoch, (epoch, seq)).await?;
            drop.refresh(&engine.ledger).await?;
            return Ok(Step::Again);
        }
        Health::Waits(progress) if !patience.is_over(durable, progress) => {
            return Ok(Step::Others);
        }
        Health::Waits(_) => "Redis is at an earlier epoch".to_owned(),
        // Somebody has fenced since this process saw the drop well: let them.
        Health::Rebuild(_) if !patience.may_start(durable) => return Ok(Step::Others),
        Health::Rebuild(reason) => reason,
    };
    if durable.seq > 0 {
        tracing::warn!(drop = %drop.id, epoch = durable.epoch, reason, "the drop is rebuilt");
    }
    rebuild_and_go_on(engine, drop, durable).await?;
    Ok(Step::Again)
}
