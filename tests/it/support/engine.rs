//! One engine as a process of its own.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use dropgate::local::spawn;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::world::{ADMIN_KEY, STOREFRONT_KEY};

/// A running `dropgate serve`. It ends with this process, or when it is dropped.
#[derive(Debug)]
pub(crate) struct EngineProcess {
    child: Child,
    url: String,
}

impl EngineProcess {
    /// A command of the program under test, without any setting that this process may have.
    pub(crate) fn command(verb: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dropgate"));
        for (name, _) in std::env::vars_os() {
            let name_of = name.to_string_lossy();
            if ["DROPGATE_", "OTEL_", "SSL_CERT_"].iter().any(|ours| name_of.starts_with(ours)) {
                command.env_remove(name);
            }
        }
        command.arg(verb).stdin(Stdio::null());
        command
    }

    /// Starts an engine on a free port and waits until it says where it listens. More
    /// settings stand in `settings`.
    pub(crate) fn serve(redis: &str, database: &str, settings: &[(&str, &str)]) -> EngineProcess {
        EngineProcess::start(EngineProcess::serving(redis, database, settings))
    }

    /// The command that [`EngineProcess::serve`] runs.
    pub(crate) fn serving(redis: &str, database: &str, settings: &[(&str, &str)]) -> Command {
        let mut command = EngineProcess::command("serve");
        command
            .env("DROPGATE_LISTEN", "127.0.0.1:0")
            .env("DROPGATE_REDIS_URL", redis)
            .env("DROPGATE_DATABASE_URL", database)
            .env("DROPGATE_ADMIN_KEY", ADMIN_KEY)
            .env("DROPGATE_STOREFRONT_KEY", STOREFRONT_KEY)
            .env("DROPGATE_LOG", "warn")
            .envs(settings.iter().copied());
        command
    }

    /// Starts a command that serves, and waits until it says where it listens.
    pub(crate) fn start(mut command: Command) -> EngineProcess {
        command.stdout(Stdio::piped());
        let mut child = spawn(command, Signal::SIGKILL).expect("the engine starts");
        let out = BufReader::new(child.stdout.take().expect("a pipe"));
        let line = out.lines().next().expect("a line").expect("text");
        let url = line.split_whitespace().last().expect("an address").to_owned();
        assert!(url.starts_with("http://"), "{line}");
        EngineProcess { child, url }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where it listens: `http://…`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).expect("a process id");
        kill(Pid::from_raw(pid), signal).expect("the engine runs");
    }

    /// The status it ended with, if it has ended.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        self.child.try_wait().expect("its status").map(|status| status.code().unwrap_or(-1))
    }
}

impl Drop for EngineProcess {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
