//! What is measured where calls pass: handles that are made once, so that measuring costs a call
//! next to nothing, and the words that label them.
//!
//! Every label has few values. Names of drops are bounded by [`DROPS`]: the first so many that
//! something happens to in this process have a label of their own, the others share one.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use metrics::{Counter, Gauge, Histogram, SharedString};

use crate::domain::DropId;

/// Drops with a label of their own.
pub const DROPS: usize = 100;
/// The label of all others.
const OTHER: &str = "other";

/// Operations of one turn of a lane.
pub static TURN_OPERATIONS: LazyLock<Histogram> =
    LazyLock::new(|| metrics::histogram!("dropgate_turn_operations"));
/// Events of one commit.
pub static COMMIT_EVENTS: LazyLock<Histogram> =
    LazyLock::new(|| metrics::histogram!("dropgate_commit_events"));
/// From a script's reply until the ledger had what it did: seconds that a call waited.
pub static LEDGER_WAIT: LazyLock<Histogram> =
    LazyLock::new(|| metrics::histogram!("dropgate_ledger_wait_seconds"));
/// Seconds of a round trip to Redis.
pub static REDIS: LazyLock<Histogram> =
    LazyLock::new(|| metrics::histogram!("dropgate_redis_seconds"));
/// Seconds of a commit.
pub static POSTGRES_COMMIT: LazyLock<Histogram> =
    LazyLock::new(|| metrics::histogram!("dropgate_postgres_seconds", "kind" => "commit"));
/// Seconds for which a read had its connection.
pub static POSTGRES_READ: LazyLock<Histogram> =
    LazyLock::new(|| metrics::histogram!("dropgate_postgres_seconds", "kind" => "read"));
/// Details of a SKU that were at hand in the process.
pub static DETAILS_PROCESS: LazyLock<Counter> = LazyLock::new(|| details("process"));
/// Details of which Redis had a copy.
pub static DETAILS_REDIS: LazyLock<Counter> = LazyLock::new(|| details("redis"));
/// Details for which the ledger was asked.
pub static DETAILS_POSTGRES: LazyLock<Counter> = LazyLock::new(|| details("postgres"));
/// Connections of clients.
pub static CONNECTIONS: LazyLock<Gauge> = LazyLock::new(|| metrics::gauge!("dropgate_connections"));
/// Live streams of clients.
pub static STREAMS: LazyLock<Gauge> = LazyLock::new(|| metrics::gauge!("dropgate_streams"));
/// Messages that were sent on them.
pub static STREAM_MESSAGES: LazyLock<Counter> =
    LazyLock::new(|| metrics::counter!("dropgate_stream_messages_total"));
/// Connections that there was no room for.
pub static CONNECTIONS_REFUSED: LazyLock<Counter> =
    LazyLock::new(|| metrics::counter!("dropgate_connections_refused_total"));
/// Spans that the collector has taken.
pub static SPANS_SENT: LazyLock<Counter> =
    LazyLock::new(|| metrics::counter!("dropgate_spans_total", "fate" => "sent"));
/// Spans that there was no room for.
pub static SPANS_DROPPED: LazyLock<Counter> =
    LazyLock::new(|| metrics::counter!("dropgate_spans_total", "fate" => "dropped"));
/// Spans that the collector did not take.
pub static SPANS_LOST: LazyLock<Counter> =
    LazyLock::new(|| metrics::counter!("dropgate_spans_total", "fate" => "lost"));

/// When the reconciliation last ended a turn.
pub static RECONCILE: Mark = Mark::new();
/// When this process last looked which drops there are.
pub static KEEP_UP: Mark = Mark::new();

/// When this process last looked at the keys.
pub static KEYS: Mark = Mark::new();
/// When it last said that it is alive.
pub static PRESENCE: Mark = Mark::new();
/// When it last added its refusals to what all engines count.
pub static TALLY: Mark = Mark::new();
/// When it last looked whether a drop is about to open.
pub static WARM: Mark = Mark::new();

/// Where a violation of an invariant may be found.
const PLACES: [&str; 4] = ["script", "decode", "reconcile", "ledger"];
/// The rate limits that there may be.
const LIMITS: [&str; 3] = ["key", "customer", "address"];
/// What may become of events on their way to a sink.
const SINK_OUTCOMES: [&str; 3] = ["delivered", "failed", "dead"];
/// Sinks with a label of their own.
const SINKS: usize = 100;
/// What may be turned away under overload.
const RANKS: [&str; 3] = ["idle", "new", "owed"];

/// Shows everything that may be counted later, as nothing yet: what appears for the first time with
/// its first count can't be seen to rise.
pub fn begin() {
    for histogram in
        [&TURN_OPERATIONS, &COMMIT_EVENTS, &LEDGER_WAIT, &REDIS, &POSTGRES_COMMIT, &POSTGRES_READ]
    {
        LazyLock::force(histogram);
    }
    CONNECTIONS.increment(0.0);
    CONNECTIONS_REFUSED.increment(0);
    STREAMS.increment(0.0);
    STREAM_MESSAGES.increment(0);
    for details in [&DETAILS_PROCESS, &DETAILS_REDIS, &DETAILS_POSTGRES] {
        details.increment(0);
    }
    for spans in [&SPANS_SENT, &SPANS_DROPPED, &SPANS_LOST] {
        spans.increment(0);
    }
    for limit in LIMITS {
        metrics::counter!("dropgate_rate_limited_total", "limit" => limit).increment(0);
    }
    for rank in RANKS {
        metrics::counter!("dropgate_shed_total", "rank" => rank).increment(0);
    }
    for outcome in SINK_OUTCOMES {
        sink_outcome("webhook", OTHER, outcome, 0);
    }
    sink_behind("webhook", OTHER, 0, Duration::ZERO);
    show_nothing_yet(&other_drops());
}

fn details(from: &'static str) -> Counter {
    metrics::counter!("dropgate_details_reads_total", "from" => from)
}

/// Counts what became of events that a sink was told of.
pub fn sink_outcome(kind: &str, sink: &str, outcome: &'static str, events: usize) {
    let events = u64::try_from(events).unwrap_or(u64::MAX);
    metrics::counter!("dropgate_sink_events_total", "kind" => kind.to_owned(),
        "sink" => sink_label(sink), "outcome" => outcome)
    .increment(events);
}

/// Shows how far a sink is behind: in events, and by how old the first of them is.
pub fn sink_behind(kind: &str, sink: &str, pending: i64, oldest: Duration) {
    let show = |name: &'static str, value: f64| {
        metrics::gauge!(name, "kind" => kind.to_owned(), "sink" => sink_label(sink)).set(value);
    };
    // A gauge is a float; such counts are far below where that loses digits.
    show("dropgate_sink_pending_events", pending as f64);
    show("dropgate_sink_oldest_seconds", oldest.as_secs_f64());
}

/// The label of a sink.
fn sink_label(sink: &str) -> SharedString {
    static NAMED: Mutex<Option<HashSet<Arc<str>>>> = Mutex::new(None);
    label(&NAMED, SINKS, sink).0
}

/// A label, if it is one of the first `most` of its kind, and whether it is new; else the one that
/// the others share.
fn label(
    named: &Mutex<Option<HashSet<Arc<str>>>>,
    most: usize,
    name: &str,
) -> (SharedString, bool) {
    let mut named = named.lock().unwrap_or_else(PoisonError::into_inner);
    let named = named.get_or_insert_default();
    if let Some(known) = named.get(name) {
        return (SharedString::from_shared(Arc::clone(known)), false);
    }
    if named.len() >= most || name == OTHER {
        return (SharedString::const_str(OTHER), false);
    }
    let label: Arc<str> = name.into();
    named.insert(Arc::clone(&label));
    (SharedString::from_shared(label), true)
}

fn show_nothing_yet(drop: &SharedString) {
    metrics::counter!("dropgate_rebuilds_total", "drop" => drop.clone()).increment(0);
    metrics::counter!("dropgate_durable_events_total", "drop" => drop.clone()).increment(0);
    for place in PLACES {
        metrics::counter!("dropgate_invariant_violations_total", "drop" => drop.clone(),
            "place" => place)
        .increment(0);
    }
}

/// The label of a drop to which something happens.
#[must_use]
pub fn drop_label(drop: &DropId) -> SharedString {
    static NAMED: Mutex<Option<HashSet<Arc<str>>>> = Mutex::new(None);
    let (label, is_new) = label(&NAMED, DROPS, drop.as_str());
    if is_new {
        show_nothing_yet(&label);
    }
    label
}

/// The label of drops that have none of their own.
#[must_use]
pub fn other_drops() -> SharedString {
    SharedString::const_str(OTHER)
}

/// Records the seconds since `since`.
pub fn since(since: Instant, histogram: &Histogram) {
    histogram.record(since.elapsed().as_secs_f64());
}

/// When something was last done, for whoever asks how long ago that is.
#[derive(Debug, Default)]
pub struct Mark(AtomicU64);

impl Mark {
    /// Never yet.
    #[must_use]
    pub const fn new() -> Mark {
        Mark(AtomicU64::new(0))
    }

    /// It is done now.
    pub fn set(&self) {
        self.0.store(millis().max(1), Ordering::Relaxed);
    }

    /// How long ago it was done; `None` when it never was.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        let at = self.0.load(Ordering::Relaxed);
        (at > 0).then(|| Duration::from_millis(millis().saturating_sub(at)))
    }
}

/// Milliseconds that this process has measured.
fn millis() -> u64 {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(BEGAN.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_beyond_the_most_share_a_label() {
        let label = |n: usize| drop_label(&format!("d-{n}").parse().expect("an id"));
        let labels: HashSet<String> = (0..3 * DROPS).map(|n| label(n).to_string()).collect();
        assert_eq!(labels.len(), DROPS + 1);
        assert!(labels.contains(OTHER));
        // Who has a label keeps it.
        assert_eq!(label(0), SharedString::from("d-0"));
        assert_eq!(label(3 * DROPS - 1), other_drops());
    }

    #[test]
    fn a_mark_tells_its_age_once_it_is_set() {
        let mark = Mark::new();
        assert_eq!(mark.age(), None);
        mark.set();
        assert!(mark.age().is_some_and(|age| age < Duration::from_secs(60)));
    }
}
