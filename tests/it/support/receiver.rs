//! Somebody who receives webhooks, and behaves as a test wants it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::header::{HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// What it does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Answers with this status.
    Answer(u16),
    /// Answers with this status and one more header.
    With(u16, &'static str, String),
    /// Takes it in, and never answers.
    Hang,
}

/// A request that came.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The status that it was answered with; none if it was not.
    pub(crate) answered: Option<u16>,
}

impl Received {
    /// A header's text.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("ASCII"))
    }

    /// The events in it.
    pub(crate) fn events(&self) -> Vec<Value> {
        let body: Value = serde_json::from_slice(&self.body).expect("JSON");
        body.as_array().cloned().unwrap_or_else(|| vec![body])
    }
}

type Judge = dyn Fn(&Received) -> Act + Send + Sync;

/// A receiver on a port of its own.
pub(crate) struct Receiver {
    address: SocketAddr,
    judge: Arc<Mutex<Arc<Judge>>>,
    received: Arc<Mutex<Vec<Received>>>,
    serving: Option<tokio::task::JoinHandle<()>>,
}

impl Receiver {
    /// One that takes everything.
    pub(crate) async fn start() -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let judge: Arc<Judge> = Arc::new(|_: &Received| Act::Answer(204));
        let mut receiver = Receiver {
            address,
            judge: Arc::new(Mutex::new(judge)),
            received: Arc::default(),
            serving: None,
        };
        receiver.serve(listener);
        receiver
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// From now on it does as `judge` says.
    pub(crate) fn behave(&self, judge: impl Fn(&Received) -> Act + Send + Sync + 'static) {
        *self.judge.lock().expect("the judge") = Arc::new(judge);
    }

    /// Everything that came, in its order.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().expect("what came").clone()
    }

    /// The events that were taken, in the order in which they came; some perhaps more than once.
    pub(crate) fn taken(&self) -> Vec<Value> {
        let taken = |it: &Received| it.answered.is_some_and(|status| status < 300);
        self.received().iter().filter(|it| taken(it)).flat_map(Received::events).collect()
    }

    /// Goes away, with every connection.
    pub(crate) async fn down(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.abort();
            let _ = serving.await;
        }
    }

    /// Comes back, on the same port.
    pub(crate) async fn up(&mut self) {
        let listener = TcpListener::bind(self.address).await.expect("the same port");
        self.serve(listener);
    }

    fn serve(&mut self, listener: TcpListener) {
        let (judge, received) = (Arc::clone(&self.judge), Arc::clone(&self.received));
        self.serving = Some(tokio::spawn(async move {
            // They end with this task.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (judge, received) = (Arc::clone(&judge), Arc::clone(&received));
                let service = service_fn(move |request| {
                    answer(request, Arc::clone(&judge), Arc::clone(&received))
                });
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                connections.spawn(async move {
                    let _ = connection.await;
                });
            }
        }));
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some(serving) = &self.serving {
            serving.abort();
        }
    }
}

async fn answer(
    request: Request<hyper::body::Incoming>,
    judge: Arc<Mutex<Arc<Judge>>>,
    received: Arc<Mutex<Vec<Received>>>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let mut came = Received { headers: parts.headers, body, answered: None };
    let judge = Arc::clone(&*judge.lock().expect("the judge"));
    let act = judge(&came);
    let (status, header) = match act {
        Act::Answer(status) => (status, None),
        Act::With(status, name, value) => (status, Some((name, value))),
        Act::Hang => {
            received.lock().expect("what came").push(came);
            tokio::time::sleep(Duration::from_secs(3600)).await;
            return Ok(Response::new(Full::default()));
        }
    };
    came.answered = Some(status);
    received.lock().expect("what came").push(came);
    let mut response = Response::new(Full::default());
    *response.status_mut() = hyper::StatusCode::from_u16(status).expect("a status");
    if let Some((name, value)) = header {
        let value = HeaderValue::try_from(value).expect("a value");
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
    Ok(response)
}
