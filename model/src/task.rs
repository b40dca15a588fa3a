//! What engines do by themselves: write-behind, detection, rebuild.

use std::sync::Arc;

use crate::Dropgate;
use crate::ledger::{Cursor, Epoch};
use crate::mutants::Mutant;
use crate::redis::{CHUNKS, Redis, Token};
use crate::state::{Engine, EngineId, Rebuild, ServerId, Stage, State};

impl Dropgate {
    /// An engine takes over what it sees of the ledger.
    pub(crate) fn note(&self, engine: &mut Engine, seen: Cursor) {
        engine.ledger = seen;
        if self.bounds.budget.ledger_losses > 0 {
            engine.mark = (engine.mark.0.max(seen.epoch), engine.mark.1.max(seen.seq));
        }
    }

    /// Write-behind, first step: trim what is durable, read what follows.
    pub(crate) fn read(&self, state: &mut State, id: EngineId, server: ServerId) -> bool {
        let engine = &mut state.engines[id];
        let before = &mut state.servers[server].redis;
        let entries = before.entries_after(engine.ledger);
        let mut redis = (**before).clone();
        if self.bounds.budget.ledger_losses > 0 {
            redis.mark = redis.mark.max(engine.ledger.seq);
        }
        if entries.is_empty() && redis.mark == before.mark {
            return false;
        }
        let trim_all = self.has(Mutant::TrimAheadOfLedger);
        redis.journal.retain(|entry| !trim_all && entry.seq > engine.ledger.seq);
        engine.batch = (!entries.is_empty()).then(|| entries.into());
        if redis != **before {
            // No place of its own to roll back to: the one before the last script has it all.
            *before = Arc::new(redis);
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
                self.note(&mut state.engines[id], after);
            }
        }
        true
    }

    /// Detection: a look at Redis between two looks at the ledger that show the same; then the
    /// fence, or, if the ledger lacks what was durable once, a halt for everybody.
    pub(crate) fn fence(&self, state: &mut State, id: EngineId, server: ServerId) -> bool {
        let engine = &state.engines[id];
        let redis = Arc::clone(&state.servers[server].redis);
        let (seen, now) = (engine.ledger, state.ledger.cursor);
        let current = seen == now || self.has(Mutant::GapWithoutSecondLook);
        // A journal that goes on from a ledger that has lost something must have all of it.
        let short = redis.seq < engine.mark.1;
        let fits = !self.condemns(&redis, seen) && !short;
        if fits || !current || seen.epoch != now.epoch {
            return false;
        }
        if state.ledger.lost {
            return false;
        }
        // `seq` goes on over epochs, so each of the two says for itself that something is gone.
        let known = (engine.mark.0.max(redis.epoch), engine.mark.1.max(redis.mark));
        let lost = known.0 > now.epoch || known.1 > now.seq;
        if lost && !self.has(Mutant::RebuildOfLostLedger) {
            let ledger = Arc::make_mut(&mut state.ledger);
            ledger.lost = true;
            ledger.cursor.epoch = known.0.max(now.epoch) + 1;
            let seen = ledger.cursor;
            self.note(&mut state.engines[id], seen);
            return true;
        }
        let above = if self.has(Mutant::FenceAboveRedis) { redis.epoch } else { now.epoch };
        let epoch = above + 1;
        if epoch > self.bounds.epochs {
            return false;
        }
        state.fenced_needlessly |= redis.sound(now);
        self.raise_epoch(state, id, epoch);
        true
    }

    /// Whether this Redis and the ledger, seen before and after it, don't fit together.
    pub(crate) fn condemns(&self, redis: &Redis, ledger: Cursor) -> bool {
        redis.condemned_by(ledger, !self.has(Mutant::DetectionWithoutChain))
    }

    /// `dropgate rebuild`: a fence without a cause.
    pub(crate) fn ask_for_rebuild(&self, state: &mut State, id: EngineId) -> bool {
        let epoch = state.ledger.cursor.epoch;
        if state.engines[id].ledger.epoch != epoch {
            return false;
        }
        state.budget.rebuilds -= 1;
        self.raise_epoch(state, id, epoch + 1);
        true
    }

    /// The next script of the engine's rebuild, on a server; a refused script ends it.
    pub(crate) fn rebuild(&self, state: &mut State, id: EngineId, server: ServerId) -> bool {
        let Some(mut rebuild) = state.engines[id].rebuild else { return false };
        let checked = !self.has(Mutant::LateRebuilder);
        let early = self.has(Mutant::OpenBeforeLastChunk);
        let counted = !early && !self.has(Mutant::FinishWithoutCount);
        let keys = !self.has(Mutant::RebuildWithoutKeys);
        let mut redis = (*state.servers[server].redis).clone();
        let (done, next, foreign) = match rebuild.stage {
            Stage::Begin => {
                let foreign = redis.epoch >= rebuild.snapshot.epoch;
                let done = redis.begin(&rebuild, checked);
                if done && self.bounds.budget.ledger_losses > 0 {
                    redis.mark = rebuild.snapshot.seq;
                }
                (done, Some(Stage::Chunk(0)), foreign)
            }
            Stage::Chunk(chunk) => {
                let foreign = !redis.belongs_to(&rebuild);
                let last = chunk + 1 == CHUNKS || early;
                let next = if last { Stage::Finish } else { Stage::Chunk(chunk + 1) };
                (redis.chunk(&rebuild, chunk, checked, keys), Some(next), foreign)
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
            state.replace_redis(server, redis);
        }
        true
    }

    /// `UPDATE drops SET epoch = epoch + 1 WHERE epoch = $seen`, and the snapshot. Nothing of an
    /// older epoch can get in after the fence and nothing of the new one exists before its rebuild,
    /// so it makes no difference how long after the fence the snapshot is taken.
    fn raise_epoch(&self, state: &mut State, id: EngineId, epoch: Epoch) {
        let ledger = Arc::make_mut(&mut state.ledger);
        ledger.cursor.epoch = epoch;
        let seen = state.engines[id].ledger;
        let snapshot = if self.has(Mutant::SnapshotBeforeFence) {
            Cursor { epoch, ..seen }
        } else {
            ledger.cursor
        };
        let books = ledger.books_up_to(usize::from(snapshot.seq));
        let after = ledger.cursor;
        let engine = &mut state.engines[id];
        self.note(engine, after);
        let token = epoch * 2 + id as Token;
        engine.rebuild = Some(Rebuild { snapshot, books, token, stage: Stage::Begin });
    }
}
