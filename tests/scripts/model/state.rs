//! A drop as plain facts. What the scripts count up and down (a customer's use, who is due)
//! is worked out here from the reservations each time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::ops::{Lines, pack_lines};

/// How long a deadline that passed while the drop was fenced is put off.
const GRACE: i64 = 60_000;

/// One SKU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sku {
    pub(super) available: i64,
    pub(super) held: i64,
    pub(super) sold: i64,
    pub(super) limit: Option<i64>,
}

/// One reservation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reservation {
    pub(super) state: char,
    pub(super) customer: String,
    pub(super) created: i64,
    pub(super) expires: i64,
    pub(super) order: String,
    pub(super) lines: Lines,
    /// Every SKU that ever stood in its lines.
    pub(super) skus: BTreeSet<String>,
    /// When it last changed, and the seq behind the call that changed it.
    pub(super) changed: (i64, i64),
    /// Whether Redis was seen to have let go of it.
    pub(super) left: bool,
}

impl Reservation {
    pub(super) fn pack(&self) -> String {
        let Reservation { state, customer, created, expires, order, lines, .. } = self;
        format!("{state} {customer} {created} {expires} {order} {}", pack_lines(lines))
    }

    pub(super) fn units(&self, sku: &str) -> i64 {
        self.lines.iter().filter(|(known, _)| known == sku).map(|(_, units)| units).sum()
    }
}

/// A drop.
#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    pub(super) now: i64,
    pub(super) opened: i64,
    pub(super) seq: i64,
    pub(super) durable_seq: i64,
    pub(super) state: String,
    pub(super) opens_at: i64,
    pub(super) closes_at: i64,
    pub(super) ttl: i64,
    pub(super) max_hold: i64,
    pub(super) limit: Option<i64>,
    pub(super) skus: BTreeMap<String, Sku>,
    pub(super) reservations: BTreeMap<String, Reservation>,
    /// The reservations in which a customer's units stand, in the order in which they came.
    pub(super) lists: BTreeMap<String, Vec<String>>,
    /// Fingerprint and seq of each idempotency key, and when it came.
    pub(super) keys: BTreeMap<String, (String, i64, i64)>,
    /// The caller's clock is far off: nothing expires.
    pub(super) skewed: bool,
    pub(super) admit: bool,
    /// Reservations that the call under way has found.
    pub(super) found: BTreeSet<String>,
    /// The events of the call under way that are not yet accounted for.
    pub(super) events: VecDeque<String>,
}

impl Model {
    pub(super) fn deadline(&self, r: &Reservation) -> i64 {
        if r.expires <= self.opened { self.opened + GRACE } else { r.expires }
    }

    pub(super) fn is_due(&self, r: &Reservation) -> bool {
        r.state == 'H' && !self.skewed && self.deadline(r) <= self.now
    }

    /// Units of one SKU (or of all) that a customer holds and owns.
    pub(super) fn used(&self, customer: &str, sku: Option<&str>) -> i64 {
        let counts = |r: &&Reservation| r.customer == customer && matches!(r.state, 'H' | 'C');
        let units = |r: &Reservation| match sku {
            Some(sku) => r.units(sku),
            None => r.lines.iter().map(|(_, units)| units).sum(),
        };
        self.reservations.values().filter(counts).map(units).sum()
    }

    pub(super) fn state_now(&self) -> &str {
        if self.closes_at != 0 && self.closes_at <= self.now {
            "closed"
        } else if self.state == "scheduled" && self.opens_at != 0 && self.opens_at <= self.now {
            "open"
        } else {
            &self.state
        }
    }

    /// Accounts for one event, which must be the next one of the journal.
    #[track_caller]
    pub(super) fn event(&mut self, kind: &str, key: &super::ops::Key, rest: &str) {
        let (key_text, fingerprint) =
            key.as_ref().map_or(("*", "*"), |(key, print)| (key.as_str(), print.as_str()));
        let wanted = format!("{kind} {key_text} {fingerprint} {rest}");
        assert_eq!(self.events.pop_front(), Some(wanted), "the next event");
        self.seq += 1;
        if let Some((key, fingerprint)) = key {
            self.keys.insert(key.clone(), (fingerprint.clone(), self.seq, self.now));
        }
    }

    /// The reservation that the next event lets expire, if that is what it does.
    pub(super) fn next_expired(&self) -> Option<String> {
        let mut words = self.events.front()?.split(' ');
        (words.next() == Some("expired")).then(|| words.nth(2).map(str::to_owned)).flatten()
    }

    /// Lets the reservation expire that the journal names next. It must be due.
    #[track_caller]
    pub(super) fn expire_next(&mut self) -> String {
        let id = self.next_expired().expect("something that is due is freed next");
        let r = self.reservations.get(&id).expect("a reservation");
        assert!(self.is_due(r), "{id} expired before its time, or twice");
        self.give_back(&id, 'E', "expired", &None);
        id
    }

    /// Ends a hold: its units go back.
    pub(super) fn give_back(&mut self, id: &str, state: char, kind: &str, key: &super::ops::Key) {
        let mut r = self.reservations.get(id).expect("a reservation").clone();
        for (sku, units) in &r.lines {
            self.shift(sku, *units, -*units, 0);
        }
        self.unlist(&r.customer, id);
        r.state = state;
        self.event(kind, key, &format!("{id} {} *", r.pack()));
        self.put(id, r);
    }

    pub(super) fn put(&mut self, id: &str, mut r: Reservation) {
        r.changed = (self.now, self.seq);
        r.skus.extend(r.lines.iter().map(|(sku, _)| sku.clone()));
        r.left = false;
        self.reservations.insert(id.to_owned(), r);
    }

    pub(super) fn shift(&mut self, sku: &str, available: i64, held: i64, sold: i64) {
        let stock = self.skus.get_mut(sku).expect("a sku");
        stock.available += available;
        stock.held += held;
        stock.sold += sold;
        let counts = [stock.available, stock.held, stock.sold];
        assert!(counts.iter().all(|count| *count >= 0), "{sku}: {counts:?}");
    }

    pub(super) fn list(&mut self, customer: &str, id: &str) {
        let ids = self.lists.entry(customer.to_owned()).or_default();
        if ids.len() < 64 && !ids.iter().any(|known| known == id) {
            ids.push(id.to_owned());
        }
    }

    pub(super) fn unlist(&mut self, customer: &str, id: &str) {
        if let Some(ids) = self.lists.get_mut(customer) {
            ids.retain(|known| known != id);
            if ids.is_empty() {
                self.lists.remove(customer);
            }
        }
    }

    /// The holds of a SKU that are due.
    pub(super) fn due_on(&self, sku: &str) -> Vec<String> {
        let due = |r: &Reservation| self.is_due(r) && r.units(sku) > 0;
        let found = self.reservations.iter().filter(|(_, r)| due(r));
        found.map(|(id, _)| id.clone()).collect()
    }

    /// Frees what is due on a SKU until there is enough; the journal says in which order. A
    /// hold that had the SKU before its lines were changed may go with the others: it is due.
    pub(super) fn free_due(&mut self, sku: &str, wanted: i64) {
        while self.skus[sku].available < wanted {
            let next = self.next_expired().map(|id| self.reservations[&id].clone());
            if !next.is_some_and(|r| self.is_due(&r) && r.skus.contains(sku)) {
                assert_eq!(self.due_on(sku), Vec::<String>::new(), "these are due on {sku}");
                return;
            }
            self.expire_next();
        }
    }
}
