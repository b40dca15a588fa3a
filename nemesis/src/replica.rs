//! A second Redis that follows the first, and older copies of either server's files.

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use dropgate::local::{PostgresServer, Programs, RedisConfig, RedisServer};
use tempfile::TempDir;

use crate::cluster::{local, redis_at};

/// Nobody listens there.
const NOBODY: &str = "1";

/// A Redis that is started as the replica of another.
#[derive(Debug)]
pub struct Replica {
    server: RedisServer,
    primary: u16,
    // After the server: its files go last.
    _folder: TempDir,
}

impl Replica {
    /// Starts a replica of `primary`; whether it has everything, [`Replica::in_sync`] tells.
    ///
    /// # Errors
    /// When it can't be started.
    pub async fn start(primary: &RedisServer) -> anyhow::Result<Replica> {
        let folder = tempfile::tempdir()?;
        let mut config = RedisConfig::new(folder.path().join("replica"));
        let replicaof = ["--replicaof", "127.0.0.1", &primary.port().to_string()].map(Into::into);
        // Otherwise the primary waits for more replicas before it begins.
        let at_once = ["--repl-diskless-sync-delay", "0"].map(Into::into);
        config.args.extend(replicaof.into_iter().chain(at_once));
        let server = RedisServer::start(&Programs::find()?, config).await?;
        Ok(Replica { server, primary: primary.port(), _folder: folder })
    }

    /// The server.
    #[must_use]
    pub fn server(&self) -> &RedisServer {
        &self.server
    }

    /// Where it listens: for `Proxy::retarget`.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        local(self.server.port())
    }

    /// Whether it has everything that its primary has at this moment.
    ///
    /// # Errors
    /// When one of the two can't be asked.
    pub async fn in_sync(&self) -> anyhow::Result<bool> {
        let mine = info(&self.server.url()).await?;
        let theirs = info(&format!("redis://{}", local(self.primary))).await?;
        let offset = |text: &str, name: &str| {
            text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<i64>().ok())
        };
        let reached = offset(&mine, "slave_repl_offset:");
        let wanted = offset(&theirs, "master_repl_offset:");
        Ok(mine.contains("master_link_status:up") && reached.is_some() && reached >= wanted)
    }

    /// Waits until it has everything.
    ///
    /// # Errors
    /// When it has not after `bound`.
    pub async fn await_sync(&self, bound: Duration) -> anyhow::Result<()> {
        let since = Instant::now();
        while !self.in_sync().await? {
            if since.elapsed() > bound {
                bail!("the replica is not in sync after {bound:?}");
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    /// Cuts it off from its primary, as a network would: from now on it falls behind.
    ///
    /// # Errors
    /// When it can't be told.
    pub async fn cut_link(&self) -> anyhow::Result<()> {
        // It keeps what it has until it has reached the other, which it never does.
        self.tell(&["REPLICAOF", "127.0.0.1", NOBODY]).await
    }

    /// Makes it a primary of its own, with whatever it has.
    ///
    /// # Errors
    /// When it can't be told.
    pub async fn promote(&self) -> anyhow::Result<()> {
        self.tell(&["REPLICAOF", "NO", "ONE"]).await
    }

    async fn tell(&self, words: &[&str]) -> anyhow::Result<()> {
        redis_at(&self.server.url(), words).await.context("the replica refused")?;
        Ok(())
    }
}

async fn info(url: &str) -> anyhow::Result<String> {
    let value = redis_at(url, &["INFO", "replication"]).await?;
    Ok(redis::from_redis_value(value)?)
}

/// Copies what Redis has on its disk at this moment to `to`, over an older copy there. Redis may
/// run; it stands still meanwhile.
///
/// # Errors
/// When files can't be read or written.
pub fn copy_redis(redis: &RedisServer, to: &Path) -> io::Result<()> {
    redis.freeze();
    let copied = copy_tree(&append_only(redis.dir()), to);
    redis.thaw();
    copied
}

/// Kills Redis, puts an older copy in the place of its files and starts it again.
///
/// # Errors
/// When it can't be killed or started, or files can't be written.
pub async fn restore_redis(redis: &RedisServer, from: &Path) -> anyhow::Result<()> {
    redis.kill().await?;
    copy_tree(from, &append_only(redis.dir()))?;
    redis.restart().await?;
    Ok(())
}

/// Stops Postgres in good order, copies its files to `to`, over an older copy there, and starts it
/// again.
///
/// # Errors
/// When it can't be stopped or started, or files can't be written.
pub async fn copy_postgres(postgres: &PostgresServer, to: &Path) -> anyhow::Result<()> {
    postgres.stop().await?;
    copy_tree(&data(postgres.dir()), to)?;
    postgres.restart().await?;
    Ok(())
}

/// Stops Postgres, puts an older copy in the place of its files and starts it again.
///
/// # Errors
/// As [`copy_postgres`].
pub async fn restore_postgres(postgres: &PostgresServer, from: &Path) -> anyhow::Result<()> {
    postgres.stop().await?;
    copy_tree(from, &data(postgres.dir()))?;
    postgres.restart().await?;
    Ok(())
}

fn append_only(folder: &Path) -> PathBuf {
    folder.join("appendonlydir")
}

fn data(folder: &Path) -> PathBuf {
    folder.join("data")
}

/// Copies a folder with its owners and modes: Postgres takes only files of its own user.
fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    if to.exists() {
        std::fs::remove_dir_all(to)?;
    }
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status()?;
    if status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!("cp -a {} {}: {status}", from.display(), to.display())))
}
