//! A small sale that keeps every promise, as evidence for the checker's tests.

use dropgate::domain::{DropId, Line, Millis, Reservation, ReservationId, ReservationState};
use serde_json::{Value, json};

use super::{
    Audit, Counts, DropRecords, Entry, EpochSeen, Evidence, Kept, LedgerRow, Remembered,
    requests::digest,
};
use crate::books::{Ask, Lines, Told, Try, Verb};

/// A second, in microseconds.
pub(super) const SECOND: i64 = 1_000_000;
/// When the sale begins.
const BEGIN: i64 = 1_800_000_000 * SECOND;
pub(super) const DROP: &str = "d";

/// The evidence of a sale, written as it happens.
pub(super) struct Sale {
    pub(super) evidence: Evidence,
    pub(super) first: ReservationId,
    pub(super) second: ReservationId,
}

impl Sale {
    /// One customer buys two units and gives one back; another hold of theirs expires.
    pub(super) fn new() -> Sale {
        let (first, second) = (ReservationId::generate(), ReservationId::generate());
        let mut sale = Sale { evidence: Evidence::default(), first, second };
        sale.evidence.records.insert(DROP.to_owned(), DropRecords::default());
        sale.settings();
        let held = sale.reservation(first, "held", None, 2);
        sale.keyed(4, Verb::Reserve, held);
        let confirmed = sale.reservation(first, "confirmed", Some("o-5"), 2);
        sale.keyless_confirm(5, confirmed);
        let held = sale.reservation(second, "held", None, 1);
        sale.keyed(6, Verb::Reserve, held.clone());
        sale.keyed(7, Verb::Extend, held);
        sale.event(row(8, "expired", Some(second), 1));
        let returned = sale.reservation(first, "confirmed", Some("o-5"), 1);
        sale.keyed(9, Verb::Return, returned);
        sale.restock();
        sale.reads();
        sale.finish();
        sale
    }

    pub(super) fn drop(&mut self) -> &mut DropRecords {
        self.evidence.records.get_mut(DROP).expect("the drop")
    }

    fn event(&mut self, row: LedgerRow) {
        let entry = Entry { seq: row.seq, epoch: 1, chain: format!("c{}", row.seq), at: row.at };
        let drop = self.drop();
        drop.entries.push(entry);
        drop.rows.push(row);
    }

    pub(super) fn call(&mut self, seq: i64, ask: Ask, status: u16, body: Value) {
        let call = self.evidence.tries.len() as u64;
        let ask = Ask {
            request: u64::try_from(seq).expect("positive"),
            drop: DROP.to_owned(),
            client: "c".to_owned(),
            ..ask
        };
        let told = Told { status: Some(status), body, ..Told::default() };
        let (asked_at, told_at) = (at(seq) - 10_000, at(seq) + 10_000);
        let (engine, incarnation, told) = (0, 1, Some(told));
        self.evidence.tries.push(Try { call, engine, incarnation, asked_at, ask, told_at, told });
    }

    fn settings(&mut self) {
        let put = |seq: i64, verb, sku: Option<&str>| Ask {
            verb,
            sku: sku.map(str::to_owned),
            mark: Some(format!("set-{seq}")),
            ..Ask::default()
        };
        let configured = |seq: i64, sku: Option<&str>, limit: Value| LedgerRow {
            sku: sku.map(str::to_owned),
            settings: Some(json!({ "name": format!("set-{seq}"), "limit_per_customer": limit })),
            ..row(seq, "configured", None, 0)
        };
        self.event(configured(1, None, json!(3)));
        self.call(1, put(1, Verb::PutDrop, None), 201, json!({}));
        self.event(configured(2, Some("s"), json!(null)));
        self.call(2, put(2, Verb::PutSku, Some("s")), 201, json!({}));
        self.event(LedgerRow { customer: None, ..row(3, "restocked", None, 10) });
    }

    pub(super) fn reservation(
        &self,
        id: ReservationId,
        state: &str,
        order: Option<&str>,
        units: i64,
    ) -> Reservation {
        Reservation {
            id,
            drop: DROP.parse::<DropId>().expect("an id"),
            customer_id: "c1".parse().expect("an id"),
            state: state.parse::<ReservationState>().expect("a state"),
            lines: vec![Line { sku: "s".parse().expect("an id"), quantity: units }],
            order_id: order.map(|order| order.parse().expect("an id")),
            created_at: Millis(at(6) / 1000),
            expires_at: Millis(at(8) / 1000),
        }
    }

    fn keyed(&mut self, seq: i64, verb: Verb, after: Reservation) {
        let key = format!("k{seq}");
        let answer = format!("{} {}", after.id.short(), after.pack());
        self.drop().requests.insert(digest(&key), Remembered { seq, answer });
        let kinds =
            [(Verb::Reserve, "held"), (Verb::Extend, "extended"), (Verb::Return, "returned")];
        let (_, kind) = kinds.into_iter().find(|(of, _)| *of == verb).expect("one of these");
        let units = if verb == Verb::Extend { 0 } else { after.lines[0].quantity };
        self.event(row(seq, kind, Some(after.id), units));
        let status = if verb == Verb::Reserve { 201 } else { 200 };
        let ask = Ask {
            verb,
            key: Some(key),
            customer: (verb == Verb::Reserve).then(|| "c1".to_owned()),
            reservation: (verb != Verb::Reserve).then(|| after.id.to_string()),
            lines: if verb == Verb::Extend { Lines::new() } else { lines(units) },
            ..Ask::default()
        };
        self.call(seq, ask, status, json!(after));
    }

    fn keyless_confirm(&mut self, seq: i64, after: Reservation) {
        self.event(LedgerRow {
            order: Some("o-5".to_owned()),
            ..row(seq, "confirmed", Some(after.id), after.lines[0].quantity)
        });
        let ask = Ask {
            verb: Verb::Confirm,
            reservation: Some(after.id.to_string()),
            order: Some("o-5".to_owned()),
            ..Ask::default()
        };
        self.call(seq, ask, 200, json!(after));
    }

    fn restock(&mut self) {
        let answer = "15 14 0 1".to_owned();
        self.drop().requests.insert(digest("k10"), Remembered { seq: 10, answer });
        self.event(LedgerRow {
            reference: Some("m-10".to_owned()),
            ..row(10, "restocked", None, 5)
        });
        let ask = Ask {
            verb: Verb::Restock,
            key: Some("k10".to_owned()),
            sku: Some("s".to_owned()),
            quantity: 5,
            mark: Some("m-10".to_owned()),
            ..Ask::default()
        };
        let counts = json!({ "total": 15, "available": 14, "held": 0, "sold": 1 });
        self.call(10, ask, 200, counts);
    }

    fn reads(&mut self) {
        for (seq, version) in [(11, 10), (12, 10)] {
            let ask = Ask { verb: Verb::ReadSku, sku: Some("s".to_owned()), ..Ask::default() };
            self.call(seq, ask, 200, json!({ "version": version }));
        }
        let (verb, reservation) = (Verb::Read, Some(self.first.to_string()));
        let shown = self.reservation(self.first, "confirmed", Some("o-5"), 1);
        self.call(13, Ask { verb, reservation, ..Ask::default() }, 200, json!(shown));
    }

    /// What the facts come to, as the tables keep it.
    fn finish(&mut self) {
        let (first, second) = (self.first.to_string(), self.second.to_string());
        let drop = self.drop();
        (drop.epoch, drop.last_seq, drop.last_chain) = (1, 10, "c10".to_owned());
        let counts = Counts { total: 15, available: 14, held: 0, sold: 1 };
        drop.stock.insert("s".to_owned(), counts);
        let kept = |state: &str, order: Option<&str>, changed_seq| Kept {
            customer: "c1".to_owned(),
            state: state.to_owned(),
            order: order.map(str::to_owned),
            created_at: at(6),
            expires_at: at(8),
            changed_seq,
            lines: lines(1),
        };
        drop.reservations.insert(first, kept("confirmed", Some("o-5"), 9));
        drop.reservations.insert(second, kept("expired", None, 8));
        let (seq, durable_seq) = (10, 10);
        for engine in 0..2 {
            self.evidence.audits.push(Audit {
                drop: DROP.to_owned(),
                engine,
                balanced: Some(true),
                seq,
                durable_seq,
                violations: "[]".to_owned(),
            });
        }
        let (drop, epoch) = (DROP.to_owned(), 1);
        self.evidence.epochs.push(EpochSeen { drop, epoch, at: at(0) });
    }

    /// The try that is the request of `seq`.
    pub(super) fn tried(&mut self, seq: u64) -> &mut Try {
        let found = self.evidence.tries.iter_mut().find(|t| t.ask.request == seq);
        found.expect("a try")
    }

    /// One more try of the request of `seq`, a second behind it.
    pub(super) fn again(&mut self, seq: u64, told: Told) {
        let mut again = self.tried(seq).clone();
        (again.asked_at, again.told_at) = (again.asked_at + SECOND, again.told_at + SECOND);
        again.told = Some(told);
        self.evidence.tries.push(again);
    }

    pub(super) fn row(&mut self, seq: i64) -> &mut LedgerRow {
        self.drop().rows.iter_mut().find(|row| row.seq == seq).expect("a row")
    }
}

pub(super) fn at(seq: i64) -> i64 {
    BEGIN + seq * SECOND
}

pub(super) fn lines(units: i64) -> Lines {
    Lines::from([("s".to_owned(), units)])
}

fn row(seq: i64, kind: &str, id: Option<ReservationId>, quantity: i64) -> LedgerRow {
    LedgerRow {
        epoch: 1,
        seq,
        kind: kind.to_owned(),
        reservation: id.map(|id| id.to_string()),
        customer: id.map(|_| "c1".to_owned()),
        sku: (kind != "extended").then(|| "s".to_owned()),
        quantity,
        order: (seq == 9).then(|| "o-5".to_owned()),
        at: at(seq),
        ..LedgerRow::default()
    }
}
