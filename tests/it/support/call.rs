//! One HTTP call and what came back.

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;

/// A call that is being put together.
#[derive(Debug)]
pub(crate) struct Call(RequestBuilder);

impl Call {
    pub(crate) fn new(http: &Client, method: Method, url: String) -> Call {
        Call(http.request(method, url))
    }

    /// With this bearer key.
    pub(crate) fn bearer(self, key: &str) -> Call {
        Call(self.0.bearer_auth(key))
    }

    /// With this idempotency key.
    pub(crate) fn key(self, key: &str) -> Call {
        self.header("idempotency-key", key)
    }

    /// With one more header.
    pub(crate) fn header(self, name: &str, value: impl AsRef<[u8]>) -> Call {
        Call(self.0.header(name, value.as_ref()))
    }

    /// With a JSON body.
    pub(crate) fn json(self, body: &Value) -> Call {
        Call(self.0.json(body))
    }

    /// With a body that says it is JSON.
    pub(crate) fn raw(self, body: impl Into<Vec<u8>>) -> Call {
        Call(self.0.header("content-type", "application/json").body(body.into()))
    }

    /// With a body of another type, or of none.
    pub(crate) fn typed(self, kind: Option<&str>, body: &str) -> Call {
        let request = self.0.body(body.to_owned());
        Call(match kind {
            Some(kind) => request.header("content-type", kind),
            None => request,
        })
    }

    /// Sends it, for an answer that need not be JSON.
    pub(crate) async fn send_bare(self) -> (u16, Vec<u8>) {
        let (status, _, body) = self.send_whole().await;
        (status, body)
    }

    /// Sends it, for an answer that goes on.
    pub(crate) async fn open(self) -> Response {
        self.0.send().await.expect("an answer")
    }

    /// Sends it.
    pub(crate) async fn send(self) -> Reply {
        let (status, headers, bytes) = self.send_whole().await;
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes).expect("a JSON answer")
        };
        Reply { status, headers, body }
    }

    /// Sends it, for all of an answer that need not be JSON: status, headers, body. Of a stream, only
    /// the beginning.
    pub(crate) async fn send_whole(self) -> (u16, HeaderMap, Vec<u8>) {
        let mut response = self.open().await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let goes_on = headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
        let body = if goes_on {
            response.chunk().await.expect("a beginning").unwrap_or_default()
        } else {
            response.bytes().await.expect("a whole answer")
        };
        (status, headers, body.to_vec())
    }

    /// Its method and its path.
    pub(crate) fn asks(&self) -> (Method, String) {
        let copy = self.0.try_clone().expect("a body that is no stream");
        let request = copy.build().expect("a request");
        (request.method().clone(), request.url().path().to_owned())
    }
}

/// What a call came back with.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Reply {
    /// A header's text; empty when it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("ASCII"))
    }

    /// The body of a success with this status.
    #[track_caller]
    pub(crate) fn ok(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }

    /// Whether it is the repeated answer of an earlier request.
    pub(crate) fn is_replayed(&self) -> bool {
        self.header("idempotency-replayed") == "true"
    }

    /// The problem document of an error with this status and code.
    #[track_caller]
    pub(crate) fn problem(self, status: u16, code: &str) -> Value {
        let Reply { status: found, ref headers, ref body } = self;
        assert_eq!((found, body["code"].as_str()), (status, Some(code)), "{body}");
        assert_eq!(headers["content-type"], "application/problem+json");
        assert_eq!(body["status"], status, "{body}");
        for member in ["type", "title", "detail"] {
            assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "{body}");
        }
        if status == 503 || status == 429 {
            assert!(headers.contains_key("retry-after"), "{headers:?}");
        }
        assert_eq!(headers.contains_key("www-authenticate"), status == 401, "{headers:?}");
        assert_eq!(headers.contains_key("allow"), status == 405, "{headers:?}");
        self.body
    }

    /// Asserts a 422 that names these places, no more and no fewer.
    #[track_caller]
    pub(crate) fn invalid(self, pointers: &[&str]) {
        let body = self.problem(422, "invalid_request");
        let errors = body["errors"].as_array().expect("errors");
        let found: Vec<&str> =
            errors.iter().map(|error| error["pointer"].as_str().expect("a pointer")).collect();
        assert_eq!(found, pointers, "{body}");
        assert!(errors.iter().all(|error| error["detail"].is_string()), "{body}");
    }
}
