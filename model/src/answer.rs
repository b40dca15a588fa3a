//! A call from its arrival to its answer.

use crate::Dropgate;
use crate::ledger::{Event, EventKind};
use crate::mutants::Mutant;
use crate::redis::{Checks, Reply};
use crate::state::{CALLS, CallId, EngineId, Progress, ServerId, State, Told, Verb, key_of};

impl Dropgate {
    /// A call comes in, and a turn of the engine's lane takes it and stamps it.
    pub(crate) fn send(&self, state: &mut State, id: CallId, engine: EngineId) -> bool {
        state.calls[id].engine = engine;
        let stamp = state.engines[engine].stamp();
        state.calls[id].progress = Progress::Sent { stamp, resent: false };
        true
    }

    /// A call that a script refused as a whole goes again, with the stamp of another turn. Nothing
    /// has happened in its name, so it may go on in a newer epoch.
    pub(crate) fn send_again(&self, state: &mut State, id: CallId) -> bool {
        let Progress::Queued { resent } = state.calls[id].progress else { return false };
        let stamp = state.engines[state.calls[id].engine].stamp();
        state.calls[id].progress = Progress::Sent { stamp, resent };
        true
    }

    /// The call's script runs on a server and the engine gets the reply.
    pub(crate) fn run(&self, state: &mut State, id: CallId, server: ServerId) -> bool {
        let Some(reply) = self.run_script(state, id, server) else { return false };
        self.take_reply(state, id, server, reply);
        true
    }

    /// The call's script runs; the reply is lost, and the script will run again.
    pub(crate) fn run_unheard(&self, state: &mut State, id: CallId, server: ServerId) -> bool {
        state.budget.resends -= 1;
        let ran = self.run_script(state, id, server);
        if let Progress::Sent { resent, .. } = &mut state.calls[id].progress {
            *resent = true;
        }
        ran.is_some()
    }

    /// Only [`Mutant::NoneWhenStalled`]: the script looks the key up, and refuses what is new while
    /// the ledger stands still.
    pub(crate) fn stall(&self, state: &mut State, id: CallId, server: ServerId) -> bool {
        let Progress::Sent { stamp, .. } = state.calls[id].progress else { return false };
        let redis = &state.servers[server].redis;
        let known = CALLS[id].key().is_some_and(|key| redis.keys[usize::from(key)].is_some());
        if known || !redis.admits(stamp, self.checks()) {
            return false;
        }
        state.calls[id].progress = Progress::Rest;
        state.calls[id].tell(Told::None);
        true
    }

    /// Which checks the verbs' scripts make.
    pub(crate) fn checks(&self) -> Checks {
        Checks {
            epoch: !self.has(Mutant::ScriptWithoutEpochCheck),
            behind: !self.has(Mutant::ScriptWithoutBehindCheck),
        }
    }

    fn run_script(&self, state: &mut State, id: CallId, server: ServerId) -> Option<Reply> {
        let Progress::Sent { stamp, resent } = state.calls[id].progress else { return None };
        let reservation = state.subject(id)?;
        let before = &state.servers[server].redis;
        if !before.admits(stamp, self.checks()) {
            return Some(Reply::Stale);
        }
        let mut redis = (**before).clone();
        let reply = match CALLS[id] {
            Verb::Hold { key, .. } => {
                let looked_up = key.filter(|_| !self.has(Mutant::ScriptWithoutKeys));
                redis.reserve(looked_up, reservation, resent)
            }
            Verb::Confirm(_) | Verb::Release(_) => {
                redis.end(Event { kind: CALLS[id].effect(), reservation, resent })
            }
        };
        if reply == Reply::Done {
            state.replace_redis(server, redis);
        }
        Some(reply)
    }

    /// What the engine makes of the script's reply.
    fn take_reply(&self, state: &mut State, id: CallId, server: ServerId, reply: Reply) {
        let redis = &state.servers[server].redis;
        let (epoch, chain, seq) = (redis.epoch, redis.chain, redis.seq);
        let wait = |answer| Progress::Waiting { epoch, chain, seq, answer };
        let subject = state.subject(id);
        let call = &mut state.calls[id];
        if call.told != Told::Nothing {
            call.progress = Progress::Rest;
            return;
        }
        let Some(reservation) = subject else { return };
        let Progress::Sent { resent, .. } = call.progress else { return };
        // Without an event of its own, an answer rests on everything before it: it waits for the
        // chain that Redis had, and what Redis forgets takes the chain with it.
        call.progress = match reply {
            Reply::Done => wait(Told::Acked(reservation)),
            Reply::Replayed(first) => wait(Told::Acked(first)),
            Reply::Ended => wait(Told::Ended(reservation)),
            Reply::Stale => Progress::Queued { resent },
            Reply::SoldOut | Reply::UnknownReservation => Progress::Rest,
        };
        let at_once = match reply {
            Reply::SoldOut => Some(Told::SoldOut),
            // A Redis that lost a suffix still has a chain that is durable, so waiting for it would
            // not make a 404 true. The ledger has the reservation, so Redis is to be looked at.
            Reply::UnknownReservation if self.has(Mutant::UnknownReservationFromRedis) => {
                Some(Told::UnknownReservation(reservation))
            }
            Reply::UnknownReservation => Some(Told::None),
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
        let Progress::Waiting { epoch, chain, seq, answer } = state.calls[id].progress else {
            return false;
        };
        let ledger = &state.ledger;
        let reached = self.has(Mutant::AckBySeqWithoutChain) && ledger.cursor.seq >= seq;
        let told = if reached || ledger.holds_chain(chain) {
            answer
        } else if ledger.cursor.epoch > epoch {
            self.gone_without(state, id)
        } else {
            return false;
        };
        state.calls[id].tell(told);
        true
    }

    /// What to say to a call whose chain is not in the ledger, when the epoch has risen. It can't
    /// come any more; but an earlier try of the same key may, through an engine that is in a
    /// newer epoch than this look, and what a ledger has lost may be brought back.
    fn gone_without(&self, state: &State, id: CallId) -> Told {
        let used = CALLS[id].key().is_some_and(|key| {
            let mut rows = state.ledger.rows.iter();
            rows.any(|row| row.event.kind == EventKind::Held && holds(row.event, key))
        });
        let none = match CALLS[id].key() {
            Some(_) if self.has(Mutant::NoneWithKey) => true,
            Some(_) => self.has(Mutant::NoneWithKeyLookedUp) && !used,
            None => !state.ledger.lost || self.has(Mutant::NoneWhileLost),
        };
        if none { Told::None } else { Told::Unknown }
    }
}

/// Whether the event is about a reservation that was made with this key.
fn holds(event: Event, key: crate::redis::Key) -> bool {
    key_of(event.reservation) == Some(key)
}
