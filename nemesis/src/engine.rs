//! One engine process: this program's own `engine serve`, with failpoints.

use std::{
    fs,
    io::{self, Write as _},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// Between two looks at something that changes within milliseconds.
const POLL: Duration = Duration::from_millis(5);
/// Below the ports that the kernel gives to whoever asks for any, so that nobody takes the port
/// of an engine while it is down.
const PORTS: std::ops::Range<u16> = 10_000..32_000;
/// How long an engine's port may be in use by somebody else at a start.
const PORT_BACK_WITHIN: Duration = Duration::from_secs(5);
/// Lines of its log that are shown when a test fails.
const TAIL: usize = 40;

/// One engine; killed when dropped.
#[derive(Debug)]
pub struct Engine {
    program: PathBuf,
    address: SocketAddr,
    url: String,
    orders: PathBuf,
    log: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    settings: Vec<(String, String)>,
    child: Option<Child>,
    ended: Option<ExitStatus>,
}

impl Engine {
    /// An engine with the given settings, a port of its own and its files in `folder` under
    /// `name`; it does not run yet.
    ///
    /// # Errors
    /// When no port is free.
    pub fn new(
        program: &Path,
        folder: &Path,
        name: &str,
        settings: Vec<(String, String)>,
    ) -> anyhow::Result<Engine> {
        let address = free_address()?;
        let orders = folder.join(format!("{name}.orders"));
        fs::write(&orders, "")?;
        Ok(Engine {
            program: program.to_owned(),
            address,
            url: format!("http://{address}"),
            orders,
            log: folder.join(format!("{name}.log")),
            state: Mutex::new(State { settings, child: None, ended: None }),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `http://…` without a slash at its end; the same over restarts.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes a setting from the next start on.
    pub fn set(&self, name: &str, value: &str) {
        let mut state = self.state();
        state.settings.retain(|(known, _)| known != name);
        state.settings.push((name.to_owned(), value.to_owned()));
    }

    /// Its process with another command than `serve`: `["audit"]`. Its settings are the same.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg("engine")
            .args(arguments)
            .env_clear()
            .envs(self.state().settings.iter().cloned())
            .env("DROPGATE_LISTEN", self.address.to_string())
            .env("DROPGATE_FAILPOINTS", &self.orders)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }

    /// Starts the process; whether it gets ready, [`Engine::await_ready`] tells. One that runs
    /// already stays.
    ///
    /// # Errors
    /// When the program can't be run.
    pub fn start(&self) -> anyhow::Result<()> {
        let mut command = self.command(&["serve"]);
        let log = fs::OpenOptions::new().create(true).append(true).open(&self.log)?;
        command.stderr(log);
        let mut state = self.state();
        state.look();
        if state.child.is_none() {
            // It dies with this process, however that ends.
            state.child = Some(dropgate::local::spawn(command, Signal::SIGKILL)?);
            state.ended = None;
        }
        Ok(())
    }

    /// Kills it if it runs, starts it again on the same port and waits until it is ready.
    ///
    /// # Errors
    /// When it does not get ready within `bound`.
    pub async fn restart(&self, bound: Duration) -> anyhow::Result<()> {
        self.kill();
        let since = Instant::now();
        // What held the port may be a connection that somebody else has from it.
        while TcpListener::bind(self.address).is_err() && since.elapsed() < PORT_BACK_WITHIN {
            tokio::time::sleep(POLL).await;
        }
        self.start()?;
        self.await_ready(bound).await
    }

    /// Waits until `/readyz` says yes.
    ///
    /// # Errors
    /// When that takes longer than `bound`, or the process ends.
    pub async fn await_ready(&self, bound: Duration) -> anyhow::Result<()> {
        let since = Instant::now();
        let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).build()?;
        let url = format!("{}/readyz", self.url);
        loop {
            if client.get(&url).send().await.is_ok_and(|reply| reply.status().is_success()) {
                return Ok(());
            }
            if let Some(status) = self.ended() {
                bail!("the engine ended: {status}\n{}", self.tail());
            }
            if since.elapsed() > bound {
                bail!("the engine is not ready after {bound:?}\n{}", self.tail());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until the process has ended by itself.
    ///
    /// # Errors
    /// When it still runs after `bound`.
    pub async fn await_end(&self, bound: Duration) -> anyhow::Result<ExitStatus> {
        let since = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return Ok(status);
            }
            if since.elapsed() > bound {
                bail!("the engine still runs after {bound:?}\n{}", self.tail());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Its process id, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<i32> {
        let mut state = self.state();
        state.look();
        state.child.as_ref().and_then(|child| i32::try_from(child.id()).ok())
    }

    /// How it ended; `None` while it runs, and before it ran.
    #[must_use]
    pub fn ended(&self) -> Option<ExitStatus> {
        let mut state = self.state();
        state.look();
        state.ended
    }

    /// Kills it (SIGKILL), also a frozen one, and waits until it is gone.
    pub fn kill(&self) {
        let mut state = self.state();
        if let Some(mut child) = state.child.take() {
            let _ = child.kill();
            state.ended = child.wait().ok();
        }
    }

    /// Asks it to stop (SIGTERM); [`Engine::await_end`] tells whether it does.
    pub fn terminate(&self) {
        self.signal(Signal::SIGTERM);
    }

    /// Stops it where it is (SIGSTOP), until [`Engine::thaw`].
    pub fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Lets it go on after [`Engine::freeze`] or a failpoint's `stop`.
    pub fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid() {
            // One that is gone by now is as good as signalled.
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }

    /// Whether it is stopped where it is.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        let Some(pid) = self.pid() else { return false };
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // Behind the program's name, which may hold anything.
        stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('T'))
    }

    /// Gives it orders for its failpoints, instead of those before.
    ///
    /// # Panics
    /// When the file can't be written.
    pub fn orders(&self, orders: &str) {
        let write = || -> io::Result<()> {
            let part = self.orders.with_extension("part");
            let mut file = fs::File::create(&part)?;
            file.write_all(orders.as_bytes())?;
            fs::rename(&part, &self.orders)
        };
        write().expect("the orders are written");
    }

    /// The orders it has carried out since its files were made, one `PLACE ACTION` each.
    #[must_use]
    pub fn done(&self) -> Vec<String> {
        self.beside_orders(".done").lines().map(str::to_owned).collect()
    }

    fn beside_orders(&self, ending: &str) -> String {
        let mut name = self.orders.clone().into_os_string();
        name.push(ending);
        fs::read_to_string(name).unwrap_or_default()
    }

    /// Waits until its last orders are in force; it has to run for that.
    ///
    /// # Errors
    /// When they are not within `bound`.
    pub async fn await_orders(&self, bound: Duration) -> anyhow::Result<()> {
        let since = Instant::now();
        let wanted = fs::read_to_string(&self.orders).unwrap_or_default();
        while self.beside_orders(".read") != wanted {
            if since.elapsed() > bound {
                bail!("{wanted:?}: not in force within {bound:?}\n{}", self.tail());
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Waits until it has carried out an order, such as `lane.before_script stop`.
    ///
    /// # Errors
    /// When it has not after `bound`.
    pub async fn await_done(&self, order: &str, bound: Duration) -> anyhow::Result<()> {
        let since = Instant::now();
        while !self.done().iter().any(|done| done == order) {
            if since.elapsed() > bound {
                bail!("{order}: not within {bound:?}; done: {:?}\n{}", self.done(), self.tail());
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// What it has said on standard error, over all of its starts.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(TAIL)..].join("\n")
    }
}

impl State {
    /// Notices the process' end.
    fn look(&mut self) {
        if let Some(child) = &mut self.child
            && let Ok(Some(status)) = child.try_wait()
        {
            self.child = None;
            self.ended = Some(status);
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- the last of {}\n{}", self.log.display(), self.tail());
        }
    }
}

fn free_address() -> anyhow::Result<SocketAddr> {
    for _ in 0..100 {
        let address = SocketAddr::from(([127, 0, 0, 1], rand::random_range(PORTS)));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    None.context("no free port for an engine")
}
