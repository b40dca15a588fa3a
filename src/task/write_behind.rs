//! Carries a drop's journal into the ledger: in order, exactly once in effect.
//!
//! Whoever writes, only the fence in the ledger decides; the lease merely keeps two engines
//! from doing the same work. Cursor and effect are one transaction, so this may die at any
//! point and be repeated by anybody.

use std::{
    sync::Arc,
    task::Poll,
    time::{Duration, Instant, SystemTime},
};

use super::{
    TaskError, jitter,
    rebuild::{Patience, rebuild_and_go_on},
    rhythm,
};
use crate::{
    clock,
    domain::{Entry, Event},
    engine::{DropHandle, DurableNews, Engine},
    failpoint::{
        self,
        Mutant::{DetectionWithoutChain, GapWithoutSecondLook, TrimAheadOfLedger},
        Place,
    },
    guard,
    ledger::{COMMIT_EVENTS, Committed, LedgerError},
    progress::{Halt, Position, Trouble},
    store::{ENTRIES, JournalRead, RawEntries, StoreError, Tell, protocol},
    trace::{self, Took},
};

/// An engine whose own call has waited so long writes itself, whoever holds the lease.
const OWN_CALL_WAITS: Duration = Duration::from_millis(50);
/// After so long it looks into the ledger: the news may have been lost.
const LOOK: Duration = Duration::from_millis(20);

/// Between two looks at whether anything is left in Redis of a drop that was taken out.
const LOOK_FOR_REMAINS: Duration = Duration::from_secs(60);

/// What one turn came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// All that this process knows of became durable.
    Wrote,
    /// Nothing waits.
    Idle,
    /// The usual writer is at it, or the drop is being rebuilt by somebody.
    Others,
    /// There may be more; the drop was rebuilt, or where it stands was looked up: go on at once.
    Again,
    /// The drop is stopped and waits for a person.
    Halted,
    /// The drop is not in Redis, and nobody needs it there.
    Evicted,
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
    /// An engine of this protocol has built the drop, in a form that this one may not know.
    Newer(i64),
}

/// Carries for as long as the process lives.
pub(super) async fn run(engine: Arc<Engine>, drop: Arc<DropHandle>) {
    let mut watch =
        Watch { patience: Patience::new(drop.progress.durable().epoch), looked: None, failures: 0 };
    let mut busy = None;
    loop {
        let pause = match run_once(&engine, &drop, &mut watch).await {
            Ok(step) => {
                drop.counted.write_behind.set();
                watch.failures = 0;
                if step == Step::Wrote {
                    busy.get_or_insert_with(|| engine.busy());
                } else if step == Step::Idle {
                    busy = None;
                }
                match step {
                    Step::Again => Duration::ZERO,
                    Step::Wrote => rhythm::look(&engine),
                    Step::Idle if drop.progress.longest_wait().is_none() => {
                        let idle = rhythm::idle(&engine);
                        idle + jitter(idle / 10)
                    }
                    Step::Idle | Step::Others => Duration::from_millis(10),
                    Step::Halted => Duration::from_secs(1),
                    Step::Evicted => rhythm::evicted(&engine),
                }
            }
            Err(error) => {
                watch.failures += 1;
                let failures = watch.failures;
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

/// What one write-behind remembers between its turns.
struct Watch {
    patience: Patience,
    /// When Redis was last asked and all was well, with this process as the usual writer.
    looked: Option<Instant>,
    /// Turns in a row that ended with an error.
    failures: u32,
}

/// One turn: look, then write what is there.
async fn run_once(
    engine: &Arc<Engine>,
    drop: &Arc<DropHandle>,
    watch: &mut Watch,
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
    if drop.progress.is_evicted() && (durable.epoch, durable.seq) >= mark {
        return stay_away(engine, drop, watch, &durable).await;
    }
    let alone = watch.failures > 0 || halted;
    let recent = watch.looked.is_some_and(|at| at.elapsed() < rhythm::look(engine));
    if recent && trouble.is_none() && !halted && !drop.progress.is_stirred() {
        let mut ahead = Ahead::new(durable.clone(), alone);
        ahead.absorb(drop, drop.inbox.take());
        if !ahead.entries.is_empty() {
            failpoint::pass(Place::WriteAfterRead).await;
            return write(engine, drop, ahead).await;
        }
    }
    watch.looked = None;
    drop.progress.settle_down();
    let patience = &mut watch.patience;
    let after = (durable.epoch, durable.seq);
    let lease = (engine.name.as_str(), rhythm::lease(engine));
    let read = engine.store.read_journal(&drop.id, &drop.keys, lease, after).await;
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
    drop.progress.take_wanted();
    drop.inbox.want(read.is_writer);
    watch.looked = read.is_writer.then(Instant::now);
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
    if read.entries.len() >= ENTRIES {
        drop.progress.stir();
    }
    let mut ahead = Ahead::new(durable, alone);
    ahead.entries = read.entries;
    write(engine, drop, ahead).await
}

/// One turn for a drop that is not in Redis: it comes back when a script has looked for it in vain.
/// Until then the only thing to do is to take away what somebody left there who died, or was late.
async fn stay_away(
    engine: &Arc<Engine>,
    drop: &Arc<DropHandle>,
    watch: &mut Watch,
    durable: &Position,
) -> Result<Step, TaskError> {
    if drop.progress.take_wanted() {
        tracing::info!(drop = %drop.id, epoch = durable.epoch, "the drop comes back to Redis");
        let rebuilt = rebuild_and_go_on(engine, drop, durable).await;
        if rebuilt.is_err() {
            drop.progress.want();
        }
        return rebuilt.map(|()| Step::Again);
    }
    if watch.looked.is_none_or(|at| at.elapsed() >= LOOK_FOR_REMAINS) {
        let stands = engine.store.stands(&[&drop.keys]).await?;
        match stands.into_iter().flatten().next() {
            Some(meta) if meta.epoch < durable.epoch => {
                engine.store.evict(&drop.keys, durable.epoch).await?;
            }
            Some(meta) if meta.epoch > durable.epoch => {
                let found = Health::WentBack(meta.epoch, meta.durable_seq);
                return mend(engine, drop, &mut watch.patience, durable, found).await;
            }
            Some(_) | None => {}
        }
        watch.looked = Some(Instant::now());
    }
    Ok(Step::Evicted)
}

async fn look_if_late(engine: &Engine, drop: &DropHandle) -> Result<(), LedgerError> {
    if drop.progress.longest_wait().is_some_and(|wait| wait >= LOOK) {
        drop.refresh(&engine.ledger).await?;
    }
    Ok(())
}

/// Commits what was read, tells the calls that wait for it, then everybody else, and goes on with
/// what the journal got meanwhile: while the ledger works, the next batch is read, so that it
/// can be on its way before the calls of the last one are woken. They share the processors with the
/// ledger, and a batch behind them would leave it idle.
async fn write(
    engine: &Arc<Engine>,
    drop: &Arc<DropHandle>,
    mut ahead: Ahead,
) -> Result<Step, TaskError> {
    let mut committed: Option<DurableNews> = None;
    while let Some((from, entries)) = ahead.take_batch() {
        let mut news = news_of(engine.name(), &from, &entries);
        if failpoint::without(TrimAheadOfLedger)
            && let Some(last) = entries.last()
        {
            let reached = (from.epoch, last.seq);
            let tell = Tell { keys: &drop.keys, news: None, trim: Some(reached) };
            engine.store.tell_durable(&engine.name, rhythm::lease(engine), &[tell]).await?;
        }
        let begins = trace::now();
        let commit = engine.ledger.commit(&drop.id, entries, ahead.alone);
        tokio::pin!(commit);
        // Sent first; then the calls of the last batch hear of it.
        let early = futures_util::poll!(&mut commit);
        if let Some(news) = committed.take() {
            spread(engine, drop, news).await?;
        }
        let result = match early {
            Poll::Ready(result) => result,
            Poll::Pending => loop {
                tokio::select! {
                    biased;
                    result = &mut commit => break result,
                    () = ahead.read(drop) => {}
                }
            },
        };
        let took = begins.map(|began| took(&from, news.last_seq(), began));
        if let Some(took) = took.filter(|_| !matches!(result, Ok(Ok(_)))) {
            trace::commit_failed(&drop.id, took, &drop.progress.traced_up_to(took.to));
        }
        let stock = match result {
            Ok(Ok(Committed { stock })) => stock,
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
                let what = format!("seq {} and on: {refused}", from.seq + 1);
                if drop.progress.halted().is_none() {
                    guard::violation(&drop.id, "ledger", &what);
                }
                drop.halt(Some(Halt::Refused(what)));
                return Ok(Step::Halted);
            }
        };
        failpoint::pass(Place::WriteAfterCommit).await;
        drop.halt(None);
        let configures = news.configures;
        news.stock = stock;
        news.took = took;
        committed = Some(news);
        if ahead.entries.is_empty()
            && let Some(news) = committed.take()
        {
            spread(engine, drop, news).await?;
            ahead.absorb(drop, drop.inbox.take());
        }
        // Settings are followed, and trouble is looked into, before anything else.
        if configures || drop.progress.has_trouble() {
            break;
        }
    }
    if let Some(news) = committed {
        spread(engine, drop, news).await?;
    }
    let progress = &drop.progress;
    let more = ahead.ends || progress.is_stirred() || progress.backlog() > 0;
    Ok(if more || progress.has_trouble() { Step::Again } else { Step::Wrote })
}

/// What there will be to tell once these entries are committed, but for the counts.
fn news_of(by: &str, from: &Position, entries: &[Entry]) -> DurableNews {
    let mut events = entries.iter().flat_map(|entry| &entry.events);
    DurableNews {
        by: by.to_owned(),
        epoch: from.epoch,
        from: from.seq,
        chains: entries.iter().map(|entry| (entry.seq, entry.chain.clone())).collect(),
        stock: Vec::new(),
        configures: events.any(|(event, _)| matches!(event, Event::Configured { .. })),
        took: None,
    }
}

/// How long a commit took that has just ended.
fn took(from: &Position, to: i64, began: SystemTime) -> Took {
    Took { epoch: from.epoch, from: from.seq, to, began, ended: clock::wall() }
}

/// What the journal has behind the batch that is being committed.
struct Ahead {
    entries: Vec<Entry>,
    /// Where the next batch begins; behind it come `entries`, each on top of the one before.
    reached: Position,
    /// Whether what was read does not go on there: somebody has to look closely.
    ends: bool,
    /// Whether it shares no transaction with other drops: the last one failed, and another failure
    /// must cost them nothing.
    alone: bool,
}

impl Ahead {
    fn new(reached: Position, alone: bool) -> Ahead {
        Ahead { entries: Vec::new(), reached, ends: false, alone }
    }

    /// What one transaction carries of it, and where that begins.
    fn take_batch(&mut self) -> Option<(Position, Vec<Entry>)> {
        let mut events = 0;
        let fitting = self.entries.iter().take_while(|entry| {
            let first = events == 0;
            events += entry.events.len();
            first || events <= COMMIT_EVENTS
        });
        let rest = self.entries.split_off(fitting.count());
        let batch = std::mem::replace(&mut self.entries, rest);
        let last = batch.last()?;
        let end = Position { epoch: last.epoch, seq: last.seq, chain: last.chain.clone() };
        Some((std::mem::replace(&mut self.reached, end), batch))
    }

    /// The last entry that is known: its `seq` and its chain.
    fn last(&self) -> (i64, &str) {
        let reached = (self.reached.seq, self.reached.chain.as_str());
        self.entries.last().map_or(reached, |last| (last.seq, last.chain.as_str()))
    }

    /// Waits until the lane has read something, and takes it in.
    async fn read(&mut self, drop: &DropHandle) {
        loop {
            if !self.ends && self.entries.len() < ENTRIES {
                let read = drop.inbox.take();
                if !read.is_empty() {
                    return self.absorb(drop, read);
                }
            }
            drop.progress.wake.notified().await;
        }
    }

    /// Takes in what was read. Anything strange is left to the next look, which asks where the drop
    /// stands.
    fn absorb(&mut self, drop: &DropHandle, read: Vec<RawEntries>) {
        for entries in read {
            let Ok(entries) = entries.parse(&drop.id) else {
                self.ends = true;
                return;
            };
            let known = self.last().0;
            for entry in entries.into_iter().skip_while(|entry| entry.seq <= known) {
                if entry.epoch != self.reached.epoch || !follows(&entry, self.last()) {
                    self.ends = true;
                    return;
                }
                self.entries.push(entry);
            }
        }
    }
}

/// Tells what was committed: the calls that wait here, then everybody else.
async fn spread(
    engine: &Arc<Engine>,
    drop: &Arc<DropHandle>,
    news: DurableNews,
) -> Result<(), LedgerError> {
    let events = news.last_seq() - news.from;
    drop.counted.committed(&drop.id, u64::try_from(events).unwrap_or(0));
    let told = drop.committed(&engine.ledger, &news).await;
    engine.untold.put(drop, news, rhythm::trim(engine));
    told
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
        (
            Health::Fits
            | Health::Rebuild(_)
            | Health::Waits(_)
            | Health::WentBack(..)
            | Health::Newer(_),
            _,
        ) => found,
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
    let (ours, built) = (protocol(), meta.built_by);
    if !ours.shares_with(built) {
        return if built.number > ours.number {
            Health::Newer(built.number)
        } else {
            Health::Rebuild(format!("it was built by protocol {}", built.number))
        };
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
        Health::Newer(built) => {
            let ours = protocol().number;
            let what = format!("protocol {built} has built it, and this engine speaks {ours}");
            drop.halt(Some(Halt::Newer(what)));
            return Ok(Step::Halted);
        }
        Health::Waits(_) if drop.progress.is_fenced_here(durable.epoch) => {
            "the epoch was raised here".to_owned()
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
