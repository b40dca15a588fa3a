//! The commands and what each takes.

use clap::{Args, Parser, Subcommand};

use super::drops_command::CLIENT_EXITS;
use super::error::SettingError;
use super::ledger_command::LEDGER_EXITS;
use super::show::{Config, Setting};
use super::watch_command::WATCH_EXITS;
use super::{
    DevArgs, DevKeys, DevSettings, Drops, EngineArgs, EngineSettings, Erase, Events, Export,
    KeyArgs, KeySettings, Keys, LedgerArgs, LedgerSettings, LimitArgs, LimitSettings, LogArgs,
    LogSettings, Restock, ServerArgs, ServerSettings, SinkArgs, SinkSettings, StoreArgs,
    StoreSettings, TraceArgs, TraceSettings, Watch, Webhooks,
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

const EXPORT_EXITS: &str = "\
Exit status: 0 when what was written or checked is sound; 1 when it is not, or when it can't be read \
or written; 2 for a flag that is not known.";
const ERASE_EXITS: &str = "\
Exit status: 0 when the id is gone from the ledger and from Redis; 1 when it is not, with one line \
that says why; 2 for a flag that is not known.";

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
    /// Create, list, show, open, pause and close drops, through a running engine
    Drop(Drops),
    /// Add units to a SKU or take some away, through a running engine
    ///
    /// Safe to repeat: the call carries an idempotency key, is repeated with it when its answer is
    /// lost, and the key is told.
    #[command(after_help = CLIENT_EXITS)]
    Restock(Box<Restock>),
    /// Make, list, change, try and end webhooks, and look at what they did not take, through a running
    /// engine
    Webhooks(Webhooks),
    /// Watch a sale live: stock, holds and confirms a second, how far the ledger is behind
    ///
    /// Rates and lags are those of the process that answers: give the address of one engine.
    #[command(after_help = WATCH_EXITS)]
    Watch(Box<Watch>),
    /// Write out a drop's ledger, in order, as table, CSV or JSON lines
    ///
    /// Straight from Postgres, with or without a running engine, as it was when the command began.
    #[command(after_help = LEDGER_EXITS)]
    Ledger(Box<Events>),
    /// Build a drop's Redis side anew from the ledger
    ///
    /// A running engine does so by itself when it finds Redis wiped, stale or forked; this is
    /// for a person who wants it now. It raises the drop's epoch, which fences everything older.
    #[command(after_help = REBUILD_EXITS)]
    Rebuild(Box<Rebuild>),
    /// Write a drop's settings, reservations and ledger into a file, or check such a file
    ///
    /// JSON, one record a line, as of one instant. The file is checked by itself: each entry's seal,
    /// the sums at every prefix, and that what is kept is what the rows come to.
    #[command(after_help = EXPORT_EXITS)]
    Export(Box<Export>),
    /// Put a pseudonym in the place of a customer's id, for good
    ///
    /// In the ledger and in Redis, from all drops or from one, with running engines or without. Sums
    /// and seals stay as they are. Not while the customer has an active hold.
    #[command(after_help = ERASE_EXITS)]
    Erase(Box<Erase>),
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
    /// How many threads this process shall have.
    ///
    /// # Errors
    /// [`SettingError`] when the setting is wrong.
    pub fn worker_threads(&self) -> Result<usize, SettingError> {
        if let Command::Serve(serve) = self {
            return serve.server.worker_threads();
        }
        if let Command::Dev(dev) = self {
            return dev.server.worker_threads();
        }
        Ok(ServerSettings::default().worker_threads)
    }

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
    traces: TraceArgs,
    #[command(flatten)]
    sinks: SinkArgs,
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
    traces: TraceArgs,
    #[command(flatten)]
    sinks: SinkArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// What `migrate` takes.
#[derive(Debug, Args)]
pub struct Migrate {
    /// Print a JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    ledger: LedgerArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// What `audit` takes.
#[derive(Debug, Args)]
pub struct Audit {
    /// The drop to look at; all of them if left out
    #[arg(value_name = "DROP")]
    drop_id: Option<DropId>,
    /// The same
    #[arg(long = "drop", value_name = "ID", conflicts_with = "drop_id")]
    named: Option<DropId>,
    /// Print one JSON document a drop and line, as the API has it
    #[arg(long)]
    json: bool,
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
    /// Print a JSON document
    #[arg(long)]
    json: bool,
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
    /// Where traces are sent.
    pub traces: TraceSettings,
    /// How other systems are told of events.
    pub sinks: SinkSettings,
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
    /// Where traces are sent.
    pub traces: TraceSettings,
    /// How other systems are told of events.
    pub sinks: SinkSettings,
    /// What is logged, and how.
    pub log: LogSettings,
}

/// The settings of `migrate`.
#[derive(Clone, Debug)]
pub struct MigrateSettings {
    /// Whether it is told as JSON.
    pub json: bool,
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
    /// Whether it is told as JSON.
    pub json: bool,
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
    /// Whether it is told as JSON.
    pub json: bool,
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
            traces: self.traces.resolve()?,
            sinks: self.sinks.resolve(false)?,
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
            traces: self.traces.resolve()?,
            // Who develops a receiver has it on this machine.
            sinks: self.sinks.resolve(true)?,
            log: self.log.resolve()?,
        })
    }
}

impl Migrate {
    /// # Errors
    /// [`SettingError`] for the first setting that is missing or wrong.
    pub fn resolve(self) -> Result<MigrateSettings, SettingError> {
        Ok(MigrateSettings {
            json: self.json,
            ledger: self.ledger.resolve()?,
            log: self.log.resolve()?,
        })
    }
}

impl Audit {
    /// # Errors
    /// [`SettingError`] for the first setting that is missing or wrong.
    pub fn resolve(self) -> Result<AuditSettings, SettingError> {
        Ok(AuditSettings {
            drop_id: self.drop_id.or(self.named),
            json: self.json,
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
            json: self.json,
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
            ("export", ["DROPGATE_DATABASE_URL", "--check", "Exit status"]),
            ("erase", ["DROPGATE_REDIS_URL", "--yes", "Exit status"]),
            ("restock", ["DROPGATE_URL", "--idempotency-key", "Exit status"]),
            ("watch", ["DROPGATE_ADMIN_KEY", "--json", "Exit status"]),
            ("ledger", ["DROPGATE_DATABASE_URL", "--format", "Exit status"]),
            ("config", ["DROPGATE_CORS_ORIGINS", "--json", "Exit status"]),
        ] {
            let command = cli.find_subcommand_mut(name).expect(name);
            let help = command.render_long_help().to_string();
            for word in wanted {
                assert!(help.contains(word), "{name}: {word}\n{help}");
            }
        }
        let drops = cli.find_subcommand_mut("drop").expect("drop");
        for name in ["create", "list", "show", "open", "pause", "close"] {
            let command = drops.find_subcommand_mut(name).expect(name);
            let help = command.render_long_help().to_string();
            for word in ["DROPGATE_URL", "DROPGATE_ADMIN_KEY_FILE", "--json", "Exit status"] {
                assert!(help.contains(word), "{name}: {word}\n{help}");
            }
        }
    }
}
