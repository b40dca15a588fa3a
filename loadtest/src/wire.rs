//! The engine's API as a client sees it: requests, answers and the shapes in them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use reqwest::header::HeaderMap;
use reqwest::{Client, Method};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Units by SKU.
pub(crate) type Lines = BTreeMap<String, i64>;

/// A storefront call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verb {
    /// Take a hold.
    Reserve,
    /// Replace the lines of a hold.
    Change,
    /// Move a hold's deadline.
    Extend,
    /// Sell what is held.
    Confirm,
    /// Give a hold back.
    Release,
}

impl Verb {
    /// The word in reports.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Verb::Reserve => "reserve",
            Verb::Change => "change",
            Verb::Extend => "extend",
            Verb::Confirm => "confirm",
            Verb::Release => "release",
        }
    }

    /// The `kind` of the ledger's event when it succeeds.
    pub(crate) fn event(self) -> &'static str {
        match self {
            Verb::Reserve => "held",
            Verb::Change => "changed",
            Verb::Extend => "extended",
            Verb::Confirm => "confirmed",
            Verb::Release => "released",
        }
    }
}

/// A reservation as an answer shows it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Reservation {
    pub(crate) id: String,
    pub(crate) customer_id: String,
    pub(crate) state: String,
    #[serde(deserialize_with = "lines")]
    pub(crate) lines: Lines,
    pub(crate) order_id: Option<String>,
    pub(crate) expires_at: DateTime<Utc>,
}

/// Reads the list of lines; a SKU that is listed twice counts twice.
fn lines<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Lines, D::Error> {
    #[derive(Deserialize)]
    struct Line {
        sku: String,
        quantity: i64,
    }
    let mut lines = Lines::new();
    for Line { sku, quantity } in Vec::<Line>::deserialize(deserializer)? {
        *lines.entry(sku).or_default() += quantity;
    }
    Ok(lines)
}

/// Lines as a request carries them.
pub(crate) fn lines_json(lines: &Lines) -> Value {
    lines.iter().map(|(sku, quantity)| json!({ "sku": sku, "quantity": quantity })).collect()
}

/// One request of a storefront call.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) body: Value,
    pub(crate) key: Option<String>,
}

/// What came back for one request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    /// A 2xx with a reservation.
    Done {
        /// The status.
        status: u16,
        /// The body as it came, to compare repeats.
        body: Value,
        /// The body, understood.
        reservation: Reservation,
        /// Whether it is marked as the repeated answer of an earlier request.
        replayed: bool,
    },
    /// A refusal: the call changed nothing.
    Refused(Refusal),
    /// Not now, and nothing happened: a 429, a 503 that says so, or no connection.
    Nothing {
        /// The code, or why there was no connection.
        why: String,
        /// When to come back.
        retry_after: Duration,
    },
    /// It may have happened: a 503 that says so, or no answer.
    Unknown {
        /// The code, or what went wrong.
        why: String,
        /// When to come back.
        retry_after: Duration,
    },
    /// Something that the API never says.
    Absurd(String),
}

/// A refusal's code and what it carries.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) code: String,
    pub(crate) body: Value,
}

impl Refusal {
    /// The SKUs that a `sold_out` names.
    pub(crate) fn short_skus(&self) -> Vec<String> {
        let lines = self.body["lines"].as_array().map(Vec::as_slice).unwrap_or_default();
        lines.iter().filter_map(|line| line["sku"].as_str().map(str::to_owned)).collect()
    }
}

/// An answer, and how long it took until its last byte.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) answer: Answer,
    pub(crate) status: Option<u16>,
    pub(crate) took: Duration,
}

/// Sends one request and reads the whole answer.
pub(crate) async fn send(client: &Client, bearer: &str, request: &Request) -> Sent {
    let started = Instant::now();
    let mut builder = client
        .request(request.method.clone(), &request.url)
        .bearer_auth(bearer)
        .json(&request.body);
    if let Some(key) = &request.key {
        builder = builder.header("Idempotency-Key", key);
    }
    let (status, answer) = match builder.send().await {
        // Without a connection nothing was sent.
        Err(error) if error.is_connect() => (None, nothing("no connection".to_owned())),
        Err(error) => (None, lost(&error)),
        Ok(response) => {
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            match response.bytes().await {
                Ok(bytes) => (Some(status), classify(status, &headers, &bytes)),
                Err(error) => (None, lost(&error)),
            }
        }
    };
    Sent { answer, status, took: started.elapsed() }
}

const ONE_SECOND: Duration = Duration::from_secs(1);

fn nothing(why: String) -> Answer {
    Answer::Nothing { why, retry_after: ONE_SECOND }
}

fn lost(error: &reqwest::Error) -> Answer {
    let why = if error.is_timeout() { "timeout" } else { "connection lost" };
    Answer::Unknown { why: why.to_owned(), retry_after: ONE_SECOND }
}

/// Says what an answer means.
pub(crate) fn classify(status: u16, headers: &HeaderMap, bytes: &[u8]) -> Answer {
    let Ok(body) = serde_json::from_slice::<Value>(bytes) else {
        return Answer::Absurd(format!("{status} with a body that is not JSON"));
    };
    if (200..300).contains(&status) {
        let replayed = headers.get("idempotency-replayed").is_some_and(|value| value == "true");
        return match Reservation::deserialize(&body) {
            Ok(reservation) => Answer::Done { status, body, reservation, replayed },
            Err(error) => Answer::Absurd(format!("{status} without a reservation: {error}")),
        };
    }
    let Some(code) = body["code"].as_str().map(str::to_owned) else {
        return Answer::Absurd(format!("{status} without a code: {body}"));
    };
    let after = headers.get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
    let retry_after = after.map(Duration::from_secs);
    match (status, retry_after, body["outcome"].as_str()) {
        (429 | 503, None, _) => Answer::Absurd(format!("{status} {code} without Retry-After")),
        (429, Some(retry_after), _) | (503, Some(retry_after), Some("none")) => {
            Answer::Nothing { why: code, retry_after }
        }
        (503, Some(retry_after), Some("unknown")) => Answer::Unknown { why: code, retry_after },
        (500.., _, _) => Answer::Absurd(format!("{status} {code} without an outcome")),
        _ => Answer::Refused(Refusal { code, body }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held() -> Value {
        json!({ "id": "r", "drop": "d", "customer_id": "c", "state": "held", "order_id": null,
            "lines": [{ "sku": "a", "quantity": 2 }],
            "created_at": "2026-01-01T10:00:00.000Z", "expires_at": "2026-01-01T10:00:05.000Z" })
    }

    fn said(status: u16, headers: &[(&'static str, &str)], body: &Value) -> Answer {
        let pairs = headers
            .iter()
            .map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")));
        classify(status, &HeaderMap::from_iter(pairs), body.to_string().as_bytes())
    }

    #[test]
    fn a_success_is_read_whole() {
        let Answer::Done { status: 201, reservation, replayed: true, .. } =
            said(201, &[("idempotency-replayed", "true")], &held())
        else {
            panic!("not done")
        };
        assert_eq!(reservation.lines, Lines::from([("a".to_owned(), 2)]));
    }

    #[test]
    fn only_an_unknown_outcome_is_unknown() {
        let problem = |outcome: &str| json!({ "code": "unavailable", "outcome": outcome });
        let after = [("retry-after", "2")];
        let two = Duration::from_secs(2);
        let why = "unavailable".to_owned();
        assert_eq!(
            said(503, &after, &problem("unknown")),
            Answer::Unknown { why: why.clone(), retry_after: two }
        );
        assert_eq!(said(503, &after, &problem("none")), Answer::Nothing { why, retry_after: two });
        let refused = json!({ "code": "sold_out", "lines": [{ "sku": "a" }] });
        let Answer::Refused(refusal) = said(409, &[], &refused) else { panic!("not refused") };
        assert_eq!((refusal.code.as_str(), refusal.short_skus()), ("sold_out", vec!["a".into()]));
    }

    #[test]
    fn what_the_api_never_says_is_noticed() {
        let unavailable = json!({ "code": "unavailable", "outcome": "none" });
        for (status, body) in [
            (200, json!({ "id": "r" })),
            (409, json!({ "title": "no code" })),
            (503, unavailable),
            (500, json!({ "code": "internal" })),
        ] {
            assert!(matches!(said(status, &[], &body), Answer::Absurd(_)), "{status} {body}");
        }
    }
}
