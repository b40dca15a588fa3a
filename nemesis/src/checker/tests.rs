//! What the checker says about a sale that keeps every promise, and when it is tampered with.

use serde_json::json;

use super::{
    requests::digest,
    sale::{DROP, SECOND, Sale, at, lines},
    *,
};
use crate::books::{Ask, Told, Verb};

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
