//! Connections, and the schema.

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
    time::{Duration, Instant},
};

use deadpool_postgres::{
    Manager, ManagerConfig, Object, Pool, QueueMode, RecyclingMethod, Timeouts,
};
use refinery::embed_migrations;
use tokio_postgres::{Config, config::SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{LedgerError, group::Commits};
use crate::{caller::Caller, home::Home, measure, tls};

embed_migrations!("migrations");

/// How long a call waits for a connection, and how long one may take to be made.
const CONNECT: Duration = Duration::from_secs(2);
/// Connections for hearing of changed keys.
const WATCHERS: usize = 1;
/// Connections for telling other systems of events.
const SINKS: usize = 2;

/// Connections of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolState {
    /// As many as there may be.
    pub most: usize,
    /// As many as there are.
    pub open: usize,
    /// Those that nobody uses.
    pub idle: usize,
    /// Calls that wait for one.
    pub waiting: usize,
}

/// A reader's connection; for how long somebody had it is measured.
pub(super) struct Reading {
    connection: Object,
    since: Instant,
}

impl Deref for Reading {
    type Target = Object;

    fn deref(&self) -> &Object {
        &self.connection
    }
}

impl DerefMut for Reading {
    fn deref_mut(&mut self) -> &mut Object {
        &mut self.connection
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        measure::since(self.since, &measure::POSTGRES_READ);
        if let Some(call) = Caller::traced() {
            call.read(self.since.elapsed());
        }
    }
}

/// The durable record. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Ledger {
    readers: Pool,
    // The write-behind never waits behind reads: without it nothing is answered.
    writers: Pool,
    pub(super) commits: Arc<Commits>,
    // Nor do revocations of keys.
    watcher: Pool,
    // And who sells never waits for whoever is told of it.
    sinks: Pool,
    home: Home,
}

impl Ledger {
    /// Prepares connections to the server at `url`; none is made yet. With `sslmode=require` they
    /// are made with TLS, and the server's certificate must be good for its name, as
    /// `sslmode=verify-full` says it too; else without.
    ///
    /// # Errors
    /// When the address can't be understood, or TLS is asked for and there are no certificates to know
    /// the server by.
    ///
    /// # Panics
    /// Outside of a runtime: the one it is called on has the connections that commit.
    pub fn connect(url: &str, readers: usize, writers: usize) -> Result<Ledger, LedgerError> {
        // The driver knows the other word only.
        let url = url.replace("sslmode=verify-full", "sslmode=require");
        let mut config: Config =
            url.parse().map_err(|error| LedgerError::Unavailable(format!("{error}")))?;
        let secure = config.get_ssl_mode() == SslMode::Require;
        if !secure {
            config.ssl_mode(SslMode::Disable);
        }
        let tls = MakeRustlsConnect::new(tls::client(secure).map_err(LedgerError::Unavailable)?);
        // A batch is committed by one function with arrays of any length: its plan is made once, perhaps
        // while the tables are empty, and must be right for big ones. What a commit touches it finds
        // by its key; to read a whole table for that would look cheaper only while there is nothing in it.
        let plans = " -c plan_cache_mode=force_generic_plan -c enable_seqscan=off \
                     -c enable_hashjoin=off -c enable_mergejoin=off";
        let readers = pool(config.clone(), &tls, readers, "")?;
        let watcher = pool(config.clone(), &tls, WATCHERS, "")?;
        let sinks = pool(config.clone(), &tls, SINKS, "")?;
        let writers = pool(config, &tls, writers, plans)?;
        let (commits, home) = (Arc::default(), Home::here());
        Ok(Ledger { readers, writers, watcher, sinks, commits, home })
    }

    /// Brings the schema up to this version. Engines that start at once wait for each other.
    ///
    /// # Errors
    /// [`LedgerError`]; a schema of a later version is refused.
    pub async fn migrate(&self) -> Result<usize, LedgerError> {
        let mut connection = Object::take(self.writer().await?);
        // An arbitrary number, the same in every version, so that two migrations never mix.
        connection.execute("SELECT pg_advisory_lock(7410731)", &[]).await?;
        let report = migrations::runner().run_async(&mut *connection).await;
        // The connection is closed here, and with it the lock is gone.
        drop(connection);
        report
            .map(|report| report.applied_migrations().len())
            .map_err(|error| LedgerError::Refused(format!("migration: {error}")))
    }

    /// Whether the server answers and has this program's schema.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn ping(&self) -> Result<(), LedgerError> {
        self.reader().await?.query_opt("SELECT 1 FROM drops LIMIT 1", &[]).await?;
        Ok(())
    }

    /// One setting of the server.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn setting(&self, name: &str) -> Result<String, LedgerError> {
        let row = self.reader().await?.query_one("SELECT current_setting($1)", &[&name]).await?;
        Ok(row.try_get(0)?)
    }

    /// The connections of each pool, by its name.
    #[must_use]
    pub fn pools(&self) -> [(&'static str, PoolState); 2] {
        [("readers", &self.readers), ("writers", &self.writers)].map(|(name, pool)| {
            let status = pool.status();
            let (most, open) = (status.max_size, status.size);
            (name, PoolState { most, open, idle: status.available, waiting: status.waiting })
        })
    }

    pub(super) async fn reader(&self) -> Result<Reading, LedgerError> {
        let connection = self.readers.get().await?;
        Ok(Reading { connection, since: Instant::now() })
    }

    pub(super) async fn watcher(&self) -> Result<Object, LedgerError> {
        Ok(self.watcher.get().await?)
    }

    pub(super) async fn sinks(&self) -> Result<Object, LedgerError> {
        Ok(self.sinks.get().await?)
    }

    pub(super) async fn writer(&self) -> Result<Object, LedgerError> {
        // Some are opened for a call, and carry commits later.
        Ok(self.home.opens(self.writers.get()).await?)
    }
}

fn pool(
    mut config: Config,
    tls: &MakeRustlsConnect,
    size: usize,
    options: &str,
) -> Result<Pool, LedgerError> {
    // A statement that hangs must not outlive its caller by much, a lock must not hold up a
    // drop, and a commit that was answered must survive the server.
    config.options(format!(
        "-c lock_timeout=2000 -c idle_in_transaction_session_timeout=2000 \
         -c statement_timeout=30000 -c synchronous_commit=on{options}"
    ));
    config.connect_timeout(CONNECT).application_name("dropgate");
    // A server that vanished without a word is noticed, while sending and while waiting.
    config.tcp_user_timeout(Duration::from_secs(4));
    config.keepalives_idle(Duration::from_secs(3));
    config.keepalives_interval(Duration::from_secs(1)).keepalives_retries(3);
    let manager = Manager::from_config(
        config,
        tls.clone(),
        ManagerConfig { recycling_method: RecyclingMethod::Fast },
    );
    Pool::builder(manager)
        .max_size(size)
        .runtime(deadpool_postgres::Runtime::Tokio1)
        // The one that was used last has its plans and its caches warm.
        .queue_mode(QueueMode::Lifo)
        .timeouts(Timeouts { wait: Some(CONNECT), create: Some(CONNECT), recycle: Some(CONNECT) })
        .build()
        .map_err(|error| LedgerError::Unavailable(error.to_string()))
}
