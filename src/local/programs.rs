//! Finding the binaries of Redis or Valkey and of Postgres.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::LocalError;

/// The scripts mark themselves with `#!lua flags=…`, which Redis knows from this version on.
const OLDEST_REDIS: u32 = 7;
/// The oldest that its project still maintains.
const OLDEST_POSTGRES: u32 = 14;

const GET_REDIS: &str = "install Redis 7 or newer, or Valkey (apt install redis-server, \
                         dnf install valkey, brew install redis), or run `make run`, which does";
const GET_POSTGRES: &str = "install the Postgres server, 14 or newer (apt install postgresql, \
                            dnf install postgresql-server, brew install postgresql), \
                            or run `make run`, which does";

/// Where binaries are although PATH may not say so.
const MORE_FOLDERS: [&str; 4] = ["/usr/bin", "/usr/local/bin", "/usr/sbin", "/opt/homebrew/bin"];

/// Folders whose children are Postgres installations of one version each, and the start of those
/// children's names: Debian, then Red Hat, Alpine, SUSE, and Homebrew twice.
const POSTGRES_FAMILIES: [(&str, &str); 6] = [
    ("/usr/lib/postgresql", ""),
    ("/usr", "pgsql-"),
    ("/usr/libexec", "postgresql"),
    ("/usr/lib", "postgresql"),
    ("/opt/homebrew/opt", "postgresql"),
    ("/usr/local/opt", "postgresql"),
];

/// The binaries of the two servers.
#[derive(Debug, Clone)]
pub struct Programs {
    redis: PathBuf,
    /// In order of preference, never empty.
    postgres: Vec<PostgresPrograms>,
}

/// One installation of Postgres.
#[derive(Debug, Clone)]
pub(super) struct PostgresPrograms {
    pub(super) postgres: PathBuf,
    pub(super) initdb: PathBuf,
    pub(super) major: u32,
    /// As it prints it.
    pub(super) version: String,
}

impl Programs {
    /// Looks for `redis-server` or `valkey-server`, and for `postgres` together with `initdb`: on
    /// PATH first, then where Debian, Red Hat, Alpine, SUSE and Homebrew put them, newest first.
    ///
    /// # Errors
    ///
    /// [`LocalError::Missing`] or [`LocalError::WrongVersion`], with what to install.
    pub fn find() -> Result<Self, LocalError> {
        let folders = folders();
        Ok(Self { redis: find_redis(&folders)?, postgres: find_postgres(&folders)? })
    }

    /// The Redis or Valkey server.
    #[must_use]
    pub fn redis(&self) -> &Path {
        &self.redis
    }

    /// The Postgres server that new files are made with.
    #[must_use]
    pub fn postgres(&self) -> &Path {
        &self.newest().postgres
    }

    /// The `initdb` that belongs to [`Programs::postgres`].
    #[must_use]
    pub fn initdb(&self) -> &Path {
        &self.newest().initdb
    }

    /// The installation for new files.
    #[expect(clippy::indexing_slicing, reason = "find() refuses an empty list")]
    pub(super) fn newest(&self) -> &PostgresPrograms {
        &self.postgres[0]
    }

    /// The installation that can read the files of a major version, if there is one.
    pub(super) fn of_major(&self, major: u32) -> Option<&PostgresPrograms> {
        self.postgres.iter().find(|programs| programs.major == major)
    }
}

fn folders() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).chain(MORE_FOLDERS.iter().map(PathBuf::from)).collect()
}

fn find_redis(folders: &[PathBuf]) -> Result<PathBuf, LocalError> {
    let mut refused = None;
    for name in ["redis-server", "valkey-server"] {
        for path in folders.iter().map(|folder| folder.join(name)).filter(|path| path.is_file()) {
            let printed = version_line(&path);
            match major(printed.split("v=").nth(1).unwrap_or_default()) {
                Some(version) if version >= OLDEST_REDIS => return Ok(path),
                _ => refused = refused.or(Some((path, printed))),
            }
        }
    }
    Err(refusal(refused, "A Redis or Valkey server", OLDEST_REDIS, GET_REDIS))
}

fn find_postgres(folders: &[PathBuf]) -> Result<Vec<PostgresPrograms>, LocalError> {
    let mut found = Vec::new();
    let mut refused = None;
    for folder in folders.iter().cloned().chain(postgres_folders()) {
        let (postgres, initdb) = (folder.join("postgres"), folder.join("initdb"));
        if !postgres.is_file() || !initdb.is_file() {
            continue;
        }
        let printed = version_line(&postgres);
        match major(printed.rsplit("PostgreSQL) ").next().unwrap_or_default()) {
            Some(major) if major >= OLDEST_POSTGRES => {
                found.push(PostgresPrograms { postgres, initdb, major, version: printed });
            }
            _ => refused = refused.or(Some((postgres, printed))),
        }
    }
    if found.is_empty() {
        return Err(refusal(refused, "A Postgres server", OLDEST_POSTGRES, GET_POSTGRES));
    }
    Ok(found)
}

/// The installations outside PATH, newest version first within each family.
fn postgres_folders() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for (family, start) in POSTGRES_FAMILIES {
        let Ok(children) = Path::new(family).read_dir() else { continue };
        let mut versions: Vec<_> = children
            .flatten()
            .filter_map(|child| {
                let name = child.file_name().into_string().ok()?;
                let version = name.strip_prefix(start)?.trim_start_matches(['@', '-']).to_owned();
                Some((major(&version)?, child.path()))
            })
            .collect();
        versions.sort();
        // Alpine keeps the binaries without a folder `bin`.
        let both = |(_, path): (u32, PathBuf)| [path.join("bin"), path];
        folders.extend(versions.into_iter().rev().flat_map(both));
    }
    folders
}

/// The first line that a program prints for `--version`; empty when it cannot be run.
fn version_line(program: &Path) -> String {
    let output = Command::new(program).arg("--version").output();
    let printed = output.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&printed).lines().next().unwrap_or_default().to_owned()
}

fn major(version: &str) -> Option<u32> {
    let end = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    version.get(..end)?.parse().ok()
}

fn refusal(
    refused: Option<(PathBuf, String)>,
    program: &'static str,
    oldest: u32,
    remedy: &'static str,
) -> LocalError {
    match refused {
        None => LocalError::Missing { program, remedy },
        Some((path, found)) => LocalError::WrongVersion {
            path,
            found: if found.is_empty() { "unknown".to_owned() } else { format!("`{found}`") },
            wanted: format!("{oldest} or newer"),
            remedy: remedy.to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_before_the_first_dot_is_the_major_version() {
        assert_eq!(major("15.14 (Debian 15.14-0+deb12u1)"), Some(15));
        assert_eq!(major("18beta1"), Some(18));
        assert_eq!(major("7.0.15 sha=00000000:0"), Some(7));
        assert_eq!(major(""), None);
        assert_eq!(major("devel"), None);
    }

    #[test]
    fn an_empty_list_of_folders_names_what_to_install() {
        let error = find_redis(&[]).unwrap_err().to_string();
        assert!(error.contains("apt install redis-server"), "{error}");
    }

    #[test]
    fn a_server_that_is_too_old_is_refused_by_name() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("redis-server");
        std::fs::write(&path, "#!/bin/sh\necho 'Redis server v=6.0.16 sha=0 bits=64'\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let error = find_redis(&[folder.path().to_owned()]).unwrap_err().to_string();
        assert!(error.contains("6.0.16") && error.contains("7 or newer"), "{error}");
    }
}
