//! Holds the whole state in Redis against the model.

use std::collections::BTreeMap;

use super::state::{Model, Reservation};
use crate::support::Dump;

/// How long an ended reservation stays in Redis at least, and an idempotency key.
const STAY: i64 = 600_000;
const REMEMBERED: i64 = 86_400_000;

pub(super) fn compare(model: &mut Model, dump: &Dump) {
    compare_settings(model, dump);
    compare_stock(model, dump);
    compare_reservations(model, dump);
    compare_customers(model, dump);
    compare_keys(model, dump);
    check_deadlines(model, dump);
    check_ended(model, dump);
}

fn compare_settings(model: &Model, dump: &Dump) {
    assert_eq!(dump.number("seq"), model.seq);
    assert_eq!(dump.get("meta", "state"), Some(model.state.as_str()));
    let time = |at: i64| if at == 0 { String::new() } else { at.to_string() };
    assert_eq!(dump.get("meta", "opens_at"), Some(time(model.opens_at).as_str()));
    assert_eq!(dump.get("meta", "closes_at"), Some(time(model.closes_at).as_str()));
    let limit = model.limit.map_or(String::new(), |limit| limit.to_string());
    assert_eq!(dump.get("meta", "limit"), Some(limit.as_str()));
}

fn compare_stock(model: &Model, dump: &Dump) {
    let mut kept: BTreeMap<&str, &str> = dump.fields("stock").collect();
    for (sku, stock) in &model.skus {
        let limit = stock.limit.map_or("*".to_owned(), |limit| limit.to_string());
        let packed = format!("{} {} {} {limit}", stock.available, stock.held, stock.sold);
        assert_eq!(kept.remove(sku.as_str()), Some(packed.as_str()), "{sku}");
        // The counts are what the reservations come to.
        let sum = |state: char| -> i64 {
            let counted = model.reservations.values().filter(|r| r.state == state);
            counted.map(|r| r.units(sku)).sum()
        };
        assert_eq!((stock.held, stock.sold), (sum('H'), sum('C')), "{sku}");
    }
    assert_eq!(kept, BTreeMap::new());
}

fn compare_reservations(model: &mut Model, dump: &Dump) {
    let mut kept: BTreeMap<&str, &str> = dump.fields("reservations").collect();
    for (id, r) in &mut model.reservations {
        let mark = if r.state == 'H' { String::new() } else { format!(" {}", r.changed.1) };
        match kept.remove(id.as_str()) {
            Some(packed) => {
                assert_eq!(packed, r.pack() + &mark, "{id}");
                assert!(!r.left, "{id} came back by itself");
            }
            None if r.left => {}
            None => {
                assert_ne!(r.state, 'H', "{id} is held and gone");
                assert!(model.now >= r.changed.0 + STAY, "{id} left too early");
                assert!(r.changed.1 <= model.durable_seq, "{id} left before it was durable");
                r.left = true;
            }
        }
    }
    assert_eq!(kept, BTreeMap::new());
}

fn compare_customers(model: &Model, dump: &Dump) {
    let mut kept: BTreeMap<&str, &str> = dump.fields("customers").collect();
    for (customer, ids) in &model.lists {
        let packed = kept.remove(customer.as_str()).expect("a customer who uses units");
        let (units, listed) = packed.split_once(';').expect("units and ids");
        let listed: Vec<&str> = listed.split_terminator(' ').collect();
        assert_eq!(listed, *ids, "{customer}");
        let counted: BTreeMap<&str, i64> = units
            .split(' ')
            .filter_map(|unit| unit.split_once('='))
            .map(|(sku, units)| (sku, units.parse().expect("units")))
            .collect();
        let used: BTreeMap<&str, i64> = model
            .skus
            .keys()
            .map(|sku| (sku.as_str(), model.used(customer, Some(sku))))
            .filter(|(_, units)| *units > 0)
            .collect();
        assert_eq!(counted, used, "{customer}");
    }
    assert_eq!(kept, BTreeMap::new());
}

fn compare_keys(model: &mut Model, dump: &Dump) {
    let mut kept: BTreeMap<&str, &str> = dump.fields("keys").collect();
    let now = model.now;
    model.keys.retain(|key, (fingerprint, seq, at)| {
        let found = kept.remove(key.as_str());
        assert!(found.is_some() || *at + REMEMBERED <= now, "{key} was forgotten too early");
        found.is_none_or(|packed| packed == format!("{fingerprint} {seq}")) && found.is_some()
    });
    assert_eq!(kept, BTreeMap::new());
    for (mark, score) in dump.fields("key_ages") {
        let (mark, score): (i64, i64) =
            (mark.parse().expect("a seq"), score.parse().expect("a time"));
        let covered = model.keys.values().filter(|(_, seq, _)| *seq <= mark);
        assert!(covered.clone().all(|(_, _, at)| at + REMEMBERED <= score), "{mark} is too early");
    }
}

/// Every hold stands in a group of each of its SKUs that comes up by its deadline.
fn check_deadlines(model: &Model, dump: &Dump) {
    let groups: Vec<(&str, i64, &str)> = dump
        .fields("deadlines")
        .map(|(member, _)| {
            let mut part = member.splitn(3, ' ');
            let mut next = || part.next().expect("sku, deadline and ids");
            (next(), next().parse().expect("a deadline"), next())
        })
        .collect();
    let held = |(_, r): &(&String, &Reservation)| r.state == 'H';
    for (id, r) in model.reservations.iter().filter(held) {
        for (sku, _) in &r.lines {
            let comes_up = groups.iter().any(|(group, deadline, ids)| {
                group == sku && *deadline <= model.deadline(r) && contains(ids, id)
            });
            assert!(comes_up, "{id} would never be freed on {sku}");
        }
    }
}

/// Every reservation that has ended stands in the group of its mark, so that it leaves.
fn check_ended(model: &Model, dump: &Dump) {
    let ended: Vec<(&str, &str)> =
        dump.fields("ended").filter_map(|(member, _)| member.split_once(' ')).collect();
    for (id, r) in model.reservations.iter().filter(|(_, r)| r.state != 'H' && !r.left) {
        let mark = r.changed.1.to_string();
        let leaves = ended.iter().any(|(group, ids)| *group == mark && contains(ids, id));
        assert!(leaves, "{id} would never leave");
    }
}

fn contains(ids: &str, id: &str) -> bool {
    ids.as_bytes().chunks(22).any(|known| known == id.as_bytes())
}
