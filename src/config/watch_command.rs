//! `dropgate watch` and what it takes.

use std::time::Duration;

use clap::Args;

use super::error::SettingError;
use super::{ClientArgs, ClientSettings};
use crate::domain::DropId;

pub(super) const WATCH_EXITS: &str = "\
Keys: q, Esc or Ctrl-C quits; the arrows, Page Up and Page Down scroll where there are more SKUs \
than lines.

Exit status: 0 when it was ended by a key, a signal or a reader that went away; 1 when the engine \
refuses it: there is no such drop, or the key opens nothing; 2 for wrong use: a flag or setting \
that is missing, wrong or not known; 3 when the terminal can't be used. An engine that does not answer \
ends nothing: it is waited for, and said to be silent.";

/// What `watch` takes.
#[derive(Debug, Args)]
pub struct Watch {
    /// The drop's id
    #[arg(value_name = "DROP")]
    drop: DropId,
    /// Print a JSON line whenever something has changed; always so where there is no terminal
    #[arg(long)]
    json: bool,
    /// How long to wait between two looks, 0.1 to 3600
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = pause)]
    every: Duration,
    #[command(flatten)]
    client: ClientArgs,
}

/// The settings of `watch`.
#[derive(Clone, Debug)]
pub struct WatchSettings {
    /// What is watched.
    pub drop: DropId,
    /// Whether JSON is wanted, also on a terminal.
    pub json: bool,
    /// How long to wait between two looks.
    pub every: Duration,
    /// Which engine is asked.
    pub client: ClientSettings,
}

impl Watch {
    /// # Errors
    /// [`SettingError`] for the first setting that is missing or wrong.
    pub fn resolve(self) -> Result<WatchSettings, SettingError> {
        let Watch { drop, json, every, client } = self;
        Ok(WatchSettings { drop, json, every, client: client.resolve()? })
    }
}

fn pause(text: &str) -> Result<Duration, String> {
    let seconds: Option<f64> = text.parse().ok().filter(|seconds| (0.1..=3600.0).contains(seconds));
    let pause = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    pause.ok_or_else(|| "give seconds from 0.1 to 3600".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_neither_none_nor_endless() {
        assert_eq!(pause("0.25"), Ok(Duration::from_millis(250)));
        for bad in ["0", "0.09", "-1", "NaN", "inf", "3601", "1s", ""] {
            assert!(pause(bad).is_err(), "{bad}");
        }
    }
}
