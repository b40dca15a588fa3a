//! Requests to webhooks: signed, bounded in time and size, to addresses that are looked at.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{CONTENT_TYPE, HeaderName, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use super::Reach;
use crate::clock;
use crate::domain::{Attempt, CloudEvent, DropId, WebhookId, WebhookSecret, event_type};
use crate::ledger::Endpoint;
use crate::tls::{self, innermost};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a connection that nobody uses is kept.
const IDLE: Duration = Duration::from_secs(30);
/// Connections to one host that are kept.
const IDLE_MOST: usize = 8;
/// As much of an answer is read, so that its connection can be used again; nobody looks at it.
const ANSWER: usize = 64 * 1024;
/// How long that may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// The media type of one event, and of some.
const ONE: &str = "application/cloudevents+json";
const SOME: &str = "application/cloudevents-batch+json";

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// What goes out in one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// Names it: the same whenever it is sent, and of no other.
    pub(super) id: String,
    kind: &'static str,
    body: Bytes,
}

/// What came of a request, and what the receiver wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) attempt: Attempt,
    /// It wants nothing any more, ever (410).
    pub(super) gone: bool,
    /// When it wants to be asked again.
    pub(super) retry_after: Option<Duration>,
}

impl Message {
    /// These events of a drop, alone or as a batch; `None` of none.
    pub(super) fn of(drop: &DropId, events: &[CloudEvent], batch: bool) -> Option<Message> {
        let (first, last) = (events.first()?, events.last()?);
        // No drop's id has a dot in it, and no event's id an underscore.
        let id = match first == last {
            true => format!("{drop}_{}", first.id),
            false => format!("{drop}_{}_{}", first.id, last.id),
        };
        let (kind, body) = match batch {
            true => (SOME, serde_json::to_vec(events)),
            false => (ONE, serde_json::to_vec(first)),
        };
        Some(Message { id, kind, body: body.ok()?.into() })
    }

    /// An event that tells of nothing but that somebody tries the webhook.
    fn test(webhook: WebhookId) -> Message {
        let id = Uuid::now_v7();
        let event = json!({
            "specversion": "1.0",
            "id": id,
            "source": format!("/v1/admin/webhooks/{webhook}"),
            "type": event_type("test"),
            "time": clock::now(),
            "datacontenttype": "application/json",
            "data": { "webhook": webhook },
        });
        Message { id: format!("test_{id}"), kind: ONE, body: event.to_string().into() }
    }
}

/// Sends requests to webhooks. Cheap to clone.
#[derive(Clone)]
pub struct Sender {
    http: legacy::Client<HttpsConnector<HttpConnector<Reach>>, Full<Bytes>>,
    reach: Reach,
    timeout: Duration,
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sender").field("reach", &self.reach).finish_non_exhaustive()
    }
}

impl Sender {
    /// A sender to addresses within `reach`; each request may take `timeout`.
    ///
    /// # Errors
    /// When TLS can't be set up at all.
    pub fn new(reach: Reach, timeout: Duration) -> Result<Sender, String> {
        // A machine without certificates can still tell receivers that need no TLS.
        let tls = tls::client(true).or_else(|error| {
            tracing::warn!(error, "no webhook that has TLS can be reached");
            tls::client(false)
        })?;
        let mut tcp = HttpConnector::new_with_resolver(reach);
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT.min(timeout)));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_MOST)
            .build(connector);
        Ok(Sender { http, reach, timeout })
    }

    /// Whether requests may go to an address.
    ///
    /// # Errors
    /// What is wrong with it: a predicate.
    pub async fn check(&self, url: &str) -> Result<(), String> {
        self.reach.look(url).await
    }

    /// Sends an event that tells of nothing, and says what came back.
    pub async fn test(&self, endpoint: &Endpoint) -> Attempt {
        self.send(endpoint, &Message::test(endpoint.id)).await.attempt
    }

    /// Sends one request.
    pub(super) async fn send(&self, endpoint: &Endpoint, message: &Message) -> Answer {
        let begun = Instant::now();
        let answer = async {
            // Also an address that stands for itself is looked at, for which no name is asked.
            let url = self.reach.read(&endpoint.url).map_err(|wrong| format!("the url {wrong}"))?;
            let request = request(url.as_str(), &endpoint.secrets, message)?;
            self.http.request(request).await.map_err(|error| innermost(&error))
        };
        let answer = tokio::time::timeout(self.timeout, answer)
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {} ms", self.timeout.as_millis())));
        let answer = match answer {
            Ok(response) => judge(response).await,
            Err(error) => Answer::failed(None, error),
        };
        let milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        Answer { attempt: Attempt { milliseconds, ..answer.attempt }, ..answer }
    }
}

impl Answer {
    fn failed(status: Option<StatusCode>, error: String) -> Answer {
        let status = status.map(|status| status.as_u16());
        let attempt = Attempt { delivered: false, status, error: Some(error), milliseconds: 0 };
        Answer { attempt, gone: false, retry_after: None }
    }
}

fn request(
    url: &str,
    secrets: &[WebhookSecret],
    message: &Message,
) -> Result<Request<Full<Bytes>>, String> {
    let Message { id, kind, body } = message;
    let timestamp = clock::now().0.div_euclid(1000);
    let signatures: Vec<String> =
        secrets.iter().map(|secret| secret.sign(id, timestamp, body)).collect();
    Request::builder()
        .method(Method::POST)
        .uri(url)
        .header(USER_AGENT, concat!("dropgate/", env!("CARGO_PKG_VERSION")))
        .header(CONTENT_TYPE, *kind)
        .header(ID, id)
        .header(TIMESTAMP, timestamp)
        .header(SIGNATURE, signatures.join(" "))
        .body(Full::new(body.clone()))
        .map_err(|error| error.to_string())
}

/// The status alone says what came of it. Redirects are not followed: they would lead where nobody
/// has looked.
async fn judge(response: Response<hyper::body::Incoming>) -> Answer {
    let (parts, body) = response.into_parts();
    let rest = Limited::new(body, ANSWER).collect();
    // Whether it came to its end or not, the answer is the same.
    let _ = tokio::time::timeout(ANSWER_WITHIN, rest).await;
    let status = parts.status;
    if status.is_success() {
        let attempt = Attempt {
            delivered: true,
            status: Some(status.as_u16()),
            error: None,
            milliseconds: 0,
        };
        return Answer { attempt, gone: false, retry_after: None };
    }
    let error = match status {
        _ if status.is_redirection() => format!("{status}: redirects are not followed"),
        _ => status.to_string(),
    };
    let seconds =
        parts.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Answer {
        gone: status == StatusCode::GONE,
        retry_after: seconds.map(Duration::from_secs),
        ..Answer::failed(Some(status), error)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::domain::{LedgerRow, Millis};

    fn events(count: i64) -> Vec<CloudEvent> {
        let row = |seq| LedgerRow {
            epoch: 1,
            seq,
            kind: "extended".to_owned(),
            reservation_id: None,
            customer_id: None,
            sku: None,
            quantity: 0,
            order_id: None,
            occurred_at: Millis(0),
            reference: None,
            reason: None,
            settings: None,
        };
        CloudEvent::of(&"d".parse().expect("an id"), (1..=count).map(row).collect())
    }

    #[test]
    fn a_message_is_named_by_what_is_in_it() {
        let drop = "d".parse().expect("an id");
        let one = Message::of(&drop, &events(1), false).expect("a message");
        assert_eq!((one.id.as_str(), one.kind), ("d_1-1", ONE));
        let body: Value = serde_json::from_slice(&one.body).expect("JSON");
        assert_eq!(body["id"], "1-1");
        let some = Message::of(&drop, &events(3), true).expect("a message");
        assert_eq!((some.id.as_str(), some.kind), ("d_1-1_1-3", SOME));
        let body: Value = serde_json::from_slice(&some.body).expect("JSON");
        assert_eq!(body.as_array().map(Vec::len), Some(3));
        assert_eq!(Message::of(&drop, &[], true), None);
    }

    #[test]
    fn every_secret_signs() {
        let secrets = [WebhookSecret::new([1; 32]), WebhookSecret::new([2; 32])];
        let message = Message::of(&"d".parse().expect("an id"), &events(1), false).expect("one");
        let request = request("http://h/", &secrets, &message).expect("a request");
        let signatures = request.headers()[SIGNATURE].to_str().expect("ASCII");
        let timestamp = request.headers()[TIMESTAMP].to_str().expect("ASCII");
        let timestamp: i64 = timestamp.parse().expect("a number");
        let expected: Vec<String> = secrets
            .iter()
            .map(|secret| secret.sign(&message.id, timestamp, &message.body))
            .collect();
        assert_eq!(signatures.split(' ').collect::<Vec<_>>(), expected);
    }
}
