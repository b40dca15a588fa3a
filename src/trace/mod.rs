//! Traces: where the time of single calls went, for a collector that speaks OTLP.
//!
//! In reading order: this file has a call and its steps; `batch` the turns and commits that many
//! calls share; `span` how they are written down; `deliver` how they get to the collector.
//!
//! Nothing is made of a call while it runs but notes of the time. A span is written when what it
//! tells of is over, and only for calls that are traced; where nothing is, all that a call pays is a
//! look at whether it is. What is written goes into a bounded queue and never waits.
//!
//! A call is a trace's span of kind server. Below it stand its steps, in order: `lane` until its
//! turn was sent, `script` until Redis had answered, `journal` until its entry was on its way to the
//! ledger, `commit` until the ledger had it. A turn and a commit serve many calls: each is a trace
//! of its own, linked with the calls in both directions.
//!
//! No span names a customer, an order, a reservation or a key of idempotency: who collects traces
//! keeps them elsewhere and for a time of their own, and an erasure does not reach them. `seq` leads
//! from a call to the ledger, and the request id to the log.

mod batch;
mod deliver;
mod span;

pub use batch::{Commits, Ran, Took, TurnTrace, Waiting, commit_failed};
pub use deliver::Delivery;
pub use span::Place;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, SystemTime},
};

use opentelemetry::{
    Context, KeyValue,
    trace::{SpanContext, SpanId, SpanKind, TraceContextExt as _, TraceFlags, TraceId, TraceState},
};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, ShouldSample as _};

use crate::{clock, domain::DropId};
use deliver::Queue;
use span::{Parent, Span};

/// Where traces are sent, and of how many calls.
#[derive(Clone)]
pub struct TraceOptions {
    /// The collector's whole address for traces.
    pub endpoint: String,
    /// Headers for it: names and values.
    pub headers: Vec<(String, String)>,
    /// What this service is called.
    pub service: String,
    /// What tells this process from others of the service.
    pub instance: String,
    /// Whether a caller's own decision counts where there is one.
    pub parent_based: bool,
    /// Of the other calls, the share that is traced: 0 none, 1 all.
    pub share: f64,
}

impl fmt::Debug for TraceOptions {
    // The headers may hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceOptions").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// What traces are made with in this process.
struct Tracing {
    sampler: Sampler,
    queue: Queue,
}

static TRACING: OnceLock<Tracing> = OnceLock::new();

/// Starts to trace. The second time in a process it does nothing.
///
/// # Errors
/// In one line, when the collector's address can't be used.
pub fn start(options: &TraceOptions) -> Result<Option<Delivery>, String> {
    if is_on() {
        return Ok(None);
    }
    let (queue, delivery) = deliver::start(options)?;
    let tracing = Tracing { sampler: sampler(options.parent_based, options.share), queue };
    // Whoever came first traces.
    Ok(TRACING.set(tracing).is_ok().then_some(delivery))
}

fn sampler(parent_based: bool, share: f64) -> Sampler {
    let root = Sampler::TraceIdRatioBased(share);
    if parent_based { Sampler::ParentBased(Box::new(root)) } else { root }
}

/// Whether calls are traced at all.
#[must_use]
pub fn is_on() -> bool {
    TRACING.get().is_some()
}

/// The time, if calls are traced at all.
#[must_use]
pub fn now() -> Option<SystemTime> {
    is_on().then(clock::wall)
}

/// The place of whoever called, as its `traceparent` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallersPlace {
    /// The trace; not zero.
    pub trace: u128,
    /// The span from which the call came; not zero.
    pub span: u64,
    /// Whether the caller's part of the trace is kept.
    pub sampled: bool,
}

impl CallersPlace {
    fn context(self) -> SpanContext {
        let flags = TraceFlags::default().with_sampled(self.sampled);
        let (trace, span) = (TraceId::from(self.trace), SpanId::from(self.span));
        SpanContext::new(trace, span, flags, true, TraceState::default())
    }
}

/// A call that is traced.
#[derive(Debug)]
pub struct TracedCall {
    place: Place,
    caller: Option<CallersPlace>,
    method: &'static str,
    route: &'static str,
    request_id: String,
    began: SystemTime,
    known: Mutex<Known>,
}

/// What is known of a call by and by.
#[derive(Debug, Default)]
struct Known {
    drop: Option<DropId>,
    verb: Option<&'static str>,
    outcome: Option<&'static str>,
    code: Option<&'static str>,
    position: Option<(i64, i64)>,
    /// When Redis last answered.
    answered: Option<SystemTime>,
}

impl TracedCall {
    /// A call of `method` to `route` that begins now; `None` unless it is to be traced. `drop` is
    /// the one that its path names.
    #[must_use]
    pub fn begin(
        caller: Option<CallersPlace>,
        method: &'static str,
        route: &'static str,
        drop: impl FnOnce() -> Option<DropId>,
        request_id: impl FnOnce() -> String,
    ) -> Option<Arc<TracedCall>> {
        let tracing = TRACING.get()?;
        let trace = caller.map_or_else(rand::random, |caller| caller.trace);
        let parent = caller.map(|caller| {
            // The sampler asks it for nothing but this.
            Context::new().with_remote_span_context(caller.context())
        });
        let id = TraceId::from(trace);
        let sampled =
            tracing.sampler.should_sample(parent.as_ref(), id, route, &SpanKind::Server, &[], &[]);
        if sampled.decision != SamplingDecision::RecordAndSample {
            return None;
        }
        Some(Arc::new(TracedCall {
            place: Place::within(trace),
            caller,
            method,
            route,
            request_id: request_id(),
            began: clock::wall(),
            known: Mutex::new(Known { drop: drop(), ..Known::default() }),
        }))
    }

    /// Where it stands: its trace, and its own span.
    #[must_use]
    pub fn place(&self) -> Place {
        self.place
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what it came to for the engine: a word of few.
    pub fn came_to(&self, drop: &DropId, verb: &'static str, outcome: &'static str) {
        let mut known = self.known();
        known.drop = Some(drop.clone());
        (known.verb, known.outcome) = (Some(verb), Some(outcome));
    }

    /// Notes the `code` of the problem that is answered.
    pub fn problem(&self, code: &'static str) {
        self.known().code = Some(code);
    }

    /// Notes that Redis has answered.
    fn answered(&self, at: SystemTime) {
        self.known().answered = Some(at);
    }

    /// Notes where the drop's journal stood behind it; since when it waits for the ledger to get there.
    fn reached(&self, epoch: i64, seq: i64) -> Option<SystemTime> {
        let mut known = self.known();
        known.position = Some((epoch, seq));
        known.answered
    }

    /// Writes down a step that is over.
    fn step(&self, span: Span) {
        write(Place::within(self.place.trace()), Parent::Here(self.place), span);
    }

    /// Writes down a read of the ledger that has just ended and took so long.
    pub fn read(&self, took: Duration) {
        let mut span = just_ended("read", took);
        span.tell("db.system.name", "postgresql");
        self.step(span);
    }

    /// Writes down that a rate limit of this name was asked, which has just ended and took so long.
    pub fn limited(&self, by: &'static str, took: Duration) {
        let mut span = just_ended("limit", took);
        span.tell("db.system.name", "redis");
        span.tell("dropgate.limit", by);
        self.step(span);
    }

    /// Writes down the call itself, which is over: with this status, or without an answer.
    fn end(&self, status: Option<u16>) {
        let Known { drop, verb, outcome, code, position, .. } = std::mem::take(&mut *self.known());
        let mut span = Span::new(
            format!("{} {}", self.method, self.route),
            SpanKind::Server,
            self.began,
            clock::wall(),
        );
        span.tell("http.request.method", self.method);
        span.tell("http.route", self.route);
        span.tell("dropgate.request_id", self.request_id.clone());
        match status {
            Some(status) => span.tell("http.response.status_code", i64::from(status)),
            None => span.tell("error.type", "no_answer"),
        }
        if let Some(drop) = drop {
            span.tell("dropgate.drop", drop.to_string());
        }
        for (name, word) in
            [("dropgate.verb", verb), ("dropgate.outcome", outcome), ("dropgate.code", code)]
        {
            if let Some(word) = word {
                span.tell(name, word);
            }
        }
        if let Some((epoch, seq)) = position {
            span.tell("dropgate.epoch", epoch);
            span.tell("dropgate.seq", seq);
        }
        if status.is_some_and(|status| status >= 500) {
            span.tell("error.type", code.unwrap_or("internal"));
            span.fails();
        }
        let parent = self.caller.map_or(Parent::None, |caller| Parent::Caller(caller.span));
        write(self.place, parent, span);
    }
}

/// A traced call whose answer is being made. When it goes without one (its client has gone), the
/// call is written down all the same.
#[derive(Debug)]
pub struct Answering(Option<Arc<TracedCall>>);

impl Answering {
    /// The answer of `call` is to come.
    #[must_use]
    pub fn of(call: Arc<TracedCall>) -> Answering {
        Answering(Some(call))
    }

    /// It is there, with this status.
    pub fn end(mut self, status: u16) {
        self.0.take().into_iter().for_each(|call| call.end(Some(status)));
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(|call| call.end(None));
    }
}

fn write(place: Place, parent: Parent, span: Span) {
    if let Some(tracing) = TRACING.get() {
        tracing.queue.put(span.written(place, parent));
    }
}

/// What asked a server, and has just ended.
fn just_ended(name: &'static str, took: Duration) -> Span {
    let ended = clock::wall();
    Span::new(name, SpanKind::Client, ended.checked_sub(took).unwrap_or(ended), ended)
}

/// One fact of a span.
fn fact(name: &'static str, value: impl Into<opentelemetry::Value>) -> KeyValue {
    KeyValue::new(name, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_decision_counts_where_it_is_asked_for() {
        let of = |parent_based, share, sampled: Option<bool>| {
            let parent = sampled.map(|sampled| {
                let place = CallersPlace { trace: 7 << 64 | 9, span: 3, sampled };
                Context::new().with_remote_span_context(place.context())
            });
            let sampler = sampler(parent_based, share);
            let trace = TraceId::from(7 << 64 | 9);
            let kind = SpanKind::Server;
            let result = sampler.should_sample(parent.as_ref(), trace, "", &kind, &[], &[]);
            result.decision == SamplingDecision::RecordAndSample
        };
        for (parent_based, share, sampled, expected) in [
            (true, 0.0, Some(true), true),
            (true, 1.0, Some(false), false),
            (true, 1.0, None, true),
            (true, 0.0, None, false),
            (false, 0.0, Some(true), false),
            (false, 1.0, Some(false), true),
        ] {
            let found = of(parent_based, share, sampled);
            assert_eq!(found, expected, "{parent_based} {share} {sampled:?}");
        }
    }

    #[test]
    fn without_a_collector_nothing_is_traced() {
        assert!(!is_on() && now().is_none());
        let call = TracedCall::begin(None, "GET", "/", || None, String::new);
        assert!(call.is_none());
    }
}
