//! The commands of the time after a drop, and what each takes.

use std::path::PathBuf;

use clap::Args;

use super::error::SettingError;
use super::{LedgerArgs, LedgerSettings, LogArgs, LogSettings, StoreArgs, StoreSettings};
use crate::domain::{CustomerId, DropId};

/// What `export` takes.
#[derive(Debug, Args)]
pub struct Export {
    /// The drop to export
    #[arg(value_name = "DROP", required_unless_present = "check")]
    drop_id: Option<DropId>,
    /// The file to write, at once as a whole; the standard output if left out
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Check an export by itself, without a database: seals, sums, that it is whole
    #[arg(long, value_name = "FILE", conflicts_with_all = ["drop_id", "out"])]
    check: Option<PathBuf>,
    /// Tell as JSON what came of it: on standard output, or where the export itself goes there, on
    /// standard error
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    ledger: LedgerArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// What `erase` takes.
#[derive(Debug, Args)]
pub struct Erase {
    /// The customer's id
    #[arg(value_name = "CUSTOMER")]
    customer: CustomerId,
    /// From this drop only; from all of them if left out
    #[arg(long = "drop", value_name = "ID")]
    drop_id: Option<DropId>,
    /// Don't ask whether it is meant
    #[arg(long)]
    yes: bool,
    /// Print JSON, as the API has it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    ledger: LedgerArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// What is to be done about exports.
#[derive(Clone, Debug)]
pub enum ExportAction {
    /// Write one.
    Write {
        /// Of which drop.
        drop: DropId,
        /// The file; `None` for the standard output.
        out: Option<PathBuf>,
        /// Where Postgres is.
        ledger: LedgerSettings,
    },
    /// Check one.
    Check(PathBuf),
}

/// The settings of `export`.
#[derive(Clone, Debug)]
pub struct ExportSettings {
    /// What to do.
    pub action: ExportAction,
    /// Whether what came of it is told as JSON.
    pub json: bool,
    /// What is logged, and how.
    pub log: LogSettings,
}

/// The settings of `erase`.
#[derive(Clone, Debug)]
pub struct EraseSettings {
    /// Who is erased.
    pub customer: CustomerId,
    /// From which drop; `None` for all.
    pub only: Option<DropId>,
    /// Whether nobody is asked once more.
    pub yes: bool,
    /// Whether it is told as JSON.
    pub json: bool,
    /// Where Redis is.
    pub store: StoreSettings,
    /// Where Postgres is.
    pub ledger: LedgerSettings,
    /// What is logged, and how.
    pub log: LogSettings,
}

impl Export {
    /// # Errors
    /// [`SettingError`] for the first setting that is missing or wrong.
    pub fn resolve(self) -> Result<ExportSettings, SettingError> {
        let action = match (self.check, self.drop_id) {
            (Some(file), _) => ExportAction::Check(file),
            (None, Some(drop)) => {
                ExportAction::Write { drop, out: self.out, ledger: self.ledger.resolve()? }
            }
            (None, None) => return Err(SettingError::missing("DROP", "name the drop to export")),
        };
        Ok(ExportSettings { action, json: self.json, log: self.log.resolve()? })
    }
}

impl Erase {
    /// # Errors
    /// [`SettingError`] for the first setting that is missing or wrong.
    pub fn resolve(self) -> Result<EraseSettings, SettingError> {
        Ok(EraseSettings {
            customer: self.customer,
            only: self.drop_id,
            yes: self.yes,
            json: self.json,
            store: self.store.resolve()?,
            ledger: self.ledger.resolve()?,
            log: self.log.resolve()?,
        })
    }
}
