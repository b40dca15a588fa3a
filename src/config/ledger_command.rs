//! `dropgate ledger` and what it takes.

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};

use super::error::SettingError;
use super::value::time;
use super::{LedgerArgs, LedgerSettings, LogArgs, LogSettings};
use crate::domain::{CustomerId, DropId, KINDS, LedgerFilter, Millis, ReservationId, SkuId};

pub(super) const LEDGER_EXITS: &str = "\
Exit status: 0 when everything is written, or nobody reads on; 1 when there is no such drop; 2 for \
wrong use: a flag or setting that is missing, wrong or not known; 3 when Postgres can't be reached \
or ends in between: what was written until then is right, and --after-seq goes on behind it.";

/// What `ledger` takes.
#[derive(Debug, Args)]
pub struct Events {
    /// The drop's id
    #[arg(value_name = "DROP")]
    drop: DropId,
    /// How rows are written: a table for people, CSV with a header, or JSON lines
    #[arg(long = "format", value_enum, value_name = "FORMAT", default_value = "table")]
    rows: EventsFormat,
    /// The same as --format jsonl
    #[arg(long, conflicts_with = "rows")]
    json: bool,
    /// Only rows of this customer
    #[arg(long, value_name = "ID")]
    customer: Option<CustomerId>,
    /// Only rows of this reservation
    #[arg(long, value_name = "ID")]
    reservation: Option<ReservationId>,
    /// Only rows of this SKU
    #[arg(long, value_name = "ID")]
    sku: Option<SkuId>,
    /// Only events of this kind; may be given several times
    #[arg(long = "kind", value_name = "KIND", value_parser = PossibleValuesParser::new(KINDS))]
    kinds: Vec<String>,
    /// Only what happened at this time or later, like 2030-01-01T00:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Millis>,
    /// Only what happened before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Millis>,
    /// Only events behind this one
    #[arg(long, value_name = "SEQ", default_value_t = 0,
        value_parser = clap::value_parser!(i64).range(0..))]
    after_seq: i64,
    #[command(flatten)]
    ledger: LedgerArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// How rows of the ledger are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EventsFormat {
    /// Aligned columns.
    Table,
    /// RFC 4180, with a header.
    Csv,
    /// One JSON object a line, as the API has it.
    Jsonl,
}

/// The settings of `ledger`.
#[derive(Clone, Debug)]
pub struct EventsSettings {
    /// Whose ledger.
    pub drop: DropId,
    /// How rows are written.
    pub format: EventsFormat,
    /// Which rows.
    pub filter: LedgerFilter,
    /// Only events behind this one.
    pub after_seq: i64,
    /// Where Postgres is.
    pub ledger: LedgerSettings,
    /// What is logged, and how.
    pub log: LogSettings,
}

impl Events {
    /// # Errors
    /// [`SettingError`] for the first setting that is missing or wrong.
    pub fn resolve(self) -> Result<EventsSettings, SettingError> {
        let Events { drop, rows, json, customer, reservation, sku, kinds, since, until, .. } = self;
        if since.zip(until).is_some_and(|(since, until)| since >= until) {
            let remedy = "give a time behind --since, or leave one of the two out";
            return Err(SettingError::wrong("--until", "leaves nothing", remedy));
        }
        Ok(EventsSettings {
            drop,
            format: if json { EventsFormat::Jsonl } else { rows },
            filter: LedgerFilter { customer, reservation, sku, kinds, since, until },
            after_seq: self.after_seq,
            ledger: self.ledger.resolve()?,
            log: self.log.resolve()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::{Cli, Command};
    use super::*;

    fn resolved(arguments: &str) -> Result<EventsSettings, String> {
        let words = ["dropgate", "ledger"].into_iter().chain(arguments.split_whitespace());
        let url = ["--database-url", "postgres://h/d"];
        let cli = Cli::try_parse_from(words.chain(url)).map_err(|error| error.to_string())?;
        let Command::Ledger(events) = cli.command else { return Err("another".to_owned()) };
        events.resolve().map_err(|error| error.to_string())
    }

    #[test]
    fn filters_are_read() {
        let settings = resolved(
            "d --customer c-1 --sku a --kind held --kind confirmed --since 1970-01-01T00:00:01Z \
             --until 1970-01-01T00:00:02Z --after-seq 7 --json",
        )
        .expect("fine");
        assert_eq!((settings.format, settings.after_seq), (EventsFormat::Jsonl, 7));
        assert_eq!(settings.filter.kinds, ["held", "confirmed"]);
        assert_eq!(settings.filter.since, Some(Millis(1000)));
        assert_eq!(resolved("d").expect("fine").format, EventsFormat::Table);
        assert_eq!(resolved("d --format csv").expect("fine").format, EventsFormat::Csv);
        for bad in [
            "",
            "d --kind bought",
            "d --reservation 1",
            "d --since yesterday",
            "d --after-seq -1",
            "d --format xml",
            "d --json --format csv",
            "d --since 1970-01-01T00:00:02Z --until 1970-01-01T00:00:02Z",
        ] {
            assert!(resolved(bad).is_err(), "{bad}");
        }
    }
}
