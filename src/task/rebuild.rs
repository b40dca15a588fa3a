//! Rebuilds a drop in Redis from the ledger.
//!
//! The fence comes first: once the ledger has raised the epoch, nothing of the old one can
//! become durable, so the snapshot that follows is all there is. Every step in Redis checks
//! epoch and token, so a rebuilder that thaws late can change nothing.

use std::{
    iter,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::mpsc;

use super::{TaskError, jitter};
use crate::{
    domain::{Millis, ReservationId},
    engine::{DropHandle, Engine},
    failpoint::{self, Mutant, Place},
    ledger::{Decision, Snapshot, SnapshotPart},
    progress::Position,
    store::{Chunk, Expected},
};

/// Values of one chunk: one script call each, short enough for others to get through.
const VALUES: usize = 1_000;
/// Chunks that are sent together.
const TOGETHER: usize = 8;
/// Parts that may be read before the one that is being written.
const AHEAD: usize = 4;
/// How often a rebuilder shows that it is alive.
const HEARTBEAT: Duration = Duration::from_millis(300);
/// How long others wait for a sign of life before they rebuild themselves.
const PATIENCE: Duration = Duration::from_secs(2);

/// Keeps engines from rebuilding against each other: one that sees that somebody has fenced
/// already waits for as long as there is progress.
#[derive(Debug)]
pub(super) struct Patience {
    healthy_epoch: i64,
    waiting: Option<Waiting>,
}

/// What was seen when it last moved, since when it stands, and how long that is borne.
#[derive(Debug)]
struct Waiting {
    seen: (i64, i64, i64),
    since: Instant,
    bound: Duration,
}

impl Patience {
    pub(super) fn new(epoch: i64) -> Patience {
        Patience { healthy_epoch: epoch, waiting: None }
    }

    pub(super) fn healthy(&mut self, epoch: i64) {
        self.healthy_epoch = epoch;
        self.waiting = None;
    }

    /// Whether a drop may be rebuilt at once: nobody has fenced since it was seen well.
    pub(super) fn may_start(&mut self, durable: &Position) -> bool {
        durable.epoch == self.healthy_epoch || self.is_over(durable, 0)
    }

    /// Whether a rebuild by somebody else has shown no sign of life for too long. A ledger that
    /// moves is a sign too: then somebody serves this epoch, from another Redis than ours.
    pub(super) fn is_over(&mut self, durable: &Position, progress: i64) -> bool {
        let seen = (durable.epoch, durable.seq, progress);
        match &self.waiting {
            Some(waiting) if waiting.seen == seen => waiting.since.elapsed() >= waiting.bound,
            Some(_) | None => {
                let bound = PATIENCE + jitter(Duration::from_secs(1));
                self.waiting = Some(Waiting { seen, since: Instant::now(), bound });
                false
            }
        }
    }
}

/// Hears how many more reservations are back in Redis, while a rebuild goes on.
pub type Heard<'a> = &'a (dyn Fn(usize) + Sync);

/// Rebuilds a drop whose ledger stands at `seen`; does nothing when it has moved by now, or
/// waits for a person and `by` is none. Gives the holds whose deadline passed meanwhile, with
/// the new one, if it rebuilt.
///
/// # Errors
/// When Redis or the ledger can't be reached; another try starts from the beginning.
pub async fn rebuild(
    engine: &Arc<Engine>,
    drop: &Arc<DropHandle>,
    seen: &Position,
    by: Decision,
    heard: Heard<'_>,
) -> Result<Option<Overdue>, TaskError> {
    let started = Instant::now();
    let early = match failpoint::without(Mutant::SnapshotBeforeFence) {
        true => read_early(engine, drop, seen.epoch).await?,
        false => None,
    };
    let head = (seen.epoch, seen.seq, seen.chain.as_str());
    let Some(epoch) = engine.ledger.fence(&drop.id, head, by).await? else {
        drop.refresh(&engine.ledger).await?;
        return Ok(None);
    };
    failpoint::pass(Place::RebuildAfterFence).await;
    drop.refresh(&engine.ledger).await?;
    let token = format!("{}:{}", engine.name, rand::random::<u64>());
    // Begun before the snapshot is read, so that others see that somebody is at it.
    if engine.store.rebuild_begin(&drop.keys, epoch, &token).await?.is_none() {
        return Ok(None);
    }
    failpoint::pass(Place::RebuildAfterBegin).await;
    let redis = Restoring { engine, drop, epoch, token: &token, heard };
    let restored = match early {
        Some((snapshot, parts)) => redis.write(parts).await?.map(|written| (snapshot, written)),
        None => redis.read_and_write().await?,
    };
    let Some((snapshot, written)) = restored else { return Ok(None) };
    failpoint::pass(Place::RebuildAfterSnapshot).await;
    let (held, holds) = (snapshot.held, snapshot.held_until.len());
    let Some((opened, overdue)) = redis.open(snapshot, written).await? else { return Ok(None) };
    failpoint::pass(Place::RebuildAfterFinish).await;
    drop.halt(None);
    metrics::counter!("dropgate_rebuilds_total", "drop" => drop.counted.label(&drop.id))
        .increment(1);
    // The first time there was nothing to lose.
    let done =
        if epoch == 1 { "the drop is in Redis" } else { "the drop is rebuilt and open again" };
    tracing::info!(drop = %drop.id, epoch, held, holds, overdue = overdue.len(), %opened,
        millis = started.elapsed().as_millis(), "{done}");
    Ok(Some(overdue))
}

/// Rebuilds, and has the moved deadlines written into the ledger meanwhile.
pub(super) async fn rebuild_and_go_on(
    engine: &Arc<Engine>,
    drop: &Arc<DropHandle>,
    seen: &Position,
) -> Result<(), TaskError> {
    let overdue = rebuild(engine, drop, seen, Decision::Protocol, &|_| {}).await?;
    let overdue = overdue.unwrap_or_default();
    if !overdue.is_empty() {
        let (engine, id) = (Arc::clone(engine), drop.id.clone());
        tokio::spawn(async move { engine.write_grace(&id, &overdue).await });
    }
    Ok(())
}

/// Holds whose deadline passed while their drop was fenced, with the one they had.
pub(crate) type Overdue = Vec<(ReservationId, Millis)>;

/// A snapshot with all its parts, before anything is fenced.
async fn read_early(
    engine: &Engine,
    drop: &DropHandle,
    epoch: i64,
) -> Result<Option<(Snapshot, mpsc::Receiver<SnapshotPart>)>, TaskError> {
    let (parts, taken) = mpsc::channel(1 << 16);
    Ok(engine.ledger.snapshot(&drop.id, epoch, parts).await?.map(|snapshot| (snapshot, taken)))
}

/// One rebuild on its way into Redis. `None` from its methods: it is no longer the one under way.
#[derive(Clone, Copy)]
struct Restoring<'a> {
    engine: &'a Engine,
    drop: &'a DropHandle,
    epoch: i64,
    token: &'a str,
    heard: Heard<'a>,
}

impl Restoring<'_> {
    /// Writes each part while the next ones are read.
    async fn read_and_write(self) -> Result<Option<(Snapshot, Expected)>, TaskError> {
        let (parts, taken) = mpsc::channel(AHEAD);
        let read =
            async { Ok(self.engine.ledger.snapshot(&self.drop.id, self.epoch, parts).await?) };
        let (snapshot, written) = tokio::try_join!(read, self.write(taken))?;
        Ok(snapshot.zip(written))
    }

    /// Writes parts as they come, and shows others that this rebuilder lives while none does.
    async fn write(
        self,
        mut parts: mpsc::Receiver<SnapshotPart>,
    ) -> Result<Option<Expected>, TaskError> {
        let mut written = Expected::default();
        loop {
            let (name, values) = match tokio::time::timeout(HEARTBEAT, parts.recv()).await {
                Ok(None) => return Ok(Some(written)),
                Ok(Some(part)) if is_left_out(part.name) => continue,
                Ok(Some(part)) => (part.name, part.values),
                // Others see that somebody is at it.
                Err(_) => ("meta", vec![]),
            };
            written.count(name, values.len() / 2);
            let first = &values[..values.len().min(VALUES)];
            let rest = values[first.len()..].chunks(VALUES);
            let chunks: Vec<Chunk<'_>> =
                iter::once(first).chain(rest).map(|values| Chunk { name, values }).collect();
            for together in chunks.chunks(TOGETHER) {
                let Restoring { engine, drop, epoch, token, heard } = self;
                let kept = engine.store.rebuild_chunks(&drop.keys, epoch, token, together).await?;
                if kept.is_none() {
                    return Ok(None);
                }
                if name == "reservations" {
                    heard(together.iter().map(|chunk| chunk.values.len() / 2).sum());
                }
                failpoint::pass(Place::RebuildAfterChunk).await;
            }
        }
    }

    /// Opens the drop, and tells which deadlines passed before.
    async fn open(
        self,
        snapshot: Snapshot,
        written: Expected,
    ) -> Result<Option<(Millis, Overdue)>, TaskError> {
        let Restoring { engine, drop, epoch, token, heard: _ } = self;
        let expected = Expected { held: snapshot.held, sold: snapshot.sold, ..written };
        failpoint::pass(Place::RebuildBeforeFinish).await;
        let opened = engine.store.rebuild_finish(&drop.keys, epoch, token, expected).await?;
        let overdue = |opened| {
            let passed = |(_, until): &(ReservationId, Millis)| *until <= opened;
            (opened, snapshot.held_until.into_iter().filter(passed).collect())
        };
        Ok(opened.map(overdue))
    }
}

/// What a test leaves out.
fn is_left_out(name: &str) -> bool {
    (name == "customers" && failpoint::without(Mutant::OpenBeforeLastChunk))
        || (name == "keys" && failpoint::without(Mutant::RebuildWithoutKeys))
}
