//! As whom Postgres runs, and where its files can be: it refuses to run as root.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;
use nix::unistd::{Gid, Uid, User, chown, geteuid};

use super::folder::{self, PASSABLE, PRIVATE};
use super::{LocalError, spawner};

/// In a folder whose files went elsewhere: where they are. Written once and then followed, so that
/// they are found again whatever becomes of the permissions on the way.
const MOVED: &str = "moved-to";
/// Where files go that cannot be in the data folder, in order of preference.
const ELSEWHERE: [&str; 2] = ["/var/lib/dropgate", "/var/tmp/dropgate"];

/// Another user, as whom root runs a command.
#[derive(Debug, Clone)]
pub(super) struct Account {
    name: String,
    uid: Uid,
    gid: Gid,
}

/// Where the files of a Postgres are, and as whom it runs.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// Without symbolic links.
    pub(super) folder: PathBuf,
    /// `None`: as ourselves.
    pub(super) account: Option<Account>,
    /// The folder is not the one that was asked for.
    pub(super) moved: bool,
}

impl Account {
    /// As whom Postgres has to run: as root, the package's own user or else nobody; otherwise
    /// ourselves.
    pub(super) fn for_postgres() -> Result<Option<Self>, LocalError> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        let user = ["postgres", "nobody"].iter().find_map(|name| User::from_name(name).ok()?);
        let user = user.ok_or(LocalError::NoAccount)?;
        Ok(Some(Self { name: user.name, uid: user.uid, gid: user.gid }))
    }

    /// For files that are there already: root runs Postgres as their owner.
    fn of_owner(folder: &Path) -> Option<Self> {
        let metadata = folder.join("data").symlink_metadata().ok()?;
        let (uid, gid) = (Uid::from_raw(metadata.uid()), Gid::from_raw(metadata.gid()));
        let known = User::from_uid(uid).ok().flatten();
        let name = known.map_or_else(|| uid.to_string(), |user| user.name);
        (!uid.is_root()).then_some(Self { name, uid, gid })
    }

    /// The user's name, or number where it has none.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Makes a command run as this user.
    pub(super) fn run(account: Option<&Self>, command: &mut Command) {
        if let Some(account) = account {
            command.uid(account.uid.as_raw()).gid(account.gid.as_raw());
        }
    }

    /// Gives a file or folder to this user.
    pub(super) fn give(account: Option<&Self>, path: &Path) -> Result<(), LocalError> {
        let Some(account) = account else { return Ok(()) };
        chown(path, Some(account.uid), Some(account.gid))
            .map_err(LocalError::io("change owner of", path))
    }

    /// Whether this user can work in a folder, found out by doing so: modes, access lists, mounts
    /// and the folders on the way all have a say.
    fn can_write(account: Option<&Self>, folder: &Path) -> Result<bool, LocalError> {
        let script = r#"cd -P -- "$1" && : > .probe && rm .probe"#;
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script, "sh"]).arg(folder).current_dir("/");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self::run(account, &mut command);
        let shell = Path::new("/bin/sh");
        let status = spawner::spawn(command, Signal::SIGKILL).and_then(|mut child| child.wait());
        Ok(status.map_err(LocalError::io("run", shell))?.success())
    }
}

impl Place {
    /// Settles where the files of the Postgres of `asked` are, and makes that folder.
    pub(super) fn find(asked: &Path) -> Result<Self, LocalError> {
        let account = Account::for_postgres()?;
        let asked = folder::make(asked, PRIVATE)?;
        if let Some(folder) = noted(&asked) {
            return Self::at(&folder, account.as_ref(), true)?
                .ok_or_else(|| unreachable(account.as_ref(), vec![folder]));
        }
        if let Some(place) = Self::at(&asked, account.as_ref(), false)? {
            return Ok(place);
        }
        if account.is_none() || asked.join("data").exists() {
            return Err(unreachable(account.as_ref(), vec![asked]));
        }
        let mut tried = vec![asked.clone()];
        for parent in ELSEWHERE {
            let folder = Path::new(parent).join(folder::name_hash(&asked));
            if is_ours_to_use(Path::new(parent))
                && let Some(place) = Self::at(&folder, account.as_ref(), true)?
            {
                let path = place.folder.display().to_string();
                folder::write_whole(&asked.join(MOVED), &path, 0o644)?;
                return Ok(place);
            }
            tried.push(folder);
        }
        Err(unreachable(account.as_ref(), tried))
    }

    /// This folder, if the user can work in it.
    pub(super) fn at(
        folder: &Path,
        account: Option<&Account>,
        moved: bool,
    ) -> Result<Option<Self>, LocalError> {
        let folder = folder::make(folder, PRIVATE)?;
        let account = match account {
            Some(_) => Account::of_owner(&folder).or_else(|| account.cloned()),
            None => None,
        };
        Account::give(account.as_ref(), &folder)?;
        let reached = Account::can_write(account.as_ref(), &folder)?;
        Ok(reached.then_some(Self { folder, account, moved }))
    }
}

fn noted(asked: &Path) -> Option<PathBuf> {
    let path = fs::read_to_string(asked.join(MOVED)).ok()?;
    Some(PathBuf::from(path.trim()))
}

/// Makes a folder of root's for such files. In a folder that everybody can write to, somebody else
/// may have been there first.
fn is_ours_to_use(parent: &Path) -> bool {
    folder::make(parent, PASSABLE).is_ok_and(|made| made == parent)
        && parent.symlink_metadata().is_ok_and(|found| found.is_dir() && found.uid() == 0)
}

fn unreachable(account: Option<&Account>, tried: Vec<PathBuf>) -> LocalError {
    let ourselves =
        || User::from_uid(geteuid()).ok().flatten().map_or_else(String::new, |u| u.name);
    let user = account.map_or_else(ourselves, |account| account.name.clone());
    LocalError::Unreachable { user, tried }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn close_to_others(folder: &Path) {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
    }

    fn open_to_others(folder: &Path) {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn a_folder_that_can_be_reached_is_taken() {
        let root = tempfile::tempdir().unwrap();
        open_to_others(root.path());
        let asked = root.path().join("postgres");
        let place = Place::find(&asked).unwrap();
        assert_eq!((place.folder, place.moved), (asked.canonicalize().unwrap(), false));
    }

    #[test]
    fn as_root_a_folder_out_of_reach_moves_once_and_for_all() {
        if !geteuid().is_root() {
            return;
        }
        let root = tempfile::tempdir().unwrap();
        close_to_others(root.path());
        let asked = root.path().join("postgres");
        let place = Place::find(&asked).unwrap();
        assert!(place.moved && !place.folder.starts_with(root.path()));
        open_to_others(root.path());
        let again = Place::find(&asked).unwrap();
        assert_eq!(again.folder, place.folder);
        fs::remove_dir_all(place.folder).unwrap();
    }

    #[test]
    fn files_that_got_out_of_reach_are_an_error_and_no_new_start() {
        if !geteuid().is_root() {
            return;
        }
        let root = tempfile::tempdir().unwrap();
        close_to_others(root.path());
        let asked = root.path().join("postgres");
        fs::create_dir_all(asked.join("data")).unwrap();
        let error = Place::find(&asked).unwrap_err();
        assert!(matches!(error, LocalError::Unreachable { .. }), "{error}");
    }

    #[test]
    fn as_root_files_of_a_user_are_served_as_that_user() {
        let Ok(Some(nobody)) = User::from_name("nobody") else { return };
        if !geteuid().is_root() {
            return;
        }
        let root = tempfile::tempdir().unwrap();
        open_to_others(root.path());
        let asked = root.path().join("postgres");
        fs::create_dir_all(asked.join("data")).unwrap();
        chown(&asked.join("data"), Some(nobody.uid), Some(nobody.gid)).unwrap();
        assert_eq!(Place::find(&asked).unwrap().account.unwrap().uid, nobody.uid);
    }
}
