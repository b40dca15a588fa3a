//! A small sale that keeps every promise, and what the checker says when it is tampered with.

use dropgate::domain::{DropId, Line, Millis, Reservation, ReservationId, ReservationState};
use serde_json::{Value, json};

use super::{requests::digest, *};
use crate::books::{Ask, Lines, Told, Verb};

/// A second, in microseconds.
const SECOND: i64 = 1_000_000;
/// When the sale begins.
const BEGIN: i64 = 1_800_000_000 * SECOND;
const DROP: &str = "d";

/// The evidence of a sale, written as it happens.
struct Sale {
    evidence: Evidence,
    first: ReservationId,
    second: ReservationId,
}

impl Sale {
    /// One customer buys two units and gives one back; another hold of theirs expires.
    fn new() -> Sale {
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

    fn drop(&mut self) -> &mut DropRecords {
        self.evidence.records.get_mut(DROP).expect("the drop")
    }

    fn event(&mut self, row: LedgerRow) {
        let entry = Entry { seq: row.seq, epoch: 1, chain: format!("c{}", row.seq), at: row.at };
        let drop = self.drop();
        drop.entries.push(entry);
        drop.rows.push(row);
    }

    fn call(&mut self, seq: i64, ask: Ask, status: u16, body: Value) {
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

    fn reservation(
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
        let kind = match verb {
            Verb::Reserve => "held",
            Verb::Extend => "extended",
            _ => "returned",
        };
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
    fn tried(&mut self, seq: u64) -> &mut Try {
        let found = self.evidence.tries.iter_mut().find(|t| t.ask.request == seq);
        found.expect("a try")
    }

    /// One more try of the request of `seq`, a second behind it.
    fn again(&mut self, seq: u64, told: Told) {
        let mut again = self.tried(seq).clone();
        (again.asked_at, again.told_at) = (again.asked_at + SECOND, again.told_at + SECOND);
        again.told = Some(told);
        self.evidence.tries.push(again);
    }

    fn row(&mut self, seq: i64) -> &mut LedgerRow {
        self.drop().rows.iter_mut().find(|row| row.seq == seq).expect("a row")
    }
}

fn at(seq: i64) -> i64 {
    BEGIN + seq * SECOND
}

fn lines(units: i64) -> Lines {
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

fn told(status: u16, code: &str, outcome: &str) -> Told {
    Told {
        status: Some(status),
        code: code.to_owned(),
        outcome: outcome.to_owned(),
        ..Told::default()
    }
}

/// Takes an event out as if it had never been committed, and everything behind it.
fn forget_from(sale: &mut Sale, seq: i64) {
    let drop = sale.drop();
    drop.rows.retain(|row| row.seq < seq);
    drop.entries.retain(|entry| entry.seq < seq);
    drop.requests.retain(|_, kept| kept.seq < seq);
    drop.last_seq = seq - 1;
    drop.last_chain = format!("c{}", seq - 1);
}

type Tamper = fn(&mut Sale);

/// What is done to the sale, and the promise that must be seen to be broken.
const TAMPERED: &[(&str, Rule, Tamper)] = &[
    ("the last restock is not there", Rule::Lost, |sale| forget_from(sale, 10)),
    ("everything behind the first hold is gone", Rule::Lost, |sale| forget_from(sale, 5)),
    ("a confirm for another order", Rule::Lost, |sale| {
        sale.row(5).order = Some("o-6".to_owned());
    }),
    ("a restock is told with other counts", Rule::Lost, |sale| {
        let told = sale.tried(10).told.as_mut().expect("told");
        told.body["available"] = json!(13);
    }),
    ("a hold is told with another deadline", Rule::Lost, |sale| {
        let told = sale.tried(4).told.as_mut().expect("told");
        told.body["expires_at"] = json!("2027-01-15T08:00:07.000Z");
    }),
    ("settings without an event", Rule::Lost, |sale| {
        sale.row(1).settings = Some(json!({ "limit_per_customer": 3 }));
    }),
    ("an open without an event", Rule::Lost, |sale| {
        let ask = Ask { verb: Verb::Open, ..Ask::default() };
        sale.call(14, ask, 200, json!({}));
    }),
    ("more is held than there is", Rule::Oversold, |sale| sale.row(3).quantity = 1),
    ("the limit was lower", Rule::OverLimit, |sale| {
        sale.row(1).settings = Some(json!({ "name": "set-1", "limit_per_customer": 2 }));
    }),
    ("the SKU's limit was lower", Rule::OverLimit, |sale| {
        sale.row(2).settings = Some(json!({ "name": "set-2", "limit_per_customer": 2 }));
    }),
    ("it expired half a second early", Rule::EarlyExpiry, |sale| {
        sale.row(8).at -= SECOND / 2;
        sale.drop().entries[7].at -= SECOND / 2;
    }),
    ("a second hold without a key", Rule::TwoEffects, |sale| {
        let kept = sale.drop().requests.get_mut(&digest("k4")).expect("a key");
        kept.seq = 6;
    }),
    ("a used key takes another body", Rule::TwoEffects, |sale| {
        let body = json!({});
        let (verb, key) = (Verb::Reserve, Some("k4".to_owned()));
        let ask = Ask { verb, key, stolen_key: true, ..Ask::default() };
        sale.call(14, ask, 201, body);
    }),
    ("a repeat is told something else", Rule::UnequalAnswers, |sale| {
        let mut other = sale.tried(4).told.clone().expect("told");
        other.body["customer_id"] = json!("c2");
        sale.again(4, other);
    }),
    ("a repeat is refused", Rule::KeyForgotten, |sale| {
        sale.again(4, told(409, "sold_out", ""));
    }),
    ("a refused hold is there all the same", Rule::Phantom, |sale| {
        sale.tried(6).told = Some(told(409, "sold_out", ""));
    }),
    ("a hold that did nothing is there", Rule::Phantom, |sale| {
        sale.tried(6).told = Some(told(503, "unavailable", "none"));
    }),
    ("a confirm of nobody", Rule::Phantom, |sale| {
        sale.evidence.tries.retain(|t| t.ask.verb != Verb::Confirm);
    }),
    ("a restock of nobody", Rule::Phantom, |sale| {
        sale.drop().requests.remove(&digest("k10"));
    }),
    ("told that nothing happened when it had", Rule::FalseNone, |sale| {
        sale.tried(6).told = Some(Told::default());
        sale.again(6, told(503, "unavailable", "none"));
        sale.evidence.tries.last_mut().expect("it").asked_at += 10 * SECOND;
    }),
    ("told that nothing happened behind a success", Rule::FalseNone, |sale| {
        sale.again(6, told(503, "unavailable", "none"));
    }),
    ("a seq is missing", Rule::BrokenLedger, |sale| {
        sale.drop().rows.retain(|row| row.seq != 7);
    }),
    ("the epoch falls", Rule::BrokenLedger, |sale| sale.row(4).epoch = 2),
    ("an entry is of another epoch", Rule::BrokenLedger, |sale| sale.drop().entries[3].epoch = 2),
    ("one chain twice", Rule::BrokenLedger, |sale| {
        sale.drop().entries[3].chain = "c2".to_owned();
    }),
    ("the head is not the last entry", Rule::BrokenLedger, |sale| {
        sale.drop().last_chain = "c9".to_owned();
    }),
    ("a released one is confirmed", Rule::EndedTwice, |sale| {
        sale.row(7).kind = "released".to_owned();
        sale.row(7).sku = Some("s".to_owned());
        sale.row(7).quantity = 1;
    }),
    ("more lines expire than were held", Rule::EndedTwice, |sale| sale.row(8).quantity = 2),
    ("stock says something else", Rule::TablesDisagree, |sale| {
        sale.drop().stock.get_mut("s").expect("it").sold = 2;
    }),
    ("a reservation says something else", Rule::TablesDisagree, |sale| {
        let id = sale.second.to_string();
        sale.drop().reservations.get_mut(&id).expect("it").state = "released".to_owned();
    }),
    ("a read of what never was", Rule::FalseRead, |sale| {
        sale.tried(13).told.as_mut().expect("told").body["state"] = json!("released");
    }),
    ("a read of what is long over", Rule::FalseRead, |sale| {
        let held = json!(sale.reservation(sale.first, "held", None, 2));
        sale.tried(13).told.as_mut().expect("told").body = held;
    }),
    ("an acknowledged hold is unknown", Rule::FalseRead, |sale| {
        sale.tried(13).told = Some(told(404, "unknown_reservation", ""));
    }),
    ("a refusal about what never was", Rule::FalseRead, |sale| {
        let reservation = Some(sale.first.to_string());
        let ask = Ask { verb: Verb::Release, reservation, ..Ask::default() };
        sale.call(14, ask, 409, json!({}));
        sale.tried(14).told = Some(told(409, "reservation_expired", ""));
    }),
    ("a version falls", Rule::VersionFell, |sale| {
        sale.tried(12).told.as_mut().expect("told").body["version"] = json!(9);
    }),
    ("the audit finds something", Rule::Unbalanced, |sale| {
        sale.evidence.audits[1].balanced = Some(false);
    }),
    ("Redis is ahead at the end", Rule::Unbalanced, |sale| sale.evidence.audits[0].seq = 11),
    ("no audit", Rule::Unresolved, |sale| sale.evidence.audits[0].balanced = None),
    ("a key whose outcome nobody learns", Rule::Unresolved, |sale| {
        sale.tried(6).told = Some(Told::default());
    }),
    ("an answer that doesn't exist", Rule::Absurd, |sale| {
        sale.tried(6).told = Some(told(500, "internal", ""));
    }),
    ("an answer behind eight seconds", Rule::SlowAnswer, |sale| {
        sale.tried(13).told_at += 8 * SECOND;
    }),
    ("half a minute without holds", Rule::SlowRecovery, |sale| {
        let (kind, millis) = ("wipe".to_owned(), 30_000);
        sale.evidence.recoveries.push(Recovery { kind, engine: 1, millis });
    }),
    ("a rebuild for nothing", Rule::NeedlessRebuild, |sale| {
        let (drop, epoch) = (DROP.to_owned(), 2);
        sale.evidence.epochs.push(EpochSeen { drop, epoch, at: at(9) });
    }),
];

#[test]
fn a_sale_that_keeps_every_promise_has_no_findings() {
    let verdict = check(&Sale::new().evidence);
    assert_eq!(verdict.findings, []);
    assert_eq!(verdict.outcomes.acknowledged, 8);
    assert_eq!(verdict.outcomes.unknown_requests, 0);
}

#[test]
fn whatever_is_tampered_with_is_found() {
    for (what, rule, tamper) in TAMPERED {
        let mut sale = Sale::new();
        tamper(&mut sale);
        let verdict = check(&sale.evidence);
        assert!(verdict.by_rule().contains_key(rule), "{what}: {:#?}", verdict.findings);
    }
}

#[test]
fn every_promise_is_tampered_with() {
    for rule in Rule::ALL {
        assert!(TAMPERED.iter().any(|(_, of, _)| of == rule), "{}", rule.name());
    }
}

#[test]
fn what_a_fault_excuses_is_no_finding() {
    let mut sale = Sale::new();
    sale.tried(13).told_at += 8 * SECOND;
    sale.evidence.outages.push(Outage { engine: 0, from: at(14), until: at(15) });
    let (drop, epoch) = (DROP.to_owned(), 2);
    sale.evidence.epochs.push(EpochSeen { drop, epoch, at: at(9) });
    sale.evidence.damages.push(Damage { drop: None, from: at(8), until: at(8) });
    assert_eq!(check(&sale.evidence).findings, []);
}

#[test]
fn it_is_counted_how_outcomes_became_known() {
    let mut sale = Sale::new();
    let retried = sale.tried(4).told.clone().expect("told");
    sale.tried(4).told = Some(told(503, "unavailable", "unknown"));
    sale.again(4, retried);
    // Never answered: one is in the ledger, one is not.
    sale.tried(5).told = None;
    let (verb, customer) = (Verb::Reserve, Some("c9".to_owned()));
    let ask = Ask { verb, customer, lines: lines(1), ..Ask::default() };
    sale.call(14, ask, 0, json!(null));
    sale.tried(14).told = None;
    let outcomes = check(&sale.evidence).outcomes;
    assert_eq!((outcomes.unknown_calls, outcomes.unknown_requests), (3, 3));
    let found = (outcomes.told_by_retry, outcomes.found_in_ledger, outcomes.found_not_there);
    assert_eq!(found, (1, 1, 1));
}
