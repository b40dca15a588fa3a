//! The `Idempotency-Key` header and what it is remembered as.
//!
//! Redis and the ledger never see the key itself, only digests: of the key, and of the
//! request that it came with, so that a key that is used for another request is noticed.

use std::fmt::{Display, Write as _};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::problem::Problem;
use crate::domain::RequestKey;

pub(super) const HEADER: &str = "idempotency-key";
const POINTER: &str = "/header/Idempotency-Key";
/// The most characters of a key.
const MAX_KEY: usize = 255;

/// The key that came along, if any. It is looked at before the body.
pub(super) struct IdempotencyKey(Option<String>);

impl<S: Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        read(&parts.headers).map(IdempotencyKey)
    }
}

impl IdempotencyKey {
    /// What is remembered of the key and its request; `path` has the ids as they were parsed.
    pub(super) fn of(
        &self,
        method: &Method,
        path: impl Display,
        body: &Value,
    ) -> Option<RequestKey> {
        self.0.as_deref().map(|key| request_key(key, method, path, body))
    }

    /// The same for a call that must have a key.
    pub(super) fn required(
        &self,
        method: &Method,
        path: impl Display,
        body: &Value,
    ) -> Result<RequestKey, Problem> {
        self.of(method, path, body).ok_or_else(|| Problem::invalid_field(POINTER, "is missing"))
    }
}

fn read(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut given = headers.get_all(HEADER).iter();
    let key = match (given.next(), given.next()) {
        (None, _) => return Ok(None),
        (Some(only), None) => only.as_bytes(),
        (Some(_), Some(_)) => return Err(Problem::invalid_field(POINTER, "must be given once")),
    };
    let fine = (1..=MAX_KEY).contains(&key.len()) && key.iter().all(|b| (0x20..=0x7e).contains(b));
    let text = fine.then(|| String::from_utf8_lossy(key).into_owned());
    text.map(Some).ok_or_else(|| {
        let wanted = format!("must be 1 to {MAX_KEY} printable ASCII characters");
        Problem::invalid_field(POINTER, wanted)
    })
}

fn request_key(key: &str, method: &Method, path: impl Display, body: &Value) -> RequestKey {
    let mut request = format!("{method} {path}\n");
    write_canonical(body, &mut request);
    RequestKey { key: digest(key), fingerprint: digest(&request) }
}

/// Half a SHA-256 as 22 characters of base64url.
fn digest(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(text.as_bytes())[..16])
}

/// Writes a value with sorted members and without spaces: two texts of one value are one
/// request. It sorts for itself because the order of `serde_json`'s maps is a build's choice.
fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            // Writing to a String cannot fail.
            let _ = write!(out, "{value}");
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                write_canonical(item, out);
                out.push(',');
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_unstable_by_key(|(name, _)| *name);
            out.push('{');
            for (name, value) in sorted {
                let _ = write!(out, "{}:", Value::from(name.as_str()));
                write_canonical(value, out);
                out.push(',');
            }
            out.push('}');
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn fingerprint(method: &Method, path: &str, body: &str) -> String {
        request_key("k", method, path, &serde_json::from_str(body).expect("JSON")).fingerprint
    }

    #[test]
    fn space_and_order_make_no_other_request() {
        let one = fingerprint(&Method::POST, "/a", r#"{"a":{"x":1,"y":[1,2]},"b":null}"#);
        let same =
            fingerprint(&Method::POST, "/a", "{ \"b\": null,\n\"a\":{\"y\":[1, 2],\"x\":1}}");
        assert_eq!(one, same);
        assert_eq!(one.len(), 22);
        for (method, path, body) in [
            (Method::PUT, "/a", r#"{"a":{"x":1,"y":[1,2]},"b":null}"#),
            (Method::POST, "/b", r#"{"a":{"x":1,"y":[1,2]},"b":null}"#),
            (Method::POST, "/a", r#"{"a":{"x":1,"y":[2,1]},"b":null}"#),
            (Method::POST, "/a", r#"{"a":{"x":1,"y":[1,2]}}"#),
        ] {
            assert_ne!(one, fingerprint(&method, path, body), "{method} {path} {body}");
        }
    }

    #[test]
    fn a_key_is_one_header_of_printable_ascii() {
        let of = |values: &[&[u8]]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(HEADER, HeaderValue::from_bytes(value).expect("a header"));
            }
            read(&headers)
        };
        assert_eq!(of(&[]).expect("fine"), None);
        assert_eq!(of(&[b"a b~"]).expect("fine").as_deref(), Some("a b~"));
        assert!(of(&[&[b'x'; 255]]).is_ok());
        let bad: [&[&[u8]]; 5] =
            [&[b""], &[&[b'x'; 256]], &[b"a\tb"], &[b"\xc3\xbc"], &[b"a", b"a"]];
        for values in bad {
            assert!(of(values).is_err(), "{values:?}");
        }
    }
}
