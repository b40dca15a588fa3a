//! The commands: what each starts, in which order, and how it ends.

mod audit;
mod config;
mod demo;
mod dev;
mod drops;
mod erase;
mod export;
mod failed;
mod keys;
mod ledger;
mod output;
mod progress;
mod rebuild;
mod restock;
mod room;
mod serve;
mod watch;
mod webhooks;

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use tokio::runtime::{self, Runtime};

use crate::{
    config::{Command, LedgerSettings, StoreSettings, unknown_variables},
    engine::{Engine, EngineOptions, HoldAck},
    ledger::Ledger,
    store::Store,
    telemetry,
};

/// Connections that only the write-behind uses.
const WRITERS: usize = 4;

/// The threads of a program that works with so many.
///
/// # Errors
/// When the system gives no thread.
pub fn runtime(worker_threads: usize) -> std::io::Result<Runtime> {
    threads(worker_threads).build()
}

fn threads(worker_threads: usize) -> runtime::Builder {
    let mut builder = runtime::Builder::new_multi_thread();
    builder.worker_threads(worker_threads).enable_all();
    builder
}

/// The threads of an engine's own work, beside so many that answer its clients: batches are few
/// where calls are many.
///
/// # Errors
/// When the system gives no thread.
pub fn engine_runtime(worker_threads: usize) -> std::io::Result<Runtime> {
    runtime(worker_threads.div_ceil(2))
}

/// Runs a command. The status is the program's: 0 when all is well.
///
/// # Errors
/// What stopped it, in one line.
pub async fn run(command: Command) -> anyhow::Result<u8> {
    match command {
        Command::Serve(serve) => {
            let settings = serve.resolve()?;
            telemetry::init(&settings.log);
            telemetry::collect_metrics();
            warn_of_unknown_variables();
            serve::run(settings).await?;
        }
        Command::Dev(dev) => {
            let settings = dev.resolve()?;
            telemetry::init(&settings.log);
            telemetry::collect_metrics();
            warn_of_unknown_variables();
            dev::run(settings).await?;
        }
        Command::Migrate(migrate) => {
            let settings = migrate.resolve()?;
            telemetry::init(&settings.log);
            let ledger = connect_ledger(&settings.ledger)?;
            let applied = ledger.migrate().await?;
            if settings.json {
                output::print_json(&serde_json::json!({ "applied": applied }))?;
            } else {
                println!("The database is up to date; {applied} migrations were applied.");
            }
        }
        Command::Drop(drops) => match drops.resolve() {
            Ok(settings) => return drops::run(settings).await,
            Err(error) => return Ok(failed::wrong_use(&error)),
        },
        Command::Restock(restock) => match restock.resolve() {
            Ok(settings) => return restock::run(settings).await,
            Err(error) => return Ok(failed::wrong_use(&error)),
        },
        Command::Webhooks(webhooks) => match webhooks.resolve() {
            Ok(settings) => return webhooks::run(settings).await,
            Err(error) => return Ok(failed::wrong_use(&error)),
        },
        Command::Watch(watch) => match watch.resolve() {
            Ok(settings) => return watch::run(settings).await,
            Err(error) => return Ok(failed::wrong_use(&error)),
        },
        Command::Ledger(events) => match events.resolve() {
            Ok(settings) => {
                telemetry::init(&settings.log);
                return ledger::run(settings).await;
            }
            Err(error) => return Ok(failed::wrong_use(&error)),
        },
        Command::Audit(audit) => {
            let settings = audit.resolve()?;
            telemetry::init(&settings.log);
            return audit::run(settings).await;
        }
        Command::Rebuild(rebuild) => {
            let settings = rebuild.resolve()?;
            telemetry::init(&settings.log);
            return rebuild::run(settings).await;
        }
        Command::Export(export) => {
            let settings = export.resolve()?;
            telemetry::init(&settings.log);
            return export::run(settings).await;
        }
        Command::Erase(erase) => {
            let settings = erase.resolve()?;
            telemetry::init(&settings.log);
            return erase::run(settings).await;
        }
        Command::Keys(keys) => {
            let settings = keys.resolve()?;
            telemetry::init(&settings.log);
            keys::run(settings).await?;
        }
        Command::Config(config) => return Ok(config::run(*config)),
    }
    Ok(0)
}

fn warn_of_unknown_variables() {
    for name in unknown_variables() {
        tracing::warn!(name, "no setting has this name; `dropgate serve --help` lists them");
    }
}

fn connect_ledger(settings: &LedgerSettings) -> anyhow::Result<Ledger> {
    Ledger::connect(&settings.url, settings.connections, WRITERS)
        .context("DROPGATE_DATABASE_URL can't be used")
}

/// An engine without tasks: it looks and rebuilds, and carries nothing into the ledger.
fn bare_engine(store: &StoreSettings, ledger: &LedgerSettings) -> anyhow::Result<Arc<Engine>> {
    let store = Store::connect(&store.url).context("DROPGATE_REDIS_URL can't be used")?;
    let options = EngineOptions {
        hold_ack: HoldAck::Ledger,
        answer_timeout: Duration::from_secs(5),
        // Only its tasks would evict anything.
        evict_after: Duration::MAX,
        details_ttl: Duration::from_secs(60),
    };
    Ok(Engine::new(store, connect_ledger(ledger)?, options).0)
}

/// What this version would write into Redis, an engine of another one may not be able to read.
async fn refuse_beside_strangers(engine: &Engine) -> anyhow::Result<()> {
    match engine.announce().await? {
        None => Ok(()),
        Some(stranger) => anyhow::bail!("{stranger}: use the command of that version"),
    }
}
