//! One server's child process: spawn, stop, kill, freeze, sweep up leftovers.
//!
//! Everything here blocks the thread, for milliseconds or until its deadline; [`blocking`] carries
//! it off the async threads.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::folder::{self, FolderLock};
use super::process_table::{self, Process};
use super::{LocalError, spawner};

/// Between two looks at something that changes within milliseconds.
pub(super) const POLL: Duration = Duration::from_millis(10);
/// How long a killed process may take to go: it can hang in the kernel on a slow disk.
const KILLED_WITHIN: Duration = Duration::from_secs(30);
/// How long processes may take to stop where they are.
const FROZEN_WITHIN: Duration = Duration::from_secs(5);
/// How long a server of an earlier run may take to stop in good order.
const LEFTOVER_WITHIN: Duration = Duration::from_secs(10);
/// How long a server may take that is told to drop everything.
const CLOSED_WITHIN: Duration = Duration::from_secs(2);
/// A log that is longer than this many bytes at start is set aside once, as `….old`.
const LOG_LIMIT: u64 = 8 << 20;
/// How much of a log an error shows.
const TAIL_LINES: usize = 12;
const TAIL_BYTES: u64 = 16 << 10;

/// What does not change from one child to the next.
#[derive(Debug)]
pub(super) struct ServerProcess {
    pub(super) kind: Kind,
    /// The folder the server works in, without symbolic links.
    pub(super) home: PathBuf,
    pub(super) pid_file: PathBuf,
    pub(super) log: PathBuf,
    state: Mutex<State>,
    /// Let go last, when no process is left.
    _lock: FolderLock,
}

/// What differs between the two servers.
#[derive(Debug)]
pub(super) struct Kind {
    /// For messages.
    pub(super) program: &'static str,
    /// What its processes are called.
    pub(super) names: &'static [&'static str],
    /// Ends it in good order, without waiting for its clients.
    pub(super) stop: Signal,
    /// What it gets when this process dies.
    pub(super) at_our_death: Signal,
    /// A file in its folder by which it keeps a second one out. We do that better: a process id in
    /// there may be another process's after the machine or the container was started again.
    pub(super) own_lock: Option<&'static str>,
}

#[derive(Debug, Default)]
struct State {
    child: Option<Child>,
    /// How the last child ended, once it has been seen to have.
    ended: Option<ExitStatus>,
    /// Length of the log when the child was started, in bytes.
    log_from: u64,
    /// No child may be started any more.
    closed: bool,
}

impl ServerProcess {
    /// For a server in `home`, whose lock the caller holds: whatever runs there is ours to stop.
    pub(super) fn new(
        kind: Kind,
        home: PathBuf,
        pid_file: PathBuf,
        log: PathBuf,
        lock: FolderLock,
    ) -> Self {
        Self { kind, home, pid_file, log, state: Mutex::default(), _lock: lock }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The running child's process id.
    pub(super) fn pid(&self) -> Option<i32> {
        let mut state = self.state();
        state.look();
        state.child.as_ref().and_then(|child| i32::try_from(child.id()).ok())
    }

    /// How the last child ended; `None` while it runs.
    pub(super) fn ended(&self) -> Option<ExitStatus> {
        let mut state = self.state();
        state.look();
        state.ended
    }

    /// Starts the server, after whatever an earlier run left in its folder is gone.
    pub(super) fn spawn(&self, mut command: Command) -> Result<(), LocalError> {
        let program = PathBuf::from(command.get_program());
        self.sweep()?;
        if let Some(own_lock) = self.kind.own_lock.filter(|_| cfg!(target_os = "linux")) {
            let _ = fs::remove_file(self.home.join(own_lock));
        }
        let log = open_log(&self.log)?;
        let log_from = log.metadata().map_or(0, |metadata| metadata.len());
        let copy = log.try_clone().map_err(LocalError::io("open", &self.log))?;
        // A group of its own: Ctrl-C in the terminal is for us, who stop the servers last.
        command.stdin(Stdio::null()).stdout(log).stderr(copy).process_group(0);

        let mut state = self.state();
        if state.closed {
            return Err(LocalError::Closed { program: self.kind.program });
        }
        let child = spawner::spawn(command, self.kind.at_our_death)
            .map_err(LocalError::io("run", &program))?;
        let pid = child.id();
        *state = State { child: Some(child), ended: None, log_from, closed: false };
        drop(state);
        folder::write_whole(&self.pid_file, &format!("{pid}\n"), 0o644)
    }

    /// Stops the server in good order, and kills what is left of it after `within`.
    pub(super) fn stop(&self, within: Duration) -> Result<(), LocalError> {
        self.end(self.kind.stop, within)
    }

    fn end(&self, signal: Signal, within: Duration) -> Result<(), LocalError> {
        if let Some(pid) = self.pid().filter(|_| signal != Signal::SIGKILL) {
            self.ask_to_end(pid, signal, within);
        }
        self.kill()
    }

    /// Kills the server with all of its processes, at once as seen by them: none can react to the
    /// death of another.
    pub(super) fn kill(&self) -> Result<(), LocalError> {
        let deadline = Instant::now() + KILLED_WITHIN;
        loop {
            let family = self.family();
            // One that is dying is in no list any more, and can't be waited for yet.
            if family.is_empty() && (self.pid().is_none() || Instant::now() > deadline) {
                break;
            }
            if let Some(first) = family.first()
                && Instant::now() > deadline
            {
                let (program, pid) = (self.kind.program, first.pid);
                return Err(LocalError::Unkillable { program, pid });
            }
            signal_all(&family, Signal::SIGSTOP);
            signal_all(&family, Signal::SIGKILL);
            thread::sleep(POLL / 5);
        }
        let _ = fs::remove_file(&self.pid_file);
        Ok(())
    }

    /// Stops every process of the server where it is, as a long pause of the machine would.
    pub(super) fn freeze(&self) {
        // Until nothing is left to stop: a process that was starting another may finish that.
        let deadline = Instant::now() + FROZEN_WITHIN;
        loop {
            let family = self.family();
            if family.iter().all(|process| process.stopped) || Instant::now() > deadline {
                break;
            }
            signal_all(&family, Signal::SIGSTOP);
            thread::sleep(POLL / 5);
        }
    }

    /// Lets a frozen server go on.
    pub(super) fn thaw(&self) {
        signal_all(&self.family(), Signal::SIGCONT);
    }

    /// Ends the server and lets no other start: in good order, or at once if there is no time for
    /// that.
    pub(super) fn close(&self, within: Duration) -> Result<(), LocalError> {
        self.state().closed = true;
        if !within.is_zero() {
            return self.stop(within);
        }
        // Killed outright, a Postgres would leave shared memory behind, of which a machine has few.
        self.end(self.kind.at_our_death, CLOSED_WITHIN)
    }

    /// Stops what an earlier run left behind, and kills what a server that was killed alone did.
    fn sweep(&self) -> Result<(), LocalError> {
        let noted = fs::read_to_string(&self.pid_file).ok();
        let noted = noted.and_then(|pid| pid.trim().parse::<i32>().ok());
        // Only if it is a server in our folder: the number may be another process's by now.
        if let Some(pid) = noted.filter(|noted| self.family().iter().any(|p| p.pid == *noted)) {
            tracing::warn!(
                server = self.kind.program,
                pid,
                folder = %self.home.display(),
                "a server of an earlier run is still there: stopping it first"
            );
            self.ask_to_end(pid, self.kind.stop, LEFTOVER_WITHIN);
        }
        self.kill()
    }

    /// Asks the server to end, and waits until all of it is gone or `within` is over.
    fn ask_to_end(&self, pid: i32, signal: Signal, within: Duration) {
        let deadline = Instant::now() + within;
        let _ = kill(Pid::from_raw(pid), signal);
        self.thaw();
        while Instant::now() < deadline && !self.family().is_empty() {
            // Reaps it, if it is our child.
            self.state().look();
            thread::sleep(POLL);
        }
    }

    fn family(&self) -> Vec<Process> {
        process_table::family(self.pid(), &self.home, self.kind.names)
    }

    /// The last lines that the present child wrote to its log.
    pub(super) fn tail(&self) -> String {
        tail(&self.log, self.state().log_from)
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        if let Err(error) = self.close(Duration::ZERO) {
            tracing::error!(%error, "a local server is left behind");
        }
    }
}

impl State {
    /// Notices the child's end.
    fn look(&mut self) {
        if let Some(child) = &mut self.child
            && let Ok(Some(status)) = child.try_wait()
        {
            self.child = None;
            self.ended = Some(status);
        }
    }
}

fn signal_all(processes: &[Process], signal: Signal) {
    for process in processes {
        // One that is gone by now is as good as signalled.
        let _ = kill(Pid::from_raw(process.pid), signal);
    }
}

/// Opens a log to append to, after setting a long one aside.
pub(super) fn open_log(path: &Path) -> Result<File, LocalError> {
    if path.metadata().is_ok_and(|metadata| metadata.len() > LOG_LIMIT) {
        let _ = fs::rename(path, path.with_extension("log.old"));
    }
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map_err(LocalError::io("write to", path))
}

/// The last lines of a log, from a byte on.
pub(super) fn tail(path: &Path, from: u64) -> String {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(from.max(length.saturating_sub(TAIL_BYTES))))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let mut lines: Vec<&str> = text.lines().rev().take(TAIL_LINES).collect();
    lines.reverse();
    if lines.is_empty() { "(nothing)".to_owned() } else { lines.join("\n") }
}

/// Runs blocking work on a thread for such work.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LocalError> + Send + 'static,
) -> Result<T, LocalError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(LocalError::Closed { program: "the async runtime" }),
    }
}
