//! Commands and settings: one struct a concern, each read from the environment or a flag,
//! checked before anything starts.
//!
//! Each concern has its arguments, whose comments are what `--help` shows, and its settings,
//! which are what the program works with. `resolve` turns the one into the other, or says in
//! one line which setting is wrong and how to mend it. `sources` is where values come from.

mod after;
mod cli;
mod client;
mod dev;
mod drops_command;
mod engine;
mod error;
mod keys;
mod keys_command;
mod ledger;
mod ledger_command;
mod limits;
mod log;
mod server;
mod show;
mod sinks;
mod sources;
mod store;
mod traces;
mod url;
mod value;
mod watch_command;
mod webhooks_command;

pub use after::{Erase, EraseSettings, Export, ExportAction, ExportSettings};
pub use cli::{Audit, Cli, Command, Dev, Migrate, Rebuild, Serve};
pub use cli::{AuditSettings, DevCommandSettings, MigrateSettings, RebuildSettings, ServeSettings};
pub use client::{ClientArgs, ClientSettings};
pub use dev::{DevArgs, DevSettings};
pub use drops_command::{Drops, DropsAction, DropsSettings, NewDrop, Restock, RestockSettings};
pub use engine::{EngineArgs, EngineSettings};
pub use error::SettingError;
pub use keys::{DevKeys, KeptKeys, KeyArgs, KeySettings, Secret};
pub use keys_command::{Keys, KeysAction, KeysSettings};
pub use ledger::{LedgerArgs, LedgerSettings};
pub use ledger_command::{Events, EventsFormat, EventsSettings};
pub use limits::{LimitArgs, LimitSettings};
pub use log::{LogArgs, LogFormat, LogSettings};
pub use server::{CorsOrigins, ServerArgs, ServerSettings};
pub use show::Config;
pub use sinks::{KafkaSettings, RabbitMqSettings, SinkArgs, SinkSettings};
pub use sources::{Unreadable, unknown_variables};
pub use store::{StoreArgs, StoreSettings};
pub use traces::{TraceArgs, TraceSampling, TraceSettings};
pub use value::NewSku;
pub use watch_command::{Watch, WatchSettings};
pub use webhooks_command::{Webhooks, WebhooksAction, WebhooksSettings};
