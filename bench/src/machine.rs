//! Where and what is measured: machine, servers, commit.

use std::{fs, process::Command};

use dropgate::local::Programs;
use serde::{Deserialize, Serialize};

/// The machine and the servers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Cores that this process may use.
    pub cores: usize,
    /// What the first of them calls itself.
    pub cpu: String,
    /// In GiB, rounded.
    pub memory_gib: u64,
    /// Its release.
    pub kernel: String,
    /// As the server tells its version.
    pub redis: String,
    /// The same.
    pub postgres: String,
}

impl Machine {
    /// Looks at this one. What can't be found out stays empty.
    #[must_use]
    pub fn look() -> Machine {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let memory_kib: u64 = value_of(&read("/proc/meminfo"), "MemTotal")
            .and_then(|text| text.split_whitespace().next()?.parse().ok())
            .unwrap_or(0);
        let programs = Programs::find().ok();
        let version = |program: Option<&std::path::Path>| {
            program.map(|program| said_by(&mut Command::new(program), "--version"))
        };
        let redis = version(programs.as_ref().map(Programs::redis)).unwrap_or_default();
        let postgres = version(programs.as_ref().map(Programs::postgres)).unwrap_or_default();
        Machine {
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            cpu: value_of(&read("/proc/cpuinfo"), "model name").unwrap_or_default(),
            memory_gib: (memory_kib + (1 << 19)) >> 20,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            redis: redis_version(&redis),
            postgres: postgres.split_whitespace().nth(2).unwrap_or_default().to_owned(),
        }
    }
}

/// The commit that is checked out, and whether there is more than that in the working copy.
/// Documents do not count: this program writes some itself.
#[must_use]
pub fn commit() -> String {
    let hash = said_by(Command::new("git").args(["rev-parse", "--short=10"]), "HEAD");
    let changed = said_by(Command::new("git").args(["status", "--porcelain", "--", "."]), ":!docs");
    match (hash.is_empty(), changed.is_empty()) {
        (true, _) => "unknown".to_owned(),
        (false, true) => hash,
        (false, false) => format!("{hash} + changes"),
    }
}

/// What a program prints for one more argument; nothing when it fails.
fn said_by(command: &mut Command, argument: &str) -> String {
    let output = command.arg(argument).output().ok().filter(|output| output.status.success());
    output
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        .unwrap_or_default()
}

/// The value in `name : value`.
fn value_of(text: &str, name: &str) -> Option<String> {
    let mut pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().to_owned())
}

/// `Redis server v=7.0.15 sha=…` and the like.
fn redis_version(text: &str) -> String {
    let version = text.split_whitespace().find_map(|word| word.strip_prefix("v="));
    version.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_the_servers_say() {
        assert_eq!(redis_version("Redis server v=7.0.15 sha=00000000:0 bits=64"), "7.0.15");
        assert_eq!(value_of("a\t: b c\nd: e", "a").as_deref(), Some("b c"));
        assert!(Machine::look().cores > 0);
    }
}
