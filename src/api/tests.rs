//! The error table, and the bodies of the calls.

use axum::body::to_bytes;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use serde_json::{Value, json};

use super::problem::{Code, Problem, Refused};
use super::request;
use crate::command::{Refusal, Shortage};
use crate::domain::{Millis, ReservationId, ReservationState};
use crate::engine::{CallError, Effect};

async fn document(problem: Problem) -> (StatusCode, Value) {
    let response = problem.into_response();
    let status = response.status();
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    let bytes = to_bytes(response.into_body(), 1 << 20).await.expect("a body");
    let body: Value = serde_json::from_slice(&bytes).expect("JSON");
    let code = body["code"].as_str().expect("a code");
    assert_eq!(body["type"], format!("/problems/{code}"));
    assert_eq!(body["status"], status.as_u16());
    for member in ["title", "detail"] {
        assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "{body}");
    }
    (status, body)
}

/// Asserts status, code and the further members of what a refusal looks like.
async fn check(refused: Refused, refusal: Refusal, status: u16, code: &str, members: Value) {
    let name = format!("{refusal:?}");
    let (found, body) = document(refused.problem(CallError::Refused(refusal))).await;
    assert_eq!((found.as_u16(), &body["code"]), (status, &json!(code)), "{name}");
    let members = members.as_object().expect("members");
    for (member, value) in members {
        assert_eq!(&body[member], value, "{name}");
    }
    let standard = ["type", "title", "status", "detail", "code", "errors"];
    for member in body.as_object().expect("an object").keys() {
        let known = standard.contains(&member.as_str()) || members.contains_key(member);
        assert!(known, "{name}: {member}");
    }
}

#[tokio::test]
async fn refusals_about_a_drop() {
    let opens_at = json!({ "opens_at": "1970-01-01T00:00:00.005Z" });
    let at = Some(Millis(5));
    for (refusal, status, code, members) in [
        (Refusal::KeyReused, 422, "idempotency_key_reused", json!({})),
        (Refusal::UnknownDrop, 404, "unknown_drop", json!({})),
        (Refusal::NotOpen(at), 409, "drop_not_open", opens_at.clone()),
        (Refusal::NotOpen(None), 409, "drop_not_open", json!({})),
        (Refusal::Paused(at), 409, "drop_paused", opens_at.clone()),
        (Refusal::Closed(at), 409, "drop_closed", opens_at),
        (Refusal::Stalled, 503, "unavailable", json!({ "outcome": "none" })),
        (Refusal::ClosesFirst(Millis(5), Millis(4)), 422, "invalid_request", json!({})),
    ] {
        check(Refused::Call, refusal, status, code, members).await;
    }
}

#[tokio::test]
async fn refusals_about_stock_and_limits() {
    let sku = || "shoe".parse().expect("an id");
    let id = ReservationId::generate();
    let limit = |sku| Refusal::LimitExceeded {
        limit: 2,
        used: 1,
        requested: 3,
        sku,
        reservations: vec![id],
    };
    let counts = json!({ "limit": 2, "used": 1, "requested": 3, "reservations": [id] });
    let mut of_sku = counts.clone();
    of_sku["sku"] = json!("shoe");
    let short = Shortage { sku: sku(), requested: 3, available: 1 };
    let lines = json!({ "lines": [{ "sku": "shoe", "requested": 3, "available": 1 }] });
    for (refusal, status, code, members) in [
        (Refusal::UnknownSku(sku()), 404, "unknown_sku", json!({ "sku": "shoe" })),
        (limit(None), 409, "limit_exceeded", counts),
        (limit(Some(sku())), 409, "limit_exceeded", of_sku),
        (Refusal::SoldOut(vec![short]), 409, "sold_out", lines),
        (Refusal::Insufficient(4), 409, "insufficient_available", json!({ "available": 4 })),
        (Refusal::TooLarge(9), 422, "invalid_request", json!({})),
        (Refusal::NotOwned(sku(), 2), 422, "invalid_request", json!({})),
    ] {
        check(Refused::Call, refusal, status, code, members).await;
    }
}

#[tokio::test]
async fn refusals_about_a_reservation() {
    use ReservationState::{Confirmed, Expired, Held, Released, Returned};
    check(Refused::Call, Refusal::UnknownReservation, 404, "unknown_reservation", json!({})).await;
    check(Refused::Call, Refusal::TtlTooLong(900_000), 422, "invalid_request", json!({})).await;
    let held = json!({ "state": "held" });
    check(Refused::Call, Refusal::MaxHoldReached(Held), 409, "max_hold_reached", held).await;
    for (state, call, to_return) in [
        (Held, "not_confirmed", "not_confirmed"),
        (Confirmed, "already_confirmed", "already_confirmed"),
        (Released, "reservation_released", "reservation_released"),
        (Expired, "reservation_expired", "reservation_expired"),
        (Returned, "already_confirmed", "not_confirmed"),
    ] {
        let members = json!({ "state": state });
        check(Refused::Call, Refusal::Ended(state), 409, call, members.clone()).await;
        check(Refused::Return, Refusal::Ended(state), 409, to_return, members).await;
    }
}

#[tokio::test]
async fn wrong_values_that_only_the_drop_knows_have_pointers() {
    for (refusal, pointer) in [
        (Refusal::TtlTooLong(900_000), "/ttl_seconds"),
        (Refusal::TooLarge(9), "/quantity"),
        (Refusal::NotOwned("a".parse().expect("an id"), 2), "/lines"),
        (Refusal::ClosesFirst(Millis(5), Millis(4)), "/closes_at"),
    ] {
        let problem = Refused::Call.problem(CallError::Refused(refusal));
        let (_, body) = document(problem).await;
        assert_eq!(body["errors"][0]["pointer"], pointer);
        assert_eq!(body["errors"].as_array().map(Vec::len), Some(1));
    }
}

#[tokio::test]
async fn without_an_answer_the_outcome_is_told_and_the_reason_is_not() {
    for (effect, outcome) in [(Effect::None, "none"), (Effect::Unknown, "unknown")] {
        let error = CallError::Unavailable { effect, reason: "host db-7 is gone".to_owned() };
        let response = Refused::Call.problem(error.clone()).into_response();
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        let (status, body) = document(Refused::Call.problem(error)).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(body["outcome"], outcome);
        assert!(!body.to_string().contains("db-7"), "{body}");
    }
    let (_, body) = document(Refused::Call.problem(CallError::UnknownDrop)).await;
    assert_eq!(body["code"], "unknown_drop");
}

#[tokio::test]
async fn a_missing_key_says_how_to_send_one() {
    let response = Problem::new(Code::Unauthenticated, "why").into_response();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer realm=\"dropgate\"");
}

#[tokio::test]
async fn a_body_full_of_errors_has_a_bounded_answer() {
    let unknown: serde_json::Map<String, Value> =
        (0..5000).map(|n| (format!("x{n}"), Value::Null)).collect();
    let problem = request::extend(&Value::Object(unknown)).expect_err("unknown members");
    let (status, body) = document(problem).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(body["errors"].as_array().map(Vec::len), Some(100));
    assert!(body["detail"].as_str().is_some_and(|text| text.contains("4900 more")), "{body}");
}

/// The pointers of what is wrong with a body.
async fn pointers<T>(read: Result<T, Problem>) -> Vec<String> {
    let Err(problem) = read else { return Vec::new() };
    let (_, body) = document(problem).await;
    let errors = body["errors"].as_array().expect("errors").iter();
    errors.map(|error| error["pointer"].as_str().expect("a pointer").to_owned()).collect()
}

#[tokio::test]
async fn a_reservation_needs_a_customer_and_lines() {
    let body = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
    for (text, expected) in [
        (r#"{"customer_id":"c","lines":[{"sku":"a","quantity":1}]}"#, vec![]),
        ("{}", vec!["/customer_id", "/lines"]),
        ("[]", vec![""]),
        (r#"{"customer_id":"c","lines":[],"ttl_seconds":0}"#, vec!["/lines", "/ttl_seconds"]),
        (r#"{"customer_id":"c","lines":[{"sku":"a"}]}"#, vec!["/lines/0/quantity"]),
        (
            r#"{"customer_id":"","lines":[{"sku":"a","quantity":1}],"ttl_second":5}"#,
            vec!["/customer_id", "/ttl_second"],
        ),
    ] {
        assert_eq!(pointers(request::Reserve::read(&body(text))).await, expected, "{text}");
    }
}

#[tokio::test]
async fn a_restock_is_a_whole_number_but_zero() {
    for good in [json!(1), json!(-1), json!(1_000_000_000), json!(-1_000_000_000)] {
        assert!(request::Restock::read(&json!({ "quantity": good })).is_ok(), "{good}");
    }
    for bad in [json!(0), json!(1.5), json!("1"), json!(1_000_000_001), json!(null)] {
        let body = json!({ "quantity": bad, "reference": "a b", "reason": 1 });
        let found = pointers(request::Restock::read(&body)).await;
        assert_eq!(found, ["/quantity", "/reason", "/reference"], "{bad}");
    }
}

#[tokio::test]
async fn null_clears_what_may_be_absent_and_nothing_else() {
    let cleared = json!({ "opens_at": null, "closes_at": null, "limit_per_customer": null });
    let patch = request::drop_patch(&cleared).expect("fine");
    assert_eq!((patch.opens_at, patch.limit_per_customer), (Some(None), Some(None)));
    let bad = json!({
        "name": null, "state": null, "hold_ttl_seconds": null, "max_hold_seconds": null,
    });
    let found = pointers(request::drop_patch(&bad)).await;
    assert_eq!(found, ["/name", "/state", "/hold_ttl_seconds", "/max_hold_seconds"]);
    let bad = json!({ "name": null, "details": null, "low_stock_threshold": null,
        "initial_stock": null, "limit_per_customer": 0 });
    let found = pointers(request::sku_patch(&bad)).await;
    let expected =
        ["/name", "/details", "/limit_per_customer", "/low_stock_threshold", "/initial_stock"];
    assert_eq!(found, expected);
}
