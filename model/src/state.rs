//! The whole system at one moment, and the calls that the clients make.

use std::sync::Arc;

use crate::Bounds;
use crate::ledger::{Books, Chain, Cursor, Entry, Epoch, EventKind, Ledger, ReservationId, Seq};
use crate::redis::{Key, Redis, Stamp, Token};

/// How many engines serve the drop.
pub const ENGINES: usize = 2;

/// An engine's number.
pub type EngineId = usize;

/// A Redis server's number.
pub type ServerId = usize;

/// A call's number: its place in [`CALLS`].
pub type CallId = usize;

/// What a call asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Hold one unit.
    Hold {
        /// The idempotency key, if the client sends one.
        key: Option<Key>,
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

    /// The idempotency key that it carries.
    pub fn key(self) -> Option<Key> {
        match self {
            Self::Hold { key, .. } => key,
            Self::Confirm(_) | Self::Release(_) => None,
        }
    }
}

/// The first try of the client that retries.
pub const FIRST_TRY: CallId = 0;
/// The same request again, with the same key.
pub const RETRY: CallId = 1;
/// That client's checkout.
pub const CONFIRM: CallId = 2;
/// The second client's hold, without a key.
pub const SECOND_HOLD: CallId = 3;
/// The second client empties its cart.
pub const RELEASE: CallId = 4;
/// The third client's hold, without a key: it wants the unit that is not there.
pub const THIRD_HOLD: CallId = 5;

/// Every call that can be made.
pub const CALLS: [Verb; 6] = [
    Verb::Hold { key: Some(0), reservation: 0 },
    Verb::Hold { key: Some(0), reservation: 1 },
    Verb::Confirm(&[FIRST_TRY, RETRY]),
    Verb::Hold { key: None, reservation: 2 },
    Verb::Release(&[SECOND_HOLD]),
    Verb::Hold { key: None, reservation: 3 },
];

/// The key that a reservation was made with.
pub fn key_of(reservation: ReservationId) -> Option<Key> {
    let made = |verb: &Verb| matches!(verb, Verb::Hold { reservation: r, .. } if *r == reservation);
    CALLS.into_iter().find(made).and_then(Verb::key)
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
    /// A turn of its engine took it and stamped it; its script runs sooner or later, whether or
    /// not anybody still waits for the answer.
    Sent {
        /// How it was stamped.
        stamp: Stamp,
        /// Whether its script has run before, without a reply.
        resent: bool,
    },
    /// The script refused the whole call, so nothing happened: it goes again with another turn.
    Queued {
        /// Whether its script has run before, without a reply.
        resent: bool,
    },
    /// The script ran; the answer waits for this chain to be durable.
    Waiting {
        /// The epoch of the Redis that ran it.
        epoch: Epoch,
        /// That Redis' chain after the script.
        chain: Chain,
        /// Its seq after the script.
        seq: Seq,
        /// What to say then.
        answer: Told,
    },
}

/// A call and what became of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Call {
    /// The engine that works on it.
    pub engine: EngineId,
    /// How far it has come.
    pub progress: Progress,
    /// What the client was told.
    pub told: Told,
    /// It was told before the ledger lost what the answer rested on.
    pub excused: bool,
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
    /// The highest epoch and the highest seq that it ever knew to be durable; kept only where the
    /// ledger may lose something, for otherwise they are those of `ledger`.
    pub mark: (Epoch, Seq),
    /// What it read from the journal and has not committed.
    pub batch: Option<Arc<[Entry]>>,
    /// The rebuild it carries out.
    pub rebuild: Option<Rebuild>,
}

impl Engine {
    /// An engine that has just started and has looked at the ledger.
    pub fn started(ledger: &Ledger) -> Self {
        Self { ledger: ledger.cursor, mark: (0, 0), batch: None, rebuild: None }
    }

    /// How the engine stamps a script call.
    pub fn stamp(&self) -> Stamp {
        Stamp { epoch: self.ledger.epoch, durable: self.ledger.seq }
    }
}

/// A Redis server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Server {
    /// What it holds.
    pub redis: Arc<Redis>,
    /// What it held before each of its changes, oldest first: where a roll-back or a copy that
    /// lacks the end may lead.
    pub past: Vec<Arc<Redis>>,
}

/// What may still go wrong or happen by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Budget {
    /// A Redis loses a suffix of what it did.
    pub roll_backs: u8,
    /// A Redis loses everything.
    pub wipes: u8,
    /// A second Redis takes over with a copy that may lack the end, and the first one lives on.
    pub failovers: u8,
    /// An engine dies and starts again.
    pub crashes: u8,
    /// A connection breaks after a script has run, and the client library sends it again.
    pub resends: u8,
    /// A deadline passes.
    pub expiries: u8,
    /// A person runs `dropgate rebuild` on a healthy drop.
    pub rebuilds: u8,
    /// Postgres loses a suffix of what it did.
    pub ledger_losses: u8,
}

impl Budget {
    /// How often Redis can lose something.
    pub fn redis_faults(self) -> u8 {
        self.roll_backs + self.wipes + self.failovers
    }
}

/// The system at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The Redis servers: one, and after a failover two. Every engine may talk to either.
    pub servers: Vec<Server>,
    /// Postgres.
    pub ledger: Arc<Ledger>,
    /// What Postgres was before it lost something, until a person brings that back.
    pub lost: Option<Arc<Ledger>>,
    /// The engines.
    pub engines: [Engine; ENGINES],
    /// The calls.
    pub calls: [Call; CALLS.len()],
    /// What may still happen.
    pub budget: Budget,
    /// An engine fenced because of a Redis that was sound.
    pub fenced_needlessly: bool,
    /// A rebuilder changed a Redis that was not its own.
    pub overrun: bool,
}

impl State {
    /// A drop that has just opened.
    pub fn opening(budget: Budget) -> Self {
        let ledger = Ledger::opening();
        Self {
            servers: vec![Server { redis: Arc::new(Redis::opening()), past: Vec::new() }],
            engines: [Engine::started(&ledger), Engine::started(&ledger)],
            ledger: Arc::new(ledger),
            lost: None,
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
            let goes_on = matches!(call.progress, Progress::Sent { .. } | Progress::Queued { .. });
            // Only a crash asks which engine has a call whose script has run.
            if call.progress == Progress::Rest || (!goes_on && self.budget.crashes == 0) {
                call.engine = 0;
            }
        }
        if self.budget.roll_backs + self.budget.failovers == 0 {
            self.servers.iter_mut().for_each(|server| server.past.clear());
        }
        // Nothing tells the servers apart but what they hold.
        if bounds.alike {
            self.servers.sort_unstable();
        }
    }

    /// A server's Redis becomes this, and remembers what it was as long as that can matter.
    pub fn replace_redis(&mut self, server: ServerId, redis: Redis) {
        let server = &mut self.servers[server];
        let before = std::mem::replace(&mut server.redis, Arc::new(redis));
        if self.budget.roll_backs + self.budget.failovers > 0 {
            server.past.push(before);
        }
    }

    /// Every Redis.
    pub fn redises(&self) -> impl Iterator<Item = &Redis> {
        self.servers.iter().map(|server| &*server.redis)
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
}
