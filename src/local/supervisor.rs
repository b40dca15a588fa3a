//! Both servers of one data folder, kept alive until shut down.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::unistd::geteuid;
use tokio::task::JoinHandle;

use super::folder::{self, FolderLock, PASSABLE, PRIVATE};
use super::process::{ServerProcess, blocking};
use super::{LocalError, Port, PostgresConfig, PostgresServer, Programs, RedisConfig, RedisServer};

/// Between two looks whether a child still lives.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Before the second try to start a child again; doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A child that lived this long is not failing at start.
const SETTLED: Duration = Duration::from_secs(10);
/// In the data folder: the ports of the last run.
const PORTS: &str = "ports";

/// A private Redis and a private Postgres of one data folder. A child that dies is started again
/// on the same port with the same data. Dropping it kills both.
#[derive(Debug)]
pub struct Supervisor {
    redis: Arc<RedisServer>,
    postgres: Arc<PostgresServer>,
    watches: Vec<JoinHandle<()>>,
    _lock: FolderLock,
}

impl Supervisor {
    /// Starts both servers, with their files in `data_dir`, which is made if it is not there, and
    /// waits until both answer. Their process ids are in `redis.pid` and `postgres.pid` there. If
    /// their ports of the last run are free, they get these again.
    ///
    /// # Errors
    ///
    /// [`LocalError::Locked`] when another process uses the folder, and as [`Programs::find`],
    /// [`RedisServer::start`] and [`PostgresServer::start`].
    pub async fn start(data_dir: &Path) -> Result<Self, LocalError> {
        let asked = data_dir.to_owned();
        let (programs, data_dir, lock) = blocking(move || {
            // Root's Postgres has to pass through it to its own files as another user.
            let mode = if geteuid().is_root() { PASSABLE } else { PRIVATE };
            let data_dir = folder::make(&asked, mode)?;
            let lock = FolderLock::take(&data_dir)?;
            Ok((Programs::find()?, data_dir, lock))
        })
        .await?;
        let ports = data_dir.join(PORTS);
        let known = fs::read_to_string(&ports).unwrap_or_default();

        let mut redis = RedisConfig::new(data_dir.join("redis"));
        redis.pid_file = data_dir.join("redis.pid");
        redis.port = wanted(&known, "redis");
        let mut postgres = PostgresConfig::new(data_dir.join("postgres"));
        postgres.pid_file = data_dir.join("postgres.pid");
        postgres.port = wanted(&known, "postgres");
        let (redis, postgres) = tokio::try_join!(
            RedisServer::start(&programs, redis),
            PostgresServer::start(&programs, postgres)
        )?;
        let used = format!("redis {}\npostgres {}\n", redis.port(), postgres.port());
        folder::write_whole(&ports, &used, 0o644)?;

        let (redis, postgres) = (Arc::new(redis), Arc::new(postgres));
        let watches = vec![
            tokio::spawn(watch(Arc::clone(&redis))),
            tokio::spawn(watch(Arc::clone(&postgres))),
        ];
        Ok(Self { redis, postgres, watches, _lock: lock })
    }

    /// The Redis, for its URL and for fault tests.
    #[must_use]
    pub fn redis(&self) -> &RedisServer {
        &self.redis
    }

    /// The Postgres, for its URL, for where its files are, and for fault tests.
    #[must_use]
    pub fn postgres(&self) -> &PostgresServer {
        &self.postgres
    }

    /// Stops both servers in good order, and kills what does not stop in time. No process is left.
    ///
    /// # Errors
    ///
    /// [`LocalError::Unkillable`].
    pub async fn shutdown(self) -> Result<(), LocalError> {
        self.unwatch();
        let (redis, redis_within) = (Arc::clone(self.redis.process()), self.redis.stop_within());
        let postgres = Arc::clone(self.postgres.process());
        let postgres_within = self.postgres.stop_within();
        let (redis, postgres) = tokio::join!(
            blocking(move || redis.close(redis_within)),
            blocking(move || postgres.close(postgres_within))
        );
        redis.and(postgres)
    }

    /// A restart that is under way may go on for a moment, but cannot start a child any more once
    /// the server is closed.
    fn unwatch(&self) {
        for watch in &self.watches {
            watch.abort();
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.unwatch();
        for process in [self.redis.process(), self.postgres.process()] {
            if let Err(error) = process.close(Duration::ZERO) {
                tracing::error!(%error, "a local server is left behind");
            }
        }
    }
}

/// The port of the last run, from lines of a name and a port.
fn wanted(known: &str, name: &str) -> Port {
    let port = known.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    port.map_or(Port::Any, Port::Rather)
}

/// What the watch needs of a server.
trait Watched: Send + Sync + 'static {
    fn process(&self) -> &ServerProcess;
    fn restart(&self) -> impl Future<Output = Result<(), LocalError>> + Send;
}

impl Watched for RedisServer {
    fn process(&self) -> &ServerProcess {
        self.process()
    }

    async fn restart(&self) -> Result<(), LocalError> {
        self.restart().await
    }
}

impl Watched for PostgresServer {
    fn process(&self) -> &ServerProcess {
        self.process()
    }

    async fn restart(&self) -> Result<(), LocalError> {
        self.restart().await
    }
}

/// Starts a server again whenever it is seen dead; at once after a long life, later after a short
/// one.
async fn watch(server: Arc<impl Watched>) {
    let mut started = Instant::now();
    let mut pause = Duration::ZERO;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let Some(status) = server.process().ended() else { continue };
        if started.elapsed() > SETTLED {
            pause = Duration::ZERO;
        }
        let name = server.process().kind.program;
        tracing::warn!(server = name, %status, ?pause, "a local server died: starting it again");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        started = Instant::now();
        match server.restart().await {
            Ok(()) => tracing::info!(server = name, took = ?started.elapsed(), "it runs again"),
            Err(LocalError::Closed { .. }) => return,
            Err(error) => tracing::error!(server = name, %error, "cannot start it again yet"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_of_the_last_run_are_wishes() {
        let known = "redis 4001\npostgres 4002\n";
        assert_eq!(wanted(known, "redis"), Port::Rather(4001));
        assert_eq!(wanted(known, "postgres"), Port::Rather(4002));
        assert_eq!(wanted("", "redis"), Port::Any);
        assert_eq!(wanted("redis many\n", "redis"), Port::Any);
    }
}
