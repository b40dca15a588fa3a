//! The files of a Postgres: made once by `initdb`, whole or not at all.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;

use super::account::{Account, Place};
use super::process::{open_log, tail};
use super::programs::{PostgresPrograms, Programs};
use super::{LocalError, folder, spawner};

/// The superuser, and the database that `dev` uses.
pub(super) const NAME: &str = "dropgate";
/// In the data directory: the superuser's password. Postgres leaves files it does not know alone.
const PASSWORD: &str = "dropgate.password";

/// The data directory of one Postgres.
#[derive(Debug)]
pub(super) struct Cluster {
    /// Without symbolic links.
    pub(super) data: PathBuf,
    pub(super) password: String,
}

impl Cluster {
    /// Where a data directory is within its place.
    pub(super) fn path(place: &Path) -> PathBuf {
        place.join("data")
    }

    /// Opens the data directory of a place, whose lock the caller holds, and makes it if there is
    /// none.
    ///
    /// `initdb` works in a sibling that takes its name when all is there: one that was interrupted
    /// is thus never mistaken for a data directory, and goes at the next start.
    pub(super) fn open(place: &Place, programs: &Programs) -> Result<Self, LocalError> {
        let data = Self::path(&place.folder);
        if !data.exists() {
            remove_interrupted(&place.folder);
            let name = format!("data-init-{}", folder::random_name());
            let new = place.folder.join(name);
            init(&new, place, programs.newest(), true)?;
            fs::rename(&new, &data).map_err(LocalError::io("rename", &new))?;
        }
        let path = data.join(PASSWORD);
        let password = fs::read_to_string(&path).map_err(LocalError::io("read", &path))?;
        Ok(Self { data, password: password.trim().to_owned() })
    }

    /// The installation that can serve these files.
    pub(super) fn programs<'p>(
        &self,
        programs: &'p Programs,
    ) -> Result<&'p PostgresPrograms, LocalError> {
        let path = self.data.join("PG_VERSION");
        let version = fs::read_to_string(&path).map_err(LocalError::io("read", &path))?;
        let major = version.trim();
        major.parse().ok().and_then(|major| programs.of_major(major)).ok_or_else(|| {
            LocalError::WrongVersion {
                path: programs.postgres().to_owned(),
                found: programs.newest().major.to_string(),
                wanted: format!("{major}, which made the files in {},", self.data.display()),
                remedy: format!(
                    "install Postgres {major}, or start afresh with another folder in \
                     DROPGATE_DATA_DIR"
                ),
            }
        })
    }
}

/// Runs `initdb` in a folder that is not there yet, as the user of `place`, and lays the password
/// into it as the last thing. `durable`: also after a power cut.
pub(super) fn init(
    data: &Path,
    place: &Place,
    programs: &PostgresPrograms,
    durable: bool,
) -> Result<(), LocalError> {
    let account = place.account.as_ref();
    let password = folder::random_name();
    let password_file = data.with_extension("password");
    folder::write_whole(&password_file, &password, 0o600)?;
    Account::give(account, &password_file)?;

    let mut command = Command::new(&programs.initdb);
    command.arg("--pgdata").arg(data).arg("--pwfile").arg(&password_file);
    command.args(["--username", NAME, "--auth", "scram-sha-256"]);
    command.args(["--encoding", "UTF8", "--no-locale"]);
    if !durable {
        command.arg("--no-sync");
    }
    clean(&mut command);
    Account::run(account, &mut command);
    let log_path = place.folder.join("initdb.log");
    let _ = fs::remove_file(&log_path);
    let log = open_log(&log_path)?;
    let copy = log.try_clone().map_err(LocalError::io("open", &log_path))?;
    command.current_dir(&place.folder).stdin(Stdio::null()).stdout(log).stderr(copy);
    let status = spawner::spawn(command, Signal::SIGKILL)
        .and_then(|mut child| child.wait())
        .map_err(LocalError::io("run", &programs.initdb))?;
    if !status.success() {
        let (folder, status, tail) = (data.to_owned(), status.to_string(), tail(&log_path, 0));
        return Err(LocalError::InitDb { folder, status, tail });
    }
    fs::rename(&password_file, data.join(PASSWORD))
        .map_err(LocalError::io("rename", &password_file))
}

/// Takes the caller's Postgres settings (PGDATA, PGPORT, PGOPTIONS and so on) and language away.
pub(super) fn clean(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"PG") {
            command.env_remove(name);
        }
    }
    command.env("LC_ALL", "C").env("TZ", "UTC");
}

/// Removes what interrupted runs of `initdb` left; what cannot be removed now goes next time.
fn remove_interrupted(place: &Path) {
    let Ok(entries) = place.read_dir() else { return };
    for entry in entries.flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(b"data-init-") {
            let path = entry.path();
            let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        }
    }
}
