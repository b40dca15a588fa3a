//! Calls in the log: each of them where somebody wants that, and those that the service failed.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::http::{Request, StatusCode};
use axum::response::Response;
use pin_project_lite::pin_project;
use tracing::Level;

/// A call as the log tells of it; `None` unless it does.
pub(super) fn asked<B>(request: &Request<B>) -> Option<String> {
    let wanted = tracing::enabled!(Level::DEBUG);
    wanted.then(|| format!("{} {}", request.method(), request.uri().path()))
}

/// Of calls that failed one is told in so long: while a server is away, every call does.
const FAILURE_EVERY: Duration = Duration::from_secs(1);

/// The failure that was told last, and how many came since.
struct Failures {
    told: Option<Instant>,
    untold: u64,
}

static FAILURES: Mutex<Failures> = Mutex::new(Failures { told: None, untold: 0 });

/// Tells of a call on `route` that the service failed, and how many others it has not told of.
fn tell_failure(route: &str, status: StatusCode) {
    let mut failures = FAILURES.lock().unwrap_or_else(PoisonError::into_inner);
    if failures.told.is_some_and(|told| told.elapsed() < FAILURE_EVERY) {
        failures.untold += 1;
        return;
    }
    let others = std::mem::take(&mut failures.untold);
    failures.told = Some(Instant::now());
    let status = status.as_u16();
    tracing::warn!(route, status, others, "a call failed");
}

pin_project! {
    /// An answer that is being made, and is told of when it is there.
    pub(super) struct Logged<F> {
        #[pin]
        answering: F,
        route: &'static str,
        asked: Option<(String, Instant)>,
    }
}

impl<F> Logged<F> {
    pub(super) fn new(answering: F, route: &'static str, asked: Option<String>) -> Logged<F> {
        Logged { answering, route, asked: asked.map(|asked| (asked, Instant::now())) }
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for Logged<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Ok(response) = ready!(this.answering.poll(context));
        if let Some((asked, since)) = this.asked.take() {
            let (status, took) = (response.status().as_u16(), since.elapsed());
            tracing::debug!(asked, status, ?took, "answered");
        }
        // That it is not ready is told by whoever is not there.
        if response.status().is_server_error() && this.route.starts_with("/v1/") {
            tell_failure(this.route, response.status());
        }
        Poll::Ready(Ok(response))
    }
}
