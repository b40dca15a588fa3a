//! What is turned away when more calls are under way than the process can serve: the least useful
//! work first, so that who has something keeps it and who can buy still buys.
//!
//! A call counts from its request's headers to its answer. Counting costs one addition and one
//! subtraction, and nothing where no number is set; only a call that comes when there are too
//! many is looked at more closely.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use axum::http::{Method, Request};
use axum::response::{IntoResponse, Response};
use pin_project_lite::pin_project;

use super::idempotency;
use super::problem::{Code, Problem};
use crate::engine::Engine;

/// Calls that this process has begun and not answered, where they are counted.
static UNDER_WAY: AtomicUsize = AtomicUsize::new(0);

/// How useful a call is, the least useful first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// What can be asked again, or has no prospect: public reads, holds where nothing is left.
    Idle,
    /// What begins something: new holds, and lists.
    New,
    /// What ends or keeps something that somebody has: confirms, releases, changes, the merchant's.
    Owed,
    /// What is asked of the process itself.
    Own,
}

impl Rank {
    /// How many times the number that is set may be under way for such a call to be taken.
    fn times(self) -> Option<usize> {
        match self {
            Rank::Idle => Some(1),
            Rank::New => Some(2),
            Rank::Owed => Some(4),
            Rank::Own => None,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Rank::Idle => "idle",
            Rank::New => "new",
            Rank::Owed | Rank::Own => "owed",
        }
    }
}

/// A call that is under way.
#[derive(Debug)]
pub(super) struct UnderWay(());

impl UnderWay {
    /// Counts a call, or says what it is told instead: that there are too many, `above` being the
    /// number from which on they are.
    pub(super) fn begin<B>(
        above: usize,
        request: &Request<B>,
        engine: &Engine,
    ) -> Result<UnderWay, Box<Response>> {
        let before = UNDER_WAY.fetch_add(1, Ordering::Relaxed);
        let counted = UnderWay(());
        if before < above {
            return Ok(counted);
        }
        let rank = rank(request, engine);
        match rank.times() {
            Some(times) if before >= above.saturating_mul(times) => Err(Box::new(refusal(rank))),
            Some(_) | None => Ok(counted),
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        UNDER_WAY.fetch_sub(1, Ordering::Relaxed);
    }
}

fn refusal(rank: Rank) -> Response {
    metrics::counter!("dropgate_shed_total", "rank" => rank.word()).increment(1);
    overloaded().into_response()
}

/// What a call is told that comes when there are too many.
pub(super) fn overloaded() -> Problem {
    let detail = "Nothing happened. There are more calls than can be served: try again after \
                  `Retry-After` seconds.";
    Problem::new(Code::Overloaded, detail).with("outcome", "none")
}

fn rank<B>(request: &Request<B>, engine: &Engine) -> Rank {
    let path = request.uri().path();
    let Some(rest) = path.strip_prefix("/v1/") else { return Rank::Own };
    let mut parts = rest.split('/');
    let (drop, what, more) = match (parts.next(), parts.next()) {
        (Some("drops"), Some(drop)) => (drop, parts.next(), parts.next()),
        _ => return Rank::Owed,
    };
    match (what, more, request.method() == Method::POST) {
        (Some("reservations"), None, true) => {
            // Who has a key may already have what is asked for.
            let first_time = !request.headers().contains_key(idempotency::HEADER);
            if first_time && engine.shows_nothing_left(drop) { Rank::Idle } else { Rank::New }
        }
        (Some("reservations"), None, false) => Rank::New,
        (Some("reservations"), Some(_), _) => Rank::Owed,
        (None | Some(_), ..) => Rank::Idle,
    }
}

pin_project! {
    /// A call's answer to come, which counts until it is there.
    pub(super) struct Counted<F> {
        #[pin]
        answer: F,
        under_way: Option<UnderWay>,
    }
}

impl<F> Counted<F> {
    pub(super) fn new(answer: F, under_way: Option<UnderWay>) -> Counted<F> {
        Counted { answer, under_way }
    }
}

impl<F: Future> Future for Counted<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let answer = ready!(this.answer.poll(context));
        *this.under_way = None;
        Poll::Ready(answer)
    }
}
