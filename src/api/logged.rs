//! A line of the log for each call, where somebody wants them.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use axum::http::Request;
use axum::response::Response;
use pin_project_lite::pin_project;
use tracing::Level;

/// A call as the log tells of it; `None` unless it does.
pub(super) fn asked<B>(request: &Request<B>) -> Option<String> {
    let wanted = tracing::enabled!(Level::DEBUG);
    wanted.then(|| format!("{} {}", request.method(), request.uri().path()))
}

pin_project! {
    /// An answer that is being made, and is told of when it is there.
    pub(super) struct Logged<F> {
        #[pin]
        answering: F,
        asked: Option<(String, Instant)>,
    }
}

impl<F> Logged<F> {
    pub(super) fn new(answering: F, asked: Option<String>) -> Logged<F> {
        Logged { answering, asked: asked.map(|asked| (asked, Instant::now())) }
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
        Poll::Ready(Ok(response))
    }
}
