//! The tries of the books put together to requests.

use std::collections::{BTreeMap, HashMap};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::books::{Ask, Meaning, Try, Verb};

/// All tries of one request.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) ask: &'a Ask,
    pub(super) tries: Vec<&'a Try>,
}

impl<'a> Request<'a> {
    /// Whether some try may have had an effect.
    pub(super) fn may_have_happened(&self) -> bool {
        self.tries
            .iter()
            .any(|t| matches!(t.meaning(), Meaning::Done | Meaning::Unknown | Meaning::Absurd))
    }

    /// Its first success.
    pub(super) fn done(&self) -> Option<&'a Try> {
        self.tries.iter().copied().find(|t| t.done().is_some())
    }

    /// In a few words, for a finding.
    pub(super) fn name(&self) -> String {
        let Ask { request, verb, client, key, reservation, .. } = self.ask;
        let told: Vec<String> = self.tries.iter().map(|t| words(t)).collect();
        format!(
            "request {request} of {client} ({verb:?}, key {key:?}, reservation {reservation:?}; \
             told {})",
            told.join(", ")
        )
    }
}

fn words(t: &Try) -> String {
    let told = match &t.told {
        None => "nothing".to_owned(),
        Some(told) => match (told.status, told.outcome.as_str()) {
            (None, _) => told.code.clone(),
            (Some(status), "") if told.code.is_empty() => status.to_string(),
            (Some(status), "") => format!("{status} {}", told.code),
            (Some(status), outcome) => format!("{status} {outcome}"),
        },
    };
    format!("{told} by engine {} at {}", t.engine, t.told_at)
}

/// The requests of one drop, found by what the ledger says of an effect.
#[derive(Debug, Default)]
pub(super) struct Requests<'a> {
    pub(super) all: BTreeMap<u64, Request<'a>>,
    by_digest: HashMap<String, u64>,
    by_reservation: HashMap<(&'a str, Verb), Vec<u64>>,
    by_mark: HashMap<&'a str, u64>,
    by_customer: HashMap<&'a str, Vec<u64>>,
}

impl<'a> Requests<'a> {
    pub(super) fn of(drop: &str, tries: &'a [Try]) -> Requests<'a> {
        let mut requests = Requests::default();
        for t in tries.iter().filter(|t| t.ask.drop == drop && t.ask.verb.writes()) {
            let new = Request { ask: &t.ask, tries: Vec::new() };
            requests.all.entry(t.ask.request).or_insert(new).tries.push(t);
        }
        for (id, request) in &requests.all {
            let ask = request.ask;
            if let Some(key) = &ask.key
                && !ask.stolen_key
            {
                requests.by_digest.insert(digest(key), *id);
            }
            if let Some(reservation) = &ask.reservation {
                let of = (reservation.as_str(), ask.verb);
                requests.by_reservation.entry(of).or_default().push(*id);
            }
            if let Some(mark) = &ask.mark {
                requests.by_mark.insert(mark, *id);
            }
            if let (None, Some(customer), Verb::Reserve) = (&ask.key, &ask.customer, ask.verb) {
                requests.by_customer.entry(customer).or_default().push(*id);
            }
        }
        requests
    }

    /// The request whose key has this digest.
    pub(super) fn with_digest(&self, digest: &str) -> Option<&Request<'a>> {
        self.by_digest.get(digest).and_then(|id| self.all.get(id))
    }

    /// The request with this mark.
    pub(super) fn with_mark(&self, mark: &str) -> Option<&Request<'a>> {
        self.by_mark.get(mark).and_then(|id| self.all.get(id))
    }

    /// Requests of one verb about one reservation.
    pub(super) fn about(&self, reservation: &str, verb: Verb) -> Vec<&Request<'a>> {
        let ids = self.by_reservation.get(&(reservation, verb));
        ids.into_iter().flatten().map(|id| &self.all[id]).collect()
    }

    /// Reservations without a key that were asked for under this name.
    pub(super) fn keyless(&self, customer: &str) -> Vec<&Request<'a>> {
        let ids = self.by_customer.get(customer);
        ids.into_iter().flatten().map(|id| &self.all[id]).collect()
    }
}

/// Half a SHA-256 as 22 characters of base64url: what the ledger keeps of a key.
pub(super) fn digest(key: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(key.as_bytes())[..16])
}

/// The lines of a reservation in an answer.
pub(super) fn lines_of(body: &Value) -> crate::books::Lines {
    let lines = body["lines"].as_array().map(Vec::as_slice).unwrap_or_default();
    let line = |line: &Value| Some((line["sku"].as_str()?.to_owned(), line["quantity"].as_i64()?));
    lines.iter().filter_map(line).collect()
}

/// A time in an answer, in microseconds.
pub(super) fn time_of(body: &Value, name: &str) -> Option<i64> {
    let text = body[name].as_str()?;
    let time = chrono::DateTime::parse_from_rfc3339(text).ok()?;
    Some(time.timestamp_micros())
}
