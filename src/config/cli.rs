//! The commands and what each takes.

use clap::{Args, Parser, Subcommand};

use super::error::SettingError;
use super::show::{Config, Setting};
use super::{
    DevArgs, DevKeys, DevSettings, EngineArgs, EngineSettings, KeyArgs, KeySettings, Keys,
    LedgerArgs, LedgerSettings, LimitArgs, LimitSettings, LogArgs, LogSettings, ServerArgs,
    ServerSettings, StoreArgs, StoreSettings,
};
use crate::domain::DropId;

const SERVE_EXITS: &str = "\
Exit status: 0 after a stop by SIGTERM or SIGINT; 1 when it can't start, with one line that says \
why; 2 for a flag that is not known.";
const DEV_EXITS: &str = "\
Exit status: 0 after a stop by SIGTERM or SIGINT; 1 when it can't start; 2 for a flag that is not \
known.";
const MIGRATE_EXITS: &str = "\
Exit status: 0 when the database is up to date; 1 when it can't be brought there; 2 for a flag \
that is not known.";
const AUDIT_EXITS: &str = "\
Exit status: 0 when everything is balanced; 1 for a violation, or when it can't look; 2 for a flag \
that is not known.";
const REBUILD_EXITS: &str = "\
Exit status: 0 when the drop is back in Redis; 1 when it is not; 2 for a flag that is not known.";

const CONFIG_EXITS: &str = "\
Exit status: 0 when `serve` could start with the settings; 2 when one is missing or wrong, with \
one line that names it, or for a flag that is not known.";

/// A flash-sale reservation engine: Redis admits, Postgres decides.
#[derive(Debug, Parser)]
#[command(name = "dropgate", version, about, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the API and run the tasks, against a given Redis and Postgres
    ///
    /// Every process may serve, expire and write the ledger; run as many as you like against
    /// one Redis and one Postgres. The database is brought up to date first. Each setting is a
    /// flag or an environment variable; the flag wins. A key or an address may also stand in a file
    /// that a variable names, like `DROPGATE_ADMIN_KEY_FILE`.
    #[command(after_help = SERVE_EXITS)]
    Serve(Box<Serve>),
    /// Serve with a private Redis and Postgres, a demo drop and keys of its own
    ///
    /// Needs no settings. The servers' files and the keys are kept in the data folder; a server
    /// that dies is started again, and both end with this process.
    #[command(after_help = DEV_EXITS)]
    Dev(Box<Dev>),
    /// Bring the database up to date
    ///
    /// `serve` does so as well; this is for whoever gives `serve` a user that may not change
    /// tables.
    #[command(after_help = MIGRATE_EXITS)]
    Migrate(Box<Migrate>),
    /// Compare Redis with the ledger, and the ledger with itself
    ///
    /// Holds under load too: what is in the journal and not yet in the ledger is counted.
    #[command(after_help = AUDIT_EXITS)]
    Audit(Box<Audit>),
    /// Build a drop's Redis side anew from the ledger
    ///
    /// A running engine does so by itself when it finds Redis wiped, stale or forked; this is
    /// for a person who wants it now. It raises the drop's epoch, which fences everything older.
    #[command(after_help = REBUILD_EXITS)]
    Rebuild(Box<Rebuild>),
    /// Make, list, rotate and revoke keys of the API
    ///
    /// Besides the two from the settings of `serve`. The database keeps only their SHA-256; running
    /// engines hear of a change within a second.
    Keys(Keys),
    /// Show the settings with which `serve` would start, and where each comes from
    ///
    /// From a flag, the environment, a file or the default. Keys and passwords are hidden.
    #[command(after_help = CONFIG_EXITS)]
    Config(Box<Config>),
}

impl Command {
    /// Tells the one command that shows them where settings come from.
    pub(super) fn note_sources(&mut self, settings: impl FnOnce() -> Vec<Setting>) {
        if let Command::Config(config) = self {
            config.note(settings());
        }
    }
}

/// What `serve` takes.
#[derive(Debug, Args)]
pub struct Serve {
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    ledger: LedgerArgs,
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// What `dev` takes.
#[derive(Debug, Args)]
pub struct Dev {
    #[command(flatten)]
    dev: DevArgs,
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// What `migrate` takes.
#[derive(Debug, Args)]
pub struct Migrate {
    #[command(flatten)]
    ledger: LedgerArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// What `audit` takes.
#[derive(Debug, Args)]
pub struct Audit {
    /// The drop to look at; all of them if left out
    #[arg(long = "drop", value_name = "ID")]
    drop_id: Option<DropId>,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    ledger: LedgerArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// What `rebuild` takes.
#[derive(Debug, Args)]
pub struct Rebuild {
    /// The drop to rebuild
    #[arg(long = "drop", value_name = "ID")]
    drop_id: DropId,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    ledger: LedgerArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// The settings of `serve`.
#[derive(Clone, Debug)]
pub struct ServeSettings {
    /// Where and for how many the API is served.
    pub server: ServerSettings,
    /// Where Redis is.
    pub store: StoreSettings,
    /// Where Postgres is.
    pub ledger: LedgerSettings,
    /// The API's keys.
    pub keys: KeySettings,
    /// How fast the API may be called.
    pub limits: LimitSettings,
    /// When and how fast the engine answers.
    pub engine: EngineSettings,
    /// What is logged, and how.
    pub log: LogSettings,
}

/// The settings of `dev`.
#[derive(Clone, Debug)]
pub struct DevCommandSettings {
    /// Where its servers' files are.
    pub dev: DevSettings,
    /// Where and for how many the API is served.
    pub server: ServerSettings,
    /// The API's keys, as far as they are given.
    pub keys: DevKeys,
    /// How fast the API may be called.
    pub limits: LimitSettings,
    /// When and how fast the engine answers.
    pub engine: EngineSettings,
    /// What is logged, and how.
    pub log: LogSettings,
}

/// The settings of `migrate`.
#[derive(Clone, Debug)]
pub struct MigrateSettings {
    /// Where Postgres is.
    pub ledger: LedgerSettings,
    /// What is logged, and how.
    pub log: LogSettings,
}

/// The settings of `audit`.
#[derive(Clone, Debug)]
pub struct AuditSettings {
    /// The drop to look at; `None` for all.
    pub drop_id: Option<DropId>,
    /// Where Redis is.
    pub store: StoreSettings,
    /// Where Postgres is.
    pub ledger: LedgerSettings,
    /// What is logged, and how.
    pub log: LogSettings,
}

/// The settings of `rebuild`.
#[derive(Clone, Debug)]
pub struct RebuildSettings {
    /// The drop to rebuild.
    pub drop_id: DropId,
    /// Where Redis is.
    pub store: StoreSettings,
    /// Where Postgres is.
    pub ledger: LedgerSettings,
    /// What is logged, and how.
    pub log: LogSettings,
}

impl Serve {
    /// # Errors
    /// [`SettingError`] for the first setting that is missing or wrong.
    pub fn resolve(self) -> Result<ServeSettings, SettingError> {
        Ok(ServeSettings {
            server: self.server.resolve()?,
            store: self.store.resolve()?,
            ledger: self.ledger.resolve()?,
            keys: self.keys.resolve()?,
            limits: self.limits.resolve()?,
            engine: self.engine.resolve()?,
            log: self.log.resolve()?,
        })
    }
}

impl Dev {
    /// # Errors
    /// [`SettingError`] for the first setting that is wrong.
    pub fn resolve(self) -> Result<DevCommandSettings, SettingError> {
        Ok(DevCommandSettings {
            dev: self.dev.resolve(),
            server: self.server.resolve()?,
            keys: self.keys.resolve_given()?,
            limits: self.limits.resolve()?,
            engine: self.engine.resolve()?,
            log: self.log.resolve()?,
        })
    }
}

impl Migrate {
    /// # Errors
    /// [`SettingError`] for the first setting that is missing or wrong.
    pub fn resolve(self) -> Result<MigrateSettings, SettingError> {
        Ok(MigrateSettings { ledger: self.ledger.resolve()?, log: self.log.resolve()? })
    }
}

impl Audit {
    /// # Errors
    /// [`SettingError`] for the first setting that is missing or wrong.
    pub fn resolve(self) -> Result<AuditSettings, SettingError> {
        Ok(AuditSettings {
            drop_id: self.drop_id,
            store: self.store.resolve()?,
            ledger: self.ledger.resolve()?,
            log: self.log.resolve()?,
        })
    }
}

impl Rebuild {
    /// # Errors
    /// [`SettingError`] for the first setting that is missing or wrong.
    pub fn resolve(self) -> Result<RebuildSettings, SettingError> {
        Ok(RebuildSettings {
            drop_id: self.drop_id,
            store: self.store.resolve()?,
            ledger: self.ledger.resolve()?,
            log: self.log.resolve()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_commands_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_explains_every_setting_and_the_exit_status() {
        let mut cli = Cli::command();
        for (name, wanted) in [
            ("serve", ["DROPGATE_REDIS_URL", "DROPGATE_ADMIN_KEY", "Exit status"]),
            ("dev", ["DROPGATE_DATA_DIR", "DROPGATE_LISTEN", "Exit status"]),
            ("migrate", ["DROPGATE_DATABASE_URL", "DROPGATE_LOG_FORMAT", "Exit status"]),
            ("audit", ["DROPGATE_DATABASE_URL", "--drop", "Exit status"]),
            ("rebuild", ["DROPGATE_REDIS_URL", "--drop", "Exit status"]),
            ("config", ["DROPGATE_CORS_ORIGINS", "--json", "Exit status"]),
        ] {
            let command = cli.find_subcommand_mut(name).expect(name);
            let help = command.render_long_help().to_string();
            for word in wanted {
                assert!(help.contains(word), "{name}: {word}\n{help}");
            }
        }
    }
}
