//! What the program says of itself: the log, on standard error, and the metrics.

use std::{
    io::{self, IsTerminal as _},
    sync::LazyLock,
};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, LogSettings};

/// Libraries that tell of every step, or report as a warning what the engine copes with.
const LIBRARIES: &str = "refinery_core=warn,tokio_cron_scheduler=warn,deadpool=error,\
    deadpool_postgres=error,deadpool.postgres=error,tokio_postgres=warn";

/// Starts the log. The second time in a process, and for a filter that can't be read, it does
/// nothing: the settings have been checked before.
pub fn init(settings: &LogSettings) {
    // What libraries say of their own insides comes first, so that a given filter wins.
    let filter = format!("{LIBRARIES},{}", settings.filter);
    let Ok(filter) = EnvFilter::try_new(&filter) else { return };
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    let started = match settings.format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
    // A log that runs already is the one that whoever embeds this has started.
    drop(started);
}

static METRICS: LazyLock<Option<PrometheusHandle>> = LazyLock::new(|| {
    let handle = PrometheusBuilder::new().install_recorder();
    metrics::describe_gauge!(
        "dropgate_reconcile_balanced",
        "1 when Redis agreed with the ledger and the journal in between at the last comparison"
    );
    metrics::describe_gauge!("dropgate_epoch", "The drop's generation");
    metrics::describe_gauge!("dropgate_backlog_events", "Events in Redis that the ledger lacks");
    metrics::describe_counter!("dropgate_rebuilds_total", "Rebuilds of a drop by this process");
    metrics::describe_gauge!("dropgate_halted", "1 while the drop waits for a person");
    metrics::describe_counter!(
        "dropgate_invariant_violations_total",
        "Counts that can't be and events that the ledger refuses, by where they were found"
    );
    metrics::describe_counter!(
        "dropgate_rate_limited_total",
        "Calls that were told to wait, by the limit: key, customer or address"
    );
    metrics::describe_counter!("dropgate_durable_events_total", "Events this process committed");
    handle.inspect_err(|error| tracing::warn!(%error, "metrics are not collected")).ok()
});

/// Starts to collect metrics; the second time it does nothing.
pub fn collect_metrics() {
    LazyLock::force(&METRICS);
}

/// The metrics as Prometheus reads them.
#[must_use]
pub fn metrics_text() -> String {
    METRICS.as_ref().map(PrometheusHandle::render).unwrap_or_default()
}
