use serde_json::json;

use super::*;

fn wish() -> Wish {
    Wish {
        verb: Verb::Reserve,
        customer: "c".to_owned(),
        reservation: None,
        lines: Some(Lines::from([("a".to_owned(), 1)])),
        order: None,
        key: Some("k".to_owned()),
    }
}

fn done(id: &str, replayed: bool) -> Answer {
    let body = json!({ "id": id, "customer_id": "c", "state": "held", "order_id": null,
        "lines": [{ "sku": "a", "quantity": 1 }], "expires_at": "2026-01-01T10:00:00.000Z" });
    let reservation = serde_json::from_value(body.clone()).expect("a reservation");
    Answer::Done { status: 201, body, reservation, replayed }
}

fn unknown() -> Answer {
    Answer::Unknown { why: "timeout".to_owned(), retry_after: Duration::ZERO }
}

fn nothing() -> Answer {
    Answer::Nothing { why: "unavailable".to_owned(), retry_after: Duration::ZERO }
}

fn refused(body: Value) -> Answer {
    let code = body["code"].as_str().expect("a code").to_owned();
    Answer::Refused(Refusal { code, body })
}

fn sold_out() -> Answer {
    let lines = json!([{ "sku": "a", "requested": 1, "available": 0 }]);
    refused(json!({ "code": "sold_out", "lines": lines }))
}

fn after(answers: &[Answer]) -> (Call, Vec<String>) {
    let mut open = Open::new(wish());
    for answer in answers {
        open.take(answer);
    }
    open.close()
}

#[test]
fn equal_repeats_are_one_call() {
    let (call, faults) = after(&[done("r", false), done("r", true), done("r", true)]);
    assert!(matches!(call.fate, Fate::Done(_)));
    assert_eq!((call.sent, faults), (3, Vec::new()));
}

#[test]
fn a_second_effect_is_noticed() {
    let (_, faults) = after(&[done("r", false), done("s", true)]);
    assert!(faults[0].contains("a repeat was answered"), "{faults:?}");
    let (_, faults) = after(&[done("r", false), done("r", false)]);
    assert!(faults[0].contains("neither of them"), "{faults:?}");
    let (_, faults) = after(&[done("r", false), sold_out()]);
    assert!(faults[0].contains("after it had succeeded"), "{faults:?}");
}

#[test]
fn an_answer_for_somebody_else_is_noticed() {
    let mut open = Open::new(Wish { customer: "d".to_owned(), ..wish() });
    open.take(&done("r", false));
    assert!(open.close().1[0].contains("customer c"));
    let lines = Some(Lines::from([("a".to_owned(), 2)]));
    let mut open = Open::new(Wish { lines, ..wish() });
    open.take(&done("r", false));
    assert!(open.close().1[0].contains("with lines"));
}

#[test]
fn an_unknown_outcome_stays_so_until_a_repeat_settles_it() {
    assert_eq!(after(&[unknown(), nothing()]).0.fate, Fate::Unknown);
    assert_eq!(after(&[nothing(), nothing()]).0.fate, Fate::Nothing);
    let (call, faults) = after(&[unknown(), nothing(), done("r", true)]);
    assert!(call.was_unknown && matches!(call.fate, Fate::Done(_)));
    assert_eq!(faults, Vec::<String>::new());
    let (call, _) = after(&[unknown(), sold_out()]);
    assert!(call.was_unknown && matches!(call.fate, Fate::Refused(_)));
}

#[test]
fn a_refusal_must_have_a_reason() {
    let empty = refused(json!({ "code": "sold_out", "lines": [] }));
    assert_eq!(after(&[empty]).1.len(), 1);
    let limit =
        |used: i64| json!({ "code": "limit_exceeded", "limit": 4, "used": used, "requested": 1 });
    assert_eq!(after(&[refused(limit(4))]).1.len(), 0);
    assert_eq!(after(&[refused(limit(3))]).1.len(), 1);
}
