//! How a span is written down once what it tells of is over.

use std::{borrow::Cow, sync::LazyLock, time::SystemTime};

use opentelemetry::{
    InstrumentationScope, KeyValue, Value,
    trace::{Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState},
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use super::fact;

/// The most links of a span, as many as a turn has operations: what a batch of thousands of calls
/// is linked with must not fill the queue.
const LINKS: usize = 500;

/// A span's place: its trace, and which of it it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    trace: u128,
    span: u64,
}

impl Place {
    /// A new place in this trace.
    pub(super) fn within(trace: u128) -> Place {
        // Zero is no place; of 2^64 draws one hits it.
        Place { trace, span: rand::random::<u64>().max(1) }
    }

    /// The beginning of a trace of its own.
    pub(super) fn alone() -> Place {
        Place::within(rand::random::<u128>().max(1))
    }

    /// The trace.
    #[must_use]
    pub fn trace(self) -> u128 {
        self.trace
    }

    /// Which span of the trace it is.
    #[must_use]
    pub fn span(self) -> u64 {
        self.span
    }

    fn context(self) -> SpanContext {
        let (trace, span) = (TraceId::from(self.trace), SpanId::from(self.span));
        SpanContext::new(trace, span, TraceFlags::SAMPLED, false, TraceState::default())
    }
}

/// Below what a span stands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Parent {
    /// Nothing: it begins a trace.
    None,
    /// A span of this process.
    Here(Place),
    /// The span of whoever called.
    Caller(u64),
}

/// What is told of something that is over.
#[derive(Debug)]
pub(super) struct Span {
    name: Cow<'static, str>,
    kind: SpanKind,
    began: SystemTime,
    ended: SystemTime,
    facts: Vec<KeyValue>,
    links: Vec<Link>,
    unlinked: usize,
    failed: bool,
}

impl Span {
    pub(super) fn new(
        name: impl Into<Cow<'static, str>>,
        kind: SpanKind,
        began: SystemTime,
        ended: SystemTime,
    ) -> Span {
        // A clock that was put back must not make it end before it began.
        let ended = ended.max(began);
        Span {
            name: name.into(),
            kind,
            began,
            ended,
            facts: Vec::new(),
            links: Vec::new(),
            unlinked: 0,
            failed: false,
        }
    }

    /// Adds a fact.
    pub(super) fn tell(&mut self, name: &'static str, value: impl Into<Value>) {
        self.facts.push(fact(name, value));
    }

    /// Adds a link, as long as there is room.
    pub(super) fn link(&mut self, to: Place) {
        if self.links.len() < LINKS {
            self.links.push(Link::new(to.context(), Vec::new(), 0));
        } else {
            self.unlinked += 1;
        }
    }

    /// Notes that it did not come to a good end.
    pub(super) fn fails(&mut self) {
        self.failed = true;
    }

    /// As it is sent.
    pub(super) fn written(self, place: Place, parent: Parent) -> SpanData {
        static SCOPE: LazyLock<InstrumentationScope> = LazyLock::new(|| {
            InstrumentationScope::builder(env!("CARGO_PKG_NAME"))
                .with_version(env!("CARGO_PKG_VERSION"))
                .build()
        });
        let (parent_span_id, parent_span_is_remote) = match parent {
            Parent::None => (SpanId::INVALID, false),
            Parent::Here(place) => (SpanId::from(place.span), false),
            Parent::Caller(span) => (SpanId::from(span), true),
        };
        let mut links = SpanLinks::default();
        links.links = self.links;
        links.dropped_count = u32::try_from(self.unlinked).unwrap_or(u32::MAX);
        SpanData {
            span_context: place.context(),
            parent_span_id,
            parent_span_is_remote,
            span_kind: self.kind,
            name: self.name,
            start_time: self.began,
            end_time: self.ended,
            attributes: self.facts,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links,
            status: if self.failed { Status::error("") } else { Status::Unset },
            instrumentation_scope: SCOPE.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_span_has_its_place_and_no_more_links_than_it_may() {
        let began = SystemTime::UNIX_EPOCH + Duration::from_secs(9);
        let mut span = Span::new("turn", SpanKind::Internal, began, SystemTime::UNIX_EPOCH);
        let (place, above) = (Place::alone(), Place::within(7));
        for _ in 0..LINKS + 3 {
            span.link(above);
        }
        let written = span.written(place, Parent::Here(above));
        assert_eq!(written.span_context.trace_id(), TraceId::from(place.trace()));
        assert_eq!(written.parent_span_id, SpanId::from(above.span()));
        assert!(written.span_context.is_sampled() && !written.parent_span_is_remote);
        assert_eq!((written.links.len(), written.links.dropped_count), (LINKS, 3));
        assert_eq!(written.end_time, began, "it ends not before it begins");
    }
}
