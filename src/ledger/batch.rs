//! Journal entries of one drop or several as the columns that one commit writes.

use std::collections::{HashMap, hash_map};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::domain::{
    DropId, Entry, EntryDigest, Event, Line, Millis, RequestKey, Reservation, ReservationChange,
    ReservationId, ReservationState, Seal, SkuId, Stock,
};

/// What one transaction carries of one drop: entries in order and without a gap.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) drop: DropId,
    pub(super) entries: Vec<Entry>,
}

/// Parts of different drops as columns, ready to be committed at once. The first of each group of
/// columns says to which part a row belongs, counted from 1 as SQL does.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) drops: DropColumns,
    pub(super) entries: EntryColumns,
    pub(super) holds: HoldColumns,
    pub(super) ledger: LedgerColumns,
    pub(super) reservations: ReservationColumns,
    pub(super) replaced: ReplacedColumns,
    pub(super) lines: LineColumns,
    pub(super) requests: RequestColumns,
    pub(super) stock: StockColumns,
    /// Events that it carries.
    pub(super) events: usize,
}

/// A row a part: what it builds on, and where it leads.
#[derive(Debug, Default)]
pub(super) struct DropColumns {
    pub(super) id: Vec<String>,
    pub(super) epoch: Vec<i64>,
    pub(super) previous: Vec<String>,
    pub(super) seq: Vec<i64>,
    pub(super) chain: Vec<String>,
}

#[derive(Debug, Default)]
pub(super) struct EntryColumns {
    pub(super) drop: Vec<i32>,
    pub(super) seq: Vec<i64>,
    pub(super) chain: Vec<String>,
    pub(super) at: Vec<DateTime<Utc>>,
    /// What the ledger's seals are made of.
    pub(super) digest: Vec<Vec<u8>>,
}

/// New holds that this batch does nothing else to, a row a line.
#[derive(Debug, Default)]
pub(super) struct HoldColumns {
    pub(super) drop: Vec<i32>,
    pub(super) seq: Vec<i64>,
    pub(super) at: Vec<DateTime<Utc>>,
    pub(super) id: Vec<Uuid>,
    pub(super) customer: Vec<String>,
    pub(super) expires: Vec<DateTime<Utc>>,
    pub(super) sku: Vec<String>,
    pub(super) quantity: Vec<i64>,
    pub(super) position: Vec<i32>,
    pub(super) salt: Vec<Uuid>,
}

#[derive(Debug, Default)]
pub(super) struct LedgerColumns {
    pub(super) drop: Vec<i32>,
    pub(super) seq: Vec<i64>,
    pub(super) line: Vec<i32>,
    pub(super) kind: Vec<&'static str>,
    pub(super) reservation: Vec<Option<Uuid>>,
    pub(super) customer: Vec<Option<String>>,
    pub(super) sku: Vec<Option<String>>,
    pub(super) quantity: Vec<i64>,
    pub(super) order: Vec<Option<String>>,
    pub(super) at: Vec<DateTime<Utc>>,
    pub(super) reference: Vec<Option<String>>,
    pub(super) reason: Vec<Option<String>>,
    pub(super) settings: Vec<Option<String>>,
}

#[derive(Debug, Default)]
pub(super) struct ReservationColumns {
    pub(super) drop: Vec<i32>,
    pub(super) held: Vec<bool>,
    pub(super) id: Vec<Uuid>,
    pub(super) customer: Vec<String>,
    pub(super) state: Vec<&'static str>,
    pub(super) order: Vec<Option<String>>,
    pub(super) created: Vec<DateTime<Utc>>,
    pub(super) expires: Vec<DateTime<Utc>>,
    pub(super) seq: Vec<i64>,
    pub(super) at: Vec<DateTime<Utc>>,
    pub(super) salt: Vec<Option<Uuid>>,
}

/// Reservations whose lines in the ledger are not right any more.
#[derive(Debug, Default)]
pub(super) struct ReplacedColumns {
    pub(super) drop: Vec<i32>,
    pub(super) reservation: Vec<Uuid>,
}

#[derive(Debug, Default)]
pub(super) struct LineColumns {
    pub(super) drop: Vec<i32>,
    pub(super) reservation: Vec<Uuid>,
    pub(super) sku: Vec<String>,
    pub(super) quantity: Vec<i64>,
    pub(super) position: Vec<i32>,
}

#[derive(Debug, Default)]
pub(super) struct RequestColumns {
    pub(super) drop: Vec<i32>,
    pub(super) key: Vec<String>,
    pub(super) fingerprint: Vec<String>,
    pub(super) seq: Vec<i64>,
    pub(super) answer: Vec<String>,
    pub(super) at: Vec<DateTime<Utc>>,
}

#[derive(Debug, Default)]
pub(super) struct StockColumns {
    pub(super) drop: Vec<i32>,
    pub(super) sku: Vec<String>,
    pub(super) total: Vec<i64>,
    pub(super) available: Vec<i64>,
    pub(super) held: Vec<i64>,
    pub(super) sold: Vec<i64>,
    pub(super) version: Vec<i64>,
}

/// The last word of a batch on one reservation.
struct Last<'a> {
    /// Whether one of the batch's words on it was that it is held.
    held: bool,
    /// Whether its lines may differ from those in the ledger.
    lines_changed: bool,
    /// That of its customer, if the batch makes it.
    salt: Option<Uuid>,
    after: &'a Reservation,
    seq: i64,
    at: DateTime<Utc>,
}

impl Batch {
    /// Turns parts into columns: facts as they are, stock summed up per SKU, and of each
    /// reservation only what it came to. A part without entries adds nothing.
    pub(super) fn new(parts: &[Part]) -> Batch {
        let mut batch = Batch::default();
        for (number, part) in (1..).zip(parts) {
            batch.add(number, part);
        }
        batch
    }

    /// Whether all that it does is to make holds of one drop.
    pub(super) fn only_holds(&self) -> bool {
        let Batch { drops, holds, ledger, reservations, .. } = self;
        let others = ledger.seq.len() + reservations.id.len();
        drops.id.len() == 1 && !holds.seq.is_empty() && others == 0
    }

    fn add(&mut self, drop: i32, part: &Part) {
        let entries = &part.entries;
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return };
        self.drops.push(&part.drop, first, last);
        let events = || entries.iter().flat_map(|entry| &entry.events).map(|(event, _)| event);
        let mut words: HashMap<ReservationId, usize> = HashMap::new();
        for id in events().filter_map(Event::reservation_id) {
            *words.entry(id).or_default() += 1;
        }
        let mut reservations: HashMap<ReservationId, Last<'_>> = HashMap::new();
        let mut order: Vec<ReservationId> = Vec::new();
        let mut stock: HashMap<SkuId, (Stock, i64)> = HashMap::new();
        for entry in entries {
            let at = entry.at.to_datetime();
            self.events += entry.events.len();
            let mut digest = EntryDigest::new(&part.drop, entry.epoch, entry.seq, entry.at);
            for (seq, (event, key)) in (entry.first_seq()..).zip(&entry.events) {
                if let Some(key) = key {
                    self.requests.push(drop, seq, at, key, answer(event));
                }
                for (sku, change) in event.stock_changes() {
                    add(&mut stock, sku, change, seq);
                }
                let made = new_hold(event, entry.at).map(|hold| (hold, salt()));
                digest.event(seq, event, made.map(|(_, salt)| salt));
                if let Some((hold, salt)) = made.filter(|(hold, _)| words[&hold.id] == 1) {
                    self.holds.push(drop, seq, at, hold, salt);
                    continue;
                }
                self.ledger.push_event(drop, seq, at, event);
                if let Event::Reservation { change, after, .. } = event {
                    let salt = made.map(|(_, salt)| salt);
                    note(&mut reservations, &mut order, *change, (after, salt), seq, at);
                }
            }
            self.entries.push(drop, entry, at, digest.finish());
        }
        for id in order {
            let last = &reservations[&id];
            self.reservations.push(drop, last);
            if last.lines_changed {
                self.replaced.drop.push(drop);
                self.replaced.reservation.push(id.uuid());
            }
            if last.held || last.lines_changed {
                self.lines.push(drop, last.after);
            }
        }
        self.stock.fill(drop, stock);
    }
}

/// What a customer's id is mixed with for its tag in the seals: nobody may guess it.
fn salt() -> Uuid {
    Uuid::from_u128(rand::random())
}

/// The reservation that an event makes: one that was held before is older than the event.
fn new_hold(event: &Event, at: Millis) -> Option<&Reservation> {
    match event {
        Event::Reservation { change: ReservationChange::Held, after, .. } => {
            (after.created_at == at && after.state == ReservationState::Held).then_some(after)
        }
        Event::Reservation { .. } | Event::Restocked { .. } | Event::Configured { .. } => None,
    }
}

fn add(stock: &mut HashMap<SkuId, (Stock, i64)>, sku: SkuId, change: Stock, seq: i64) {
    let (sum, version) = stock.entry(sku).or_default();
    *sum += change;
    *version = seq;
}

fn note<'a>(
    reservations: &mut HashMap<ReservationId, Last<'a>>,
    order: &mut Vec<ReservationId>,
    change: ReservationChange,
    (after, salt): (&'a Reservation, Option<Uuid>),
    seq: i64,
    at: DateTime<Utc>,
) {
    use ReservationChange::{Changed, Held, Returned};
    let lines_changed = matches!(change, Changed | Returned);
    match reservations.entry(after.id) {
        hash_map::Entry::Vacant(slot) => {
            order.push(after.id);
            let held = change == Held;
            slot.insert(Last { held, lines_changed, salt, after, seq, at });
        }
        hash_map::Entry::Occupied(mut slot) => {
            let last = slot.get_mut();
            last.held |= change == Held;
            last.lines_changed |= lines_changed;
            (last.after, last.seq, last.at) = (after, seq, at);
        }
    }
}

/// The facts of an answer, for whoever asks again with the same key.
fn answer(event: &Event) -> String {
    match event {
        Event::Reservation { after, .. } => format!("{} {}", after.id.short(), after.pack()),
        Event::Restocked { after, .. } => {
            format!("{} {} {} {}", after.total, after.available, after.held, after.sold)
        }
        Event::Configured { .. } => String::new(),
    }
}

impl DropColumns {
    fn push(&mut self, drop: &DropId, first: &Entry, last: &Entry) {
        self.id.push(drop.to_string());
        self.epoch.push(last.epoch);
        self.previous.push(first.previous.clone());
        self.seq.push(last.seq);
        self.chain.push(last.chain.clone());
    }
}

impl EntryColumns {
    fn push(&mut self, drop: i32, entry: &Entry, at: DateTime<Utc>, digest: Seal) {
        self.drop.push(drop);
        self.seq.push(entry.seq);
        self.chain.push(entry.chain.clone());
        self.at.push(at);
        self.digest.push(digest.to_vec());
    }
}

impl HoldColumns {
    fn push(&mut self, drop: i32, seq: i64, at: DateTime<Utc>, hold: &Reservation, salt: Uuid) {
        for (position, Line { sku, quantity }) in (0..).zip(&hold.lines) {
            self.drop.push(drop);
            self.seq.push(seq);
            self.at.push(at);
            self.id.push(hold.id.uuid());
            self.customer.push(hold.customer_id.to_string());
            self.expires.push(hold.expires_at.to_datetime());
            self.sku.push(sku.to_string());
            self.quantity.push(*quantity);
            self.position.push(position);
            self.salt.push(salt);
        }
    }
}

impl LedgerColumns {
    fn push_event(&mut self, drop: i32, seq: i64, at: DateTime<Utc>, event: &Event) {
        match event {
            Event::Configured { sku, patch } => {
                self.push((drop, seq, 0), at, event.kind(), sku.as_ref(), 0);
                self.finish(None, None, None, Some(patch.to_string()));
            }
            Event::Restocked { sku, quantity, reference, reason, .. } => {
                self.push((drop, seq, 0), at, event.kind(), Some(sku), *quantity);
                let reference = reference.as_ref().map(ToString::to_string);
                self.finish(None, reference, reason.clone(), None);
            }
            Event::Reservation { after, moved, reason, .. } => {
                if moved.is_empty() {
                    self.push((drop, seq, 0), at, event.kind(), None, 0);
                    self.finish(Some(after), None, reason.clone(), None);
                }
                for (line, Line { sku, quantity }) in (0..).zip(moved) {
                    self.push((drop, seq, line), at, event.kind(), Some(sku), *quantity);
                    self.finish(Some(after), None, reason.clone(), None);
                }
            }
        }
    }

    fn push(
        &mut self,
        (drop, seq, line): (i32, i64, i32),
        at: DateTime<Utc>,
        kind: &'static str,
        sku: Option<&SkuId>,
        quantity: i64,
    ) {
        self.drop.push(drop);
        self.seq.push(seq);
        self.line.push(line);
        self.at.push(at);
        self.kind.push(kind);
        self.sku.push(sku.map(ToString::to_string));
        self.quantity.push(quantity);
    }

    fn finish(
        &mut self,
        of: Option<&Reservation>,
        reference: Option<String>,
        reason: Option<String>,
        settings: Option<String>,
    ) {
        self.reservation.push(of.map(|r| r.id.uuid()));
        self.customer.push(of.map(|r| r.customer_id.to_string()));
        self.order.push(of.and_then(|r| r.order_id.as_ref()).map(ToString::to_string));
        self.reference.push(reference);
        self.reason.push(reason);
        self.settings.push(settings);
    }
}

impl ReservationColumns {
    fn push(&mut self, drop: i32, last: &Last<'_>) {
        let after = last.after;
        self.drop.push(drop);
        self.held.push(last.held);
        self.id.push(after.id.uuid());
        self.customer.push(after.customer_id.to_string());
        self.state.push(after.state.as_str());
        self.order.push(after.order_id.as_ref().map(ToString::to_string));
        self.created.push(after.created_at.to_datetime());
        self.expires.push(after.expires_at.to_datetime());
        self.seq.push(last.seq);
        self.at.push(last.at);
        self.salt.push(last.salt);
    }
}

impl LineColumns {
    fn push(&mut self, drop: i32, of: &Reservation) {
        for (position, Line { sku, quantity }) in (0..).zip(&of.lines) {
            self.drop.push(drop);
            self.reservation.push(of.id.uuid());
            self.sku.push(sku.to_string());
            self.quantity.push(*quantity);
            self.position.push(position);
        }
    }
}

impl RequestColumns {
    fn push(&mut self, drop: i32, seq: i64, at: DateTime<Utc>, key: &RequestKey, answer: String) {
        self.drop.push(drop);
        self.key.push(key.key.clone());
        self.fingerprint.push(key.fingerprint.clone());
        self.seq.push(seq);
        self.answer.push(answer);
        self.at.push(at);
    }
}

impl StockColumns {
    fn fill(&mut self, drop: i32, stock: HashMap<SkuId, (Stock, i64)>) {
        for (sku, (sum, version)) in stock {
            self.drop.push(drop);
            self.sku.push(sku.to_string());
            self.total.push(sum.total);
            self.available.push(sum.available);
            self.held.push(sum.held);
            self.sold.push(sum.sold);
            self.version.push(version);
        }
    }
}

/// Reads an `answer` about a reservation.
pub(super) fn read_reservation_answer(drop: &DropId, text: &str) -> Option<Reservation> {
    let (id, packed) = text.split_once(' ')?;
    Reservation::unpack(drop, ReservationId::from_short(id)?, packed)
}

/// Reads an `answer` about a SKU's counts.
pub(super) fn read_stock_answer(text: &str) -> Option<Stock> {
    let mut part = text.split(' ').map(|text| text.parse::<i64>().ok());
    let mut next = || part.next().flatten();
    Some(Stock { total: next()?, available: next()?, held: next()?, sold: next()? })
}
