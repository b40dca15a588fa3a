//! What a call came to that has no good answer, by what it means to whoever made it.

use std::time::Duration;

use hyper::StatusCode;
use serde_json::Value;

/// How long to wait where the answer doesn't say.
const SOON: Duration = Duration::from_millis(500);

/// Why a call has nothing to show.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Failure {
    /// The engine refused it: nothing was changed.
    #[error("{0}")]
    Refused(Refusal),
    /// Nothing happened; the same call may work after this time.
    #[error("{why}")]
    NotNow {
        /// What the engine said.
        why: String,
        /// When to come back.
        wait: Duration,
    },
    /// Nothing was sent, or a read was not answered: nothing happened.
    #[error("there is no answer: {0}")]
    Unreachable(String),
    /// It may have happened.
    #[error("the outcome is unknown: {why}")]
    Unknown {
        /// What went wrong.
        why: String,
        /// When to come back.
        wait: Duration,
    },
    /// What answered speaks another language: nothing is known of an engine there.
    #[error("what answers there is no Dropgate engine: {0}")]
    Stranger(String),
}

/// A problem document (RFC 9457) that refuses a call.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{}", told(code, document))]
pub struct Refusal {
    /// The stable word.
    pub code: String,
    /// Everything that the engine said.
    pub document: Value,
}

fn told(code: &str, document: &Value) -> String {
    let text = |member: &str| document[member].as_str().unwrap_or_default();
    format!("{} ({code}): {}", text("title"), text("detail"))
}

impl Failure {
    /// Of a call that came to no answer. `harmless`: it could not have changed anything.
    pub(super) fn lost(why: String, harmless: bool) -> Failure {
        if harmless { Failure::Unreachable(why) } else { Failure::Unknown { why, wait: SOON } }
    }

    /// Of an answer that is no success.
    pub(super) fn of_answer(
        status: StatusCode,
        retry_after: Option<Duration>,
        body: &[u8],
        reads: bool,
    ) -> Failure {
        let wait = retry_after.unwrap_or(SOON);
        let document: Value = serde_json::from_slice(body).unwrap_or_default();
        let Some(code) = document["code"].as_str().map(str::to_owned) else {
            return Failure::of_stranger(status, wait, reads);
        };
        let refusal = Refusal { code, document };
        let why = refusal.to_string();
        match status {
            StatusCode::TOO_MANY_REQUESTS => Failure::NotNow { why, wait },
            _ if !status.is_server_error() => Failure::Refused(refusal),
            _ if reads || refusal.document["outcome"] == "none" => Failure::NotNow { why, wait },
            _ => Failure::Unknown { why, wait },
        }
    }

    /// Of an answer by something in between, or by another service.
    fn of_stranger(status: StatusCode, wait: Duration, reads: bool) -> Failure {
        let why = format!("status {status} without a problem document");
        // A proxy that gave up may have passed the call on before.
        match status.is_server_error() {
            true if reads => Failure::Unreachable(why),
            true => Failure::Unknown { why, wait },
            false => Failure::Stranger(why),
        }
    }

    /// The stable word of a refusal.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Failure::Refused(refusal) => Some(&refusal.code),
            Failure::NotNow { .. }
            | Failure::Unreachable(_)
            | Failure::Unknown { .. }
            | Failure::Stranger(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(status: u16, body: &Value, reads: bool) -> Failure {
        let status = StatusCode::from_u16(status).expect("a status");
        Failure::of_answer(status, Some(Duration::from_secs(2)), body.to_string().as_bytes(), reads)
    }

    #[test]
    fn answers_are_told_apart_by_what_may_have_happened() {
        let problem = |code: &str, outcome: &str| json!({ "title": "T", "detail": "D.", "code": code, "outcome": outcome });
        let refused = of(409, &problem("drop_closed", ""), false);
        assert_eq!(refused.code(), Some("drop_closed"));
        assert_eq!(refused.to_string(), "T (drop_closed): D.");
        let wait = Duration::from_secs(2);
        let not_now = |failure| matches!(failure, Failure::NotNow { wait: w, .. } if w == wait);
        assert!(not_now(of(429, &problem("rate_limited", ""), false)));
        assert!(not_now(of(503, &problem("unavailable", "none"), false)));
        assert!(not_now(of(503, &problem("unavailable", "unknown"), true)));
        for unknown in [
            of(503, &problem("unavailable", "unknown"), false),
            of(500, &problem("x", ""), false),
            of(502, &json!("<html>"), false),
        ] {
            assert!(matches!(unknown, Failure::Unknown { .. }), "{unknown}");
        }
        assert!(matches!(of(502, &json!(null), true), Failure::Unreachable(_)));
        for stranger in [of(404, &json!({}), true), of(301, &json!([]), false)] {
            assert!(matches!(stranger, Failure::Stranger(_)), "{stranger}");
        }
    }
}
