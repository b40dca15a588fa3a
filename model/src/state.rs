//! The whole system at one moment, and the calls that the clients make.

use std::sync::Arc;

use crate::Bounds;
use crate::ledger::{Books, Chain, Cursor, Entry, Epoch, EventKind, Ledger, ReservationId, Seq};
use crate::redis::{Key, Redis, Stamp, Token};

/// How many engines serve the drop.
pub const ENGINES: usize = 2;

/// An engine's number.
pub type EngineId = usize;

/// A call's number: its place in [`CALLS`].
pub type CallId = usize;

/// What a call asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Hold one unit.
    Hold {
        /// The idempotency key.
        key: Key,
        /// The id that the server makes for it: another one at every try.
        reservation: ReservationId,
    },
    /// Confirm the reservation that one of these holds was acknowledged with.
    Confirm(&'static [CallId]),
    /// Release the reservation that one of these holds was acknowledged with.
    Release(&'static [CallId]),
}

impl Verb {
    /// The event that it leads to.
    pub fn effect(self) -> EventKind {
        match self {
            Self::Hold { .. } => EventKind::Held,
            Self::Confirm(_) => EventKind::Confirmed,
            Self::Release(_) => EventKind::Released,
        }
    }
}

/// The first try of the client that retries.
pub const FIRST_TRY: CallId = 0;
/// The same request again, with the same key.
pub const RETRY: CallId = 1;
/// That client's checkout.
pub const CONFIRM: CallId = 2;
/// The second client's hold.
pub const SECOND_HOLD: CallId = 3;
/// The second client empties its cart.
pub const RELEASE: CallId = 4;
/// The third client's hold: it wants the unit that is not there.
pub const THIRD_HOLD: CallId = 5;

/// Every call that can be made.
pub const CALLS: [Verb; 6] = [
    Verb::Hold { key: 0, reservation: 0 },
    Verb::Hold { key: 0, reservation: 1 },
    Verb::Confirm(&[FIRST_TRY, RETRY]),
    Verb::Hold { key: 1, reservation: 2 },
    Verb::Release(&[SECOND_HOLD]),
    Verb::Hold { key: 2, reservation: 3 },
];

/// The key that a reservation was made with.
pub fn key_of(reservation: ReservationId) -> Key {
    reservation.saturating_sub(1)
}

/// What a client was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Told {
    /// Nothing so far.
    #[default]
    Nothing,
    /// 2xx about this reservation.
    Acked(ReservationId),
    /// 409 `sold_out`, which promises nothing.
    SoldOut,
    /// 409: this reservation has ended another way.
    Ended(ReservationId),
    /// 404: there is no such reservation.
    UnknownReservation(ReservationId),
    /// 503 with outcome `none`.
    None,
    /// 503 with outcome `unknown`, a broken connection, or the client's own patience.
    Unknown,
}

/// How far a call has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Progress {
    /// Not made, or nobody works on it any more.
    #[default]
    Rest,
    /// An engine took it and stamped it; its script runs sooner or later, whether or not anybody
    /// still waits for the answer.
    Sent {
        /// How it was stamped.
        stamp: Stamp,
        /// Whether its script has run before, without a reply.
        resent: bool,
    },
    /// The script ran; the answer waits for this chain to be durable.
    Waiting {
        /// The stamp's epoch.
        epoch: Epoch,
        /// Redis' chain after the script.
        chain: Chain,
        /// Redis' seq after the script.
        seq: Seq,
        /// What to say then.
        answer: Told,
    },
    /// The script refused, so nothing rests on a chain.
    Refused(Epoch),
}

/// A call and what became of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Call {
    /// The engine that works on it.
    pub engine: EngineId,
    /// How far it has come.
    pub progress: Progress,
    /// Whether its engine, after the call came in, saw the ledger in the stamp's epoch. Only then
    /// is every earlier try stamped with that epoch or a lower one.
    pub verified: bool,
    /// What the client was told.
    pub told: Told,
}

impl Call {
    /// Tells the client, who then no longer waits.
    pub fn tell(&mut self, told: Told) {
        self.told = told;
        // What is on its way to Redis cannot be called back.
        if !matches!(self.progress, Progress::Sent { .. }) {
            self.progress = Progress::Rest;
        }
    }

    /// Whether an engine has it and the client waits.
    pub fn pending(&self) -> bool {
        self.told == Told::Nothing && self.progress != Progress::Rest
    }

    /// The epoch that the call was stamped with, while an engine has it.
    pub fn epoch(&self) -> Option<Epoch> {
        match self.progress {
            Progress::Rest => None,
            Progress::Sent { stamp, .. } => Some(stamp.epoch),
            Progress::Waiting { epoch, .. } | Progress::Refused(epoch) => Some(epoch),
        }
    }
}

/// How far a rebuild has come: which script is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Take Redis over for the new epoch.
    Begin,
    /// Write this chunk.
    Chunk(u8),
    /// Open.
    Finish,
}

/// A rebuild in an engine's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rebuild {
    /// The new epoch, and where the ledger stood in the snapshot.
    pub snapshot: Cursor,
    /// What the ledger's rows added up to in the snapshot.
    pub books: Books,
    /// The rebuild's mark in Redis.
    pub token: Token,
    /// The next script.
    pub stage: Stage,
}

/// An engine's memory; a crash empties it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Engine {
    /// What it last saw of the ledger.
    pub ledger: Cursor,
    /// What it read from the journal and has not committed.
    pub batch: Option<Arc<[Entry]>>,
    /// The rebuild it carries out.
    pub rebuild: Option<Rebuild>,
    /// What it saw of Redis before it looked at the ledger: only a mutant reads in this order.
    pub redis: Option<Cursor>,
}

impl Engine {
    /// An engine that has just started and has looked at the ledger.
    pub fn started(ledger: &Ledger) -> Self {
        Self { ledger: ledger.cursor, batch: None, rebuild: None, redis: None }
    }

    /// How the engine stamps a script call.
    pub fn stamp(&self) -> Stamp {
        Stamp { epoch: self.ledger.epoch, durable: self.ledger.seq }
    }
}

/// What may still go wrong or happen by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Budget {
    /// Redis loses a suffix of what it did.
    pub roll_backs: u8,
    /// Redis loses everything.
    pub wipes: u8,
    /// An engine dies and starts again.
    pub crashes: u8,
    /// A connection breaks after a script has run, and the client library sends it again.
    pub resends: u8,
    /// A deadline passes.
    pub expiries: u8,
    /// A person runs `dropgate rebuild` on a healthy drop.
    pub rebuilds: u8,
}

/// The system at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// Redis.
    pub redis: Arc<Redis>,
    /// What Redis was before each of its changes, oldest first: where a roll-back may lead.
    pub past: Vec<Arc<Redis>>,
    /// Postgres.
    pub ledger: Arc<Ledger>,
    /// The engines.
    pub engines: [Engine; ENGINES],
    /// The calls.
    pub calls: [Call; CALLS.len()],
    /// What may still happen.
    pub budget: Budget,
    /// An engine fenced a drop whose Redis was sound.
    pub fenced_needlessly: bool,
    /// A rebuilder changed a Redis that was not its own.
    pub overrun: bool,
}

impl State {
    /// A drop that has just opened.
    pub fn opening(budget: Budget) -> Self {
        let ledger = Ledger::opening();
        Self {
            redis: Arc::new(Redis::opening()),
            past: Vec::new(),
            engines: [Engine::started(&ledger), Engine::started(&ledger)],
            ledger: Arc::new(ledger),
            calls: [Call::default(); CALLS.len()],
            budget,
            fenced_needlessly: false,
            overrun: false,
        }
    }

    /// Drops what can no longer make a difference, so that equal states look equal.
    pub fn forget(&mut self, bounds: &Bounds) {
        if bounds.alike && self.engines[0] > self.engines[1] {
            self.engines.swap(0, 1);
            self.calls.iter_mut().for_each(|call| call.engine = 1 - call.engine);
        }
        for call in &mut self.calls {
            let sent = matches!(call.progress, Progress::Sent { .. });
            // Only a crash asks which engine has a call whose script has run.
            if call.progress == Progress::Rest || (!sent && self.budget.crashes == 0) {
                call.engine = 0;
            }
            // In the last epoch nothing can be fenced any more, so nobody is told `none`.
            call.verified &= call.epoch().is_some_and(|epoch| epoch < bounds.epochs);
        }
        if self.budget.roll_backs == 0 {
            self.past.clear();
        }
    }

    /// Redis becomes this, and remembers what it was as long as it could still roll back.
    pub fn replace_redis(&mut self, redis: Redis) {
        let before = std::mem::replace(&mut self.redis, Arc::new(redis));
        if self.budget.roll_backs > 0 {
            self.past.push(before);
        }
    }

    /// The reservation that one of these holds was acknowledged with.
    pub fn acked(&self, holds: &[CallId]) -> Option<ReservationId> {
        holds.iter().find_map(|hold| match self.calls[*hold].told {
            Told::Acked(reservation) => Some(reservation),
            Told::Nothing
            | Told::SoldOut
            | Told::Ended(_)
            | Told::UnknownReservation(_)
            | Told::None
            | Told::Unknown => None,
        })
    }

    /// The reservation that this call is about; none before its hold is acknowledged.
    pub fn subject(&self, call: CallId) -> Option<ReservationId> {
        match CALLS[call] {
            Verb::Hold { reservation, .. } => Some(reservation),
            Verb::Confirm(holds) | Verb::Release(holds) => self.acked(holds),
        }
    }

    /// Whether Redis serves the ledger's epoch and its journal goes on from the ledger's cursor.
    pub fn sound(&self) -> bool {
        self.open_in_ledgers_epoch() && self.redis.continues(self.ledger.cursor.chain)
    }

    /// Whether Redis is open in the ledger's epoch.
    pub fn open_in_ledgers_epoch(&self) -> bool {
        self.redis.phase == crate::redis::Phase::Open
            && self.redis.epoch == self.ledger.cursor.epoch
    }
}
