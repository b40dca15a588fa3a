//! What a call is known by in logs: its request id, and the trace that it belongs to.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use bytes::Bytes;

use crate::trace::{CallersPlace, Place};

/// Names one call. A client may choose it; otherwise it is made here.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Which trace a call belongs to (W3C Trace Context).
pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// The same in an answer, with this engine's part of it (W3C Trace Context, level 2).
pub(super) const TRACERESPONSE: HeaderName = HeaderName::from_static("traceresponse");

/// The one flag that is known here: somebody keeps the trace.
const SAMPLED: u8 = 1;
/// The most characters of a request id that is taken over.
const MAX_REQUEST_ID: usize = 128;

/// The request id that came along, or a new one. Text that could break a log line, or that would
/// fill it, is no id.
pub(super) fn request_id(headers: &HeaderMap) -> Bytes {
    let mut given = headers.get_all(REQUEST_ID).iter();
    match (given.next(), given.next()) {
        (Some(only), None) if is_request_id(only.as_bytes()) => {
            Bytes::copy_from_slice(only.as_bytes())
        }
        _ => new_request_id(),
    }
}

fn is_request_id(text: &[u8]) -> bool {
    let fine = |byte: &u8| byte.is_ascii_alphanumeric() || b"._~:+/=@-".contains(byte);
    (1..=MAX_REQUEST_ID).contains(&text.len()) && text.iter().all(fine)
}

/// 32 hexadecimal digits: what this process drew at random, then a number that rises by one.
pub(super) fn new_request_id() -> Bytes {
    static PROCESS: LazyLock<u64> = LazyLock::new(rand::random);
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let number = CALLS.fetch_add(1, Ordering::Relaxed);
    // By hand, for each call pays for it.
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let id = (u128::from(*PROCESS) << 64) | u128::from(number);
    let digit = |place: usize| DIGITS[usize::from((id >> (4 * place)) as u8 & 0xf)];
    (0..32).rev().map(digit).collect()
}

/// A trace and a place in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trace {
    trace: u128,
    span: u64,
    flags: u8,
}

impl Trace {
    /// The trace of a call, at the caller's place; `None` without a `traceparent` that can be read.
    pub(super) fn given(headers: &HeaderMap) -> Option<Trace> {
        let mut given = headers.get_all(TRACEPARENT).iter();
        let (Some(only), None) = (given.next(), given.next()) else { return None };
        Trace::parse(only.as_bytes())
    }

    /// The same trace with a place of its own below the caller's, for a call that is not traced here.
    pub(super) fn below(self) -> Trace {
        // Zero is no place; of 2^64 draws one hits it.
        Trace { span: rand::random::<u64>().max(1), ..self }
    }

    /// Where a call stands that is traced here.
    pub(super) fn at(place: Place) -> Trace {
        Trace { trace: place.trace(), span: place.span(), flags: SAMPLED }
    }

    /// As traces know a caller.
    pub(super) fn callers_place(self) -> CallersPlace {
        let Trace { trace, span, flags } = self;
        CallersPlace { trace, span, sampled: flags & SAMPLED != 0 }
    }

    /// `version-trace-parent-flags` in lower-case hexadecimal digits, neither id zero. Later
    /// versions may say more behind it (W3C Trace Context, 4.3).
    fn parse(text: &[u8]) -> Option<Trace> {
        let text = std::str::from_utf8(text).ok()?;
        let (version, rest) = (text.get(..2)?, text.get(2..)?);
        let longer = rest.len() > 53 && rest.as_bytes()[53] == b'-' && version != "00";
        if version == "ff" || !(rest.len() == 53 || longer) {
            return None;
        }
        let part = |from: usize, to: usize| {
            let digits = rest.get(from..to).filter(|_| rest.as_bytes()[from - 1] == b'-')?;
            let lower = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            let fine = digits.bytes().all(lower) && version.bytes().all(lower);
            fine.then(|| u128::from_str_radix(digits, 16).ok()).flatten()
        };
        let (trace, span, flags) = (part(1, 33)?, part(34, 50)?, part(51, 53)?);
        let (span, flags) = (u64::try_from(span).ok()?, u8::try_from(flags).ok()?);
        (trace != 0 && span != 0).then_some(Trace { trace, span, flags: flags & SAMPLED })
    }

    /// The trace itself, without the place in it.
    pub(super) fn id(self) -> u128 {
        self.trace
    }

    /// As a header's value.
    pub(super) fn header(self) -> Option<HeaderValue> {
        let Trace { trace, span, flags } = self;
        HeaderValue::try_from(format!("00-{trace:032x}-{span:016x}-{flags:02x}")).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &HeaderName, values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_request_id_is_taken_over_only_if_it_fits_into_a_line() {
        let long: &'static str = "x".repeat(129).leak();
        for (given, taken) in [
            (vec!["cart-7/a.b:c~d+e=@"], true),
            (vec![&long[..128]], true),
            (vec![long], false),
            (vec![""], false),
            (vec!["a b"], false),
            (vec!["a\"b"], false),
            (vec!["a", "a"], false),
            (vec![], false),
        ] {
            let id = request_id(&with(&REQUEST_ID, &given));
            assert_eq!(given.first().is_some_and(|given| id == *given), taken, "{given:?}");
            assert!(is_request_id(&id), "{id:?}");
        }
    }

    #[test]
    fn made_ids_differ() {
        let (one, two) = (new_request_id(), new_request_id());
        assert!(one != two && one.len() == 32, "{one:?} {two:?}");
    }

    #[test]
    fn a_trace_goes_on_below_the_callers_place() {
        const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let given = Trace::given(&with(&TRACEPARENT, &[GIVEN])).expect("a trace");
        let caller = given.callers_place();
        assert_eq!((caller.span, caller.sampled), (0x00f0_67aa_0ba9_02b7, true));
        let trace = given.below();
        assert_eq!(trace.id(), 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        let header = trace.header().expect("a header");
        let header = header.to_str().expect("ASCII");
        assert!(header.starts_with(&GIVEN[..36]) && header.ends_with("-01"), "{header}");
        assert_ne!(header, GIVEN);
        assert_eq!(Trace::given(&with(&TRACEPARENT, &[GIVEN, GIVEN])), None);
    }

    #[test]
    fn what_is_no_traceparent_is_left_alone() {
        for (text, read) in [
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", true),
            ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", true),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", false),
            ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.more", false),
            ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false),
            ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false),
            ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", false),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", false),
            ("00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false),
            ("00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false),
            ("é0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false),
            ("", false),
        ] {
            assert_eq!(Trace::parse(text.as_bytes()).is_some(), read, "{text}");
        }
    }
}
