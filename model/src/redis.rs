//! One Redis server: its data, and the scripts. A script is one atomic step; it checks everything,
//! then writes.

use crate::ledger::{
    Books, Chain, Cursor, Entry, Epoch, Event, EventKind, Reservation, ReservationId, Seq,
};
use crate::state::{Rebuild, key_of};

/// How many idempotency keys there are: that of the client who retries.
pub const KEYS: usize = 1;

/// An idempotency key.
pub type Key = u8;

/// A rebuild's own mark in Redis.
pub type Token = u8;

/// In how many chunks a rebuild writes: the stock, then the reservations with their keys.
pub const CHUNKS: u8 = 2;

/// Whether Redis serves the drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Redis knows nothing of the drop.
    Missing,
    /// A rebuild has begun.
    Rebuilding {
        /// Whose rebuild it is.
        token: Token,
        /// How many chunks have arrived since it began.
        chunks: u8,
    },
    /// The drop is served.
    Open,
}

/// Everything Redis keeps of the drop.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Redis {
    /// The epoch in `meta`.
    pub epoch: Epoch,
    /// The state in `meta`.
    pub phase: Phase,
    /// The last event's seq.
    pub seq: Seq,
    /// The last entry's chain.
    pub chain: Chain,
    /// The highest seq that Redis was told to be durable; kept only where the ledger may lose
    /// something, for nobody else asks.
    pub mark: Seq,
    /// Stock and reservations.
    pub books: Books,
    /// Idempotency keys with the reservation each one made.
    pub keys: [Option<ReservationId>; KEYS],
    /// The journal, oldest entry first.
    pub journal: Vec<Entry>,
}

/// What a caller says of itself in every script call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// The epoch that the caller works in.
    pub epoch: Epoch,
    /// The highest seq that the caller knows to be durable.
    pub durable: Seq,
}

/// What a script says to a verb, the first that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reply {
    /// Another epoch, not open, or below what the caller knows to be durable.
    Stale,
    /// The key has made this reservation, or the reservation has ended this way, before.
    Replayed(ReservationId),
    /// No unit is available.
    SoldOut,
    /// The reservation is not in Redis.
    UnknownReservation,
    /// The reservation has ended another way.
    Ended,
    /// It is done and stands in the journal.
    Done,
}

/// Which of its checks a script makes.
#[derive(Clone, Copy, Debug)]
pub struct Checks {
    /// Another epoch is refused.
    pub epoch: bool,
    /// A caller who knows of more that is durable is refused.
    pub behind: bool,
}

impl Checks {
    /// All of them.
    pub const ALL: Self = Self { epoch: true, behind: true };
}

impl Redis {
    /// The Redis of a drop in its first epoch that has sold nothing.
    pub fn opening() -> Self {
        Self { epoch: 1, phase: Phase::Open, books: Books::opening(), ..Self::wiped() }
    }

    /// A Redis that has lost everything.
    pub fn wiped() -> Self {
        Self {
            epoch: 0,
            phase: Phase::Missing,
            seq: 0,
            chain: Chain::default(),
            mark: 0,
            books: Books::default(),
            keys: [None; KEYS],
            journal: Vec::new(),
        }
    }

    /// Whether a verb of a caller with this stamp may look at anything at all.
    pub fn admits(&self, stamp: Stamp, checks: Checks) -> bool {
        let epoch_fits = self.epoch == stamp.epoch || !checks.epoch;
        let behind = checks.behind && self.epoch == stamp.epoch && self.seq < stamp.durable;
        self.phase == Phase::Open && epoch_fits && !behind
    }

    /// `reserve`: the key first, then the stock.
    pub fn reserve(&mut self, key: Option<Key>, reservation: ReservationId, resent: bool) -> Reply {
        let first = key.and_then(|key| self.keys[usize::from(key)]);
        if let Some(first) = first {
            return Reply::Replayed(first);
        }
        if self.books.available <= 0 {
            return Reply::SoldOut;
        }
        if let Some(key) = key {
            self.keys[usize::from(key)] = Some(reservation);
        }
        self.append(Event { kind: EventKind::Held, reservation, resent });
        Reply::Done
    }

    /// `confirm`, `release` or `expire`: only a held reservation ends, and asking twice for the
    /// same end is no mistake.
    pub fn end(&mut self, event: Event) -> Reply {
        let state = self.books.reservations[usize::from(event.reservation)];
        if state == event.kind.leads_to() {
            return Reply::Replayed(event.reservation);
        }
        match state {
            Reservation::Absent => Reply::UnknownReservation,
            Reservation::Confirmed | Reservation::Released | Reservation::Expired => Reply::Ended,
            Reservation::Held => {
                self.append(event);
                Reply::Done
            }
        }
    }

    /// The change and its journal entry, in the same atomic step.
    fn append(&mut self, event: Event) {
        let prev = self.chain;
        self.books.apply(event);
        self.seq += 1;
        self.chain = prev.next(event);
        let (epoch, seq, chain) = (self.epoch, self.seq, self.chain);
        self.journal.push(Entry { epoch, seq, prev, chain, event });
    }

    /// The first script of a rebuild; answers whether it did anything. An epoch that is not above
    /// Redis' own is a late rebuilder's.
    pub fn begin(&mut self, rebuild: &Rebuild, checked: bool) -> bool {
        let Rebuild { snapshot, token, .. } = *rebuild;
        if checked && self.epoch >= snapshot.epoch {
            return false;
        }
        *self = Self {
            epoch: snapshot.epoch,
            phase: Phase::Rebuilding { token, chunks: 0 },
            seq: snapshot.seq,
            chain: snapshot.chain,
            ..Self::wiped()
        };
        true
    }

    /// One chunk of a rebuild: 0 brings the stock, 1 the reservations and their keys.
    pub fn chunk(&mut self, rebuild: &Rebuild, chunk: u8, checked: bool, keys: bool) -> bool {
        if checked && !self.belongs_to(rebuild) {
            return false;
        }
        if let Phase::Rebuilding { chunks, .. } = &mut self.phase {
            *chunks += 1;
        }
        if chunk == 0 {
            let reservations = self.books.reservations;
            self.books = Books { reservations, ..rebuild.books };
            return true;
        }
        self.books.reservations = rebuild.books.reservations;
        let known = self.books.reservations.iter().zip(0..);
        for (_, reservation) in known.filter(|(state, _)| keys && **state != Reservation::Absent) {
            if let Some(key) = key_of(reservation) {
                self.keys[usize::from(key)] = Some(reservation);
            }
        }
        true
    }

    /// The last script of a rebuild: opens when it is its own and, if `counted`, complete.
    pub fn finish(&mut self, rebuild: &Rebuild, checked: bool, counted: bool) -> bool {
        let complete = matches!(self.phase, Phase::Rebuilding { chunks, .. } if chunks == CHUNKS);
        if (checked && !self.belongs_to(rebuild)) || (counted && !complete) {
            return false;
        }
        self.phase = Phase::Open;
        true
    }

    /// Whether this rebuild is the one that Redis is in: epoch, state and token.
    pub fn belongs_to(&self, rebuild: &Rebuild) -> bool {
        let owned = matches!(self.phase, Phase::Rebuilding { token, .. } if token == rebuild.token);
        owned && self.epoch == rebuild.snapshot.epoch
    }

    /// The journal's entries from the one that follows `cursor`, which the caller knows to be
    /// durable; empty if there is none or if it is trimmed.
    pub fn entries_after(&self, cursor: Cursor) -> Vec<Entry> {
        let entries = self.journal.iter().filter(|entry| entry.seq > cursor.seq);
        entries.copied().collect()
    }

    /// Whether this chain is the present one or one that the journal goes on from.
    pub fn continues(&self, chain: Chain) -> bool {
        self.chain == chain || self.journal.iter().any(|entry| entry.prev == chain)
    }

    /// Whether Redis is open in the ledger's epoch and its journal goes on from where the ledger
    /// is.
    pub fn sound(&self, ledger: Cursor) -> bool {
        self.open_at(ledger.epoch) && self.continues(ledger.chain)
    }

    /// Whether Redis is open in this epoch.
    pub fn open_at(&self, epoch: Epoch) -> bool {
        self.phase == Phase::Open && self.epoch == epoch
    }

    /// What a look at Redis says, when the ledger stands at `ledger`: whether journal and ledger
    /// don't fit together. Its epoch is another one, a rebuild stands unfinished, it is behind, it
    /// is a fork, or its journal has a gap.
    pub fn condemned_by(&self, ledger: Cursor, chain_checked: bool) -> bool {
        if !self.open_at(ledger.epoch) || self.seq < ledger.seq {
            return true;
        }
        let next = self.journal.iter().find(|entry| entry.seq == ledger.seq + 1);
        match next {
            Some(entry) => chain_checked && entry.prev != ledger.chain,
            None if self.seq == ledger.seq => chain_checked && self.chain != ledger.chain,
            None => true,
        }
    }
}
