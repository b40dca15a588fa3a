//! What handlers take: ids out of the path and JSON bodies, parsed before they arrive.

use std::time::Duration;

use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use bytes::Bytes;
use serde_json::{Map, Value};

use super::body;
use super::problem::{Code, Problem, unknown_drop, unknown_reservation, unknown_sku};
use crate::domain::{DropId, ReservationId, SkuId};

/// The most bytes of a body.
pub(super) const MAX_BODY: usize = 64 * 1024;
/// How long a body may take to arrive.
const BODY_WITHIN: Duration = Duration::from_secs(5);

/// `{drop}` of a drop that may exist: what is no id can't, and is unknown.
pub(super) struct DropPath(pub(super) DropId);

/// `{drop}` and `{sku}`.
pub(super) struct SkuPath(pub(super) DropId, pub(super) SkuId);

/// `{drop}` and `{id}` of a reservation.
pub(super) struct ReservationPath(pub(super) DropId, pub(super) ReservationId);

/// `{drop}` of a drop that may have to be created: what is no id is an error of the request.
pub(super) struct NewDropPath(pub(super) DropId);

/// `{drop}` of a drop that may exist, `{sku}` of a SKU that may have to be created.
pub(super) struct NewSkuPath(pub(super) DropId, pub(super) SkuId);

/// The decoded values of a path's parameters, by name; none of a path that is no UTF-8.
struct Names(Option<Vec<(String, String)>>);

impl Names {
    async fn of(parts: &mut Parts) -> Names {
        let raw = RawPathParams::from_request_parts(parts, &()).await;
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Names(raw.map(|raw| raw.iter().map(owned).collect()).ok())
    }

    fn get(&self, wanted: &str) -> &str {
        let mut names = self.0.iter().flatten();
        let found = names.find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// The drop in the path of something that belongs to it. When nothing of the path can be
    /// read, it counts as read: then that other thing is what is unknown.
    fn drop_of<T>(&self, other: Result<T, Problem>) -> Result<(DropId, T), Problem> {
        let drop = self.get("drop").parse();
        match (drop, other) {
            (Ok(drop), Ok(other)) => Ok((drop, other)),
            (Err(_), Err(problem)) if self.0.is_none() => Err(problem),
            (Err(_), _) => Err(unknown_drop()),
            (Ok(_), Err(problem)) => Err(problem),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for DropPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let drop = Names::of(parts).await.get("drop").parse();
        drop.map(DropPath).map_err(|_| unknown_drop())
    }
}

impl<S: Sync> FromRequestParts<S> for SkuPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let names = Names::of(parts).await;
        let sku = names.get("sku").parse().map_err(|_| unknown_sku());
        names.drop_of(sku).map(|(drop, sku)| SkuPath(drop, sku))
    }
}

impl<S: Sync> FromRequestParts<S> for ReservationPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let names = Names::of(parts).await;
        let id = names.get("id").parse().map_err(|_| unknown_reservation());
        names.drop_of(id).map(|(drop, id)| ReservationPath(drop, id))
    }
}

impl<S: Sync> FromRequestParts<S> for NewDropPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let drop: Result<DropId, _> = Names::of(parts).await.get("drop").parse();
        let invalid =
            |error| Problem::invalid_field("/path/drop", format!("is not valid: {error}"));
        drop.map(NewDropPath).map_err(invalid)
    }
}

impl<S: Sync> FromRequestParts<S> for NewSkuPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let names = Names::of(parts).await;
        let sku: Result<SkuId, _> = names.get("sku").parse();
        let invalid = |error| Problem::invalid_field("/path/sku", format!("is not valid: {error}"));
        names.drop_of(sku.map_err(invalid)).map(|(drop, sku)| NewSkuPath(drop, sku))
    }
}

/// A JSON body that must be there.
pub(super) struct JsonBody(pub(super) Value);

/// A JSON body that may be absent, which then stands for an object without members.
pub(super) struct OptionalJsonBody(pub(super) Value);

impl<S: Send + Sync> FromRequest<S> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let missing = || Problem::new(Code::MalformedRequest, "Send a JSON object as body.");
        read(request, state).await?.map(JsonBody).ok_or_else(missing)
    }
}

impl<S: Send + Sync> FromRequest<S> for OptionalJsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let empty = || Value::Object(Map::new());
        Ok(OptionalJsonBody(read(request, state).await?.unwrap_or_else(empty)))
    }
}

async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Option<Value>, Problem> {
    let is_json = is_json(request.headers());
    let bytes = tokio::time::timeout(BODY_WITHIN, Bytes::from_request(request, state))
        .await
        .map_err(|_| Problem::new(Code::MalformedRequest, "The body took too long to arrive."))?
        .map_err(|rejection| match rejection.into_response().status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                let detail = format!("Send at most {MAX_BODY} bytes.");
                Problem::new(Code::TooLarge, detail)
            }
            _ => Problem::new(Code::MalformedRequest, "The body broke off or can't be read."),
        })?;
    if bytes.is_empty() {
        return Ok(None);
    }
    if !is_json {
        let detail = "Send JSON as it is, with `Content-Type: application/json`.";
        return Err(Problem::new(Code::UnsupportedMediaType, detail));
    }
    body::parse(&bytes).map(Some)
}

/// Whether the body is said to be JSON, and not compressed: nothing is unpacked here, so a
/// small body can't turn into a large one.
fn is_json(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let plain = text(header::CONTENT_ENCODING)
        .is_none_or(|encoding| encoding.eq_ignore_ascii_case("identity"));
    let media_type = text(header::CONTENT_TYPE).unwrap_or_default().split(';').next();
    plain && media_type.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_plain_json_is_read() {
        for (kind, encoding, expected) in [
            ("application/json", None, true),
            ("Application/JSON ; charset=utf-8", Some("identity"), true),
            ("application/json", Some("gzip"), false),
            ("application/jsonp", None, false),
            ("application/problem+json", None, false),
            ("text/plain", None, false),
            ("", None, false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            if let Some(encoding) = encoding {
                headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
            }
            assert_eq!(is_json(&headers), expected, "{kind}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }
}
