//! A call from its arrival to its answer.

use crate::Dropgate;
use crate::ledger::{Epoch, Event, EventKind};
use crate::mutants::Mutant;
use crate::redis::{Reply, Stamp};
use crate::state::{CALLS, Call, CallId, EngineId, Progress, State, Told, Verb, key_of};

impl Dropgate {
    /// A call comes in. It is stamped once, here, and keeps its stamp. A drop that has been rebuilt
    /// has its older keys in the ledger only, so a hold looks there, and the epoch of that same
    /// snapshot is its stamp: a key that is not there cannot come from an older epoch any more.
    pub(crate) fn send(&self, state: &mut State, id: CallId, engine: EngineId) -> bool {
        state.calls[id].engine = engine;
        if let Verb::Hold { key, .. } = CALLS[id]
            && state.engines[engine].ledger.epoch > 1
            && !self.has(Mutant::KeyNotLookedUp)
        {
            state.engines[engine].ledger = state.ledger.cursor;
            state.calls[id].verified = true;
            let mut rows = state.ledger.rows.iter();
            if let Some(row) = rows.find(|row| holds_key(row.event, key)) {
                let reservation = row.event.reservation;
                state.calls[id].tell(Told::Acked(reservation));
                return true;
            }
        }
        let stamp = state.engines[engine].stamp();
        state.calls[id].progress = Progress::Sent { stamp, resent: false };
        self.bounds.late.contains(&id) || self.run(state, id)
    }

    /// The call's script runs and the engine gets the reply.
    pub(crate) fn run(&self, state: &mut State, id: CallId) -> bool {
        let Some((stamp, reply)) = self.run_script(state, id) else { return false };
        self.take_reply(state, id, stamp.epoch, reply);
        true
    }

    /// The call's script runs; the reply is lost, and the script will run again.
    pub(crate) fn run_unheard(&self, state: &mut State, id: CallId) -> bool {
        state.budget.resends -= 1;
        let ran = self.run_script(state, id);
        if let Progress::Sent { resent, .. } = &mut state.calls[id].progress {
            *resent = true;
        }
        ran.is_some()
    }

    fn run_script(&self, state: &mut State, id: CallId) -> Option<(Stamp, Reply)> {
        let call = state.calls[id];
        let Progress::Sent { mut stamp, resent } = call.progress else { return None };
        if self.has(Mutant::CarriedIntoNewerEpoch) {
            stamp = state.engines[call.engine].stamp();
        }
        let reservation = state.subject(id)?;
        if !state.redis.admits(stamp, !self.has(Mutant::ScriptWithoutEpochCheck)) {
            return Some((stamp, Reply::Stale));
        }
        let mut redis = (*state.redis).clone();
        let reply = match CALLS[id] {
            Verb::Hold { key, .. } => redis.reserve(key, reservation, resent),
            Verb::Confirm(_) | Verb::Release(_) => {
                redis.end(Event { kind: CALLS[id].effect(), reservation, resent })
            }
        };
        if reply == Reply::Done {
            state.replace_redis(redis);
        }
        Some((stamp, reply))
    }

    /// What the engine makes of the script's reply.
    fn take_reply(&self, state: &mut State, id: CallId, epoch: Epoch, reply: Reply) {
        let (chain, seq) = (state.redis.chain, state.redis.seq);
        let wait = |answer| Progress::Waiting { epoch, chain, seq, answer };
        let subject = state.subject(id);
        let call = &mut state.calls[id];
        if call.told != Told::Nothing {
            call.progress = Progress::Rest;
            return;
        }
        let Some(reservation) = subject else { return };
        // Without an event of its own, an answer rests on everything before it: it waits for the
        // chain that Redis had, and what Redis forgets takes the chain with it.
        call.progress = match reply {
            Reply::Done => wait(Told::Acked(reservation)),
            Reply::Replayed(first) => wait(Told::Acked(first)),
            Reply::Ended => wait(Told::Ended(reservation)),
            Reply::SoldOut | Reply::Stale | Reply::UnknownReservation => Progress::Refused(epoch),
        };
        let at_once = match reply {
            Reply::SoldOut => Some(Told::SoldOut),
            // A Redis that lost a suffix still has a chain that is durable, so waiting for it would
            // not make this true: only the ledger knows which reservations there are.
            Reply::UnknownReservation => self
                .has(Mutant::UnknownReservationFromRedis)
                .then_some(Told::UnknownReservation(reservation)),
            Reply::Ended => {
                self.has(Mutant::RefusalBeforeCommit).then_some(Told::Ended(reservation))
            }
            Reply::Done => self.has(Mutant::AckBeforeCommit).then_some(Told::Acked(reservation)),
            Reply::Replayed(_) | Reply::Stale => None,
        };
        if let Some(told) = at_once {
            call.tell(told);
        }
    }

    /// One look at the ledger, one snapshot, for a call that waits.
    pub(crate) fn answer(&self, state: &mut State, id: CallId) -> bool {
        let before = state.calls[id];
        let mut call = before;
        let durable = match before.progress {
            Progress::Waiting { chain, seq, answer, .. } => {
                let reached =
                    self.has(Mutant::AckBySeqWithoutChain) && state.ledger.cursor.seq >= seq;
                (reached || state.ledger.holds_chain(chain)).then_some(answer)
            }
            Progress::Rest | Progress::Sent { .. } | Progress::Refused(_) => None,
        };
        let Some(epoch) = before.epoch() else { return false };
        let risen = state.ledger.cursor.epoch > epoch;
        match durable {
            Some(_) if risen && self.has(Mutant::NoneWhenEpochRose) => call.tell(Told::None),
            Some(answer) => call.tell(answer),
            None if risen => call.tell(self.epoch_rose(state, id, &before)),
            None if state.ledger.cursor.epoch == epoch => {
                call.verified = epoch < self.bounds.epochs;
            }
            None => {}
        }
        state.calls[id] = call;
        call != before
    }

    /// What to say to a call whose chain is not in the ledger and never will be.
    fn epoch_rose(&self, state: &State, id: CallId, call: &Call) -> Told {
        let used = match CALLS[id] {
            Verb::Hold { key, .. } => state.ledger.rows.iter().any(|row| holds_key(row.event, key)),
            // Without a key, the reservation itself says whether an earlier run got in.
            Verb::Confirm(_) | Verb::Release(_) => {
                !self.has(Mutant::NoneWithoutReservation)
                    && state.subject(id).is_some_and(|reservation| {
                        state.ledger.holds_event(CALLS[id].effect(), reservation)
                    })
            }
        };
        let key_free =
            !used || self.has(Mutant::NoneWithoutKey) || self.has(Mutant::NoneWhenEpochRose);
        let stamp_sure = call.verified || self.has(Mutant::NoneWithOldStamp);
        if key_free && stamp_sure { Told::None } else { Told::Unknown }
    }
}

/// Whether the event is a hold made with this key.
fn holds_key(event: Event, key: crate::redis::Key) -> bool {
    event.kind == EventKind::Held && key_of(event.reservation) == key
}
