//! A private Postgres server.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio_postgres::{Client, NoTls};

use super::account::{Account, Place};
use super::cluster::{self, Cluster, NAME};
use super::folder::FolderLock;
use super::process::{Kind, ServerProcess, blocking};
use super::{LocalError, Port, Programs};

const KIND: Kind = Kind {
    program: "Postgres",
    names: &["postgres", "postmaster"],
    // Fast shutdown: open transactions are rolled back, a checkpoint is written.
    stop: Signal::SIGINT,
    // Immediate shutdown: takes its backends with it at once; the next start recovers from the
    // log.
    at_our_death: Signal::SIGQUIT,
    own_lock: Some("postmaster.pid"),
};

/// What a [`PostgresServer`] is started with.
#[derive(Debug, Clone)]
pub struct PostgresConfig {
    /// Where its files and its log are, unless the user it runs as cannot reach that: see
    /// [`PostgresServer::dir`]. Made if it is not there, and locked while the server is held.
    pub dir: PathBuf,
    /// The port on 127.0.0.1.
    pub port: Port,
    /// The file with the process id of its main process.
    pub pid_file: PathBuf,
    /// More settings, over the usual ones: `("fsync", "off")`.
    pub settings: Vec<(String, String)>,
    /// How long it may take to be ready, recovery included.
    pub ready_within: Duration,
    /// How long it may take to stop before it is killed.
    pub stop_within: Duration,
}

impl PostgresConfig {
    /// The usual: any port, `postgres.pid` in `dir`, two minutes to get ready, 20 seconds to stop.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        let dir = dir.into();
        Self {
            port: Port::Any,
            pid_file: dir.join("postgres.pid"),
            settings: Vec::new(),
            ready_within: Duration::from_secs(120),
            stop_within: Duration::from_secs(20),
            dir,
        }
    }
}

/// A private Postgres, ready to answer on 127.0.0.1, with an empty database `dropgate` whose owner
/// of the same name is the superuser. Dropping it kills the server.
///
/// Every commit is durable before it is answered, unless the settings say otherwise. Connections
/// need the password, which only this user (and root) can read.
#[derive(Debug)]
pub struct PostgresServer {
    config: PostgresConfig,
    program: PathBuf,
    place: Place,
    cluster: Cluster,
    process: Arc<ServerProcess>,
    port: u16,
}

impl PostgresServer {
    /// Starts a server and waits until it accepts connections; makes its files first if there are
    /// none.
    ///
    /// What an earlier run left in the folder is stopped first. As root, the server runs as the
    /// owner of its files, which is `postgres` or else `nobody` for new ones.
    ///
    /// # Errors
    ///
    /// [`LocalError::Locked`] when another process uses the folder, [`LocalError::EndedEarly`]
    /// with the end of the log, [`LocalError::NotReady`], [`LocalError::PortTaken`],
    /// [`LocalError::InitDb`], [`LocalError::Unreachable`], [`LocalError::WrongVersion`] for files
    /// of another version.
    pub async fn start(programs: &Programs, config: PostgresConfig) -> Result<Self, LocalError> {
        let (programs, asked) = (programs.clone(), config.clone());
        let mut server = blocking(move || Self::open(&programs, asked)).await?;
        let wanted = server.config.port;
        server.port = server.process.choose_port(wanted, |port| server.run(port)).await?;
        server.create_database().await?;
        Ok(server)
    }

    fn open(programs: &Programs, config: PostgresConfig) -> Result<Self, LocalError> {
        let place = Place::find(&config.dir)?;
        let lock = FolderLock::take(&place.folder)?;
        let cluster = Cluster::open(&place, programs)?;
        let program = cluster.programs(programs)?.postgres.clone();
        let log = place.folder.join("postgres.log");
        let (home, pid_file) = (cluster.data.clone(), config.pid_file.clone());
        let process = Arc::new(ServerProcess::new(KIND, home, pid_file, log, lock));
        Ok(Self { port: 0, config, program, place, cluster, process })
    }

    /// `postgres://…` of the database `dropgate`, with user and password.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of(NAME)
    }

    /// As [`PostgresServer::url`], of another database.
    #[must_use]
    pub fn url_of(&self, database: &str) -> String {
        url(&self.cluster.password, self.port, database)
    }

    /// The port on 127.0.0.1, the same over restarts.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where its files really are, without symbolic links.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.place.folder
    }

    /// Whether its files are elsewhere than asked, because the user it runs as cannot reach that.
    #[must_use]
    pub fn is_moved(&self) -> bool {
        self.place.moved
    }

    /// The process id of its main process, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<i32> {
        self.process.pid()
    }

    /// Stops it in good order (fast shutdown); kills it when that takes too long.
    ///
    /// # Errors
    ///
    /// [`LocalError::Unkillable`].
    pub async fn stop(&self) -> Result<(), LocalError> {
        let (process, within) = (Arc::clone(&self.process), self.config.stop_within);
        blocking(move || process.stop(within)).await
    }

    /// Kills it with SIGKILL, all of its processes at once, also frozen ones.
    ///
    /// # Errors
    ///
    /// [`LocalError::Unkillable`].
    pub async fn kill(&self) -> Result<(), LocalError> {
        let process = Arc::clone(&self.process);
        blocking(move || process.kill()).await
    }

    /// Starts it again on the same port with the same data, after stopping it if it runs.
    ///
    /// # Errors
    ///
    /// As [`PostgresServer::start`].
    pub async fn restart(&self) -> Result<(), LocalError> {
        self.stop().await?;
        self.process.keep_port(self.port, || self.run(self.port)).await
    }

    /// Stops all of its processes where they are (SIGSTOP), until [`PostgresServer::thaw`].
    pub fn freeze(&self) {
        self.process.freeze();
    }

    /// Lets it go on after [`PostgresServer::freeze`].
    pub fn thaw(&self) {
        self.process.thaw();
    }

    pub(super) fn process(&self) -> &Arc<ServerProcess> {
        &self.process
    }

    pub(super) fn stop_within(&self) -> Duration {
        self.config.stop_within
    }

    async fn run(&self, port: u16) -> Result<(), LocalError> {
        // The password tells our server from another one that has got hold of the port.
        let url = &url(&self.cluster.password, port, "postgres");
        let probe = || async move { connect(url).await.map(drop).map_err(|e| reason(&e)) };
        self.process.launch(self.command(port), self.config.ready_within, probe).await
    }

    fn command(&self, port: u16) -> Command {
        let mut command = Command::new(&self.program);
        let mut set = |name: &str, value: &str| {
            command.arg("-c").arg(format!("{name}={value}"));
        };
        set("port", &port.to_string());
        set("listen_addresses", "127.0.0.1");
        set("unix_socket_directories", "");
        set("max_connections", "100");
        set("shared_buffers", "128MB");
        set("fsync", "on");
        set("synchronous_commit", "on");
        set("logging_collector", "off");
        set("log_destination", "stderr");
        set("timezone", "UTC");
        set("log_timezone", "UTC");
        for (name, value) in &self.config.settings {
            set(name, value);
        }
        command.arg("-D").arg(&self.cluster.data).current_dir(&self.cluster.data);
        cluster::clean(&mut command);
        Account::run(self.place.account.as_ref(), &mut command);
        command
    }

    async fn create_database(&self) -> Result<(), LocalError> {
        let url = self.url_of("postgres");
        let failed = |source| LocalError::Sql { doing: "create the database dropgate", source };
        let client = connect(&url).await.map_err(failed)?;
        let found = client
            .query_opt("SELECT 1 FROM pg_database WHERE datname = $1", &[&NAME])
            .await
            .map_err(failed)?;
        if found.is_none() {
            client.batch_execute("CREATE DATABASE dropgate").await.map_err(failed)?;
        }
        Ok(())
    }
}

fn url(password: &str, port: u16, database: &str) -> String {
    format!("postgres://{NAME}:{password}@127.0.0.1:{port}/{database}")
}

/// A connection that ends when the client is dropped.
pub(super) async fn connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    // Its errors reach the client's calls as well.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok(client)
}

/// The whole chain of causes: the outermost says little.
fn reason(error: &tokio_postgres::Error) -> String {
    let mut reason = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        reason = format!("{reason}: {error}");
        cause = error.source();
    }
    reason
}
