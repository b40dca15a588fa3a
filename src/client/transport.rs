//! How a call gets to an engine and its answer back: one pool of connections, with TLS where the
//! address asks for it, and bounds on time and size.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{self, HeaderValue, RETRY_AFTER};
use hyper::{HeaderMap, Method, Request, StatusCode, Uri};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use super::Failure;
use crate::tls::{self, innermost};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(3);
/// The largest answer that is taken in, in bytes.
const LARGEST: usize = 64 << 20;
/// The longest pause that is believed.
const LONGEST: Duration = Duration::from_secs(3600);

/// A call that is being put together.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    /// Behind the engine's address.
    pub(super) path: &'a str,
    pub(super) bearer: Option<&'a str>,
    pub(super) idempotency_key: Option<&'a str>,
    pub(super) body: Option<Value>,
}

impl<'a> Call<'a> {
    /// A call without key or body.
    pub(super) fn new(method: Method, path: &'a str) -> Call<'a> {
        Call { method, path, bearer: None, idempotency_key: None, body: None }
    }

    fn request(self, url: &str) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let Call { method, path, bearer, idempotency_key, body } = self;
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{url}{path}"))
            .header(header::USER_AGENT, concat!("dropgate/", env!("CARGO_PKG_VERSION")));
        if let Some(bearer) = bearer {
            let mut value = HeaderValue::try_from(format!("Bearer {bearer}"))?;
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        if let Some(key) = idempotency_key {
            request = request.header("idempotency-key", key);
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        request.body(Full::new(Bytes::from(body)))
    }
}

/// Connections to one engine. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Transport {
    http: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    url: String,
    limit: Duration,
}

impl Transport {
    /// Prepares connections to the engine at `url`; each call may take `limit`.
    pub(super) fn new(url: &str, limit: Duration) -> Result<Transport, Failure> {
        let unusable =
            |error: String| Failure::Unreachable(format!("{url} can't be used: {error}"));
        // A path that joins every address shows whether the address itself can be understood.
        let uri: Uri =
            format!("{url}/healthz").parse().map_err(|error| unusable(format!("{error}")))?;
        let https = uri.scheme_str() == Some("https");
        let connector = tls::connector(https, CONNECT.min(limit)).map_err(unusable)?;
        let http = legacy::Client::builder(TokioExecutor::new()).build(connector);
        Ok(Transport { http, url: url.to_owned(), limit })
    }

    /// Where the engine is.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Sends a call: headers and body of a success.
    pub(super) async fn send(&self, call: Call<'_>) -> Result<(HeaderMap, Bytes), Failure> {
        let reads = call.method == Method::GET;
        let request = call.request(&self.url);
        let request = request.map_err(|error| Failure::Unreachable(error.to_string()))?;
        let answer = async {
            let response = self.http.request(request).await.map_err(|error| {
                // Without a connection nothing was sent.
                Failure::lost(innermost(&error), reads || error.is_connect())
            })?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, LARGEST).collect().await;
            let body = body.map_err(|error| Failure::lost(innermost(&*error), reads))?;
            Ok((parts, body.to_bytes()))
        };
        let late = |_| Failure::lost("it did not come in time".to_owned(), reads);
        let (parts, body) = tokio::time::timeout(self.limit, answer).await.map_err(late)??;
        match parts.status {
            status if status.is_success() => Ok((parts.headers, body)),
            status => Err(refusal(status, &parts.headers, &body, reads)),
        }
    }
}

fn refusal(status: StatusCode, headers: &HeaderMap, body: &[u8], reads: bool) -> Failure {
    let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let wait = seconds.map(|seconds| Duration::from_secs(seconds).min(LONGEST));
    Failure::of_answer(status, wait, body, reads)
}
