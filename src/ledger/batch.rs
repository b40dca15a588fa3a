//! Journal entries as the columns that one commit writes.

use std::collections::{HashMap, hash_map};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::domain::{
    DropId, Entry, Event, Line, Millis, RequestKey, Reservation, ReservationChange, ReservationId,
    ReservationState, SkuId, Stock,
};

/// Entries of one drop, in order and without a gap, ready to be committed at once.
#[derive(Debug, Default)]
pub struct Batch {
    pub(super) epoch: i64,
    pub(super) previous: String,
    pub(super) seq: i64,
    pub(super) chain: String,
    pub(super) entries: EntryColumns,
    pub(super) holds: HoldColumns,
    pub(super) ledger: LedgerColumns,
    pub(super) reservations: ReservationColumns,
    pub(super) lines: LineColumns,
    pub(super) requests: RequestColumns,
    pub(super) stock: StockColumns,
    /// Whether settings changed, of the drop or of a SKU.
    pub configures: bool,
}

#[derive(Debug, Default)]
pub(super) struct EntryColumns {
    pub(super) seq: Vec<i64>,
    pub(super) chain: Vec<String>,
    pub(super) at: Vec<DateTime<Utc>>,
}

/// New holds that this batch does nothing else to, a row a line.
#[derive(Debug, Default)]
pub(super) struct HoldColumns {
    pub(super) seq: Vec<i64>,
    pub(super) at: Vec<DateTime<Utc>>,
    pub(super) id: Vec<Uuid>,
    pub(super) customer: Vec<String>,
    pub(super) expires: Vec<DateTime<Utc>>,
    pub(super) sku: Vec<String>,
    pub(super) quantity: Vec<i64>,
    pub(super) position: Vec<i32>,
}

#[derive(Debug, Default)]
pub(super) struct LedgerColumns {
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
    pub(super) held: Vec<bool>,
    pub(super) id: Vec<Uuid>,
    pub(super) customer: Vec<String>,
    pub(super) state: Vec<&'static str>,
    pub(super) order: Vec<Option<String>>,
    pub(super) created: Vec<DateTime<Utc>>,
    pub(super) expires: Vec<DateTime<Utc>>,
    pub(super) seq: Vec<i64>,
    pub(super) at: Vec<DateTime<Utc>>,
}

#[derive(Debug, Default)]
pub(super) struct LineColumns {
    pub(super) replaced: Vec<Uuid>,
    pub(super) reservation: Vec<Uuid>,
    pub(super) sku: Vec<String>,
    pub(super) quantity: Vec<i64>,
    pub(super) position: Vec<i32>,
}

#[derive(Debug, Default)]
pub(super) struct RequestColumns {
    pub(super) key: Vec<String>,
    pub(super) fingerprint: Vec<String>,
    pub(super) seq: Vec<i64>,
    pub(super) answer: Vec<String>,
    pub(super) at: Vec<DateTime<Utc>>,
}

#[derive(Debug, Default)]
pub(super) struct StockColumns {
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
    after: &'a Reservation,
    seq: i64,
    at: DateTime<Utc>,
}

impl Batch {
    /// Turns entries into columns: facts as they are, stock summed up per SKU, and of each
    /// reservation only what it came to.
    ///
    /// # Panics
    /// Never on entries that are in order; an empty slice makes an empty batch.
    #[must_use]
    pub fn new(entries: &[Entry]) -> Batch {
        let mut batch = Batch::default();
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return batch };
        batch.epoch = last.epoch;
        batch.previous.clone_from(&first.previous);
        batch.seq = last.seq;
        batch.chain.clone_from(&last.chain);
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
            batch.entries.seq.push(entry.seq);
            batch.entries.chain.push(entry.chain.clone());
            batch.entries.at.push(at);
            for (seq, (event, key)) in (entry.first_seq()..).zip(&entry.events) {
                if let Some(key) = key {
                    batch.requests.push(seq, at, key, answer(event));
                }
                for (sku, change) in event.stock_changes() {
                    add(&mut stock, sku, change, seq);
                }
                if let Some(hold) = new_hold(event, entry.at).filter(|hold| words[&hold.id] == 1) {
                    batch.holds.push(seq, at, hold);
                    continue;
                }
                batch.ledger.push_event(seq, at, event);
                match event {
                    Event::Configured { .. } => batch.configures = true,
                    Event::Restocked { .. } => {}
                    Event::Reservation { change, after, .. } => {
                        note(&mut reservations, &mut order, *change, after, seq, at);
                    }
                }
            }
        }
        for id in order {
            let last = &reservations[&id];
            batch.reservations.push(last);
            batch.lines.push(last);
        }
        batch.stock.fill(stock);
        batch
    }

    /// Each entry's last `seq` and chain: what waiting calls ask for.
    #[must_use]
    pub fn chains(&self) -> Vec<(i64, String)> {
        self.entries.seq.iter().copied().zip(self.entries.chain.iter().cloned()).collect()
    }
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
    after: &'a Reservation,
    seq: i64,
    at: DateTime<Utc>,
) {
    use ReservationChange::{Changed, Held, Returned};
    let lines_changed = matches!(change, Changed | Returned);
    match reservations.entry(after.id) {
        hash_map::Entry::Vacant(slot) => {
            order.push(after.id);
            let held = change == Held;
            slot.insert(Last { held, lines_changed, after, seq, at });
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

impl HoldColumns {
    fn push(&mut self, seq: i64, at: DateTime<Utc>, hold: &Reservation) {
        for (position, Line { sku, quantity }) in (0..).zip(&hold.lines) {
            self.seq.push(seq);
            self.at.push(at);
            self.id.push(hold.id.uuid());
            self.customer.push(hold.customer_id.to_string());
            self.expires.push(hold.expires_at.to_datetime());
            self.sku.push(sku.to_string());
            self.quantity.push(*quantity);
            self.position.push(position);
        }
    }
}

impl LedgerColumns {
    fn push_event(&mut self, seq: i64, at: DateTime<Utc>, event: &Event) {
        match event {
            Event::Configured { sku, patch } => {
                self.push(seq, 0, at, event.kind(), sku.as_ref(), 0);
                self.finish(None, None, None, Some(patch.to_string()));
            }
            Event::Restocked { sku, quantity, reference, reason, .. } => {
                self.push(seq, 0, at, event.kind(), Some(sku), *quantity);
                let reference = reference.as_ref().map(ToString::to_string);
                self.finish(None, reference, reason.clone(), None);
            }
            Event::Reservation { after, moved, reason, .. } => {
                if moved.is_empty() {
                    self.push(seq, 0, at, event.kind(), None, 0);
                    self.finish(Some(after), None, reason.clone(), None);
                }
                for (line, Line { sku, quantity }) in (0..).zip(moved) {
                    self.push(seq, line, at, event.kind(), Some(sku), *quantity);
                    self.finish(Some(after), None, reason.clone(), None);
                }
            }
        }
    }

    fn push(
        &mut self,
        seq: i64,
        line: i32,
        at: DateTime<Utc>,
        kind: &'static str,
        sku: Option<&SkuId>,
        quantity: i64,
    ) {
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
    fn push(&mut self, last: &Last<'_>) {
        let after = last.after;
        self.held.push(last.held);
        self.id.push(after.id.uuid());
        self.customer.push(after.customer_id.to_string());
        self.state.push(after.state.as_str());
        self.order.push(after.order_id.as_ref().map(ToString::to_string));
        self.created.push(after.created_at.to_datetime());
        self.expires.push(after.expires_at.to_datetime());
        self.seq.push(last.seq);
        self.at.push(last.at);
    }
}

impl LineColumns {
    fn push(&mut self, last: &Last<'_>) {
        if !last.held && !last.lines_changed {
            return;
        }
        let id = last.after.id.uuid();
        if last.lines_changed {
            self.replaced.push(id);
        }
        for (position, Line { sku, quantity }) in (0..).zip(&last.after.lines) {
            self.reservation.push(id);
            self.sku.push(sku.to_string());
            self.quantity.push(*quantity);
            self.position.push(position);
        }
    }
}

impl RequestColumns {
    fn push(&mut self, seq: i64, at: DateTime<Utc>, key: &RequestKey, answer: String) {
        self.key.push(key.key.clone());
        self.fingerprint.push(key.fingerprint.clone());
        self.seq.push(seq);
        self.answer.push(answer);
        self.at.push(at);
    }
}

impl StockColumns {
    fn fill(&mut self, stock: HashMap<SkuId, (Stock, i64)>) {
        for (sku, (sum, version)) in stock {
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
