//! What engines do by themselves: write-behind, detection, rebuild.

use std::sync::Arc;

use crate::Dropgate;
use crate::ledger::Cursor;
use crate::mutants::Mutant;
use crate::redis::{CHUNKS, Redis, Token};
use crate::state::{EngineId, Rebuild, Stage, State};

impl Dropgate {
    /// Write-behind, first step: trim what is durable, read what follows. Both go in one pipeline.
    pub(crate) fn read(&self, state: &mut State, id: EngineId) -> bool {
        let engine = &mut state.engines[id];
        let entries = state.redis.entries_after(engine.ledger);
        if entries.is_empty() {
            return false;
        }
        let mut redis = (*state.redis).clone();
        let trim_all = self.has(Mutant::TrimAheadOfLedger);
        redis.journal.retain(|entry| !trim_all && entry.seq > engine.ledger.seq);
        engine.batch = Some(entries.into());
        if redis.journal.len() < state.redis.journal.len() {
            // No place of its own to roll back to: the one before the last script has it all.
            state.redis = Arc::new(redis);
        }
        true
    }

    /// Write-behind, second step: one statement that changes the cursor and the rows, or nothing.
    pub(crate) fn commit(&self, state: &mut State, id: EngineId, with_cursor: bool) -> bool {
        let Some(batch) = state.engines[id].batch.take() else { return false };
        let (Some(first), Some(last)) = (batch.first(), batch.last()) else { return false };
        let cursor = state.ledger.cursor;
        let same_epoch = first.epoch == cursor.epoch || self.has(Mutant::CommitWithoutEpochFence);
        let follows = first.prev == cursor.chain || self.has(Mutant::CommitWithoutChainFence);
        // A refused batch is no proof of a fork: another engine may have committed the same
        // entries. The engine forgets it; a fork shows when it next looks at the ledger and then at
        // Redis.
        if same_epoch && follows {
            let after = Cursor { epoch: cursor.epoch, seq: last.seq, chain: last.chain };
            let ledger = Arc::make_mut(&mut state.ledger);
            ledger.rows.extend(batch.iter().copied());
            if with_cursor {
                ledger.cursor = after;
                state.engines[id].ledger = after;
            }
        }
        true
    }

    /// Detection: Redis, read now, against the ledger as it was last seen; then the fence.
    pub(crate) fn fence(&self, state: &mut State, id: EngineId) -> bool {
        let engine = &mut state.engines[id];
        let condemned = match engine.redis.take() {
            Some(seen) => seen.epoch == engine.ledger.epoch && seen.seq < engine.ledger.seq,
            None => self.condemns(&state.redis, engine.ledger),
        };
        if !condemned || engine.ledger.epoch != state.ledger.cursor.epoch {
            return false;
        }
        state.fenced_needlessly |= state.sound();
        self.raise_epoch(state, id);
        true
    }

    /// Whether this Redis must be rebuilt, when the ledger was seen before it.
    pub(crate) fn condemns(&self, redis: &Redis, ledger: Cursor) -> bool {
        redis.condemned_by(ledger, !self.has(Mutant::DetectionWithoutChain))
    }

    /// `dropgate rebuild`: a fence without a cause.
    pub(crate) fn ask_for_rebuild(&self, state: &mut State, id: EngineId) -> bool {
        if state.engines[id].ledger.epoch != state.ledger.cursor.epoch {
            return false;
        }
        state.budget.rebuilds -= 1;
        self.raise_epoch(state, id);
        true
    }

    /// The next script of the engine's rebuild; a refused script ends it.
    pub(crate) fn rebuild(&self, state: &mut State, id: EngineId) -> bool {
        let Some(mut rebuild) = state.engines[id].rebuild else { return false };
        let checked = !self.has(Mutant::LateRebuilder);
        let early = self.has(Mutant::OpenBeforeLastChunk);
        let counted = !early && !self.has(Mutant::FinishWithoutCount);
        let mut redis = (*state.redis).clone();
        let (done, next, foreign) = match rebuild.stage {
            Stage::Begin => {
                let foreign = redis.epoch >= rebuild.snapshot.epoch;
                (redis.begin(&rebuild, checked), Some(Stage::Chunk(0)), foreign)
            }
            Stage::Chunk(chunk) => {
                let foreign = !redis.belongs_to(&rebuild);
                let last = chunk + 1 == CHUNKS || early;
                let next = if last { Stage::Finish } else { Stage::Chunk(chunk + 1) };
                (redis.chunk(&rebuild, chunk, checked), Some(next), foreign)
            }
            Stage::Finish => {
                let foreign = !redis.belongs_to(&rebuild);
                (redis.finish(&rebuild, checked, counted), None, foreign)
            }
        };
        state.engines[id].rebuild = next.filter(|_| done).map(|stage| {
            rebuild.stage = stage;
            rebuild
        });
        if done {
            state.overrun |= foreign;
            state.replace_redis(redis);
        }
        true
    }

    /// Only [`Mutant::RedisReadFirst`]: Redis, and afterwards the ledger.
    pub(crate) fn see_redis(&self, state: &mut State, id: EngineId) -> bool {
        let Redis { epoch, seq, chain, .. } = *state.redis;
        let seen = Cursor { epoch, seq, chain };
        let before = state.engines[id].redis.replace(seen);
        before != Some(seen)
    }

    /// `UPDATE drops SET epoch = epoch + 1 WHERE epoch = $seen`, and the snapshot. Nothing of an
    /// older epoch can get in after the fence and nothing of the new one exists before its rebuild,
    /// so it makes no difference how long after the fence the snapshot is taken.
    fn raise_epoch(&self, state: &mut State, id: EngineId) {
        let ledger = Arc::make_mut(&mut state.ledger);
        ledger.cursor.epoch += 1;
        let seen = state.engines[id].ledger;
        let epoch = ledger.cursor.epoch;
        let snapshot = if self.has(Mutant::SnapshotBeforeFence) {
            Cursor { epoch, ..seen }
        } else {
            ledger.cursor
        };
        let engine = &mut state.engines[id];
        engine.ledger = ledger.cursor;
        engine.rebuild = Some(Rebuild {
            snapshot,
            books: ledger.books_up_to(usize::from(snapshot.seq)),
            token: epoch * 2 + id as Token,
            stage: Stage::Begin,
        });
    }
}
