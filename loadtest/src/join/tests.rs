use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::*;
use crate::admin::{AuditSku, SkuStock};
use crate::books::{Call, Fate, Wish};
use crate::wire::{Lines, Refusal, Verb};

const LIMIT: i64 = 2;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(1_000_000 + seconds)
}

fn lines(given: &[(&str, i64)]) -> Lines {
    given.iter().map(|(sku, units)| ((*sku).to_owned(), *units)).collect()
}

/// A small drop that went well: two SKUs, three reservations.
struct Story {
    pages: Pages,
    records: Records,
}

impl Story {
    fn row(&mut self, seq: i64, kind: &str, id: &str, sku: &str, quantity: i64) {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        self.records.ledger.push(LedgerRow {
            epoch: 1,
            seq,
            kind: kind.to_owned(),
            reservation_id: text(id),
            customer_id: (!id.is_empty()).then(|| format!("c-{id}")),
            sku: text(sku),
            quantity,
            order_id: (kind == "confirmed").then(|| format!("o-{id}")),
            occurred_at: at(seq),
        });
    }

    fn call(&mut self, verb: Verb, id: &str, state: &str, lines: &Lines) {
        let order = matches!(verb, Verb::Confirm).then(|| format!("o-{id}"));
        let reservation = reservation(id, state, lines, order.clone());
        let about = (verb != Verb::Reserve).then(|| id.to_owned());
        let wanted = matches!(verb, Verb::Reserve | Verb::Change).then(|| lines.clone());
        let key = Some(format!("k-{}", self.pages.calls.len()));
        let customer = format!("c-{id}");
        let wish = Wish { verb, customer, reservation: about, lines: wanted, order, key };
        let fate = Fate::Done(Box::new(reservation));
        self.pages.calls.push(Call { wish, fate, sent: 1, was_unknown: false });
    }

    fn told() -> Story {
        let mut story = Story {
            pages: Pages::default(),
            records: Records {
                ledger: Vec::new(),
                reservations: Vec::new(),
                view: DropView { opens_at: None, skus: Vec::new() },
                audit: Audit {
                    balanced: true,
                    epoch: 1,
                    seq: 9,
                    durable_seq: 9,
                    skus: Vec::new(),
                    violations: Vec::new(),
                },
            },
        };
        story.row(1, "restocked", "", "a", 2);
        story.row(2, "restocked", "", "b", 1);
        story.row(3, "held", "r", "a", 1);
        story.row(3, "held", "r", "b", 1);
        story.row(4, "held", "s", "a", 1);
        story.row(5, "changed", "r", "b", -1);
        story.row(6, "extended", "s", "", 0);
        story.row(7, "confirmed", "r", "a", 1);
        story.row(8, "expired", "s", "a", 1);
        story.row(9, "configured", "", "", 0);
        let (a, both) = (lines(&[("a", 1)]), lines(&[("a", 1), ("b", 1)]));
        story.call(Verb::Reserve, "r", "held", &both);
        story.call(Verb::Reserve, "s", "held", &a);
        story.call(Verb::Change, "r", "held", &a);
        story.call(Verb::Extend, "s", "held", &a);
        story.call(Verb::Confirm, "r", "confirmed", &a);
        let order = Some("o-r".to_owned());
        story.records.reservations =
            vec![reservation("r", "confirmed", &a, order), reservation("s", "expired", &a, None)];
        let stock =
            [("a", Stock { total: 2, available: 1, held: 0, sold: 1 }), ("b", one_available())];
        for (sku, stock) in stock {
            let sku = sku.to_owned();
            let side = Some(stock);
            story.records.view.skus.push(SkuStock { sku: sku.clone(), stock });
            story.records.audit.skus.push(AuditSku { sku, redis: side, ledger: side });
        }
        story
    }

    fn findings(&self) -> Vec<Finding> {
        let units = BTreeMap::from([("a".to_owned(), 2), ("b".to_owned(), 1)]);
        join(&self.pages, &self.records, &Terms { limit: LIMIT, units }).findings
    }

    fn must_find(&self, text: &str) {
        let findings = self.findings();
        assert!(findings.iter().any(|found| found.text().contains(text)), "{text}: {findings:?}");
    }

    fn wish(&mut self, index: usize) -> &mut Call {
        &mut self.pages.calls[index]
    }
}

fn one_available() -> Stock {
    Stock { total: 1, available: 1, held: 0, sold: 0 }
}

fn reservation(id: &str, state: &str, lines: &Lines, order: Option<String>) -> Reservation {
    Reservation {
        id: id.to_owned(),
        customer_id: format!("c-{id}"),
        state: state.to_owned(),
        lines: lines.clone(),
        order_id: order,
        expires_at: at(8),
    }
}

fn refused(code: &str) -> Fate {
    Fate::Refused(Box::new(Refusal { code: code.to_owned(), body: json!({ "code": code }) }))
}

#[test]
fn a_drop_that_went_well_has_no_finding() {
    assert_eq!(Story::told().findings(), Vec::new());
}

#[test]
fn every_row_counts() {
    for index in 0..Story::told().records.ledger.len() {
        let mut story = Story::told();
        let row = story.records.ledger.remove(index);
        // Without its one row, an event leaves a gap; one of two rows changes the lines.
        assert_ne!(story.findings(), Vec::new(), "without {row:?}");

        let mut story = Story::told();
        story.records.ledger[index].quantity += 1;
        let harmless = story.records.ledger[index].sku.is_none();
        assert_eq!(story.findings().is_empty(), harmless, "one more unit in {row:?}");

        let mut story = Story::told();
        if story.records.ledger[index].reservation_id.is_some() {
            story.records.ledger[index].customer_id = Some("somebody else".to_owned());
            assert_ne!(story.findings(), Vec::new(), "another customer in {row:?}");
        }
    }
}

#[test]
fn every_call_counts() {
    for index in 0..Story::told().pages.calls.len() {
        let mut story = Story::told();
        let call = story.pages.calls.remove(index);
        assert_ne!(story.findings(), Vec::new(), "without {call:?}");

        let mut story = Story::told();
        story.wish(index).fate = refused("sold_out");
        assert_ne!(story.findings(), Vec::new(), "refused: {call:?}");

        let mut story = Story::told();
        story.wish(index).fate = Fate::Nothing;
        assert_ne!(story.findings(), Vec::new(), "did not happen: {call:?}");
    }
}

#[test]
fn a_confirm_that_was_refused_must_not_be_in_the_ledger() {
    let mut story = Story::told();
    story.wish(4).fate = refused("reservation_expired");
    story.must_find("the buyer was told: reservation_expired");
    story.must_find("buyers bought 0 units of a, the ledger sold 1");
}

#[test]
fn an_unknown_outcome_may_have_happened_or_not() {
    for index in 0..5 {
        let mut story = Story::told();
        story.wish(index).fate = Fate::Unknown;
        if index == 0 || index == 1 {
            // Its buyer never had the id, so what followed can't be explained by it.
            let id = ["r", "s"][index];
            story.pages.calls.retain(|call| call.wish.reservation.as_deref() != Some(id));
            story.must_find(&format!("of {id}"));
            assert!(
                !story.findings().iter().any(|it| it.text().contains(&format!("held of {id}")))
            );
        } else {
            assert_eq!(story.findings(), Vec::new(), "call {index}");
        }
    }
    let mut story = Story::told();
    let mut second = story.pages.calls[4].clone();
    second.fate = Fate::Unknown;
    second.wish.key = Some("another".to_owned());
    story.pages.calls.push(second);
    assert_eq!(story.findings(), Vec::new(), "an unknown one that did not happen");
}

#[test]
fn an_unknown_call_explains_one_event_only() {
    let mut story = Story::told();
    story.wish(1).fate = Fate::Unknown;
    story.pages.calls.retain(|call| call.wish.verb != Verb::Extend);
    story.records.ledger.retain(|row| row.seq != 6);
    for row in story.records.ledger.iter_mut().filter(|row| row.seq > 6) {
        row.seq -= 1;
    }
    (story.records.audit.seq, story.records.audit.durable_seq) = (8, 8);
    assert_eq!(story.findings(), Vec::new());
    // A second hold with the same customer and lines, of which the books know nothing.
    for row in story.records.ledger.clone() {
        if row.reservation_id.as_deref() == Some("s") {
            let seq = if row.kind == "held" { 9 } else { 10 };
            let reservation_id = Some("t".to_owned());
            story.records.ledger.push(LedgerRow { seq, reservation_id, ..row });
        }
    }
    story.must_find("held of t by c-s");
}

#[test]
fn a_repeat_with_the_same_key_is_one_call() {
    let mut story = Story::told();
    let again = story.pages.calls[0].clone();
    story.pages.calls.push(again);
    assert_eq!(story.findings(), Vec::new());
    story.pages.calls[5].wish.key = Some("another".to_owned());
    story.must_find("reserve of r by c-r was acknowledged");
}

#[test]
fn a_key_has_one_reservation() {
    let mut story = Story::told();
    story.wish(1).wish.key = Some("k-0".to_owned());
    story.must_find("was answered with r, and later with s");
}

#[test]
fn overselling_is_found_at_the_prefix_where_it_happens() {
    let mut story = Story::told();
    story.records.ledger[0].quantity = 1;
    story.must_find("seq 4: oversold: a has 2 held and 0 sold of 1");
}

#[test]
fn a_limit_holds_at_every_prefix() {
    let mut story = Story::told();
    for row in story.records.ledger.iter_mut().filter(|row| row.reservation_id.is_some()) {
        row.customer_id = Some("c-r".to_owned());
    }
    story.must_find("seq 4: c-r has 3 units, the limit is 2");
}

#[test]
fn the_order_of_the_ledger_counts() {
    let mut story = Story::told();
    story.records.ledger.last_mut().expect("a row").seq = 10;
    story.must_find("seq 10: follows 8");
    let mut story = Story::told();
    story.records.ledger[4].epoch = 2;
    story.must_find("is of epoch 1, after epoch 2");
}

#[test]
fn nobody_expires_early() {
    let mut story = Story::told();
    for row in story.records.ledger.iter_mut().filter(|row| row.kind == "expired") {
        row.occurred_at = at(7);
    }
    story.must_find("its buyer was told");
}

#[test]
fn what_is_shown_is_what_the_ledger_tells() {
    let mut story = Story::told();
    story.records.reservations[0].lines = lines(&[("a", 2)]);
    story.must_find("reservation r is shown as");
    let mut story = Story::told();
    story.records.reservations.pop();
    story.must_find("reservation s is in the ledger, and not in the list");
    let mut story = Story::told();
    story.records.reservations.push(reservation("x", "held", &lines(&[]), None));
    story.must_find("reservation x is listed, and has no event");
    let mut story = Story::told();
    story.records.view.skus[0].stock.available = 2;
    story.must_find("the view has");
    let mut story = Story::told();
    story.records.audit.skus[0].redis = None;
    story.must_find("the audit's Redis side has None of a");
    let mut story = Story::told();
    story.records.audit.skus.pop();
    story.must_find("b is missing in the view or in the audit");
}

#[test]
fn the_audit_has_its_say() {
    let mut story = Story::told();
    story.records.audit.balanced = false;
    story.must_find("not balanced");
    story.records.audit.violations = vec![json!("two of a kind")];
    story.must_find("two of a kind");
    let mut story = Story::told();
    story.records.audit.durable_seq = 8;
    story.must_find("the audit is of epoch 1 seq 8");
}

#[test]
fn a_hold_that_never_ends_is_found() {
    let mut story = Story::told();
    story.records.ledger.retain(|row| row.kind != "expired");
    story.records.reservations[1].state = "held".to_owned();
    story.must_find("reservation s is still held");
}

#[test]
fn a_rebuild_moves_a_deadline_once() {
    let mut story = Story::told();
    story.pages.calls.retain(|call| call.wish.verb != Verb::Extend);
    story.must_find("extended of s");
    for row in story.records.ledger.iter_mut().filter(|row| row.seq >= 6) {
        row.epoch = 2;
    }
    story.records.audit.epoch = 2;
    assert_eq!(story.findings(), Vec::new());
    let again = LedgerRow { seq: 7, ..story.records.ledger[6].clone() };
    assert_eq!(again.kind, "extended");
    for row in story.records.ledger.iter_mut().filter(|row| row.seq >= 7) {
        row.seq += 1;
        row.occurred_at = at(row.seq);
    }
    story.records.ledger.insert(7, again);
    (story.records.audit.seq, story.records.audit.durable_seq) = (10, 10);
    story.must_find("seq 7: extended of s");
}
