//! A private Redis or Valkey server.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::folder::{self, FolderLock, PRIVATE};
use super::process::{Kind, ServerProcess, blocking};
use super::{LocalError, Port, Programs};

const KIND: Kind = Kind {
    program: "Redis",
    names: &["redis-server", "valkey-server"],
    stop: Signal::SIGTERM,
    // What it has answered is in the kernel's hands by then, and a frozen one dies of nothing
    // less.
    at_our_death: Signal::SIGKILL,
    own_lock: None,
};

/// What a [`RedisServer`] is started with.
#[derive(Debug, Clone)]
pub struct RedisConfig {
    /// Where its files and its log are; made if it is not there, and locked while the server is
    /// held.
    pub dir: PathBuf,
    /// The port on 127.0.0.1.
    pub port: Port,
    /// The file with its process id.
    pub pid_file: PathBuf,
    /// More arguments, after and thus over the usual ones: `["--appendfsync", "always"]`.
    pub args: Vec<OsString>,
    /// More environment variables.
    pub env: Vec<(OsString, OsString)>,
    /// How long it may take to be ready, loading its data included.
    pub ready_within: Duration,
    /// How long it may take to stop before it is killed.
    pub stop_within: Duration,
}

impl RedisConfig {
    /// The usual: any port, `redis.pid` in `dir`, a minute to get ready, 10 seconds to stop.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        let dir = dir.into();
        Self {
            port: Port::Any,
            pid_file: dir.join("redis.pid"),
            args: Vec::new(),
            env: Vec::new(),
            ready_within: Duration::from_secs(60),
            stop_within: Duration::from_secs(10),
            dir,
        }
    }
}

/// A private Redis or Valkey, ready to answer on 127.0.0.1. Dropping it kills the server.
///
/// It appends every change to a file, which it syncs once a second, and evicts nothing.
#[derive(Debug)]
pub struct RedisServer {
    config: RedisConfig,
    program: PathBuf,
    process: Arc<ServerProcess>,
    port: u16,
}

impl RedisServer {
    /// Starts a server and waits until it answers.
    ///
    /// What an earlier run left in the folder is stopped first.
    ///
    /// # Errors
    ///
    /// [`LocalError::Locked`] when another process uses the folder, [`LocalError::EndedEarly`]
    /// with the end of the log, [`LocalError::NotReady`], [`LocalError::PortTaken`].
    pub async fn start(programs: &Programs, mut config: RedisConfig) -> Result<Self, LocalError> {
        let program = programs.redis().to_owned();
        let (dir, pid_file) = (config.dir.clone(), config.pid_file.clone());
        let process = blocking(move || {
            let home = folder::make(&dir, PRIVATE)?;
            let lock = FolderLock::take(&home)?;
            let log = home.join("redis.log");
            Ok(ServerProcess::new(KIND, home, pid_file, log, lock))
        })
        .await?;
        config.dir.clone_from(&process.home);
        let mut server = Self { port: 0, config, program, process: Arc::new(process) };
        let wanted = server.config.port;
        server.port = server.process.choose_port(wanted, |port| server.run(port)).await?;
        Ok(server)
    }

    /// `redis://…`, without a database number.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The port on 127.0.0.1, the same over restarts.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where its files are, without symbolic links.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.config.dir
    }

    /// Its process id, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<i32> {
        self.process.pid()
    }

    /// Stops it in good order (SIGTERM); kills it when that takes too long.
    ///
    /// # Errors
    ///
    /// [`LocalError::Unkillable`].
    pub async fn stop(&self) -> Result<(), LocalError> {
        let (process, within) = (Arc::clone(&self.process), self.config.stop_within);
        blocking(move || process.stop(within)).await
    }

    /// Kills it with SIGKILL, also a frozen one.
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
    /// As [`RedisServer::start`].
    pub async fn restart(&self) -> Result<(), LocalError> {
        self.stop().await?;
        self.process.keep_port(self.port, || self.run(self.port)).await
    }

    /// Stops all of its processes where they are (SIGSTOP), until [`RedisServer::thaw`].
    pub fn freeze(&self) {
        self.process.freeze();
    }

    /// Lets it go on after [`RedisServer::freeze`].
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
        let process = &self.process;
        let probe = || probe(port, process.pid());
        process.launch(self.command(port), self.config.ready_within, probe).await
    }

    fn command(&self, port: u16) -> Command {
        let mut command = Command::new(&self.program);
        command
            .current_dir(&self.config.dir)
            .env("LC_ALL", "C")
            .envs(self.config.env.iter().cloned());
        command.args(["--port", &port.to_string()]);
        command.args(["--bind", "127.0.0.1", "--protected-mode", "yes", "--daemonize", "no"]);
        command.arg("--dir").arg(&self.config.dir).arg("--logfile").arg(&self.process.log);
        command.args(["--appendonly", "yes", "--appendfsync", "everysec", "--save", ""]);
        command.args(["--maxmemory-policy", "noeviction"]).args(&self.config.args);
        command
    }
}

/// One question over a connection of its own: does the server with this process id answer?
///
/// The number matters: if another process has got hold of the port, that is who answers.
async fn probe(port: u16, pid: Option<i32>) -> Result<(), String> {
    let mut stream =
        TcpStream::connect(("127.0.0.1", port)).await.map_err(|error| error.to_string())?;
    let pong = ask(&mut stream, "PING").await?;
    if pong.starts_with("-LOADING") {
        return Err(pong);
    }
    if !pong.starts_with('+') {
        // It asks for a password, or is busy: an answer all the same.
        return if pong.starts_with('-') { Ok(()) } else { Err(pong) };
    }
    let info = ask(&mut stream, "INFO server").await?;
    let answering = info.lines().find_map(|line| line.strip_prefix("process_id:"));
    match (answering.and_then(|id| id.parse::<i32>().ok()), pid) {
        (Some(answering), Some(pid)) if answering != pid => {
            Err(format!("process {answering} answers in its stead"))
        }
        _ => Ok(()),
    }
}

/// Sends an inline command; the answer up to its first 16 KB.
pub(super) async fn ask(stream: &mut TcpStream, command: &str) -> Result<String, String> {
    stream.write_all(format!("{command}\r\n").as_bytes()).await.map_err(|e| e.to_string())?;
    let mut answer = Vec::new();
    loop {
        let mut part = [0; 4096];
        let length = stream.read(&mut part).await.map_err(|error| error.to_string())?;
        answer.extend(part.iter().take(length));
        let text = String::from_utf8_lossy(&answer);
        if length == 0 || is_whole(&text) || answer.len() > 16 << 10 {
            return Ok(text.into_owned());
        }
    }
}

/// Whether a simple or a bulk string of the Redis protocol has come to its end.
fn is_whole(answer: &str) -> bool {
    let Some((head, body)) = answer.split_once("\r\n") else { return false };
    match head.strip_prefix('$') {
        Some(length) => length.parse().is_ok_and(|length: usize| body.len() >= length + 2),
        None => true,
    }
}
