//! The ledger: what Postgres holds of the drop, and the books that its rows add up to.

use std::hash::{DefaultHasher, Hash, Hasher};

/// Units of the drop's one SKU.
pub const TOTAL: i8 = 2;

/// How many reservations can be made: one for each call that asks for a hold.
pub const RESERVATIONS: usize = 4;

/// A reservation's id: the number of the hold that made it.
pub type ReservationId = u8;

/// A drop's generation; 0 stands for "Redis has none".
pub type Epoch = u8;

/// An event's number in the drop; one entry carries one event here.
pub type Seq = u8;

/// The digest over everything up to and including an entry. Two histories with the same digest are
/// the same history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Chain(u64);

impl Chain {
    /// The chain of the entry that follows this one with `event`.
    pub fn next(self, event: Event) -> Self {
        let mut digest = DefaultHasher::new();
        (self.0, event).hash(&mut digest);
        Self(digest.finish())
    }
}

/// What a script changed, about one unit of one reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// To which reservation.
    pub reservation: ReservationId,
    /// Whether the script had been sent before. Production events carry the time and what else
    /// differs from run to run; here this makes the content of a second run another one.
    pub resent: bool,
}

/// The kinds of event that move units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventKind {
    /// A unit went from available to held.
    Held,
    /// A unit went from held to sold.
    Confirmed,
    /// The customer gave the unit back.
    Released,
    /// The deadline passed and the engine gave the unit back.
    Expired,
}

impl EventKind {
    /// The state of the reservation after it.
    pub fn leads_to(self) -> Reservation {
        match self {
            Self::Held => Reservation::Held,
            Self::Confirmed => Reservation::Confirmed,
            Self::Released => Reservation::Released,
            Self::Expired => Reservation::Expired,
        }
    }
}

/// Where a history stands: the ledger's own cursor, and what an engine remembers of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor {
    /// The drop's epoch.
    pub epoch: Epoch,
    /// The last event's seq.
    pub seq: Seq,
    /// The last entry's chain.
    pub chain: Chain,
}

/// One entry on its way from Redis to the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entry {
    /// The epoch of the Redis that wrote it.
    pub epoch: Epoch,
    /// Its event's seq.
    pub seq: Seq,
    /// The chain before it.
    pub prev: Chain,
    /// The chain with it.
    pub chain: Chain,
    /// What it says.
    pub event: Event,
}

/// Where a reservation stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reservation {
    /// Not there.
    #[default]
    Absent,
    /// It holds a unit.
    Held,
    /// Its unit is sold.
    Confirmed,
    /// Its unit was given back.
    Released,
    /// Its deadline passed.
    Expired,
}

/// Stock and reservations. Redis keeps them; the ledger's are what its rows add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Books {
    /// Units that can be held.
    pub available: i8,
    /// Units that are held.
    pub held: i8,
    /// Units that are sold.
    pub sold: i8,
    /// Every reservation's state.
    pub reservations: [Reservation; RESERVATIONS],
}

impl Books {
    /// The books of a drop that has sold nothing.
    pub fn opening() -> Self {
        Self { available: TOTAL, ..Self::default() }
    }

    /// Takes an event in without asking whether it makes sense: the script asks before it writes,
    /// and the ledger's CHECKs are left out so that an oversell would show.
    pub fn apply(&mut self, event: Event) {
        match event.kind {
            EventKind::Held => {
                self.available -= 1;
                self.held += 1;
            }
            EventKind::Confirmed => {
                self.held -= 1;
                self.sold += 1;
            }
            EventKind::Released | EventKind::Expired => {
                self.held -= 1;
                self.available += 1;
            }
        }
        self.reservations[usize::from(event.reservation)] = event.kind.leads_to();
    }

    /// Whether the counts are those of a SKU that is not oversold.
    pub fn balanced(&self) -> bool {
        let counts = [self.available, self.held, self.sold];
        counts.iter().all(|units| *units >= 0) && counts.iter().sum::<i8>() == TOTAL
    }
}

/// The durable record in Postgres.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ledger {
    /// `drops.epoch`, `drops.last_seq` and `drops.last_chain`.
    pub cursor: Cursor,
    /// The table `ledger`, append-only.
    pub rows: Vec<Entry>,
    /// `drops.lost_seq` is set: the drop stands still until a person has decided.
    pub lost: bool,
}

impl Ledger {
    /// The ledger of a drop in its first epoch that has sold nothing.
    pub fn opening() -> Self {
        let cursor = Cursor { epoch: 1, seq: 0, chain: Chain::default() };
        Self { cursor, rows: Vec::new(), lost: false }
    }

    /// What the rows add up to.
    pub fn books(&self) -> Books {
        self.books_up_to(self.rows.len())
    }

    /// What the first `rows` rows add up to.
    pub fn books_up_to(&self, rows: usize) -> Books {
        let mut books = Books::opening();
        self.rows.iter().take(rows).for_each(|row| books.apply(row.event));
        books
    }

    /// What this was at an earlier moment: after so many rows, in this epoch.
    pub fn earlier(&self, rows: usize, epoch: Epoch) -> Self {
        let rows = self.rows[..rows].to_vec();
        let last = rows.last().map_or((0, Chain::default()), |row| (row.seq, row.chain));
        let cursor = Cursor { epoch, seq: last.0, chain: last.1 };
        Self { cursor, rows, lost: false }
    }

    /// Whether an entry with this chain is durable.
    pub fn holds_chain(&self, chain: Chain) -> bool {
        chain == Chain::default() || self.rows.iter().any(|row| row.chain == chain)
    }

    /// Whether this event is durable.
    pub fn holds_event(&self, kind: EventKind, reservation: ReservationId) -> bool {
        let mut events = self.rows.iter().map(|row| row.event);
        events.any(|event| event.kind == kind && event.reservation == reservation)
    }
}
