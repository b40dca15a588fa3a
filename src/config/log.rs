//! What is logged, and how.

use std::ffi::OsString;

use tracing_subscriber::EnvFilter;

use super::error::{SettingError, text};

const FILTER: &str = "DROPGATE_LOG";
const FORMAT: &str = "DROPGATE_LOG_FORMAT";

/// Flags and variables of the log.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Log")]
pub struct LogArgs {
    /// What is logged: a level, or a filter like `info,dropgate::task=debug` [default: info]
    #[arg(long = "log", env = FILTER, value_name = "FILTER")]
    filter: Option<OsString>,
    /// How it is written to standard error: `text` for people, `json` for machines
    /// [default: text]
    #[arg(long = "log-format", env = FORMAT, value_name = "FORMAT")]
    format: Option<OsString>,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// Default `info`: a `tracing` filter. Too fine (`trace`) costs time on every call; too coarse
    /// (`error`) hides why drops were fenced and rebuilt.
    pub filter: String,
    /// Default `text`.
    pub format: LogFormat,
}

impl LogArgs {
    /// # Errors
    /// [`SettingError`] for a setting that is wrong.
    pub fn resolve(self) -> Result<LogSettings, SettingError> {
        let filter = text(FILTER, self.filter)?.unwrap_or_else(|| "info".to_owned());
        if EnvFilter::try_new(&filter).is_err() {
            let remedy = "give a level (error, warn, info, debug, trace) or a filter like \
                          info,dropgate::task=debug";
            return Err(SettingError::wrong(FILTER, format!("is {filter:?}"), remedy));
        }
        let format = match text(FORMAT, self.format)?.as_deref() {
            None | Some("text") => LogFormat::Text,
            Some("json") => LogFormat::Json,
            Some(other) => {
                let remedy = "give text or json, or leave it out for text";
                return Err(SettingError::wrong(FORMAT, format!("is {other:?}"), remedy));
            }
        };
        Ok(LogSettings { filter, format })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_and_formats_are_checked() {
        let of = |filter: &str, format: &str| {
            LogArgs { filter: Some(filter.into()), format: Some(format.into()) }.resolve()
        };
        assert_eq!(of("", "").expect("fine").filter, "info");
        assert_eq!(of("warn,dropgate=debug", "json").expect("fine").format, LogFormat::Json);
        for (filter, format, name) in
            [("dropgate=loud", "", "DROPGATE_LOG is "), ("", "xml", "DROPGATE_LOG_FORMAT is ")]
        {
            let line = of(filter, format).expect_err("wrong").to_string();
            assert!(line.starts_with(name), "{line}");
        }
    }
}
