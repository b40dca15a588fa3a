//! Both servers in a temporary folder, for tests.

use std::ffi::OsString;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use tokio::sync::OnceCell;

use super::postgres::connect;
use super::process::blocking;
use super::template::Run;
use super::{LocalError, PostgresConfig, PostgresServer, Programs, RedisConfig, RedisServer};

/// Postgres cuts longer names off.
const LONGEST_NAME: usize = 63;
/// How long dropping a database may take before it is left to its server's end.
const DROP_WITHIN: Duration = Duration::from_secs(5);

/// What [`TestServers`] are started with. The default is durable, as in production.
#[derive(Debug, Clone)]
pub struct TestConfig {
    /// Whether Postgres waits for the disk. Off, it is faster, and survives its own death all the
    /// same, but not the machine's.
    pub fsync: bool,
    /// More arguments for Redis, over the usual ones: `["--appendfsync", "always"]`.
    pub redis_args: Vec<OsString>,
    /// More environment variables for Redis, such as `LD_PRELOAD`.
    pub redis_env: Vec<(OsString, OsString)>,
    /// More settings for Postgres, over the usual ones.
    pub postgres_settings: Vec<(String, String)>,
}

impl Default for TestConfig {
    fn default() -> Self {
        Self {
            fsync: true,
            redis_args: Vec::new(),
            redis_env: Vec::new(),
            postgres_settings: Vec::new(),
        }
    }
}

/// A Redis and a Postgres of their own for tests, empty at first.
///
/// They die with the test process, however that ends, so they may stand in a `static` that is
/// never dropped, as [`TestServers::shared`] do. What a killed process leaves in the temporary
/// folder goes when the next one starts.
#[derive(Debug)]
pub struct TestServers {
    redis: RedisServer,
    postgres: PostgresServer,
    databases: AtomicU32,
    // After the servers: their files go last.
    _run: Run,
}

impl TestServers {
    /// Starts both and waits until they answer: about a second.
    ///
    /// # Errors
    ///
    /// As [`Programs::find`], [`RedisServer::start`] and [`PostgresServer::start`].
    pub async fn start() -> Result<Self, LocalError> {
        Self::start_with(TestConfig::default()).await
    }

    /// As [`TestServers::start`], with other settings.
    ///
    /// # Errors
    ///
    /// As [`TestServers::start`].
    pub async fn start_with(config: TestConfig) -> Result<Self, LocalError> {
        let (programs, run) = blocking(|| {
            let programs = Programs::find()?;
            let run = Run::new(programs.newest())?;
            Ok((programs, run))
        })
        .await?;
        let mut redis = RedisConfig::new(run.redis());
        redis.args = config.redis_args;
        redis.env = config.redis_env;
        let mut postgres = PostgresConfig::new(run.postgres());
        let fsync = if config.fsync { "on" } else { "off" };
        postgres.settings.push(("fsync".to_owned(), fsync.to_owned()));
        postgres.settings.push(("shared_buffers".to_owned(), "32MB".to_owned()));
        postgres.settings.extend(config.postgres_settings);
        let (redis, postgres) = tokio::try_join!(
            RedisServer::start(&programs, redis),
            PostgresServer::start(&programs, postgres)
        )?;
        Ok(Self { redis, postgres, databases: AtomicU32::new(0), _run: run })
    }

    /// The servers that all tests of this process share; the first caller starts them. Not for
    /// tests that kill or freeze them.
    ///
    /// # Errors
    ///
    /// As [`TestServers::start`].
    pub async fn shared() -> Result<&'static Self, LocalError> {
        static SHARED: OnceCell<TestServers> = OnceCell::const_new();
        SHARED.get_or_try_init(Self::start).await
    }

    /// The Redis.
    #[must_use]
    pub fn redis(&self) -> &RedisServer {
        &self.redis
    }

    /// The Postgres.
    #[must_use]
    pub fn postgres(&self) -> &PostgresServer {
        &self.postgres
    }

    /// Creates an empty database whose name starts with `name`; a number makes it unique.
    ///
    /// # Errors
    ///
    /// [`LocalError::Sql`].
    pub async fn new_database(&self, name: &str) -> Result<TestDatabase, LocalError> {
        let number = format!("_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let allowed = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
        let kept = name.chars().filter(allowed).take(LONGEST_NAME - number.len());
        let name = kept.collect::<String>() + &number;
        let admin_url = self.postgres.url_of("postgres");
        execute(&admin_url, &format!(r#"CREATE DATABASE "{name}""#))
            .await
            .map_err(|source| LocalError::Sql { doing: "create a database", source })?;
        Ok(TestDatabase { url: self.postgres.url_of(&name), name, admin_url })
    }
}

/// A database for one test. Dropping it removes it, with whoever is still connected to it.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    url: String,
    admin_url: String,
}

impl TestDatabase {
    /// `postgres://…`, with user and password.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its name in Postgres.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let url = std::mem::take(&mut self.admin_url);
        let statement = format!(r#"DROP DATABASE IF EXISTS "{}" WITH (FORCE)"#, self.name);
        // On a thread of its own: the one we are on may be in the middle of a test's async
        // runtime.
        let dropped = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let dropped = tokio::time::timeout(DROP_WITHIN, execute(&url, &statement)).await;
                dropped?.map_err(std::io::Error::other)
            })
        });
        // A test may have killed the server; then the database goes with its files.
        if let Ok(Err(error)) = dropped.join() {
            tracing::debug!(database = self.name, %error, "cannot drop the database");
        }
    }
}

async fn execute(url: &str, statement: &str) -> Result<(), tokio_postgres::Error> {
    connect(url).await?.batch_execute(statement).await
}
