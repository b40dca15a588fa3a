//! Commands and settings: one struct a concern, each read from the environment or a flag,
//! checked before anything starts.
//!
//! Each concern has its arguments, whose comments are what `--help` shows, and its settings,
//! which are what the program works with. `resolve` turns the one into the other, or says in
//! one line which setting is wrong and how to mend it. `sources` is where values come from.

mod cli;
mod dev;
mod engine;
mod error;
mod keys;
mod keys_command;
mod ledger;
mod limits;
mod log;
mod server;
mod show;
mod sources;
mod store;
mod url;

pub use cli::{Audit, Cli, Command, Dev, Migrate, Rebuild, Serve};
pub use cli::{AuditSettings, DevCommandSettings, MigrateSettings, RebuildSettings, ServeSettings};
pub use dev::{DevArgs, DevSettings};
pub use engine::{EngineArgs, EngineSettings};
pub use error::SettingError;
pub use keys::{DevKeys, KeyArgs, KeySettings, Secret};
pub use keys_command::{Keys, KeysAction, KeysSettings};
pub use ledger::{LedgerArgs, LedgerSettings};
pub use limits::{LimitArgs, LimitSettings};
pub use log::{LogArgs, LogFormat, LogSettings};
pub use server::{CorsOrigins, ServerArgs, ServerSettings};
pub use show::Config;
pub use sources::Unreadable;
pub use store::{StoreArgs, StoreSettings};
