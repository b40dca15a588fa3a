//! Problem documents as they are described: their shape, what each code carries, and an example of
//! each that the error table itself has made.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::super::problem::{
    Code, Problem, Refused, unknown_delivery, unknown_drop, unknown_key, unknown_reservation,
    unknown_sku, unknown_webhook,
};
use super::super::{auth, body, customers, keys, shed};
use super::operations::Operation;
use super::{examples, headers, reference};
use crate::command::{Refusal, Shortage};
use crate::domain::{ApiKeyState, ReservationState};
use crate::engine::{CallError, Effect};

/// The shape of every problem. Members beside the first five depend on the code.
pub(super) fn schema() -> Value {
    let count = || reference("Count");
    json!({
        "type": "object",
        "description": "An error (RFC 9457). Build on `code`; the words of `title` and `detail` \
            may change.",
        "required": ["type", "title", "status", "detail", "code"],
        "properties": {
            "type": { "type": "string", "format": "uri-reference" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "detail": { "type": "string", "description": "What to do next." },
            "code": { "type": "string", "description": "Stable; build on this one." },
            "errors": { "type": "array", "items": reference("InvalidField") },
            "outcome": { "type": "string", "enum": ["none", "unknown"],
                "description": "`none`: nothing happened. `unknown`: repeat the call with the \
                    same Idempotency-Key to learn." },
            "unreachable": { "type": "array", "items": { "type": "string" } },
            "lines": { "type": "array", "items": reference("Shortage") },
            "limit": count(), "used": count(), "requested": count(), "available": count(),
            "sku": reference("Name"),
            "reservations": { "type": "array", "maxItems": 20,
                "items": reference("ReservationId"),
                "description": "The customer's, in this drop." },
            "drops": { "type": "array", "items": reference("Name"),
                "description": "Those in which the customer has holds." },
            "opens_at": reference("Time"),
            "state": { "type": "string", "description": "Of the reservation, or of the key." },
            "policy": { "type": "string", "enum": ["key", "customer", "address"] },
        },
    })
}

/// The members that a problem with this code always has, beside those that all have.
fn members(code: Code) -> &'static [&'static str] {
    match code {
        Code::SoldOut => &["lines"],
        Code::LimitExceeded => &["limit", "used", "requested", "reservations"],
        Code::ReservationExpired
        | Code::ReservationReleased
        | Code::AlreadyConfirmed
        | Code::NotConfirmed
        | Code::MaxHoldReached
        | Code::KeyEnded => &["state"],
        Code::InsufficientAvailable => &["available"],
        Code::InvalidRequest => &["errors"],
        Code::RateLimited => &["policy"],
        Code::Unavailable | Code::Overloaded => &["outcome"],
        Code::HoldActive => &["drops"],
        Code::MalformedRequest
        | Code::Unauthenticated
        | Code::Forbidden
        | Code::UnknownDrop
        | Code::UnknownSku
        | Code::UnknownReservation
        | Code::UnknownKey
        | Code::UnknownWebhook
        | Code::UnknownDelivery
        | Code::NotFound
        | Code::MethodNotAllowed
        | Code::TooLarge
        | Code::UnsupportedMediaType
        | Code::DropNotOpen
        | Code::DropPaused
        | Code::DropClosed
        | Code::IdempotencyKeyReused => &[],
    }
}

/// The problems of an operation by status. What a status means by one code alone is the same for
/// all operations, and stands among the [`shared`] ones.
pub(super) fn of(operation: &Operation) -> Map<String, Value> {
    let of_status = |(status, codes): (u16, Vec<Code>)| {
        let response = match codes.as_slice() {
            [only] => json!({ "$ref": format!("#/components/responses/{only:?}") }),
            codes => response(status, codes),
        };
        (status.to_string(), response)
    };
    by_status(operation).into_iter().map(of_status).collect()
}

/// The answers that operations refer to, by code.
pub(super) fn shared(operations: &[Operation]) -> Value {
    let mut shared = Map::new();
    for (status, codes) in operations.iter().flat_map(by_status) {
        if let [only] = codes.as_slice() {
            shared.entry(format!("{only:?}")).or_insert_with(|| response(status, &codes));
        }
    }
    Value::Object(shared)
}

fn by_status(operation: &Operation) -> BTreeMap<u16, Vec<Code>> {
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in operation.codes.iter().chain(operation.common_codes()) {
        let codes = by_status.entry(code.status().as_u16()).or_default();
        if !codes.contains(code) {
            codes.push(*code);
        }
    }
    by_status
}

fn response(status: u16, codes: &[Code]) -> Value {
    let words: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
    let titles: Vec<String> =
        codes.iter().map(|code| format!("`{}`: {}.", code.as_str(), code.title())).collect();
    let example = |code: &Code| {
        let value = sample(*code).map(|problem| sent(&problem));
        (code.as_str().to_owned(), json!({ "summary": code.title(), "value": value }))
    };
    let examples: Map<String, Value> = codes.iter().map(example).collect();
    // Whoever generates clients sees one shape; whoever checks answers also sees which codes there
    // may be, and what each carries.
    let mut schema = reference("Problem");
    schema["properties"] = json!({ "code": { "enum": words }, "status": { "const": status } });
    let carried: Vec<Value> = codes.iter().filter_map(|code| carries(*code)).collect();
    if !carried.is_empty() {
        schema["allOf"] = json!(carried);
    }
    json!({
        "description": titles.join(" "),
        "headers": headers::of_problem(status),
        "content": { "application/problem+json": { "schema": schema, "examples": examples } },
    })
}

/// What is sent of a problem.
fn sent(problem: &Problem) -> Value {
    serde_json::from_slice(&problem.document()).unwrap_or_default()
}

/// The rule that a problem with this code has its members.
fn carries(code: Code) -> Option<Value> {
    let members = members(code);
    let this = json!({ "properties": { "code": { "const": code.as_str() } } });
    (!members.is_empty()).then(|| json!({ "if": this, "then": { "required": members } }))
}

/// A problem with this code, as the error table makes it.
fn sample(code: Code) -> Option<Problem> {
    let refused = |refusal| Some(Refused::Call.problem(CallError::Refused(refusal)));
    let ended = |state| refused(Refusal::Ended(state));
    let opens_at = Some(examples::NOON);
    match code {
        Code::UnknownDrop => Some(unknown_drop()),
        Code::UnknownSku => Some(unknown_sku()),
        Code::UnknownReservation => Some(unknown_reservation()),
        Code::UnknownKey => Some(unknown_key()),
        Code::UnknownWebhook => Some(unknown_webhook()),
        Code::UnknownDelivery => Some(unknown_delivery()),
        Code::SoldOut => refused(Refusal::SoldOut(vec![Shortage {
            sku: examples::sku()?,
            requested: 2,
            available: 1,
        }])),
        Code::LimitExceeded => refused(Refusal::LimitExceeded {
            limit: 2,
            used: 1,
            requested: 2,
            sku: Some(examples::sku()?),
            reservations: vec![examples::reservation_id()?],
        }),
        Code::DropNotOpen => refused(Refusal::NotOpen(opens_at)),
        Code::DropPaused => refused(Refusal::Paused(opens_at)),
        Code::DropClosed => refused(Refusal::Closed(opens_at)),
        Code::ReservationExpired => ended(ReservationState::Expired),
        Code::ReservationReleased => ended(ReservationState::Released),
        Code::AlreadyConfirmed => ended(ReservationState::Confirmed),
        Code::NotConfirmed => ended(ReservationState::Held),
        Code::MaxHoldReached => refused(Refusal::MaxHoldReached(ReservationState::Held)),
        Code::InsufficientAvailable => refused(Refusal::Insufficient(3)),
        Code::KeyEnded => Some(keys::ended(ApiKeyState::Revoked)),
        Code::InvalidRequest => Some(Problem::invalid_field(
            "/lines/0/quantity",
            "must be a whole number from 1 to 10000",
        )),
        Code::IdempotencyKeyReused => refused(Refusal::KeyReused),
        Code::RateLimited => {
            let detail = "Nothing happened. Slow down, and try again after `Retry-After` seconds.";
            Some(Problem::new(code, detail).with("policy", "key"))
        }
        Code::Unavailable => Some(Problem::unavailable(Effect::None)),
        Code::Overloaded => Some(shed::overloaded()),
        Code::HoldActive => Some(customers::hold_active(&[examples::drop()?])),
        Code::MalformedRequest => body::parse(b"{").err(),
        Code::Unauthenticated => Some(auth::unauthenticated(auth::NoCaller::Silent)),
        Code::Forbidden => {
            Some(Problem::new(code, "Use a key for this drop: this one is limited to others."))
        }
        Code::NotFound => Some(Problem::new(code, "Check the address; /docs shows every route.")),
        Code::MethodNotAllowed => Some(Problem::new(
            code,
            "Use one of the methods that the Allow header names (`curl -i` shows it).",
        )),
        Code::TooLarge => Some(Problem::new(code, "Send at most 65536 bytes.")),
        Code::UnsupportedMediaType => {
            let detail = "Send JSON as it is, with `Content-Type: application/json`.";
            Some(Problem::new(code, detail))
        }
    }
}
