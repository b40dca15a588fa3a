//! Events and the journal entries that carry them.
//!
//! One script call that changed something appends one entry; the entry holds one event
//! or more, each with its own `seq`, and the chain over everything before. The grammar of
//! the text is in `lua/README.md`.

use serde_json::Value;

use super::reservation::unpack_lines;
use super::{DropId, Line, Millis, Reference, Reservation, ReservationId, SkuId, Stock};

/// Digests that stand for an idempotency key and for the request that came with it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestKey {
    /// Digest of the key: 22 characters of base64url.
    pub key: String,
    /// Digest of method, path and parsed body: 22 characters of base64url.
    pub fingerprint: String,
}

/// Units of one SKU that an event moved.
pub type Moved = Line;

/// What happened to a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReservationChange {
    /// Units were set aside.
    Held,
    /// The lines were replaced.
    Changed,
    /// The deadline moved.
    Extended,
    /// The units were sold.
    Confirmed,
    /// The units were given back.
    Released,
    /// The deadline passed and the units were given back.
    Expired,
    /// Sold units were given back.
    Returned,
}

impl ReservationChange {
    /// Every change, in the order of a reservation's life.
    pub const ALL: [ReservationChange; 7] = [
        ReservationChange::Held,
        ReservationChange::Changed,
        ReservationChange::Extended,
        ReservationChange::Confirmed,
        ReservationChange::Released,
        ReservationChange::Expired,
        ReservationChange::Returned,
    ];

    /// The ledger's `kind`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ReservationChange::Held => "held",
            ReservationChange::Changed => "changed",
            ReservationChange::Extended => "extended",
            ReservationChange::Confirmed => "confirmed",
            ReservationChange::Released => "released",
            ReservationChange::Expired => "expired",
            ReservationChange::Returned => "returned",
        }
    }
}

/// One thing that happened in a drop.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A reservation changed.
    Reservation {
        /// How.
        change: ReservationChange,
        /// The reservation as it was afterwards.
        after: Reservation,
        /// The units that moved: positive, signed for `Changed`, none for `Extended`.
        moved: Vec<Moved>,
        /// Why, where somebody said so.
        reason: Option<String>,
    },
    /// Units joined or left a SKU's total.
    Restocked {
        /// Which SKU.
        sku: SkuId,
        /// How many, signed.
        quantity: i64,
        /// The counts afterwards.
        after: Stock,
        /// The merchant's own reference.
        reference: Option<Reference>,
        /// Why, where somebody said so.
        reason: Option<String>,
    },
    /// Settings changed, of a SKU or of the drop itself.
    Configured {
        /// Which SKU; `None` for the drop.
        sku: Option<SkuId>,
        /// The settings that were given, by name; times in milliseconds.
        patch: Value,
    },
}

impl Event {
    /// The ledger's `kind`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Event::Reservation { change, .. } => change.as_str(),
            Event::Restocked { .. } => "restocked",
            Event::Configured { .. } => "configured",
        }
    }

    /// Which reservation changed, if one did.
    #[must_use]
    pub fn reservation_id(&self) -> Option<ReservationId> {
        match self {
            Event::Reservation { after, .. } => Some(after.id),
            Event::Restocked { .. } | Event::Configured { .. } => None,
        }
    }

    /// How this event moves the counts of the SKUs it touches, as `(sku, change)`.
    ///
    /// This is the one definition in Rust of what each kind does to stock; the scripts and
    /// the ledger's own check (`migrations/`) state it for themselves, on purpose.
    #[must_use]
    pub fn stock_changes(&self) -> Vec<(SkuId, Stock)> {
        let shift = |available: i64, held: i64, sold: i64| Stock {
            total: available + held + sold,
            available,
            held,
            sold,
        };
        match self {
            Event::Configured { .. } => Vec::new(),
            Event::Restocked { sku, quantity, .. } => vec![(sku.clone(), shift(*quantity, 0, 0))],
            Event::Reservation { change, moved, .. } => moved
                .iter()
                .map(|Line { sku, quantity: q }| {
                    let change = match change {
                        ReservationChange::Held | ReservationChange::Changed => shift(-q, *q, 0),
                        ReservationChange::Extended => shift(0, 0, 0),
                        ReservationChange::Confirmed => shift(0, -q, *q),
                        ReservationChange::Released | ReservationChange::Expired => {
                            shift(*q, -q, 0)
                        }
                        ReservationChange::Returned => shift(*q, 0, -q),
                    };
                    (sku.clone(), change)
                })
                .collect(),
        }
    }
}

/// Why a journal entry can't be read. It stops its drop: an entry is never skipped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("journal entry {id}: {problem}")]
pub struct EventError {
    /// The entry's id, `epoch-seq`.
    pub id: String,
    /// What is wrong with it.
    pub problem: String,
    /// Whether it is of another version of the grammar, which this program can't judge.
    pub other_version: bool,
}

/// What one script call changed: its events and its place in the chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The drop's generation.
    pub epoch: i64,
    /// The `seq` of the last event.
    pub seq: i64,
    /// The chain of the entry before.
    pub previous: String,
    /// The chain of this entry.
    pub chain: String,
    /// When it happened, by the Redis server's clock.
    pub at: Millis,
    /// The events, each with the idempotency key it answers, if any.
    pub events: Vec<(Event, Option<RequestKey>)>,
}

impl Entry {
    /// The `seq` of the first event.
    #[must_use]
    pub fn first_seq(&self) -> i64 {
        self.seq - i64::try_from(self.events.len()).unwrap_or(i64::MAX) + 1
    }

    /// Reads an entry from a journal: its id and its fields by name.
    ///
    /// # Errors
    /// [`EventError`] when anything at all is not as the scripts write it.
    pub fn parse<'a>(
        drop: &DropId,
        id: &str,
        field: impl Fn(&str) -> Option<&'a str>,
    ) -> Result<Entry, EventError> {
        let fail =
            |problem: String| EventError { id: id.to_owned(), problem, other_version: false };
        let want = |name: &str| field(name).ok_or_else(|| fail(format!("no field {name}")));
        let number = |text: &str| text.parse::<i64>().map_err(|_| fail(format!("{text:?}")));
        if want("v")? != "1" {
            let problem = format!("version {:?} is not known here", field("v"));
            return Err(EventError { other_version: true, ..fail(problem) });
        }
        let (epoch, seq) = id.split_once('-').ok_or_else(|| fail("id".to_owned()))?;
        let text = want("e")?;
        let lines = text.split('\n').filter(|line| !line.is_empty());
        let events = lines
            .map(|line| parse_event(drop, line).ok_or_else(|| fail(format!("event {line:?}"))))
            .collect::<Result<Vec<_>, _>>()?;
        if number(want("n")?)? != i64::try_from(events.len()).unwrap_or(i64::MAX) {
            return Err(fail(format!("it has {} events, not n", events.len())));
        }
        Ok(Entry {
            epoch: number(epoch)?,
            seq: number(seq)?,
            previous: want("p")?.to_owned(),
            chain: want("c")?.to_owned(),
            at: Millis(number(want("t")?)?),
            events,
        })
    }
}

fn parse_event(drop: &DropId, line: &str) -> Option<(Event, Option<RequestKey>)> {
    let (kind, rest) = line.split_once(' ')?;
    if kind == "configured" {
        let mut part = rest.splitn(4, ' ').skip(2);
        let sku = match part.next()? {
            "*" => None,
            sku => Some(sku.parse().ok()?),
        };
        let patch = serde_json::from_str(part.next()?).ok()?;
        return Some((Event::Configured { sku, patch }, None));
    }
    let (key, rest) = rest.split_once(' ')?;
    let (fingerprint, rest) = rest.split_once(' ')?;
    let key = (key != "*")
        .then(|| RequestKey { key: key.to_owned(), fingerprint: fingerprint.to_owned() });
    let event = if kind == "restocked" {
        parse_restocked(rest)?
    } else {
        let change = ReservationChange::ALL.into_iter().find(|change| change.as_str() == kind)?;
        parse_reservation(drop, change, rest)?
    };
    Some((event, key))
}

fn parse_restocked(rest: &str) -> Option<Event> {
    let mut part = rest.splitn(8, ' ');
    let sku = part.next()?.parse().ok()?;
    let mut number = || part.next()?.parse::<i64>().ok();
    let quantity = number()?;
    let after = Stock { total: number()?, available: number()?, held: number()?, sold: number()? };
    let reference = match part.next()? {
        "*" => None,
        text => Some(text.parse().ok()?),
    };
    let reason = serde_json::from_str(part.next()?).ok()?;
    after.violation().is_none().then_some(Event::Restocked {
        sku,
        quantity,
        after,
        reference,
        reason,
    })
}

fn parse_reservation(drop: &DropId, change: ReservationChange, rest: &str) -> Option<Event> {
    let (id, rest) = rest.split_once(' ')?;
    let at_moved = rest.match_indices(' ').nth(5)?.0;
    let (packed, rest) = (&rest[..at_moved], &rest[at_moved + 1..]);
    let (moved, reason) = match rest.split_once(' ') {
        Some((moved, reason)) => (moved, serde_json::from_str(reason).ok()?),
        None => (rest, None),
    };
    let after = Reservation::unpack(drop, ReservationId::from_short(id)?, packed)?;
    let moved = match (change, moved) {
        (ReservationChange::Extended, _) => Vec::new(),
        (ReservationChange::Changed, _) => unpack_lines(moved)?,
        (_, "*") => after.lines.clone(),
        _ => unpack_lines(moved)?,
    };
    Some(Event::Reservation { change, after, moved, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Option<Event> {
        parse_event(&"d".parse().expect("an id"), line).map(|(event, _)| event)
    }

    #[test]
    fn events_are_read() {
        let id = ReservationId::generate().short();
        let held = parse(&format!("held k f {id} H c 5 9 * a:1,b:2 *")).expect("held");
        assert_eq!(held.kind(), "held");
        assert_eq!(held.stock_changes().len(), 2);
        let back = parse(&format!("returned * * {id} C c 5 9 o a:1 a:2 \"broken seal\""));
        let Some(Event::Reservation { moved, reason, .. }) = back else { panic!("{back:?}") };
        assert_eq!((moved[0].quantity, reason.as_deref()), (2, Some("broken seal")));
        assert!(parse("restocked * * a 5 5 5 0 0 * null").is_some());
        assert!(parse("configured * * a {\"name\":\"A b\"}").is_some());
    }

    #[test]
    fn what_no_script_writes_is_not_read() {
        let id = ReservationId::generate().short();
        for line in [
            "",
            "held",
            "sold * * x",
            "restocked * * a 5 4 5 0 0 * null",
            "restocked * * a 5 5 5 0 0 *",
            &format!("held * * {id} H c 5 9 * a:1"),
            &format!("held * * {id} X c 5 9 * a:1 *"),
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }
}
