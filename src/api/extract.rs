//! What handlers take: ids out of the path and JSON bodies, parsed before they arrive.

use std::time::Duration;

use axum::body::{Body, BodyDataStream, HttpBody as _};
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use futures_util::StreamExt as _;
use serde_json::{Map, Value};

use super::body;
use super::problem::{
    Code, Problem, unknown_delivery, unknown_drop, unknown_key, unknown_reservation, unknown_sku,
    unknown_webhook,
};
use crate::domain::{ApiKeyId, DeliveryId, DropId, ReservationId, SkuId, WebhookId};

/// The most bytes of a body.
const MAX_BODY: usize = 64 * 1024;
/// The most bytes of a body that is too large which are read before its client is cut off.
const STILL_READ: usize = 4 * 1024 * 1024;
/// How long such a body is read.
const STILL_READ_FOR: Duration = Duration::from_secs(1);
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

/// `{id}` of a key.
pub(super) struct KeyPath(pub(super) ApiKeyId);

/// `{webhook}`.
pub(super) struct WebhookPath(pub(super) WebhookId);

/// `{webhook}` and `{delivery}`.
pub(super) struct DeliveryPath(pub(super) WebhookId, pub(super) DeliveryId);

/// The decoded values of a path's parameters, by name; none of a path that is no UTF-8.
struct Names(Option<RawPathParams>);

impl Names {
    async fn of(parts: &mut Parts) -> Names {
        Names(RawPathParams::from_request_parts(parts, &()).await.ok())
    }

    fn get(&self, wanted: &str) -> &str {
        let mut names = self.0.iter().flat_map(RawPathParams::iter);
        names.find(|(name, _)| *name == wanted).map(|(_, value)| value).unwrap_or_default()
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

impl<S: Sync> FromRequestParts<S> for KeyPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let id = Names::of(parts).await.get("id").parse();
        id.map(KeyPath).map_err(|_| unknown_key())
    }
}

impl<S: Sync> FromRequestParts<S> for WebhookPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let id = Names::of(parts).await.get("webhook").parse();
        id.map(WebhookPath).map_err(|_| unknown_webhook())
    }
}

impl<S: Sync> FromRequestParts<S> for DeliveryPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let names = Names::of(parts).await;
        let webhook = names.get("webhook").parse().map_err(|_| unknown_webhook())?;
        let delivery = names.get("delivery").parse().map_err(|_| unknown_delivery())?;
        Ok(DeliveryPath(webhook, delivery))
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

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let missing = || Problem::new(Code::MalformedRequest, "Send a JSON object as body.");
        read(request).await?.map(JsonBody).ok_or_else(missing)
    }
}

impl<S: Send + Sync> FromRequest<S> for OptionalJsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let empty = || Value::Object(Map::new());
        Ok(OptionalJsonBody(read(request).await?.unwrap_or_else(empty)))
    }
}

async fn read(request: Request) -> Result<Option<Value>, Problem> {
    let is_json = is_json(request.headers());
    let waits = request.headers().contains_key(header::EXPECT);
    let bytes = tokio::time::timeout(BODY_WITHIN, collect(request.into_body(), waits))
        .await
        .map_err(|_| Problem::new(Code::MalformedRequest, "The body took too long to arrive."))??;
    if bytes.is_empty() {
        return Ok(None);
    }
    if !is_json {
        let detail = "Send JSON as it is, with `Content-Type: application/json`.";
        return Err(Problem::new(Code::UnsupportedMediaType, detail));
    }
    body::parse(&bytes).map(Some)
}

/// The whole body, if it isn't too large. One that is gets read for a while all the same: a
/// client that is still writing would be cut off before it has the answer. A client that `waits`
/// to be told to go on has written nothing yet.
async fn collect(body: Body, waits: bool) -> Result<Bytes, Problem> {
    let too_large = || Problem::new(Code::TooLarge, format!("Send at most {MAX_BODY} bytes."));
    if waits && body.size_hint().lower() > MAX_BODY as u64 {
        return Err(too_large());
    }
    let mut chunks = body.into_data_stream();
    let (mut only, mut all) = (Bytes::new(), Vec::new());
    while let Some(chunk) = chunks.next().await {
        let broken =
            |_| Problem::new(Code::MalformedRequest, "The body broke off or can't be read.");
        let chunk = chunk.map_err(broken)?;
        if only.len() + all.len() + chunk.len() > MAX_BODY {
            // Whether it came to its end or not, the answer is the same.
            let _ = tokio::time::timeout(STILL_READ_FOR, skip(chunks)).await;
            return Err(too_large());
        } else if only.is_empty() && all.is_empty() {
            only = chunk;
        } else {
            all.extend_from_slice(&std::mem::take(&mut only));
            all.extend_from_slice(&chunk);
        }
    }
    Ok(if all.is_empty() { only } else { all.into() })
}

/// Reads on without keeping anything, to the end or to [`STILL_READ`] bytes.
async fn skip(mut chunks: BodyDataStream) {
    let mut left = STILL_READ;
    while let Some(Ok(chunk)) = chunks.next().await {
        left = left.saturating_sub(chunk.len());
        if left == 0 {
            return;
        }
    }
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
