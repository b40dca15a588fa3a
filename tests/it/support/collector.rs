//! A collector of traces, as one that speaks OTLP over HTTP, in the place of a real one.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::eventually;

/// What a collector does with what it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taking {
    /// It takes it.
    All,
    /// It never answers.
    Nothing,
}

/// What came with one request.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A collector that keeps what it gets. It ends when it is dropped.
pub(crate) struct Collector {
    address: std::net::SocketAddr,
    taken: Arc<Mutex<Vec<Taken>>>,
    task: JoinHandle<()>,
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Collector {
    pub(crate) async fn start(taking: Taking) -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let taken = Arc::<Mutex<Vec<Taken>>>::default();
        let kept = Arc::clone(&taken);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                let kept = Arc::clone(&kept);
                let service = service_fn(move |request| take(Arc::clone(&kept), taking, request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Collector { address, taken, task }
    }

    /// Where it listens: `127.0.0.1:…`.
    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.address
    }

    /// Where it listens: `http://…`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything that came so far.
    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Every span that came so far.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let requests = self.taken().into_iter().map(|taken| taken.request());
        let resources = requests.flat_map(|request| request.resource_spans);
        let scopes = resources.flat_map(|resource| resource.scope_spans);
        scopes.flat_map(|scope| scope.spans).collect()
    }

    /// The spans of a trace, once there are so many.
    pub(crate) async fn trace(&self, trace: &str, count: usize) -> Vec<Span> {
        eventually("the call is written down", || async {
            let mut spans = self.spans();
            spans.retain(|span| hex(&span.trace_id) == trace);
            (spans.len() >= count).then_some(spans)
        })
        .await
    }

    /// The span with this place, once it is there.
    pub(crate) async fn span(&self, trace: &[u8], span: &[u8]) -> Span {
        eventually("the span that is linked comes", || async {
            let place = |found: &Span| found.trace_id == trace && found.span_id == span;
            self.spans().into_iter().find(place)
        })
        .await
    }
}

impl Taken {
    pub(crate) fn request(&self) -> ExportTraceServiceRequest {
        ExportTraceServiceRequest::decode(self.body.clone()).expect("spans")
    }
}

async fn take(
    kept: Arc<Mutex<Vec<Taken>>>,
    taking: Taking,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    let taken = Taken { path: parts.uri.path().to_owned(), headers: parts.headers, body };
    kept.lock().unwrap_or_else(PoisonError::into_inner).push(taken);
    if taking == Taking::Nothing {
        std::future::pending::<()>().await;
    }
    Ok(Response::new(Full::default()))
}

/// As `traceparent` writes ids.
pub(crate) fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a span says about itself, in the order of the names.
pub(crate) fn facts(span: &Span) -> Vec<(String, String)> {
    let mut facts: Vec<_> = span
        .attributes
        .iter()
        .map(|fact| {
            let value = fact.value.as_ref().and_then(|value| value.value.clone());
            let text = match value.expect("a value") {
                Value::StringValue(text) => text,
                Value::IntValue(number) => number.to_string(),
                Value::BoolValue(yes) => yes.to_string(),
                other @ (Value::DoubleValue(_)
                | Value::ArrayValue(_)
                | Value::KvlistValue(_)
                | Value::BytesValue(_)
                | Value::StringValueStrindex(_)) => {
                    panic!("a value of another kind: {other:?}")
                }
            };
            (fact.key.clone(), text)
        })
        .collect();
    facts.sort_unstable();
    facts
}

/// One of them; empty when it is not there.
pub(crate) fn fact(span: &Span, name: &str) -> String {
    let mut facts = facts(span).into_iter();
    facts.find(|(found, _)| found == name).map(|(_, value)| value).unwrap_or_default()
}
