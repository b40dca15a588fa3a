//! Folders of servers: made private, and held by one process at a time.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use sha2::{Digest, Sha256};

use super::LocalError;

/// Only its owner may look into the folder.
pub(super) const PRIVATE: u32 = 0o700;
/// Others may pass through the folder to what is theirs below, but not list it.
pub(super) const PASSABLE: u32 = 0o711;

/// Makes a folder with its parents; one that is there already keeps its mode. The answer is its
/// path without symbolic links, as the kernel reports it for processes that work in it.
pub(super) fn make(folder: &Path, mode: u32) -> Result<PathBuf, LocalError> {
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent).map_err(LocalError::io("create the folder", parent))?;
    }
    match DirBuilder::new().mode(mode).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(LocalError::io("create the folder", folder)(error))
        }
        _ => folder.canonicalize().map_err(LocalError::io("open the folder", folder)),
    }
}

/// A hash of a folder's path, for names that are stable and differ between folders.
pub(super) fn name_hash(path: &Path) -> String {
    let digest = Sha256::digest(path.as_os_str().as_encoded_bytes());
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// A random string of 32 hexadecimal digits: a password, or a name nobody else has.
pub(super) fn random_name() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// Writes a file so that a reader sees the old or the new content, never a part.
pub(super) fn write_whole(path: &Path, content: &str, mode: u32) -> Result<(), LocalError> {
    let part = path.with_extension(format!("part-{}", random_name()));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&part)
        .and_then(|mut file| file.write_all(content.as_bytes()))
        .and_then(|()| fs::rename(&part, path));
    written.map_err(LocalError::io("write", path))
}

/// The exclusive lock on a folder, held until dropped or until this process ends. Children don't
/// inherit it.
#[derive(Debug)]
pub(super) struct FolderLock {
    _file: Flock<File>,
}

impl FolderLock {
    /// Takes the lock, or says at once who has it.
    pub(super) fn take(folder: &Path) -> Result<Self, LocalError> {
        let path = folder.join("lock");
        let file = open(&path)?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(mut file) => {
                let written = file
                    .set_len(0)
                    .and_then(|()| file.write_all(format!("{}\n", std::process::id()).as_bytes()));
                written.map_err(LocalError::io("write", &path))?;
                Ok(Self { _file: file })
            }
            Err((mut file, Errno::EWOULDBLOCK)) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                let holder = holder.trim().parse().ok();
                Err(LocalError::Locked { folder: folder.to_owned(), holder })
            }
            Err((_, error)) => Err(LocalError::io("lock", &path)(error)),
        }
    }

    /// Takes the lock, after waiting for whoever has it.
    pub(super) fn wait_for(folder: &Path) -> Result<Self, LocalError> {
        let path = folder.join("lock");
        let file = Flock::lock(open(&path)?, FlockArg::LockExclusive)
            .map_err(|(_, error)| LocalError::io("lock", &path)(error))?;
        Ok(Self { _file: file })
    }
}

fn open(path: &Path) -> Result<File, LocalError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(LocalError::io("open", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_lock_is_refused_and_names_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let first = FolderLock::take(folder.path()).unwrap();
        let refused = FolderLock::take(folder.path()).unwrap_err();
        let LocalError::Locked { holder, .. } = refused else { panic!("{refused}") };
        assert_eq!(holder, Some(std::process::id()));
        drop(first);
        FolderLock::take(folder.path()).unwrap();
    }

    #[test]
    fn a_file_is_replaced_with_its_mode_and_nothing_is_left_beside_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        write_whole(&path, "one", 0o600).unwrap();
        write_whole(&path, "two", 0o600).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }
}
