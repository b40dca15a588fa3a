//! The log: what the program says while it runs, on standard error.

use std::io::{self, IsTerminal as _};

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
