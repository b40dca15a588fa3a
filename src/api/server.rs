//! Connections: accepting, bounding and ending them.
//!
//! `axum::serve` would do, but it neither limits how long a client may take to send its
//! headers nor how many connections there are, so slow clients could hold all of them.

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::util::option_layer;
use tower::{Layer as _, Service};

use super::envelope::Enveloped;
use super::public::KeptFirst;
use super::{Api, cors, ids, router};
use crate::config::ServerSettings;
use crate::measure;

/// How long a client may take to send a request's headers, and to begin the next request.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);
/// The most bytes of a request's line and headers together.
const MAX_HEADERS: usize = 32 * 1024;
/// The most bytes that the system has of a connection's answers besides those that are on their way.
const UNSENT: u32 = 16 * 1024;
/// How long a client may leave an answer unread before nothing more of it is taken.
const READ_WITHIN: Duration = Duration::from_secs(10);
/// How long connections are still accepted once the process is stopping: whoever balances load
/// sees that it isn't ready any more before it stops listening.
const STILL_ACCEPTING: Duration = Duration::from_millis(500);
/// How long requests under way may take to end once nothing is accepted any more: longer than an
/// answer takes, and so short that the process has ended within ten seconds of being told.
const DRAIN_WITHIN: Duration = Duration::from_secs(6);
/// How long to wait after the system had no descriptor left for a connection.
const AFTER_ACCEPT_FAILED: Duration = Duration::from_millis(50);
/// How often that is told at most.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// How many connections too many are told so at once; more are closed without a word.
const TOLD_TO_WAIT: usize = 256;
/// How long telling one may take.
const TELL_WITHIN: Duration = Duration::from_secs(1);

/// What a connection too many hears, whatever it asked; a request id and two line ends go in
/// between.
const BUSY: [&str; 2] = [
    "HTTP/1.1 503 Service Unavailable\r\n\
    content-type: application/problem+json\r\n\
    retry-after: 1\r\n\
    connection: close\r\n\
    cache-control: no-store\r\n\
    x-content-type-options: nosniff\r\n\
    referrer-policy: no-referrer\r\n\
    content-security-policy: default-src 'none'; frame-ancestors 'none'; base-uri 'none'\r\n\
    content-length: 195\r\n\
    x-request-id: ",
    "{\"type\":\"/problems/unavailable\",\"title\":\"The answer can't be given now\",\"status\":503,\
    \"detail\":\"Too many connections. Try again after `Retry-After` seconds.\",\
    \"code\":\"unavailable\",\"outcome\":\"none\"}",
];

/// Serves `api` on `listener` until its stop token is cancelled, as `settings` say; then ends what
/// is under way, within a few seconds.
pub async fn serve(listener: TcpListener, api: Arc<Api>, settings: &ServerSettings) {
    let stop = api.stop.clone();
    let router = router::router(Arc::clone(&api));
    let service = move |peer| {
        let from = api.addresses.as_ref().map(|addresses| addresses.behind(peer));
        KeptFirst { router: router.clone(), api: Arc::clone(&api), from }
    };
    serve_with(listener, service, stop, settings).await;
}

/// What answers requests: a router, or what stands before one.
pub(super) trait Answers:
    Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send>
    + Clone
    + Send
    + 'static
{
}

impl<S> Answers for S where
    S: Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static
{
}

/// The same for any service, until `stop` is cancelled: each connection has one of its own, for the
/// peer at its other end.
pub(super) async fn serve_with<S: Answers>(
    listener: TcpListener,
    service: impl Fn(IpAddr) -> S + Send + Sync,
    stop: CancellationToken,
    settings: &ServerSettings,
) {
    let cors = option_layer(cors::layer(&settings.cors_origins));
    let service = |peer| Enveloped::new(cors.layer(service(peer)), settings.hsts_seconds);
    let server = Server {
        places: Arc::new(Semaphore::new(settings.connections)),
        tells: Arc::new(Semaphore::new(TOLD_TO_WAIT)),
        ending: CancellationToken::new(),
        aborting: CancellationToken::new(),
        tracker: TaskTracker::new(),
    };
    let accepting = async {
        let mut told = None;
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => server.take(stream, || service(peer.ip())),
                Err(error) => accept_failed(&error, &mut told).await,
            }
        }
    };
    tokio::select! {
        () = accepting => {}
        () = async { stop.cancelled().await; sleep(STILL_ACCEPTING).await } => {}
    }
    drop(listener);
    server.end().await;
}

/// One connection failing is that client's matter; a process without descriptors must not spin, nor
/// fill the log.
async fn accept_failed(error: &io::Error, told: &mut Option<Instant>) {
    let of_the_client =
        matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset);
    if !of_the_client {
        if told.is_none_or(|at| at.elapsed() >= TELL_EVERY) {
            *told = Some(Instant::now());
            tracing::warn!(%error, "cannot accept a connection");
        }
        sleep(AFTER_ACCEPT_FAILED).await;
    }
}

struct Server {
    places: Arc<Semaphore>,
    tells: Arc<Semaphore>,
    /// Cancelled: connections end after the request that is under way.
    ending: CancellationToken,
    /// Cancelled: connections end.
    aborting: CancellationToken,
    tracker: TaskTracker,
}

impl Server {
    fn take<S: Answers>(&self, stream: TcpStream, service: impl FnOnce() -> S) {
        // An answer is one small write; waiting to fill a packet would only delay it.
        let _ = stream.set_nodelay(true);
        // What a client leaves unread stays here, where a live stream replaces it by what is new, and
        // not in the system, which would keep megabytes of it in order.
        let _ = SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT);
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            let connection = Connection {
                service: service(),
                ending: self.ending.clone(),
                aborting: self.aborting.clone(),
            };
            self.tracker.spawn(connection.run(stream, Place::new(place)));
            return;
        }
        measure::CONNECTIONS_REFUSED.increment(1);
        if let Ok(tell) = Arc::clone(&self.tells).try_acquire_owned() {
            tokio::spawn(tell_busy(stream, tell));
        }
    }

    async fn end(self) {
        self.tracker.close();
        self.ending.cancel();
        if timeout(DRAIN_WITHIN, self.tracker.wait()).await.is_err() {
            tracing::warn!(connections = self.tracker.len(), "requests did not end in time");
            self.aborting.cancel();
            self.tracker.wait().await;
        }
    }
}

/// The place of a connection among those that there may be.
struct Place {
    _permit: OwnedSemaphorePermit,
}

impl Place {
    fn new(permit: OwnedSemaphorePermit) -> Place {
        measure::CONNECTIONS.increment(1.0);
        Place { _permit: permit }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        measure::CONNECTIONS.decrement(1.0);
    }
}

struct Connection<S> {
    service: S,
    ending: CancellationToken,
    aborting: CancellationToken,
}

impl<S: Answers> Connection<S> {
    /// A panic in a handler ends this task, and with it only this connection.
    async fn run(self, stream: TcpStream, _place: Place) {
        let service = TowerToHyperService::new(self.service);
        let mut stream = Box::pin(TimeoutStream::new(stream));
        stream.as_mut().set_write_timeout_pinned(Some(READ_WITHIN));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADERS_WITHIN)
            .max_buf_size(MAX_HEADERS)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        tokio::pin!(connection);
        let served = async {
            tokio::select! {
                ended = connection.as_mut() => return ended,
                () = self.ending.cancelled() => connection.as_mut().graceful_shutdown(),
            }
            connection.as_mut().await
        };
        tokio::select! {
            ended = served => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended early");
                }
            }
            () = self.aborting.cancelled() => {}
        }
    }
}

/// Reads what the client has sent so far, so that closing does not reset the connection before
/// it has the answer.
async fn tell_busy(mut stream: TcpStream, _tell: OwnedSemaphorePermit) {
    let telling = async {
        let mut scratch = [0; 4096];
        let _ = stream.read(&mut scratch).await?;
        stream.write_all(busy().as_bytes()).await?;
        stream.shutdown().await
    };
    // Whether it could be told or not, the connection is over.
    let _ = timeout(TELL_WITHIN, telling).await;
}

fn busy() -> String {
    let [head, body] = BUSY;
    let id = ids::new_request_id();
    format!("{head}{}\r\n\r\n{body}", String::from_utf8_lossy(&id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busy_answer_is_as_long_as_it_says() {
        let text = busy();
        let (head, body) = text.split_once("\r\n\r\n").expect("a body");
        assert!(head.contains(&format!("content-length: {}", body.len())), "{}", body.len());
        serde_json::from_str::<serde_json::Value>(body).expect("JSON");
    }
}
