//! The ledger gone through event by event: what each reservation, SKU and customer came to.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::{
    finding::{Notes, Rule},
    limits::Limits,
    records::{Counts, DropRecords, LedgerRow},
};
use crate::books::Lines;

/// One event: the rows of one `seq` together.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Event {
    /// Its number.
    pub(super) seq: i64,
    /// The epoch it was committed in.
    pub(super) epoch: i64,
    /// What happened.
    pub(super) kind: String,
    /// To which reservation.
    pub(super) reservation: Option<String>,
    /// Of whom.
    pub(super) customer: Option<String>,
    /// With which SKU, where it is about one SKU.
    pub(super) sku: Option<String>,
    /// What moved.
    pub(super) moved: Lines,
    /// For which order.
    pub(super) order: Option<String>,
    /// When.
    pub(super) at: i64,
    /// Reference or reason.
    pub(super) mark: Option<String>,
    /// The settings of a `configured`.
    pub(super) settings: Option<Value>,
}

/// A reservation behind one event.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Moment {
    /// The event.
    pub(super) seq: i64,
    /// Its kind.
    pub(super) kind: String,
    /// When.
    pub(super) at: i64,
    /// The state that it led to.
    pub(super) state: String,
    /// The order, once there is one.
    pub(super) order: Option<String>,
    /// The lines; of one that has ended, those it had.
    pub(super) lines: Lines,
}

/// Everything that happened to one reservation.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Life {
    /// Whose it is.
    pub(super) customer: String,
    /// What happened, in order.
    pub(super) moments: Vec<Moment>,
}

/// A drop's ledger, understood.
#[derive(Debug, Default)]
pub(super) struct History {
    /// The events, in order.
    pub(super) events: Vec<Event>,
    /// The reservations by id.
    pub(super) lives: BTreeMap<String, Life>,
    /// Counts of a SKU behind each event that moved it.
    pub(super) counts: HashMap<String, BTreeMap<i64, Counts>>,
}

/// Goes through the ledger, and notes what can't be.
pub(super) fn replay(records: &DropRecords, notes: &mut Notes<'_>) -> History {
    let mut history = History { events: events(&records.rows), ..History::default() };
    line_up(records, &history.events, notes);
    let mut stock: BTreeMap<String, Counts> = BTreeMap::new();
    let mut limits = Limits::default();
    for event in &history.events {
        move_stock(event, &mut stock, &mut history.counts, notes);
        limits.follow(event, notes);
        if let Some(id) = &event.reservation {
            let life = history.lives.entry(id.clone()).or_default();
            live(life, id, event, notes);
        }
    }
    stock.retain(|_, counts| *counts != Counts::default());
    let mut kept = records.stock.clone();
    kept.retain(|_, counts| *counts != Counts::default());
    notes.unless(stock == kept, Rule::TablesDisagree, || {
        format!("the facts come to {stock:?}, the table stock says {kept:?}")
    });
    compare_kept(records, &history, notes);
    history
}

fn events(rows: &[LedgerRow]) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    for row in rows {
        if events.last().is_none_or(|last| last.seq != row.seq) {
            events.push(Event {
                seq: row.seq,
                epoch: row.epoch,
                kind: row.kind.clone(),
                reservation: row.reservation.clone(),
                customer: row.customer.clone(),
                sku: if row.reservation.is_none() { row.sku.clone() } else { None },
                order: row.order.clone(),
                at: row.at,
                mark: row.reference.clone().or_else(|| row.reason.clone()),
                settings: row.settings.clone(),
                moved: Lines::new(),
            });
        }
        let event = events.last_mut().expect("one was just pushed");
        if let Some(sku) = &row.sku
            && row.kind != "configured"
        {
            *event.moved.entry(sku.clone()).or_default() += row.quantity;
        }
    }
    events
}

/// One event a seq from 1, epochs that never fall, entries that cover the events exactly.
fn line_up(records: &DropRecords, events: &[Event], notes: &mut Notes<'_>) {
    let mut before = (0, 0, 0);
    for event in events {
        let (seq, epoch, at) = before;
        notes.unless(event.seq == seq + 1, Rule::BrokenLedger, || {
            format!("seq {} follows {seq}", event.seq)
        });
        notes.unless(event.epoch >= epoch, Rule::BrokenLedger, || {
            format!("the epoch falls from {epoch} to {} at seq {}", event.epoch, event.seq)
        });
        notes.unless(event.at >= at, Rule::BrokenLedger, || {
            format!("the drop's time runs back by {} µs at seq {}", at - event.at, event.seq)
        });
        before = (event.seq, event.epoch, event.at);
    }
    notes.unless(records.last_seq == before.0, Rule::BrokenLedger, || {
        format!("last_seq is {}, the last event is {}", records.last_seq, before.0)
    });
    let mut rest = events.iter().peekable();
    let mut chains: HashMap<&str, i64> = HashMap::new();
    for entry in &records.entries {
        while let Some(event) = rest.next_if(|event| event.seq <= entry.seq) {
            let fits = (event.epoch, event.at) == (entry.epoch, entry.at);
            notes.unless(fits, Rule::BrokenLedger, || {
                format!("seq {} is not of its entry, {entry:?}", event.seq)
            });
        }
        let twice = chains.insert(&entry.chain, entry.seq);
        notes.unless(twice.is_none(), Rule::BrokenLedger, || {
            format!("entries {twice:?} and {} have one chain", entry.seq)
        });
    }
    let last = records.entries.last();
    let fits = last.map_or(records.last_seq == 0, |last| {
        last.seq == records.last_seq && last.chain == records.last_chain
    });
    notes.unless(fits, Rule::BrokenLedger, || format!("the last entry is not the head: {last:?}"));
}

/// How an event moves `(total, held, sold)` of a SKU by `quantity`.
fn shift(kind: &str, quantity: i64) -> Option<(i64, i64, i64)> {
    Some(match kind {
        "restocked" => (quantity, 0, 0),
        "held" | "changed" => (0, quantity, 0),
        "released" | "expired" => (0, -quantity, 0),
        "confirmed" => (0, -quantity, quantity),
        "returned" => (0, 0, -quantity),
        "extended" | "configured" => (0, 0, 0),
        _ => return None,
    })
}

fn move_stock(
    event: &Event,
    stock: &mut BTreeMap<String, Counts>,
    seen: &mut HashMap<String, BTreeMap<i64, Counts>>,
    notes: &mut Notes<'_>,
) {
    for (sku, quantity) in &event.moved {
        let Some((total, held, sold)) = shift(&event.kind, *quantity) else {
            notes.note(Rule::BrokenLedger, format!("a kind {} at {}", event.kind, event.seq));
            continue;
        };
        let counts = stock.entry(sku.clone()).or_default();
        counts.total += total;
        counts.held += held;
        counts.sold += sold;
        counts.available = counts.total - counts.held - counts.sold;
        let fine = counts.held >= 0 && counts.sold >= 0 && counts.available >= 0;
        notes.unless(fine, Rule::Oversold, || {
            format!("{sku} behind seq {} ({}): {counts:?}", event.seq, event.kind)
        });
        seen.entry(sku.clone()).or_default().insert(event.seq, *counts);
    }
}

fn live(life: &mut Life, id: &str, event: &Event, notes: &mut Notes<'_>) {
    let last = life.moments.last().cloned().unwrap_or_default();
    let allowed = match event.kind.as_str() {
        "held" => matches!(last.state.as_str(), "" | "expired"),
        "returned" => last.state == "confirmed",
        _ => last.state == "held",
    };
    notes.unless(allowed, Rule::EndedTwice, || {
        format!("{id} was {:?} and is {} at seq {}", last.state, event.kind, event.seq)
    });
    let mut lines = last.lines.clone();
    match event.kind.as_str() {
        "held" => lines.clone_from(&event.moved),
        "changed" => add(&mut lines, &event.moved, 1),
        "returned" => add(&mut lines, &event.moved, -1),
        "extended" => {}
        _ => notes.unless(lines == event.moved, Rule::EndedTwice, || {
            format!("{id} has {lines:?}, and {:?} is {} at {}", event.moved, event.kind, event.seq)
        }),
    }
    let whole = lines.is_empty();
    let state = match event.kind.as_str() {
        "changed" | "extended" => "held",
        "returned" if whole => "returned",
        "returned" => "confirmed",
        kind => kind,
    };
    if let Some(customer) = &event.customer {
        life.customer.clone_from(customer);
    }
    life.moments.push(Moment {
        seq: event.seq,
        kind: event.kind.clone(),
        at: event.at,
        state: state.to_owned(),
        order: if state == "held" { None } else { event.order.clone().or(last.order) },
        // One that was wholly returned keeps the lines that it had.
        lines: if whole { last.lines } else { lines },
    });
}

fn add(lines: &mut Lines, moved: &Lines, sign: i64) {
    for (sku, quantity) in moved {
        *lines.entry(sku.clone()).or_default() += sign * quantity;
    }
    lines.retain(|_, quantity| *quantity != 0);
}

fn compare_kept(records: &DropRecords, history: &History, notes: &mut Notes<'_>) {
    for (id, kept) in &records.reservations {
        let last = history.lives.get(id).and_then(|life| life.moments.last());
        let fits = last.is_some_and(|last| {
            last.state == kept.state
                && last.order == kept.order
                && last.seq == kept.changed_seq
                && (last.lines == kept.lines || last.state == "returned")
        });
        notes.unless(fits, Rule::TablesDisagree, || {
            format!("reservation {id}: facts {last:?}, kept {kept:?}")
        });
    }
    for id in history.lives.keys().filter(|id| !records.reservations.contains_key(*id)) {
        notes.note(Rule::TablesDisagree, format!("reservation {id} has facts and no row"));
    }
}
