//! Why a local server could not be started or stopped, with what to do about it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why a local server could not be started or stopped. Each message names the cause and, where
/// there is something to do about it, the remedy.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// A program is not installed, or not where it is looked for.
    #[error("{program} was not found on PATH or in the usual places: {remedy}")]
    Missing {
        /// The program, as a user would name it.
        program: &'static str,
        /// What to install, or how.
        remedy: &'static str,
    },
    /// A program is there, but its version does not do.
    #[error("{} is version {found}, but {wanted} is needed: {remedy}", .path.display())]
    WrongVersion {
        /// The binary that was found.
        path: PathBuf,
        /// Its version, as far as it could be read.
        found: String,
        /// The versions that would do.
        wanted: String,
        /// What to install, or how.
        remedy: String,
    },
    /// Another process holds the folder's lock.
    #[error(
        "the folder {} is in use by {}: stop that first, or choose another folder with \
         DROPGATE_DATA_DIR",
        .folder.display(),
        .holder.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
    )]
    Locked {
        /// The locked folder.
        folder: PathBuf,
        /// The process that holds the lock, where it is known.
        holder: Option<u32>,
    },
    /// Postgres refuses to run as root, and no user to run it as could be found.
    #[error(
        "Postgres refuses to run as root, and there is neither a user postgres nor a user nobody: \
         create one of them, or run as an ordinary user"
    )]
    NoAccount,
    /// The user that Postgres has to run as cannot reach any folder for its files.
    #[error(
        "user {user}, as whom Postgres has to run here, can write to none of: {}. Choose a folder \
         that this user can reach with DROPGATE_DATA_DIR",
        list(.tried)
    )]
    Unreachable {
        /// The user.
        user: String,
        /// The folders that were tried.
        tried: Vec<PathBuf>,
    },
    /// The server ended before it was ready.
    #[error("{program} ended at once ({status}); the end of {}:\n{tail}", .log.display())]
    EndedEarly {
        /// The server.
        program: &'static str,
        /// How it ended.
        status: String,
        /// Its log file.
        log: PathBuf,
        /// The last lines of the log that this run of the server wrote.
        tail: String,
    },
    /// The server runs, but did not answer in time.
    #[error(
        "{program} was not ready within {within:?} ({last}); the end of {}:\n{tail}",
        .log.display()
    )]
    NotReady {
        /// The server.
        program: &'static str,
        /// How long it was given.
        within: Duration,
        /// What the last attempt to connect ended with.
        last: String,
        /// Its log file.
        log: PathBuf,
        /// The last lines of the log that this run of the server wrote.
        tail: String,
    },
    /// The server cannot listen on its port, for another process does.
    #[error("{program} cannot listen on port {port} of 127.0.0.1: another process uses it")]
    PortTaken {
        /// The server.
        program: &'static str,
        /// The port.
        port: u16,
    },
    /// `initdb` failed.
    #[error(
        "initdb could not create the Postgres files in {} ({status}):\n{tail}",
        .folder.display()
    )]
    InitDb {
        /// Where the files were to be.
        folder: PathBuf,
        /// How `initdb` ended.
        status: String,
        /// The last lines of what it printed.
        tail: String,
    },
    /// A process is still there, even after SIGKILL.
    #[error("process {pid} of {program} is still there, although it was killed")]
    Unkillable {
        /// The server.
        program: &'static str,
        /// One of its processes.
        pid: i32,
    },
    /// The server was closed while something was under way.
    #[error("{program} was closed meanwhile")]
    Closed {
        /// The server.
        program: &'static str,
    },
    /// A statement to Postgres failed.
    #[error("cannot {doing} in Postgres")]
    Sql {
        /// What was tried.
        doing: &'static str,
        /// What Postgres, or the connection, said.
        source: tokio_postgres::Error,
    },
    /// The operating system refused something.
    #[error("cannot {doing} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file, folder or program.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl LocalError {
    /// For `map_err`: what was tried, and with which file, folder or program.
    pub(super) fn io<E: Into<io::Error>>(
        doing: &'static str,
        path: &Path,
    ) -> impl FnOnce(E) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source: source.into() }
    }
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
