//! Connections: accepting, bounding and ending them.
//!
//! `axum::serve` would do, but it neither limits how long a client may take to send its
//! headers nor how many connections there are, so slow clients could hold all of them.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

use super::public::KeptFirst;
use super::{Api, router};

/// How long a client may take to send a request's headers, and to begin the next request.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);
/// The most bytes of a request's line and headers together.
const MAX_HEADERS: usize = 32 * 1024;
/// How long connections are still accepted once the process is stopping: whoever balances load
/// sees that it isn't ready any more before it stops listening.
const STILL_ACCEPTING: Duration = Duration::from_millis(500);
/// How long requests under way may take to end once nothing is accepted any more.
const DRAIN_WITHIN: Duration = Duration::from_secs(8);
/// How long to wait after the system had no descriptor left for a connection.
const AFTER_ACCEPT_FAILED: Duration = Duration::from_millis(50);
/// How many connections too many are told so at once; more are closed without a word.
const TOLD_TO_WAIT: usize = 256;
/// How long telling one may take.
const TELL_WITHIN: Duration = Duration::from_secs(1);

/// What a connection too many hears, whatever it asked.
const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    content-type: application/problem+json\r\n\
    retry-after: 1\r\n\
    connection: close\r\n\
    cache-control: no-store\r\n\
    content-length: 195\r\n\r\n\
    {\"type\":\"/problems/unavailable\",\"title\":\"The answer can't be given now\",\"status\":503,\
    \"detail\":\"Too many connections. Try again after `Retry-After` seconds.\",\
    \"code\":\"unavailable\",\"outcome\":\"none\"}";

/// Serves `api` on `listener` until its stop token is cancelled, with at most `connections` at a
/// time; then ends what is under way, within a few seconds.
pub async fn serve(listener: TcpListener, api: Arc<Api>, connections: usize) {
    let stop = api.stop.clone();
    let router = router::router(Arc::clone(&api));
    // Each connection has the peer that it comes from.
    let service = KeptFirst { router, api, peer: IpAddr::V4(Ipv4Addr::UNSPECIFIED) };
    serve_with(listener, service, stop, connections).await;
}

/// What answers requests: a router, or what stands before one.
pub(super) trait Answers:
    Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send>
    + Clone
    + Send
    + 'static
{
    /// What answers the requests of one connection, whose other end is `peer`.
    fn of(&self, _peer: IpAddr) -> Self {
        self.clone()
    }
}

impl Answers for Router {}

/// The same for any service, until `stop` is cancelled.
pub(super) async fn serve_with(
    listener: TcpListener,
    service: impl Answers,
    stop: CancellationToken,
    connections: usize,
) {
    let server = Server {
        service,
        places: Arc::new(Semaphore::new(connections)),
        tells: Arc::new(Semaphore::new(TOLD_TO_WAIT)),
        ending: CancellationToken::new(),
        aborting: CancellationToken::new(),
        tracker: TaskTracker::new(),
    };
    let accepting = async {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => server.take(stream, peer.ip()),
                Err(error) => accept_failed(&error).await,
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

/// One connection failing is that client's matter; a process without descriptors must not spin.
async fn accept_failed(error: &io::Error) {
    let of_the_client =
        matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset);
    if !of_the_client {
        tracing::warn!(%error, "cannot accept a connection");
        sleep(AFTER_ACCEPT_FAILED).await;
    }
}

struct Server<S> {
    service: S,
    places: Arc<Semaphore>,
    tells: Arc<Semaphore>,
    /// Cancelled: connections end after the request that is under way.
    ending: CancellationToken,
    /// Cancelled: connections end.
    aborting: CancellationToken,
    tracker: TaskTracker,
}

impl<S: Answers> Server<S> {
    fn take(&self, stream: TcpStream, peer: IpAddr) {
        // An answer is one small write; waiting to fill a packet would only delay it.
        let _ = stream.set_nodelay(true);
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            let connection = Connection {
                service: self.service.of(peer),
                ending: self.ending.clone(),
                aborting: self.aborting.clone(),
            };
            self.tracker.spawn(connection.run(stream, place));
        } else if let Ok(tell) = Arc::clone(&self.tells).try_acquire_owned() {
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

struct Connection<S> {
    service: S,
    ending: CancellationToken,
    aborting: CancellationToken,
}

impl<S: Answers> Connection<S> {
    /// A panic in a handler ends this task, and with it only this connection.
    async fn run(self, stream: TcpStream, _place: OwnedSemaphorePermit) {
        let service = TowerToHyperService::new(self.service);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADERS_WITHIN)
            .max_buf_size(MAX_HEADERS)
            .serve_connection(TokioIo::new(stream), service);
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
        stream.write_all(BUSY).await?;
        stream.shutdown().await
    };
    // Whether it could be told or not, the connection is over.
    let _ = timeout(TELL_WITHIN, telling).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busy_answer_is_as_long_as_it_says() {
        let text = std::str::from_utf8(BUSY).expect("ASCII");
        let (head, body) = text.split_once("\r\n\r\n").expect("a body");
        assert!(head.contains(&format!("content-length: {}", body.len())), "{}", body.len());
        serde_json::from_str::<serde_json::Value>(body).expect("JSON");
    }
}
