//! What every answer carries, whatever it answers: the headers that keep browsers out of
//! mischief, and the ids by which a call is found in logs.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::http::{HeaderValue, Request, header};
use axum::response::Response;
use bytes::Bytes;
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tower::Service;

use super::ids::{self, REQUEST_ID, TRACERESPONSE, Trace};
use super::logged::{self, Logged};
use super::measured::Measured;
use super::server::Answers;
use crate::caller::{Caller, OnBehalf};
use crate::trace::Answering;

/// As many headers an envelope has at most.
const ENVELOPE: usize = 6;
/// As many an answer usually has with what is put on it on its way out: who makes room for them at once
/// makes it once.
pub(super) const HEADERS: usize = 12;
const NO_SNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");
/// Nothing of an answer is a page that loads or runs anything; pages have a policy of their own.
const NOTHING: HeaderValue =
    HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; base-uri 'none'");

/// A service whose requests and answers have ids, and whose answers have the headers.
#[derive(Clone)]
pub(super) struct Enveloped<S> {
    service: S,
    /// `Strict-Transport-Security`, where it is wanted.
    hsts: Option<HeaderValue>,
}

impl<S> Enveloped<S> {
    /// `hsts_seconds`: for how long browsers shall come by HTTPS only.
    pub(super) fn new(service: S, hsts_seconds: Option<u32>) -> Enveloped<S> {
        let hsts = hsts_seconds.map(|seconds| format!("max-age={seconds}"));
        Enveloped { service, hsts: hsts.and_then(|value| HeaderValue::try_from(value).ok()) }
    }
}

impl<S: Answers> Service<Request<Incoming>> for Enveloped<S> {
    type Response = Response;
    type Error = Infallible;
    type Future = Sealing<OnBehalf<Logged<S::Future>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let measured = Measured::begin(request.method(), request.uri().path());
        let id = ids::request_id(request.headers());
        let given = Trace::given(request.headers());
        let traced = measured.traced(given.map(Trace::callers_place), request.uri().path(), &id);
        let trace = match &traced {
            Some(call) => Some(Trace::at(call.place())),
            None => given.map(Trace::below),
        };
        let caller = Caller {
            request_id: id.clone(),
            trace_id: trace.map(Trace::id),
            traced: traced.clone(),
        };
        let trace = trace.and_then(Trace::header);
        let answering = traced.map(Answering::of);
        let carried = Carried { id, trace, hsts: self.hsts.clone(), answering };
        let asked = logged::asked(&request);
        let answering =
            caller.runs(Logged::new(self.service.call(request), measured.route(), asked));
        Sealing { answering, carried: Some((carried, measured)) }
    }
}

/// What is put on an answer once it is there.
struct Carried {
    id: Bytes,
    trace: Option<HeaderValue>,
    hsts: Option<HeaderValue>,
    answering: Option<Answering>,
}

impl Carried {
    fn put_on(self, response: &mut Response) {
        let headers = response.headers_mut();
        headers.reserve(ENVELOPE);
        // It was checked, or made of digits.
        if let Ok(id) = HeaderValue::from_maybe_shared(self.id) {
            headers.insert(REQUEST_ID, id);
        }
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, NO_SNIFF);
        headers.insert(header::REFERRER_POLICY, NO_REFERRER);
        headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(NOTHING);
        if let Some(trace) = self.trace {
            headers.insert(TRACERESPONSE, trace);
        }
        if let Some(hsts) = self.hsts {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, hsts);
        }
        if let Some(answering) = self.answering {
            answering.end(response.status().as_u16());
        }
    }
}

pin_project! {
    /// An answer that is being made.
    pub(super) struct Sealing<F> {
        #[pin]
        answering: F,
        carried: Option<(Carried, Measured)>,
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for Sealing<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Ok(mut response) = ready!(this.answering.poll(context));
        if let Some((carried, measured)) = this.carried.take() {
            carried.put_on(&mut response);
            measured.end(response.status());
        }
        Poll::Ready(Ok(response))
    }
}
