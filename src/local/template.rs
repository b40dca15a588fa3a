//! Where the tests' servers have their files, and a ready-made data directory to copy from.
//!
//! The base folder, one a user in the machine's temporary folder, holds the templates (one a
//! Postgres version) and a folder for each test process, `run-…`, whose lock that process holds.
//! Runs that were killed leave their folder; the next one removes it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};

use super::account::{Account, Place};
use super::cluster::{self, Cluster};
use super::folder::{self, FolderLock, PASSABLE, PRIVATE};
use super::programs::PostgresPrograms;
use super::{LocalError, process_table};

/// Rises when templates are made differently.
const FORMAT: u32 = 1;

/// The folder of one test process. Dropping it removes it.
#[derive(Debug)]
pub(super) struct Run {
    folder: PathBuf,
    _lock: FolderLock,
}

impl Run {
    /// Makes a folder with a fresh Postgres data directory in it, and removes those of dead
    /// processes.
    pub(super) fn new(programs: &PostgresPrograms) -> Result<Self, LocalError> {
        let (base, templates) = base()?;
        let _base_lock = FolderLock::wait_for(&base)?;
        remove_dead_runs(&base);
        let folder = folder::make(&base.join(format!("run-{}", folder::random_name())), PASSABLE)?;
        let run = Self { _lock: FolderLock::take(&folder)?, folder };
        let template = template(&templates, programs)?;
        let place = folder::make(&run.postgres(), PRIVATE)?;
        let data = Cluster::path(&place);
        // `cp` keeps owners and modes and shares blocks where the file system can.
        let copied = Command::new("cp").arg("-a").arg(&template).arg(&data).status();
        match copied.map_err(LocalError::io("run", Path::new("cp")))? {
            status if status.success() => Ok(run),
            status => {
                let error = std::io::Error::other(format!("cp: {status}"));
                Err(LocalError::io("copy the template to", &data)(error))
            }
        }
    }

    pub(super) fn redis(&self) -> PathBuf {
        self.folder.join("redis")
    }

    pub(super) fn postgres(&self) -> PathBuf {
        self.folder.join("postgres")
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The base folder, and the place of the templates: within reach of the user that Postgres runs
/// as.
fn base() -> Result<(PathBuf, Place), LocalError> {
    let account = Account::for_postgres()?;
    let us = geteuid();
    let mut tried = Vec::new();
    for parent in [std::env::temp_dir(), PathBuf::from("/tmp"), PathBuf::from("/var/tmp")] {
        let base = parent.join(format!("dropgate-test-{us}"));
        tried.push(base.clone());
        let Ok(base) = folder::make(&base, PASSABLE) else { continue };
        // Everybody may make folders there: this one has to be ours alone.
        let is_ours = base
            .symlink_metadata()
            .is_ok_and(|found| found.uid() == us.as_raw() && found.mode() & 0o022 == 0);
        if is_ours && let Some(place) = Place::at(&base.join("templates"), account.as_ref(), false)?
        {
            return Ok((base, place));
        }
    }
    let user = account.map_or_else(|| us.to_string(), |account| account.name().to_owned());
    Err(LocalError::Unreachable { user, tried })
}

/// A data directory to copy, made now if there is none that is whole. The caller holds the base
/// lock.
fn template(place: &Place, programs: &PostgresPrograms) -> Result<PathBuf, LocalError> {
    let key = format!("{FORMAT} {} {}", programs.version, programs.initdb.display());
    let template = place.folder.join(folder::name_hash(Path::new(&key)));
    let inventory = template.with_extension("inventory");
    if fs::read_to_string(&inventory).is_ok_and(|written| written == take_stock(&template)) {
        return Ok(template);
    }
    let _ = fs::remove_file(&inventory);
    let _ = fs::remove_dir_all(&template);
    cluster::init(&template, place, programs, false)?;
    folder::write_whole(&inventory, &take_stock(&template), 0o644)?;
    Ok(template)
}

/// How many files and folders there are and how many bytes: a template that was never finished, or
/// that a cleaner of old temporary files has been to, does not match what was written down.
fn take_stock(folder: &Path) -> String {
    let (mut entries, mut bytes) = (0_u64, 0_u64);
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            entries += 1;
            if metadata.is_dir() {
                folders.push(entry.path());
            } else {
                bytes += metadata.len();
            }
        }
    }
    format!("{entries} entries, {bytes} bytes\n")
}

/// Removes the folders of test processes that are gone, with servers that were frozen when they
/// went.
fn remove_dead_runs(base: &Path) {
    for entry in base.read_dir().into_iter().flatten().flatten() {
        let run = entry.path();
        if !entry.file_name().as_encoded_bytes().starts_with(b"run-") {
            continue;
        }
        let Ok(_lock) = FolderLock::take(&run) else { continue };
        let redis = ["redis-server", "valkey-server"];
        let mut left = process_table::family(None, &run.join("redis"), &redis);
        left.extend(process_table::family(None, &run.join("postgres/data"), &["postgres"]));
        for process in left {
            let _ = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
        }
        let _ = fs::remove_dir_all(&run);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_that_lost_a_file_or_an_empty_folder_does_not_match() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("a/empty")).unwrap();
        fs::write(root.path().join("a/file"), "12345").unwrap();
        let whole = take_stock(root.path());
        assert_eq!(whole, "3 entries, 5 bytes\n");
        fs::remove_dir(root.path().join("a/empty")).unwrap();
        assert_ne!(take_stock(root.path()), whole);
        assert_eq!(take_stock(&root.path().join("absent")), "0 entries, 0 bytes\n");
    }
}
