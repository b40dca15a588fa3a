//! What the program says of itself: the log, on standard error, and the metrics.

use std::{
    fmt,
    io::{self, IsTerminal as _},
    sync::{LazyLock, OnceLock},
    time::Duration,
};

use indicatif::ProgressBar;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing::{Event, Subscriber};
use tracing_subscriber::{
    EnvFilter,
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

use crate::{
    caller::Caller,
    config::{LogFormat, LogSettings},
    measure,
};

/// Libraries that tell of every step, or report as a warning what the engine copes with.
const LIBRARIES: &str = "refinery_core=warn,tokio_cron_scheduler=warn,deadpool=error,\
    deadpool_postgres=error,deadpool.postgres=error,tokio_postgres=warn,lapin=off,rskafka=off";

/// Starts the log. The second time in a process, and for a filter that can't be read, it does
/// nothing: the settings have been checked before.
pub fn init(settings: &LogSettings) {
    // What libraries say of their own insides comes first, so that a given filter wins.
    let filter = format!("{LIBRARIES},{}", settings.filter);
    let Ok(filter) = EnvFilter::try_new(&filter) else { return };
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| Lines)
        .with_ansi(io::stderr().is_terminal());
    let started = match settings.format {
        LogFormat::Text => log.map_event_format(|lines| Named { lines, json: false }).try_init(),
        LogFormat::Json => {
            let log = log.json().flatten_event(true);
            log.map_event_format(|lines| Named { lines, json: true }).try_init()
        }
    };
    // A log that runs already is the one that whoever embeds this has started.
    drop(started);
}

static BAR: OnceLock<ProgressBar> = OnceLock::new();

/// From now on the log is written above this bar rather than into it. The first one counts.
pub fn write_above(bar: &ProgressBar) {
    BAR.get_or_init(|| bar.clone());
}

/// Standard error, shared with a bar.
struct Lines;

impl io::Write for Lines {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        match BAR.get() {
            Some(bar) => bar.suspend(|| io::stderr().write(text)),
            None => io::stderr().write(text),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Lines that name the call on whose behalf they are written, if there is one.
struct Named<F> {
    lines: F,
    json: bool,
}

impl<S, N, F> FormatEvent<S, N> for Named<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Some(caller) = Caller::current() else {
            return self.lines.format_event(context, writer, event);
        };
        let mut line = String::new();
        self.lines.format_event(context, Writer::new(&mut line), event)?;
        let line = line.trim_end();
        match line.strip_prefix('{').filter(|_| self.json) {
            Some(members) => writeln!(writer, "{{{},{members}", caller.members()),
            None => writeln!(writer, "{line} {caller}"),
        }
    }
}

/// Every metric, what it is, and what it tells. Documentation and alerts name no others.
const METRICS: &[(&str, Kind, &str)] = &[
    (
        "dropgate_backlog_events",
        Kind::Gauge,
        "Events that Redis has and the ledger lacks, as far as this process knows",
    ),
    (
        "dropgate_backlog_seconds",
        Kind::Gauge,
        "For how long the ledger has had work before it without moving, or the longest waiting \
         call has waited",
    ),
    ("dropgate_build_info", Kind::Gauge, "1; the label has the version"),
    ("dropgate_commit_events", Kind::Sizes, "Events of a commit"),
    ("dropgate_connections", Kind::Gauge, "Connections of clients"),
    ("dropgate_streams", Kind::Gauge, "Live streams of clients: events and WebSockets"),
    ("dropgate_stream_messages_total", Kind::Counter, "Messages sent on live streams"),
    (
        "dropgate_connections_refused_total",
        Kind::Counter,
        "Connections that DROPGATE_CONNECTIONS left no room for",
    ),
    ("dropgate_details_bytes", Kind::Gauge, "Bytes of copies of SKUs' details in the process"),
    ("dropgate_details_reads_total", Kind::Counter, "Details that an answer needed, by where"),
    ("dropgate_drops_in_redis", Kind::Gauge, "Drops that have not left Redis after their end"),
    ("dropgate_durable_events_total", Kind::Counter, "Events that this process committed"),
    ("dropgate_epoch", Kind::Gauge, "The drop's generation"),
    (
        "dropgate_expiry_lag_seconds",
        Kind::Gauge,
        "For how long at most a hold has been due that is not free yet",
    ),
    ("dropgate_halted", Kind::Gauge, "1 while the drop waits for a person"),
    ("dropgate_http_seconds", Kind::Seconds, "Until the answer, by route, method and status"),
    (
        "dropgate_invariant_violations_total",
        Kind::Counter,
        "Counts that can't be and events that the ledger refuses, by where they were found",
    ),
    (
        "dropgate_ledger_wait_seconds",
        Kind::Seconds,
        "For how long a call waited until the ledger had what it did",
    ),
    ("dropgate_outcomes_total", Kind::Counter, "What calls came to, by drop and verb"),
    ("dropgate_postgres_connections_idle", Kind::Gauge, "Connections that nobody uses"),
    ("dropgate_postgres_connections_max", Kind::Gauge, "Connections that there may be"),
    ("dropgate_postgres_connections_used", Kind::Gauge, "Connections in use"),
    (
        "dropgate_postgres_seconds",
        Kind::Seconds,
        "Of a commit, and for which a read had its connection",
    ),
    ("dropgate_postgres_waiting", Kind::Gauge, "Calls that wait for a connection"),
    (
        "dropgate_rate_limited_total",
        Kind::Counter,
        "Calls that were told to wait, by the limit: key, customer or address",
    ),
    ("dropgate_rebuilds_total", Kind::Counter, "Rebuilds of a drop by this process"),
    (
        "dropgate_reconcile_balanced",
        Kind::Gauge,
        "1 when Redis agreed with the ledger and the journal in between at the last comparison",
    ),
    ("dropgate_redis_seconds", Kind::Seconds, "Of a round trip to Redis"),
    (
        "dropgate_sink_events_total",
        Kind::Counter,
        "Events that a sink was told of, by what became of that",
    ),
    (
        "dropgate_sink_oldest_seconds",
        Kind::Gauge,
        "How old the oldest event is that a sink lacks, as seen by the engine that works it",
    ),
    (
        "dropgate_sink_pending_events",
        Kind::Gauge,
        "Events that a sink lacks, as seen by the engine that works it",
    ),
    ("dropgate_shed_total", Kind::Counter, "Calls turned away under overload, by their rank"),
    (
        "dropgate_spans_total",
        Kind::Counter,
        "Spans of traces: sent, dropped because the queue was full, or lost because the collector \
         did not take them",
    ),
    (
        "dropgate_task_age_seconds",
        Kind::Gauge,
        "Since a task's last good turn, of the drop for which that is longest ago",
    ),
    ("dropgate_turn_operations", Kind::Sizes, "Operations of a lane's turn"),
    ("dropgate_waiting_calls", Kind::Gauge, "Calls that wait for the ledger"),
];

/// What a metric is, and in which buckets it is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
    Seconds,
    Sizes,
}

/// Upper bounds, in seconds: from an answer out of memory to one that comes at the last moment.
const SECONDS: &[f64] =
    &[0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0];
/// Upper bounds of what a turn or a commit carries.
const SIZES: &[f64] = &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 4000.0];
/// So often what histograms were told is put into their buckets, also when nobody asks for it.
const UPKEEP: Duration = Duration::from_secs(5);

static COLLECTED: LazyLock<Option<PrometheusHandle>> = LazyLock::new(|| {
    let handle = install();
    handle.inspect_err(|error| tracing::warn!(%error, "metrics are not collected")).ok()
});

fn install() -> Result<PrometheusHandle, BuildError> {
    let mut builder = PrometheusBuilder::new();
    for (name, kind, _) in METRICS {
        let bounds = match kind {
            Kind::Counter | Kind::Gauge => continue,
            Kind::Seconds => SECONDS,
            Kind::Sizes => SIZES,
        };
        builder = builder.set_buckets_for_metric(Matcher::Full((*name).to_owned()), bounds)?;
    }
    let handle = builder.install_recorder()?;
    for &(name, kind, tells) in METRICS {
        match kind {
            Kind::Counter => metrics::describe_counter!(name, tells),
            Kind::Gauge => metrics::describe_gauge!(name, tells),
            Kind::Seconds | Kind::Sizes => metrics::describe_histogram!(name, tells),
        }
    }
    measure::begin();
    metrics::gauge!("dropgate_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    let upkeep = handle.clone();
    // A thread of its own, for which the runtime need not run yet. Without it, what nobody asks
    // for would only grow.
    let thread = std::thread::Builder::new().name("metrics".to_owned());
    let started = thread.spawn(move || {
        loop {
            std::thread::sleep(UPKEEP);
            upkeep.run_upkeep();
        }
    });
    if let Err(error) = started {
        tracing::warn!(%error, "metrics are put in order only when somebody asks for them");
    }
    Ok(handle)
}

/// Starts to collect metrics; the second time it does nothing.
pub fn collect_metrics() {
    LazyLock::force(&COLLECTED);
}

/// The metrics as Prometheus reads them.
#[must_use]
pub fn metrics_text() -> String {
    COLLECTED.as_ref().map(PrometheusHandle::render).unwrap_or_default()
}
