//! Child processes of the benchmark's program: an engine, or a front with another design behind it.

use std::{
    fs,
    net::SocketAddr,
    ops::RangeInclusive,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use dropgate::local;
use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, SysconfVar, sysconf},
};
use tokio::net::TcpStream;

/// How long a process may take to listen.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// A process that listens; killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Process {
    /// Starts `program`, which is `dropgate-bench`, with `arguments` and `settings`, on a free port
    /// which it learns by `DROPGATE_LISTEN`, and waits until a connection works.
    ///
    /// # Errors
    /// When it can't be started, ends, or does not listen in time.
    pub async fn start(
        program: &Path,
        arguments: &[&str],
        settings: &[(&str, String)],
    ) -> anyhow::Result<Process> {
        let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .env("DROPGATE_LISTEN", address.to_string())
            .envs(settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let child = local::spawn(command, Signal::SIGKILL).context("can't start a process")?;
        let mut process = Process { child, address };
        let deadline = Instant::now() + READY_WITHIN;
        while TcpStream::connect(address).await.is_err() {
            if let Some(status) = process.child.try_wait()? {
                bail!("{arguments:?} ended early: {status}");
            }
            if Instant::now() > deadline {
                bail!("{arguments:?} did not listen within {READY_WITHIN:?}");
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(process)
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Stops it by SIGTERM and waits.
    ///
    /// # Errors
    /// When it can't be waited for.
    pub fn stop(mut self) -> anyhow::Result<()> {
        kill(Pid::from_raw(i32::try_from(self.child.id())?), Signal::SIGTERM)?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Memory that a process has at present, in bytes.
///
/// # Errors
/// When it does not run.
pub fn resident(id: u32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("its memory")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}

/// Processor time that a process has used (`/proc/…/stat`, fields 14 and 15).
///
/// # Errors
/// When there is no such process.
pub fn cpu_time(id: u32) -> anyhow::Result<Duration> {
    ticks(id, 14..=15)
}

/// The sum of some fields of `/proc/…/stat` that count ticks; the first of all is number 1.
fn ticks(id: u32, fields: RangeInclusive<usize>) -> anyhow::Result<Duration> {
    // The second field is a name in parentheses, and may have spaces.
    const BEHIND_NAME: usize = 3;
    let text = fs::read_to_string(format!("/proc/{id}/stat"))?;
    let behind = text.rsplit_once(')').context("a name in parentheses")?.1;
    let behind: Vec<&str> = behind.split_whitespace().collect();
    let ticks: u64 = fields.map(|at| behind[at - BEHIND_NAME].parse().unwrap_or(0)).sum();
    let rate = sysconf(SysconfVar::CLK_TCK)?.unwrap_or(100);
    Ok(Duration::from_secs_f64(ticks as f64 / rate as f64))
}

/// The same for a process and all that descend from it, such as Postgres' backends, also those that
/// have ended (fields 16 and 17).
///
/// # Errors
/// When there is no such process.
pub fn cpu_time_of_tree(id: u32) -> anyhow::Result<Duration> {
    let mut sum = ticks(id, 14..=17)?;
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
    for child in children.split_whitespace() {
        sum += cpu_time_of_tree(child.parse()?).unwrap_or_default();
    }
    Ok(sum)
}
