//! Checks a drop's ledger by itself, as an export has it: seals, sums, and that what is kept is
//! what the rows come to.

use std::collections::{BTreeMap, HashMap};

use super::archive::{
    ARCHIVE_FORMAT, DropRecord, EntryRecord, Record, ReservationRecord, SkuRecord,
};
use super::{
    CustomerId, EntryDigest, LedgerRow, Line, ReservationId, ReservationState, Seal, SkuId,
    customer_tag, next_seal, read_seal, shown_seal,
};

/// The most violations that are told.
const MOST: usize = 50;

/// What a check has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Reservations.
    pub reservations: u64,
    /// Entries of the ledger.
    pub entries: u64,
    /// Entries without a seal, which an older engine wrote.
    pub unsealed: u64,
    /// Events.
    pub events: i64,
    /// What is wrong; empty when all is well.
    pub violations: Vec<String>,
}

/// Takes the records of an export in their order.
#[derive(Debug, Default)]
pub struct ArchiveCheck {
    drop: Option<DropRecord>,
    skus: BTreeMap<SkuId, SkuRecord>,
    kept: HashMap<ReservationId, Kept>,
    units: BTreeMap<SkuId, Units>,
    accounts: HashMap<ReservationId, Account>,
    seal: Vec<u8>,
    chain: String,
    seq: i64,
    checked: Checked,
}

/// A reservation as it is kept.
#[derive(Debug)]
struct Kept {
    customer: CustomerId,
    tag: Option<Seal>,
    state: ReservationState,
    lines: Vec<Line>,
}

/// What the rows come to for one SKU, so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Units {
    total: i64,
    held: i64,
    sold: i64,
}

/// What the rows come to for one reservation, so far.
#[derive(Debug)]
struct Account {
    state: ReservationState,
    lines: Vec<Line>,
}

impl ArchiveCheck {
    /// Takes the next record.
    pub fn take(&mut self, record: &Record) {
        match record {
            Record::Drop(drop) => {
                if drop.format != ARCHIVE_FORMAT {
                    self.wrong(format!("its form is {}, not {ARCHIVE_FORMAT}", drop.format));
                }
                self.drop = Some(drop.clone());
            }
            Record::Sku(sku) => {
                self.skus.insert(sku.sku.clone(), sku.clone());
            }
            Record::Reservation(reservation) => self.reservation(reservation),
            Record::Entry(entry) => self.entry(entry),
            Record::End(_) => {}
        }
    }

    /// What was found, once all was taken.
    #[must_use]
    pub fn finish(mut self) -> Checked {
        let Some(drop) = self.drop.take() else {
            self.wrong("it does not say which drop it is of".to_owned());
            return self.checked;
        };
        if self.seq != drop.seq {
            self.wrong(format!("the entries end at seq {}, the drop is at {}", self.seq, drop.seq));
        }
        if self.chain != drop.chain && drop.seq > 0 {
            self.wrong("the last entry's chain is not the drop's".to_owned());
        }
        let seal = read_seal(drop.seal.as_deref().unwrap_or_default()).map(Vec::from);
        if seal.unwrap_or_default() != self.seal {
            self.wrong("the last entry's seal is not the drop's".to_owned());
        }
        self.compare_units();
        self.compare_reservations();
        self.checked.events = self.seq;
        self.checked
    }

    fn wrong(&mut self, what: String) {
        if self.checked.violations.len() < MOST {
            self.checked.violations.push(what);
        }
    }

    fn reservation(&mut self, record: &ReservationRecord) {
        self.checked.reservations += 1;
        let tag = match (&record.customer_tag, record.customer_salt) {
            (Some(tag), None) => read_seal(tag),
            (None, Some(salt)) => Some(customer_tag(salt, &record.customer_id)),
            (Some(_), Some(_)) | (None, None) => None,
        };
        let (customer, lines) = (record.customer_id.clone(), record.lines.clone());
        self.kept.insert(record.id, Kept { customer, tag, state: record.state, lines });
    }

    fn entry(&mut self, entry: &EntryRecord) {
        self.checked.entries += 1;
        let Some(drop) = self.drop.as_ref().map(|drop| drop.id.clone()) else { return };
        let mut digest = EntryDigest::new(&drop, entry.epoch, entry.seq, entry.occurred_at);
        let mut at = (self.seq, 0);
        for row in &entry.rows {
            at = if row.seq == at.0 { (at.0, at.1 + 1) } else { (row.seq, 0) };
            if row.seq > self.seq + 1 || row.seq < self.seq || (at.1 > 0 && row.seq != self.seq) {
                self.wrong(format!("seq {} comes behind {}", row.seq, self.seq));
            }
            self.seq = row.seq;
            let made = row.kind == "held"
                && at.1 == 0
                && row.reservation_id.is_some_and(|id| !self.accounts.contains_key(&id));
            let kept = row.reservation_id.and_then(|id| self.kept.get(&id));
            let tag = kept.and_then(|kept| kept.tag).filter(|_| made);
            digest.ledger_row(row, at.1, tag.as_ref());
            self.row(row, at.1 == 0);
        }
        if self.seq != entry.seq {
            self.wrong(format!("the entry of seq {} ends with seq {}", entry.seq, self.seq));
        }
        self.chain.clone_from(&entry.chain);
        self.check_seal(entry, &digest.finish());
    }

    fn check_seal(&mut self, entry: &EntryRecord, digest: &Seal) {
        let Some(seal) = &entry.seal else {
            self.checked.unsealed += 1;
            return;
        };
        let expected = next_seal(&self.seal, digest);
        if *seal != shown_seal(&expected) {
            let seq = entry.seq;
            self.wrong(format!("the seal of the entry up to seq {seq} is not that of its rows"));
        }
        // Whatever it should be: otherwise everything behind it would be told as wrong.
        self.seal = read_seal(seal).map(Vec::from).unwrap_or_default();
    }

    /// Reckons with one row; `first` of its event.
    fn row(&mut self, row: &LedgerRow, first: bool) {
        if let Some(sku) = &row.sku {
            let units = self.units.entry(sku.clone()).or_default();
            units.move_by(&row.kind, row.quantity);
            let Units { total, held, sold } = *units;
            if held < 0 || sold < 0 || held + sold > total {
                let at = row.seq;
                self.wrong(format!("sku {sku} at seq {at}: held {held}, sold {sold} of {total}"));
            }
        }
        let Some(id) = row.reservation_id else { return };
        let known = self.kept.get(&id).map(|kept| &kept.customer);
        if known != row.customer_id.as_ref() {
            self.wrong(format!("seq {}: {id} is another customer's", row.seq));
        }
        let account = self
            .accounts
            .entry(id)
            .or_insert(Account { state: ReservationState::Expired, lines: Vec::new() });
        if !account.move_by(row, first) {
            self.wrong(format!("seq {}: {id} can't be {} here", row.seq, row.kind));
        }
    }

    fn compare_units(&mut self) {
        let kept: BTreeMap<SkuId, Units> = self
            .skus
            .iter()
            .map(|(sku, record)| {
                let stock = record.stock;
                (sku.clone(), Units { total: stock.total, held: stock.held, sold: stock.sold })
            })
            .collect();
        let broken: Vec<String> =
            self.skus.values().filter_map(|record| record.stock.violation()).collect();
        broken.into_iter().for_each(|what| self.wrong(what));
        for sku in
            self.units.keys().filter(|sku| !kept.contains_key(*sku)).cloned().collect::<Vec<_>>()
        {
            self.wrong(format!("the rows know the sku {sku}, the drop does not"));
        }
        for (sku, kept) in kept {
            let units = self.units.get(&sku).copied().unwrap_or_default();
            if units != kept {
                self.wrong(format!("sku {sku}: the rows come to {units:?}, kept is {kept:?}"));
            }
        }
    }

    fn compare_reservations(&mut self) {
        let mut wrong = Vec::new();
        for (id, kept) in &self.kept {
            let Some(account) = self.accounts.get(id) else {
                wrong.push(format!("the rows know nothing of {id}"));
                continue;
            };
            // One that was wholly returned keeps the lines that it had.
            let returned = account.lines.is_empty() && kept.state == ReservationState::Returned;
            let same = account.state == kept.state && same_lines(&account.lines, &kept.lines);
            let gone = returned && account.state == ReservationState::Confirmed;
            if !same && !gone {
                wrong.push(format!("the rows come to another state or other lines of {id}"));
            }
        }
        let missing = self.accounts.keys().filter(|id| !self.kept.contains_key(id));
        wrong.extend(missing.map(|id| format!("the rows know {id}, which is not kept")));
        wrong.sort_unstable();
        wrong.into_iter().for_each(|what| self.wrong(what));
    }
}

/// Whether these are the same units, in whatever order.
fn same_lines(one: &[Line], other: &[Line]) -> bool {
    one.len() == other.len() && one.iter().all(|line| other.contains(line))
}

impl Units {
    fn move_by(&mut self, kind: &str, quantity: i64) {
        match kind {
            "restocked" => self.total += quantity,
            "held" | "changed" => self.held += quantity,
            "released" | "expired" => self.held -= quantity,
            "confirmed" => {
                self.held -= quantity;
                self.sold += quantity;
            }
            "returned" => self.sold -= quantity,
            // Settings and deadlines move nothing.
            _ => {}
        }
    }
}

impl Account {
    /// Reckons with one row; false when it is not possible here.
    fn move_by(&mut self, row: &LedgerRow, first: bool) -> bool {
        use ReservationState::{Confirmed, Expired, Held, Released};
        let (from, to) = match row.kind.as_str() {
            "held" => (Expired, Held),
            "changed" | "extended" => (Held, Held),
            "confirmed" => (Held, Confirmed),
            "released" => (Held, Released),
            "expired" => (Held, Expired),
            "returned" => (Confirmed, Confirmed),
            _ => return false,
        };
        let possible = !first || self.state == from;
        if first {
            self.state = to;
            if row.kind == "held" {
                self.lines.clear();
            }
        }
        let Some(sku) = &row.sku else { return possible };
        let change = match row.kind.as_str() {
            "held" | "changed" => row.quantity,
            "returned" => -row.quantity,
            _ => {
                let whole = Line { sku: sku.clone(), quantity: row.quantity };
                return possible && self.lines.contains(&whole);
            }
        };
        let at = self.lines.iter().position(|line| line.sku == *sku).unwrap_or_else(|| {
            self.lines.push(Line { sku: sku.clone(), quantity: 0 });
            self.lines.len() - 1
        });
        self.lines[at].quantity += change;
        let left = self.lines[at].quantity;
        if left == 0 {
            self.lines.remove(at);
        }
        possible && left >= 0
    }
}
