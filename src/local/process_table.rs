//! Looking at the processes of this machine: which there are, and which work in a folder.

use std::path::Path;

/// One process that is not a zombie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: i32,
    pub(super) parent: i32,
    /// The name of its program, at most 15 characters.
    pub(super) name: String,
    /// By SIGSTOP or a debugger.
    pub(super) stopped: bool,
}

/// `root` with everything below it, and every process with one of these names that works in
/// `folder`. Both servers enter their data folder at start, and so do their children: this is what
/// tells them from other people's servers, and what finds the orphans of a killed Postgres.
pub(super) fn family(root: Option<i32>, folder: &Path, names: &[&str]) -> Vec<Process> {
    let table = table();
    let mut members: Vec<i32> = root.into_iter().collect();
    let mut seen = 0;
    while let Some(&parent) = members.get(seen) {
        members.extend(table.iter().filter(|p| p.parent == parent).map(|p| p.pid));
        seen += 1;
    }
    let is_member = |process: &Process| {
        members.contains(&process.pid)
            || (names.contains(&process.name.as_str()) && works_in(process.pid, folder))
    };
    table.iter().filter(|process| is_member(process)).cloned().collect()
}

#[cfg(target_os = "linux")]
fn table() -> Vec<Process> {
    let Ok(entries) = Path::new("/proc").read_dir() else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| {
            entry.file_name().to_str()?.parse::<i32>().ok()?;
            parse_stat(&std::fs::read_to_string(entry.path().join("stat")).ok()?)
        })
        .collect()
}

/// `/proc/<pid>/stat`: `pid (name) state parent …`, where the name may hold blanks and brackets.
#[cfg(target_os = "linux")]
fn parse_stat(stat: &str) -> Option<Process> {
    let (pid, rest) = stat.split_once(" (")?;
    let (name, rest) = rest.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let (state, parent) = (fields.next()?, fields.next()?.parse().ok()?);
    let (pid, name) = (pid.parse().ok()?, name.to_owned());
    let alive = !matches!(state, "Z" | "X");
    alive.then_some(Process { pid, parent, name, stopped: matches!(state, "T" | "t") })
}

#[cfg(target_os = "linux")]
fn works_in(pid: i32, folder: &Path) -> bool {
    std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == folder)
}

#[cfg(not(target_os = "linux"))]
fn table() -> Vec<Process> {
    let output =
        std::process::Command::new("ps").args(["-axo", "pid=,ppid=,state=,ucomm="]).output();
    let printed = output.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&printed).lines().filter_map(parse_ps).collect()
}

/// A line of `ps -o pid=,ppid=,state=,ucomm=`.
#[cfg(any(test, not(target_os = "linux")))]
fn parse_ps(line: &str) -> Option<Process> {
    let mut fields = line.split_whitespace();
    let (pid, parent) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    let (state, name) = (fields.next()?, fields.next()?.to_owned());
    let alive = !state.starts_with('Z');
    alive.then_some(Process { pid, parent, name, stopped: state.starts_with('T') })
}

#[cfg(not(target_os = "linux"))]
fn works_in(pid: i32, folder: &Path) -> bool {
    let pid = pid.to_string();
    let output =
        std::process::Command::new("lsof").args(["-a", "-d", "cwd", "-Fn", "-p", &pid]).output();
    let printed = output.map(|output| output.stdout).unwrap_or_default();
    let cwd = format!("n{}", folder.display());
    String::from_utf8_lossy(&printed).lines().any(|line| line == cwd)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: i32, parent: i32, name: &str, stopped: bool) -> Process {
        Process { pid, parent, name: name.to_owned(), stopped }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_name_with_blanks_and_brackets_is_read_whole() {
        assert_eq!(parse_stat("7 (a) b (c) S 1 7 7 0"), Some(process(7, 1, "a) b (c", false)));
        assert_eq!(parse_stat("8 (postgres) T 7 8 8 0"), Some(process(8, 7, "postgres", true)));
        assert_eq!(parse_stat("9 (postgres) Z 7 9 9 0"), None);
    }

    #[test]
    fn lines_of_ps_are_read() {
        assert_eq!(parse_ps("  7   1 Ss  postgres"), Some(process(7, 1, "postgres", false)));
        assert_eq!(parse_ps("  8   7 TN  redis-server"), Some(process(8, 7, "redis-server", true)));
        assert_eq!(parse_ps("  9   7 Z   (postgres)"), None);
    }

    #[test]
    fn this_process_is_in_its_own_folder() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let name = table().into_iter().find(|p| p.pid == pid).unwrap().name;
        let folder = std::env::current_dir().unwrap().canonicalize().unwrap();
        assert!(family(None, &folder, &[&name]).iter().any(|p| p.pid == pid));
        assert!(family(None, &folder, &["postgres"]).iter().all(|p| p.pid != pid));
    }
}
