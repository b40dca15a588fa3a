//! The log: what the program says while it runs, on standard error.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, LogSettings};

/// Starts the log. The second time in a process, and for a filter that can't be read, it does
/// nothing: the settings have been checked before.
pub fn init(settings: &LogSettings) {
    let Ok(filter) = EnvFilter::try_new(&settings.filter) else { return };
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
