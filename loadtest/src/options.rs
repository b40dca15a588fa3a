//! What the program can be told.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::Parser;
use clap::builder::RangedI64ValueParser;

use crate::mix::{DEFAULT_MIX, Mix};

const EXITS: &str = "\
Exit status:
  0  the audit is balanced, and the buyers' own books agree with the ledger
  1  the audit is not balanced, or the ledger breaks a rule: oversold, over a limit, a gap
  2  a flag that is not known, or a wrong value
  3  the books disagree with the ledger or with an answer; each disagreement is printed
  4  the drop could not be run to its end, or was interrupted

The buyers wait for each answer before they do the next thing, as people do. While the engine
is slow they ask less, so the latencies hide that waiting; for latencies at a given rate use a
generator that does not wait.";

/// Simulates a whole drop against a Dropgate engine, and audits the result.
///
/// Makes a drop of its own, lets a crowd of buyers in when it opens, waits until every hold has
/// ended, and compares what the buyers were told with the ledger, event by event. When nothing
/// listens at the address, it starts a fresh engine and ends it afterwards.
#[derive(Clone, Debug, Parser)]
#[command(name = "dropgate-loadtest", version, after_help = EXITS)]
pub(crate) struct Options {
    /// Address of a running engine
    #[arg(long, default_value = "http://127.0.0.1:8080", value_name = "URL")]
    pub(crate) url: String,
    /// Start a fresh engine even if one is running
    #[arg(long)]
    pub(crate) fresh: bool,
    /// The `dropgate` program for a fresh engine [default: beside this program]
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) engine: Option<PathBuf>,
    /// Bearer key of the admin scope [default: from the data folder]
    #[arg(long, env = "DROPGATE_ADMIN_KEY", hide_env_values = true, value_name = "KEY")]
    pub(crate) admin_key: Option<String>,
    /// Bearer key of the storefront scope [default: from the data folder]
    #[arg(long, env = "DROPGATE_STOREFRONT_KEY", hide_env_values = true, value_name = "KEY")]
    pub(crate) storefront_key: Option<String>,
    /// Folder of a running `dropgate dev`, which keeps its keys there
    #[arg(long, env = "DROPGATE_DATA_DIR", default_value = ".dropgate", value_name = "FOLDER")]
    pub(crate) data_dir: PathBuf,

    /// How many buyers come
    #[arg(long, default_value_t = 5_000, value_parser = within(1..=1_000_000))]
    pub(crate) buyers: u32,
    /// How many units are for sale, over all SKUs
    #[arg(long, default_value_t = 500, value_parser = within(1..=100_000_000))]
    pub(crate) units: u32,
    /// How many SKUs the drop sells
    #[arg(long, default_value_t = 5, value_parser = within(1..=100))]
    pub(crate) skus: u32,
    /// In what proportion the kinds of buyers come
    #[arg(long, default_value = DEFAULT_MIX, value_name = "KIND=WEIGHT,...")]
    pub(crate) mix: Mix,
    /// The drop's hold TTL, in seconds
    #[arg(long, default_value_t = 5, value_parser = within(1..=3600))]
    pub(crate) ttl: u32,
    /// The most units one customer may have of the drop
    #[arg(long, default_value_t = 4, value_parser = within(1..=1000))]
    pub(crate) limit: u32,
    /// How many buyers are there at the same time: the first wave, all at the opening; each
    /// of the others comes when one has left
    #[arg(long, default_value_t = 1_000, value_parser = within(1..=20_000))]
    pub(crate) at_once: u32,
    /// What all chance comes from [default: the time, and printed]
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// For how many seconds a buyer repeats a call that has no answer
    #[arg(long, default_value_t = 30, value_parser = within(0..=600))]
    pub(crate) patience: u32,
    /// After how many seconds nobody else comes in
    #[arg(long, default_value_t = 300, value_parser = within(1..=86_400))]
    pub(crate) time_limit: u32,
    /// Folder for drop.html, drop.json and goose.html
    #[arg(long, default_value = "report", value_name = "FOLDER")]
    pub(crate) report: PathBuf,
}

/// A whole number of a range.
fn within(range: RangeInclusive<i64>) -> RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(range)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_options_are_well_formed() {
        Options::command().debug_assert();
        let options = Options::try_parse_from(["dropgate-loadtest"]).expect("the defaults");
        assert_eq!((options.buyers, options.units, options.limit), (5_000, 500, 4));
    }

    #[test]
    fn the_exit_statuses_are_documented() {
        let help = Options::command().render_long_help().to_string();
        for line in ["0  the audit", "1  the audit", "2  a flag", "3  the books", "4  the drop"] {
            assert!(help.contains(line), "{line}");
        }
    }
}
