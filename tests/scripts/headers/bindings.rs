//! The Rust side writes an operation's arguments in the order that the header names.

use dropgate::{
    command::{
        Change, Configure, Confirm, DropAction, Expire, Extend, ExtendTo, Handed, Operation,
        Release, Reserve, Restock, Return,
    },
    domain::{
        DropId, DropPatch, DropState, Line, Lines, Millis, RequestKey, Reservation, ReservationId,
        SkuPatch,
    },
};

use super::parse::{Header, Source};

fn id() -> ReservationId {
    ReservationId::from_short("r1AAAAAAAAAAAAAAAAAAAA").expect("an id")
}

fn lines() -> Lines {
    let line = |sku: &str, quantity| Line { sku: sku.parse().expect("a sku"), quantity };
    Lines::new([line("a", 1), line("b", 2)]).expect("lines")
}

#[expect(clippy::unnecessary_wraps, reason = "a field of every operation")]
fn key() -> Option<RequestKey> {
    Some(RequestKey { key: "the key".to_owned(), fingerprint: "the fingerprint".to_owned() })
}

fn handed() -> Handed {
    let drop: DropId = "d".parse().expect("an id");
    let reservation = Reservation::unpack(&drop, id(), "C c 5 9 o a:1").expect("a reservation");
    Handed { reservation, read_at: Millis(77) }
}

/// Holds an operation's arguments against what each operand of the header should be.
#[track_caller]
fn holds<O: Operation>(operation: &O, operands: &[(&str, &str)]) {
    let header = Header::parse(&Source::read(O::VERB.script()));
    let mut arguments = Vec::new();
    operation.encode(&mut arguments);
    let given: Vec<(&str, &str)> = header
        .operands
        .iter()
        .map(String::as_str)
        .zip(arguments.iter().map(String::as_str))
        .collect();
    assert_eq!(arguments.len(), header.operands.len());
    assert_eq!(given, operands);
}

const RESERVATION: (&str, &str) = ("reservation", "r1AAAAAAAAAAAAAAAAAAAA");
const LINES: (&str, &str) = ("lines", "a:1,b:2");
const HANDED: [(&str, &str); 2] = [("handed", "C c 5 9 o a:1"), ("read_ms", "77")];
const KEY: [(&str, &str); 2] = [("key", "the key"), ("fingerprint", "the fingerprint")];

#[test]
fn takers_write_what_their_headers_name() {
    let reserve = Reserve {
        id: id(),
        customer_id: "c".parse().expect("an id"),
        lines: lines(),
        ttl_seconds: Some(7),
        key: key(),
    };
    holds(&reserve, &[RESERVATION, ("customer", "c"), LINES, ("ttl_ms", "7000"), KEY[0], KEY[1]]);
    let change = Change { id: id(), lines: lines(), key: key() };
    holds(&change, &[RESERVATION, LINES, KEY[0], KEY[1]]);
    for (to, text) in
        [(ExtendTo::Seconds(7), "7000"), (ExtendTo::DropTtl, ""), (ExtendTo::Grace, "grace")]
    {
        let extend = Extend { id: id(), to, key: key() };
        holds(&extend, &[RESERVATION, ("ttl_ms", text), KEY[0], KEY[1]]);
    }
    holds(&Expire { most: 9 }, &[("most", "9")]);
}

#[test]
fn givers_write_what_their_headers_name() {
    let order_id = "o".parse().expect("an id");
    let confirm =
        Confirm { id: id(), order_id, reacquire: true, handed: Some(handed()), key: key() };
    let head = [RESERVATION, ("order", "o"), ("reacquire", "1")];
    holds(&confirm, &[head.as_slice(), &HANDED, &KEY].concat());
    let release = Release { id: id(), handed: Some(handed()), key: key() };
    holds(&release, &[[RESERVATION].as_slice(), &HANDED, &KEY].concat());
    let reason = Some("a \"scratch\"\n".to_owned());
    let back = Return {
        id: id(),
        lines: Some(lines()),
        reason: reason.clone(),
        restock: false,
        handed: Some(handed()),
        key: key(),
    };
    let text = r#""a \"scratch\"\n""#;
    let head = [RESERVATION, LINES, ("reason", text), ("restock", "0")];
    holds(&back, &[head.as_slice(), &HANDED, &KEY].concat());
    let restock = Restock {
        sku: "a".parse().expect("a sku"),
        quantity: -3,
        reason,
        reference: Some("ref".parse().expect("a reference")),
        key: key(),
    };
    let head = [("sku", "a"), ("quantity", "-3"), ("reference", "ref"), ("reason", text)];
    holds(&restock, &[head.as_slice(), &KEY].concat());
}

#[test]
fn settings_are_written_as_their_header_names_them() {
    let patch = DropPatch {
        state: Some(DropState::Paused),
        opens_at: Some(Some(Millis(1))),
        closes_at: Some(None),
        hold_ttl_seconds: Some(2),
        max_hold_seconds: Some(3),
        limit_per_customer: Some(Some(4)),
        ..DropPatch::default()
    };
    let members = r#""closes_at":null,"hold_ttl_seconds":2,"limit_per_customer":4,"#.to_owned()
        + r#""max_hold_seconds":3,"opens_at":1"#;
    let names = [
        "sku",
        "action",
        "patch",
        "state",
        "opens_at",
        "closes_at",
        "ttl_ms",
        "max_hold_ms",
        "limit",
        "initial",
    ];
    let row = |values: [&'static str; 10]| names.into_iter().zip(values).collect::<Vec<_>>();
    let mut wanted = row(["*", "put", "", "paused", "1", "*", "2000", "3000", "4", ""]);
    wanted[2].1 = &members;
    holds(&Configure::Drop(patch), &wanted);
    let patch = SkuPatch {
        limit_per_customer: Some(Some(4)),
        initial_stock: Some(5),
        ..SkuPatch::default()
    };
    let sku = Configure::Sku("a".parse().expect("a sku"), patch);
    let patch = r#""limit_per_customer":4"#;
    holds(&sku, &row(["a", "put", patch, "", "", "", "", "", "4", "5"]));
    for (action, name) in [
        (DropAction::Open, "open"),
        (DropAction::Pause, "pause"),
        (DropAction::Close, "close"),
        (DropAction::Settle, "settle"),
    ] {
        holds(&Configure::Action(action), &row(["*", name, "", "", "", "", "", "", "", ""]));
    }
}
