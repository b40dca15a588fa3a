//! The ledger played from its first row: what every prefix of it comes to.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::Finding;
use crate::admin::{LedgerRow, Stock};
use crate::wire::Lines;

/// One event of a reservation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    pub(crate) kind: String,
    pub(crate) epoch: i64,
    pub(crate) seq: i64,
    /// The reservation's lines afterwards; for an end, those that it had.
    pub(crate) lines: Lines,
    pub(crate) order: Option<String>,
    pub(crate) at: DateTime<Utc>,
}

/// A reservation's life as the ledger tells it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Life {
    pub(crate) customer: String,
    pub(crate) state: String,
    pub(crate) lines: Lines,
    pub(crate) order: Option<String>,
    pub(crate) events: Vec<Event>,
}

/// What a prefix of the ledger comes to, over all SKUs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) at: DateTime<Utc>,
    pub(crate) stock: Stock,
}

/// The whole ledger, played.
#[derive(Clone, Debug, Default)]
pub(crate) struct Replay {
    pub(crate) lives: BTreeMap<String, Life>,
    pub(crate) stock: BTreeMap<String, Stock>,
    pub(crate) points: Vec<Point>,
    pub(crate) last_seq: i64,
    pub(crate) epoch: i64,
    /// Units by the kind of event that moved them.
    pub(crate) moved: BTreeMap<String, i64>,
    /// Events by kind.
    pub(crate) events: BTreeMap<String, u64>,
    pub(crate) findings: Vec<Finding>,
    /// Units that each customer holds or has bought.
    used: BTreeMap<String, i64>,
}

impl Replay {
    /// Plays `rows`; no customer may have more than `limit` units.
    pub(crate) fn of(rows: &[LedgerRow], limit: i64) -> Replay {
        let mut replay = Replay::default();
        for event in rows.chunk_by(|one, next| one.seq == next.seq) {
            replay.event(event, limit);
        }
        replay
    }

    fn broken(&mut self, seq: i64, what: &str) {
        self.findings.push(Finding::Ledger(format!("seq {seq}: {what}")));
    }

    /// One event: the rows that share a `seq`.
    fn event(&mut self, rows: &[LedgerRow], limit: i64) {
        let LedgerRow { seq, epoch, .. } = rows[0];
        if seq != self.last_seq + 1 {
            self.broken(seq, &format!("follows {}", self.last_seq));
        }
        if epoch < self.epoch || rows.iter().any(|row| row.epoch != epoch) {
            self.broken(seq, &format!("is of epoch {epoch}, after epoch {}", self.epoch));
        }
        let same = |row: &LedgerRow| {
            (&row.kind, &row.reservation_id, &row.customer_id, &row.order_id)
                == (&rows[0].kind, &rows[0].reservation_id, &rows[0].customer_id, &rows[0].order_id)
        };
        if !rows.iter().all(same) {
            self.broken(seq, "its rows tell of different events");
        }
        (self.last_seq, self.epoch) = (seq, epoch);
        *self.events.entry(rows[0].kind.clone()).or_default() += 1;
        let mut moved = Lines::new();
        for row in rows {
            if let Some(sku) = row.sku.as_ref().filter(|_| row.quantity != 0) {
                *moved.entry(sku.clone()).or_default() += row.quantity;
                *self.moved.entry(row.kind.clone()).or_default() += row.quantity;
                self.stock(row, sku);
            }
        }
        if let Some(id) = &rows[0].reservation_id {
            self.live(id, &rows[0], &moved);
            self.limit(&rows[0], &moved, limit);
        }
        let mut all = Stock::default();
        for stock in self.stock.values() {
            all.total += stock.total;
            all.available += stock.available;
            all.held += stock.held;
            all.sold += stock.sold;
        }
        self.points.push(Point { at: rows[0].occurred_at, stock: all });
    }

    /// Moves a SKU's counts by one row; not one of them may fall below zero.
    fn stock(&mut self, row: &LedgerRow, sku: &str) {
        let stock = self.stock.entry(sku.to_owned()).or_default();
        let units = row.quantity;
        match row.kind.as_str() {
            "restocked" => stock.total += units,
            "held" | "changed" => stock.held += units,
            "released" | "expired" => stock.held -= units,
            "confirmed" => {
                stock.held -= units;
                stock.sold += units;
            }
            "returned" => stock.sold -= units,
            _ => {}
        }
        stock.available = stock.total - stock.held - stock.sold;
        let Stock { total, available, held, sold } = *stock;
        if available < 0 || held < 0 || sold < 0 {
            let what = format!("oversold: {sku} has {held} held and {sold} sold of {total}");
            self.broken(row.seq, &what);
        }
    }

    /// Moves a reservation along its life.
    fn live(&mut self, id: &str, row: &LedgerRow, moved: &Lines) {
        let life = self.lives.entry(id.to_owned()).or_default();
        let before = life.state.clone();
        let customer = row.customer_id.clone().unwrap_or_default();
        let mut wrong = None;
        match (row.kind.as_str(), before.as_str()) {
            ("held", "") => {
                (life.customer, life.lines) = (customer.clone(), moved.clone());
                "held".clone_into(&mut life.state);
            }
            ("held", "expired") => {
                life.lines = moved.clone();
                "held".clone_into(&mut life.state);
            }
            ("changed", "held") => {
                for (sku, units) in moved {
                    *life.lines.entry(sku.clone()).or_default() += units;
                }
                life.lines.retain(|_, units| *units != 0);
                if life.lines.values().any(|units| *units < 0) {
                    wrong = Some("leaves a line below zero".to_owned());
                }
            }
            ("extended", "held") => {}
            (end @ ("confirmed" | "released" | "expired"), "held") => {
                end.clone_into(&mut life.state);
                if *moved != life.lines {
                    wrong = Some(format!("moves {moved:?}, the lines were {:?}", life.lines));
                }
                if end == "confirmed" {
                    life.order = row.order_id.clone();
                }
            }
            ("returned", "confirmed") => {
                for (sku, units) in moved {
                    *life.lines.entry(sku.clone()).or_default() -= units;
                }
            }
            (kind, state) => wrong = Some(format!("{kind} of a reservation that is {state:?}")),
        }
        if life.customer != customer {
            wrong = Some(format!("is of customer {customer}, not {}", life.customer));
        }
        life.events.push(Event {
            kind: row.kind.clone(),
            epoch: row.epoch,
            seq: row.seq,
            lines: life.lines.clone(),
            order: row.order_id.clone(),
            at: row.occurred_at,
        });
        if let Some(wrong) = wrong {
            self.broken(row.seq, &format!("{} of {id}: {wrong}", row.kind));
        }
    }

    /// Holds a customer's units against the limit.
    fn limit(&mut self, row: &LedgerRow, moved: &Lines, limit: i64) {
        let units: i64 = moved.values().sum();
        let sign = match row.kind.as_str() {
            "held" | "changed" => 1,
            "released" | "expired" | "returned" => -1,
            _ => return,
        };
        let customer = row.customer_id.clone().unwrap_or_default();
        let used = self.used.entry(customer.clone()).or_default();
        *used += sign * units;
        let used = *used;
        if sign * units > 0 && used > limit {
            self.broken(row.seq, &format!("{customer} has {used} units, the limit is {limit}"));
        }
    }
}
