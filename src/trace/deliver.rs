//! How spans get to the collector: through a bounded queue, by a thread of their own.
//!
//! Whatever the collector does, calls go on: a span that the queue has no room for is dropped, one
//! that the collector doesn't take in time is lost, and both are counted. The thread has a runtime
//! of its own, so that writing out thousands of spans takes no turn from calls.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Request, Response, Uri,
    header::{HeaderMap, HeaderName, HeaderValue, USER_AGENT},
};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioExecutor,
};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    trace::{SpanData, SpanExporter as _},
};
use tokio::{
    runtime,
    sync::{mpsc, oneshot},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{TraceOptions, fact};
use crate::{measure, tls};

/// Spans that may wait: some 4 MB at most.
const WAITING: usize = 4096;
/// How long spans are gathered before they are sent, so that calls need not wake anybody.
const GATHER_FOR: Duration = Duration::from_millis(200);
/// The most spans of one request.
const MOST: usize = 512;
/// How long the collector may take for one request, tries included.
const WITHIN: Duration = Duration::from_secs(5);
/// How long a connection to it may take to be made.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// The largest answer that is taken in, in bytes.
const LARGEST: usize = 1 << 20;

/// The entrance of the queue.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: mpsc::Sender<SpanData>,
}

impl Queue {
    /// Puts a span into the queue, if there is room.
    pub(super) fn put(&self, span: SpanData) {
        if self.waiting.try_send(span).is_err() {
            measure::SPANS_DROPPED.increment(1);
        }
    }
}

/// The thread that delivers spans, for whoever ends it.
#[derive(Debug)]
pub struct Delivery {
    stop: CancellationToken,
    ended: oneshot::Receiver<()>,
}

impl Delivery {
    /// Delivers what waits, for at most so long; spans that come later are dropped.
    pub async fn end(self, within: Duration) {
        self.stop.cancel();
        if timeout(within, self.ended).await.is_err() {
            tracing::warn!("not all traces could be delivered in time");
        }
    }
}

/// Starts the thread that delivers to the collector.
pub(super) fn start(options: &TraceOptions) -> Result<(Queue, Delivery), String> {
    let TraceOptions { endpoint, headers, service, instance, .. } = options;
    let unusable = |why: String| format!("the collector at {endpoint} can't be used: {why}");
    let uri: Uri = endpoint.parse().map_err(|error| unusable(format!("{error}")))?;
    let connector = tls::connector(uri.scheme_str() == Some("https"), CONNECT_WITHIN);
    let collector = Collector::new(connector.map_err(unusable)?, headers);
    let trouble = Arc::clone(&collector.trouble);
    let mut exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(collector)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(endpoint)
        .with_timeout(WITHIN)
        .build()
        .map_err(|error| unusable(error.to_string()))?;
    exporter.set_resource(&resource(service, instance));
    let (waiting, queue) = mpsc::channel(WAITING);
    let (tell, ended) = oneshot::channel();
    let stop = CancellationToken::new();
    let sending = Sending { exporter, trouble, failing: false };
    let run = sending.run(queue, stop.clone());
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| unusable(error.to_string()))?;
    let thread = std::thread::Builder::new().name("traces".to_owned());
    let started = thread.spawn(move || {
        runtime.block_on(run);
        // Whoever waited may have gone.
        let _ = tell.send(());
    });
    started.map_err(|error| unusable(error.to_string()))?;
    Ok((Queue { waiting }, Delivery { stop, ended }))
}

/// Which process of which service the spans are of; `OTEL_RESOURCE_ATTRIBUTES` may say more.
fn resource(service: &str, instance: &str) -> Resource {
    Resource::builder()
        .with_service_name(service.to_owned())
        .with_attribute(fact("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(fact("service.instance.id", instance.to_owned()))
        .build()
}

struct Sending {
    exporter: SpanExporter,
    /// What the last try failed for.
    trouble: Arc<Mutex<String>>,
    /// Whether the last request failed, so that the log is not flooded.
    failing: bool,
}

impl Sending {
    async fn run(mut self, mut queue: mpsc::Receiver<SpanData>, stop: CancellationToken) {
        loop {
            let first = tokio::select! {
                first = queue.recv() => first,
                () = stop.cancelled() => {
                    queue.close();
                    queue.recv().await
                }
            };
            let Some(first) = first else { return };
            tokio::select! {
                () = sleep(GATHER_FOR) => {}
                () = stop.cancelled() => {}
            }
            let mut spans = vec![first];
            loop {
                while spans.len() < MOST
                    && let Ok(span) = queue.try_recv()
                {
                    spans.push(span);
                }
                let last = spans.len() < MOST;
                if !spans.is_empty() {
                    self.send(std::mem::take(&mut spans)).await;
                }
                if last {
                    break;
                }
            }
        }
    }

    async fn send(&mut self, spans: Vec<SpanData>) {
        let count = spans.len() as u64;
        let failed = match timeout(WITHIN, self.exporter.export(spans)).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => {
                let trouble = std::mem::take(&mut *lock(&self.trouble));
                Some(if trouble.is_empty() { error.to_string() } else { trouble })
            }
            Err(_) => Some(format!("no answer within {WITHIN:?}")),
        };
        let Some(why) = failed else {
            measure::SPANS_SENT.increment(count);
            if std::mem::take(&mut self.failing) {
                tracing::info!("the collector takes traces again");
            }
            return;
        };
        measure::SPANS_LOST.increment(count);
        if !std::mem::replace(&mut self.failing, true) {
            tracing::warn!(why, "the collector does not take traces: they are lost");
        }
    }
}

fn lock(trouble: &Mutex<String>) -> MutexGuard<'_, String> {
    trouble.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Connections to the collector.
struct Collector {
    http: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    headers: HeaderMap,
    trouble: Arc<Mutex<String>>,
}

impl Collector {
    fn new(connector: HttpsConnector<HttpConnector>, given: &[(String, String)]) -> Collector {
        let mut headers = HeaderMap::new();
        let agent = concat!("dropgate/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        for (name, value) in given {
            // They were checked with the settings.
            if let (Ok(name), Ok(mut value)) =
                (HeaderName::try_from(name), HeaderValue::try_from(value))
            {
                value.set_sensitive(true);
                headers.insert(name, value);
            }
        }
        let http = legacy::Client::builder(TokioExecutor::new()).build(connector);
        Collector { http, headers, trouble: Arc::default() }
    }

    async fn ask(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, HttpError> {
        let (parts, body) = self.http.request(request).await?.into_parts();
        let body = Limited::new(body, LARGEST).collect().await?.to_bytes();
        Ok(Response::from_parts(parts, body))
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Collector")
    }
}

#[async_trait]
impl HttpClient for Collector {
    /// Sends what the exporter has put together, with the headers of the settings.
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let mut request = request.map(Full::new);
        request.headers_mut().extend(self.headers.clone());
        let answer = timeout(WITHIN, self.ask(request)).await;
        let answer = answer.unwrap_or_else(|_| Err(format!("no answer within {WITHIN:?}").into()));
        answer.inspect_err(|error| *lock(&self.trouble) = tls::innermost(&**error))
    }
}
