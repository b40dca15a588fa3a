//! The one error table: what a refusal, a failure or bad input looks like to a client.
//!
//! Every error is a problem document (RFC 9457) with a stable `code`. The `detail` says what
//! to do next and never what went on inside; that is for the log.

use std::borrow::Cow;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::caller::Caller;
use crate::command::{Refusal, Shortage};
use crate::domain::{Millis, ReservationState};
use crate::engine::{CallError, Effect};

/// The most problems of one body that are listed, so that an answer stays small.
const MAX_ERRORS: usize = 100;

/// Every `code` a client may meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    MalformedRequest,
    Unauthenticated,
    Forbidden,
    UnknownDrop,
    UnknownSku,
    UnknownReservation,
    UnknownKey,
    UnknownWebhook,
    UnknownDelivery,
    NotFound,
    MethodNotAllowed,
    TooLarge,
    UnsupportedMediaType,
    SoldOut,
    LimitExceeded,
    DropNotOpen,
    DropPaused,
    DropClosed,
    ReservationExpired,
    ReservationReleased,
    AlreadyConfirmed,
    NotConfirmed,
    MaxHoldReached,
    InsufficientAvailable,
    HoldActive,
    KeyEnded,
    InvalidRequest,
    IdempotencyKeyReused,
    RateLimited,
    Overloaded,
    Unavailable,
}

impl Code {
    /// The status that goes with it.
    pub(super) fn status(self) -> StatusCode {
        self.row().0
    }

    /// The word itself.
    pub(super) fn as_str(self) -> &'static str {
        self.row().1
    }

    /// What it means, in a few words.
    pub(super) fn title(self) -> &'static str {
        self.row().2
    }

    /// Status, `code` and `title`.
    fn row(self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Code::MalformedRequest => {
                (S::BAD_REQUEST, "malformed_request", "The request can't be read")
            }
            Code::Unauthenticated => {
                (S::UNAUTHORIZED, "unauthenticated", "The request carries no valid key")
            }
            Code::Forbidden => (S::FORBIDDEN, "forbidden", "The key does not allow this"),
            Code::UnknownDrop => (S::NOT_FOUND, "unknown_drop", "There is no such drop"),
            Code::UnknownSku => (S::NOT_FOUND, "unknown_sku", "The drop has no such SKU"),
            Code::UnknownReservation => {
                (S::NOT_FOUND, "unknown_reservation", "The drop has no such reservation")
            }
            Code::UnknownKey => (S::NOT_FOUND, "unknown_key", "There is no such key"),
            Code::UnknownWebhook => (S::NOT_FOUND, "unknown_webhook", "There is no such webhook"),
            Code::UnknownDelivery => {
                (S::NOT_FOUND, "unknown_delivery", "The webhook has no such delivery")
            }
            Code::NotFound => (S::NOT_FOUND, "not_found", "There is nothing at this address"),
            Code::MethodNotAllowed => {
                (S::METHOD_NOT_ALLOWED, "method_not_allowed", "The method is not allowed here")
            }
            Code::TooLarge => (S::PAYLOAD_TOO_LARGE, "too_large", "The body is too large"),
            Code::UnsupportedMediaType => (
                S::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "The body is of another type than JSON",
            ),
            Code::SoldOut => (S::CONFLICT, "sold_out", "Not enough units are available"),
            Code::LimitExceeded => {
                (S::CONFLICT, "limit_exceeded", "The customer would pass a limit")
            }
            Code::DropNotOpen => (S::CONFLICT, "drop_not_open", "The drop is not open yet"),
            Code::DropPaused => (S::CONFLICT, "drop_paused", "The drop is paused"),
            Code::DropClosed => (S::CONFLICT, "drop_closed", "The drop is closed"),
            Code::ReservationExpired => {
                (S::CONFLICT, "reservation_expired", "The reservation has expired")
            }
            Code::ReservationReleased => {
                (S::CONFLICT, "reservation_released", "The reservation was released")
            }
            Code::AlreadyConfirmed => {
                (S::CONFLICT, "already_confirmed", "The reservation is confirmed already")
            }
            Code::NotConfirmed => {
                (S::CONFLICT, "not_confirmed", "The reservation has nothing to return")
            }
            Code::MaxHoldReached => {
                (S::CONFLICT, "max_hold_reached", "The deadline can't be moved any later")
            }
            Code::InsufficientAvailable => {
                (S::CONFLICT, "insufficient_available", "Fewer units are free")
            }
            Code::HoldActive => (S::CONFLICT, "hold_active", "The customer has an active hold"),
            Code::KeyEnded => (S::CONFLICT, "key_ended", "The key opens nothing any more"),
            Code::InvalidRequest => {
                (S::UNPROCESSABLE_ENTITY, "invalid_request", "The request is not valid")
            }
            Code::IdempotencyKeyReused => (
                S::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "The idempotency key belongs to another request",
            ),
            Code::RateLimited => (S::TOO_MANY_REQUESTS, "rate_limited", "Too many requests"),
            Code::Overloaded => (S::SERVICE_UNAVAILABLE, "overloaded", "There are too many calls"),
            Code::Unavailable => {
                (S::SERVICE_UNAVAILABLE, "unavailable", "The answer can't be given now")
            }
        }
    }
}

/// One thing that is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct InvalidField {
    /// Where: a JSON pointer (RFC 6901) into the body, or `/header/…` or `/query/…`.
    pub(super) pointer: String,
    /// What, and what is expected.
    pub(super) detail: String,
}

impl InvalidField {
    pub(super) fn new(pointer: impl Into<String>, detail: impl Into<String>) -> InvalidField {
        InvalidField { pointer: pointer.into(), detail: detail.into() }
    }
}

/// An error on its way to a client.
#[derive(Debug)]
pub(super) struct Problem {
    code: Code,
    detail: Cow<'static, str>,
    /// Further members as JSON, each with a comma before it.
    members: Vec<u8>,
}

impl Problem {
    pub(super) fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Problem {
        Problem { code, detail: detail.into(), members: Vec::new() }
    }

    /// The same problem with one more member.
    pub(super) fn with(mut self, name: &str, value: impl Serialize) -> Problem {
        member(&mut self.members, name, value);
        self
    }

    /// The same problem, told in other words.
    pub(super) fn because(mut self, detail: impl Into<Cow<'static, str>>) -> Problem {
        self.detail = detail.into();
        self
    }

    /// Everything that is wrong with a request, in one answer.
    pub(super) fn invalid(mut errors: Vec<InvalidField>) -> Problem {
        let more = errors.len().saturating_sub(MAX_ERRORS);
        errors.truncate(MAX_ERRORS);
        let detail = match (errors.as_slice(), more) {
            ([only], _) if only.pointer.is_empty() => format!("The body {}.", only.detail),
            ([only], _) => format!("{} {}.", only.pointer, only.detail),
            (_, 0) => "Correct what `errors` lists and send the request again.".to_owned(),
            (_, more) => format!("Correct what `errors` lists; {more} more are not listed."),
        };
        Problem::new(Code::InvalidRequest, detail).with("errors", errors)
    }

    /// One thing that is wrong with a request.
    pub(super) fn invalid_field(pointer: &str, detail: impl Into<String>) -> Problem {
        Problem::invalid(vec![InvalidField::new(pointer, detail)])
    }

    /// No answer can be given now.
    pub(super) fn unavailable(effect: Effect) -> Problem {
        let (outcome, detail) = match effect {
            Effect::None => ("none", "Nothing happened. Try again after `Retry-After` seconds."),
            Effect::Unknown => (
                "unknown",
                "It may have happened. Repeat the call with the same Idempotency-Key to learn \
                 the outcome.",
            ),
        };
        Problem::new(Code::Unavailable, detail).with("outcome", outcome)
    }
}

/// Which kind of call was refused, where the answer depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// A return, which wants a confirmed reservation.
    Return,
    /// Any other call.
    Call,
}

impl Refused {
    /// What a client is told about `error`.
    pub(super) fn problem(self, error: CallError) -> Problem {
        match error {
            CallError::UnknownDrop => unknown_drop(),
            CallError::Refused(refusal) => self.refusal(refusal),
            CallError::Unavailable { effect, reason } => {
                tracing::debug!(?effect, reason, "a call has no answer");
                Problem::unavailable(effect)
            }
        }
    }

    fn refusal(self, refusal: Refusal) -> Problem {
        match refusal {
            Refusal::KeyReused => Problem::new(
                Code::IdempotencyKeyReused,
                "The key came with another method, path or body before. Use a new key for a \
                 new request, and the same key only to repeat one.",
            ),
            Refusal::UnknownDrop => unknown_drop(),
            Refusal::UnknownReservation => unknown_reservation(),
            Refusal::Ended(state) => self.ended(state),
            Refusal::TtlTooLong(max_ms) => Problem::invalid_field(
                "/ttl_seconds",
                format!("must be at most {}, the drop's own hold TTL", max_ms / 1000),
            ),
            Refusal::MaxHoldReached(state) => Problem::new(
                Code::MaxHoldReached,
                "The deadline stays as it is: it is never moved earlier, nor beyond the drop's \
                 `max_hold_seconds`. Confirm before it passes.",
            )
            .with("state", state.as_str()),
            Refusal::NotOpen(opens_at) => {
                let detail = "No units can be held yet. Try again once the drop has opened.";
                drop_refuses(Code::DropNotOpen, detail, opens_at)
            }
            Refusal::Paused(opens_at) => {
                let detail = "No more units can be held until the drop is opened again.";
                drop_refuses(Code::DropPaused, detail, opens_at)
            }
            Refusal::Closed(opens_at) => {
                let detail = "The sale is over: no more units can be held.";
                drop_refuses(Code::DropClosed, detail, opens_at)
            }
            Refusal::UnknownSku(sku) => unknown_sku().with("sku", sku.as_str()),
            Refusal::LimitExceeded { limit, used, requested, sku, reservations } => {
                let problem = Problem::new(
                    Code::LimitExceeded,
                    "Ask for fewer units, or release or change one of `reservations` first.",
                )
                .with("limit", limit)
                .with("used", used)
                .with("requested", requested)
                .with("reservations", reservations);
                match sku {
                    Some(sku) => problem.with("sku", sku.as_str()),
                    None => problem,
                }
            }
            Refusal::SoldOut(lines) => sold_out(&lines),
            Refusal::Insufficient(available) => Problem::new(
                Code::InsufficientAvailable,
                "Held and sold units can't be taken away: take at most what is available.",
            )
            .with("available", available),
            Refusal::TooLarge(max) => Problem::invalid_field(
                "/quantity",
                format!("would take the total above {max} units, the most a SKU can have"),
            ),
            Refusal::NotOwned(sku, owned) => Problem::invalid_field(
                "/lines",
                format!("asks for more of {sku} than the {owned} units that can be returned"),
            ),
            Refusal::ClosesFirst(opens_at, closes_at) => Problem::invalid_field(
                "/closes_at",
                format!("must come after opens_at: {closes_at} is not after {opens_at}"),
            ),
            Refusal::Stalled => Problem::unavailable(Effect::None),
        }
    }

    fn ended(self, state: ReservationState) -> Problem {
        let expired = (
            Code::ReservationExpired,
            "Its units were given back. Reserve again, or confirm with `reacquire` if it is paid.",
        );
        let released = (Code::ReservationReleased, "Its units were given back. Reserve again.");
        let confirmed = (
            Code::AlreadyConfirmed,
            "Its units are sold. Read the reservation for its order; to undo it, return it.",
        );
        let not_confirmed = (
            Code::NotConfirmed,
            "Only units that are sold can be returned. Release a reservation that is held.",
        );
        let (code, detail) = match (state, self) {
            (ReservationState::Expired, Refused::Return | Refused::Call) => expired,
            (ReservationState::Released, Refused::Return | Refused::Call) => released,
            (ReservationState::Confirmed, Refused::Return | Refused::Call) => confirmed,
            (ReservationState::Returned, Refused::Call) => {
                (Code::AlreadyConfirmed, "It was confirmed and then returned. Reserve again.")
            }
            (ReservationState::Returned, Refused::Return) => {
                (Code::NotConfirmed, "All its units were returned already.")
            }
            (ReservationState::Held, Refused::Return | Refused::Call) => not_confirmed,
        };
        Problem::new(code, detail).with("state", state.as_str())
    }
}

pub(super) fn unknown_drop() -> Problem {
    Problem::new(Code::UnknownDrop, "Check the drop's id in the address.")
}

pub(super) fn unknown_sku() -> Problem {
    Problem::new(Code::UnknownSku, "Read the drop to see which SKUs it sells.")
}

pub(super) fn unknown_reservation() -> Problem {
    Problem::new(
        Code::UnknownReservation,
        "Check the drop's and the reservation's id in the address.",
    )
}

pub(super) fn unknown_key() -> Problem {
    Problem::new(Code::UnknownKey, "List the keys to see their ids.")
}

pub(super) fn unknown_webhook() -> Problem {
    Problem::new(Code::UnknownWebhook, "List the webhooks to see their ids.")
}

pub(super) fn unknown_delivery() -> Problem {
    Problem::new(
        Code::UnknownDelivery,
        "List the webhook's deliveries. Those that went well at once are not among them, and none \
         is kept for more than 30 days.",
    )
}

fn drop_refuses(code: Code, detail: &'static str, opens_at: Option<Millis>) -> Problem {
    let problem = Problem::new(code, detail);
    match opens_at {
        Some(at) => problem.with("opens_at", at.to_string()),
        None => problem,
    }
}

fn sold_out(lines: &[Shortage]) -> Problem {
    Problem::new(
        Code::SoldOut,
        "Ask for at most what is available of each line in `lines`. Held units may come back.",
    )
    .with("lines", lines)
}

/// Writes `,"name":value`. Nothing that is told fails to be written as JSON.
fn member(out: &mut Vec<u8>, name: &str, value: impl Serialize) {
    out.push(b',');
    let written = serde_json::to_writer(&mut *out, name).and_then(|()| {
        out.push(b':');
        serde_json::to_writer(&mut *out, &value)
    });
    debug_assert!(written.is_ok(), "{name}: {written:?}");
}

impl Problem {
    /// As it goes out. Written by hand, for a storm on what is sold out is answered with it.
    pub(super) fn document(&self) -> Vec<u8> {
        let (status, code, title) = self.code.row();
        let mut out = Vec::with_capacity(320 + self.members.len());
        out.extend_from_slice(b"{\"type\":\"/problems/");
        out.extend_from_slice(code.as_bytes());
        out.push(b'"');
        member(&mut out, "title", title);
        member(&mut out, "status", status.as_u16());
        member(&mut out, "detail", &self.detail);
        member(&mut out, "code", code);
        out.extend_from_slice(&self.members);
        out.push(b'}');
        out
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        if let Some(call) = Caller::traced() {
            call.problem(self.code.as_str());
        }
        let mut response = (self.code.status(), self.document()).into_response();
        let headers = response.headers_mut();
        let mut put = |name, value| headers.insert(name, HeaderValue::from_static(value));
        put(header::CONTENT_TYPE, "application/problem+json");
        // A 404 may be cached by default; a drop that is created must be seen at once.
        put(header::CACHE_CONTROL, "no-store");
        if matches!(self.code, Code::Unavailable | Code::Overloaded) {
            put(header::RETRY_AFTER, "1");
        }
        if self.code == Code::Unauthenticated {
            put(header::WWW_AUTHENTICATE, "Bearer realm=\"dropgate\"");
        }
        response
    }
}
