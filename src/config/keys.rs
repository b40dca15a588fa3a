//! The bearer keys of the two scopes.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::{SettingError, text};

pub(super) const ADMIN: &str = "DROPGATE_ADMIN_KEY";
const STOREFRONT: &str = "DROPGATE_STOREFRONT_KEY";
/// The fewest characters of a key.
const MIN_KEY: usize = 16;
const REMEDY: &str = "give at least 16 printable characters, e.g. from `openssl rand -hex 32`";

/// Flags and variables of the API's keys.
#[derive(Clone, Default, clap::Args)]
#[command(next_help_heading = "Keys")]
pub struct KeyArgs {
    /// Bearer key of the admin scope, at least 16 characters (required by `serve`)
    #[arg(long, env = ADMIN, hide_env_values = true, value_name = "KEY")]
    admin_key: Option<OsString>,
    /// Bearer key of the storefront scope, at least 16 characters (required by `serve`)
    #[arg(long, env = STOREFRONT, hide_env_values = true, value_name = "KEY")]
    storefront_key: Option<OsString>,
}

/// A text that is never shown by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A text that is not to be shown.
    pub(super) fn new(text: String) -> Secret {
        Secret(text)
    }

    /// The text itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// The bearer keys of the two scopes: each at least 16 printable characters, not the same.
/// A key that is too short can be guessed; whoever has the admin key can do everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySettings {
    /// No default. Opens everything.
    pub admin: Secret,
    /// No default. Opens what a shop does for its customers.
    pub storefront: Secret,
}

/// The keys as far as they are given: `dev` makes the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DevKeys {
    /// See [`KeySettings::admin`].
    pub admin: Option<Secret>,
    /// See [`KeySettings::storefront`].
    pub storefront: Option<Secret>,
}

impl KeySettings {
    /// The keys, if they are good ones.
    ///
    /// # Errors
    /// [`SettingError`] when one is too short or has characters that no header carries, or when
    /// both are the same.
    pub fn new(admin: String, storefront: String) -> Result<KeySettings, SettingError> {
        let (admin, storefront) = (key(ADMIN, admin)?, key(STOREFRONT, storefront)?);
        differ(&admin, &storefront)?;
        Ok(KeySettings { admin, storefront })
    }
}

impl KeyArgs {
    /// # Errors
    /// [`SettingError`] for a key that is missing or wrong.
    pub fn resolve(self) -> Result<KeySettings, SettingError> {
        let DevKeys { admin, storefront } = self.resolve_given()?;
        let missing = |name| SettingError::missing(name, REMEDY);
        Ok(KeySettings {
            admin: admin.ok_or_else(|| missing(ADMIN))?,
            storefront: storefront.ok_or_else(|| missing(STOREFRONT))?,
        })
    }

    /// The keys as far as they are given.
    ///
    /// # Errors
    /// [`SettingError`] for a key that is wrong.
    pub fn resolve_given(self) -> Result<DevKeys, SettingError> {
        let given = |name, value| text(name, value)?.map(|text| key(name, text)).transpose();
        let admin = given(ADMIN, self.admin_key)?;
        let storefront = given(STOREFRONT, self.storefront_key)?;
        if let (Some(admin), Some(storefront)) = (&admin, &storefront) {
            differ(admin, storefront)?;
        }
        Ok(DevKeys { admin, storefront })
    }
}

/// The file in the data folder in which `dev` keeps its keys, as a shell can source it.
#[derive(Clone, PartialEq, Eq)]
pub struct KeptKeys {
    path: PathBuf,
    text: String,
}

impl KeptKeys {
    /// Reads the file of a data folder; one that is not there keeps nothing yet.
    ///
    /// # Errors
    /// When it is there and can't be read.
    pub fn read(data_dir: &Path) -> io::Result<KeptKeys> {
        let path = data_dir.join("keys.env");
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            read => read?,
        };
        Ok(KeptKeys { path, text })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it has for a variable.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&str> {
        self.text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
    }
}

pub(super) fn key(name: &'static str, text: String) -> Result<Secret, SettingError> {
    if text.len() < MIN_KEY {
        return Err(SettingError::wrong(name, "is too short", REMEDY));
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        let problem = "has a space or a character outside ASCII in it";
        return Err(SettingError::wrong(name, problem, REMEDY));
    }
    Ok(Secret(text))
}

fn differ(admin: &Secret, storefront: &Secret) -> Result<(), SettingError> {
    if admin != storefront {
        return Ok(());
    }
    let remedy = "give each scope a key of its own, or a shop could do what only an admin may";
    Err(SettingError::wrong(STOREFRONT, "is the same as DROPGATE_ADMIN_KEY", remedy))
}

impl fmt::Debug for KeptKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptKeys").field("path", &self.path).finish_non_exhaustive()
    }
}

impl fmt::Debug for KeyArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyArgs").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "admin-key-0123456789";
    const S: &str = "store-key-0123456789";

    fn line(admin: Option<&str>, storefront: Option<&str>) -> String {
        let args = KeyArgs {
            admin_key: admin.map(Into::into),
            storefront_key: storefront.map(Into::into),
        };
        args.resolve().map_or_else(|error| error.to_string(), |_| String::new())
    }

    #[test]
    fn bad_keys_are_named() {
        assert_eq!(line(Some(A), Some(S)), "");
        assert!(line(None, Some(S)).starts_with("DROPGATE_ADMIN_KEY is not set: "));
        assert!(line(Some(A), Some("")).starts_with("DROPGATE_STOREFRONT_KEY is not set: "));
        assert!(line(Some("short"), Some(S)).starts_with("DROPGATE_ADMIN_KEY is too short: "));
        assert!(line(Some(A), Some(A)).starts_with("DROPGATE_STOREFRONT_KEY is the same as "));
        assert!(line(Some(A), Some("with a space in it")).contains("has a space"));
        assert!(!line(Some("shorty"), Some(S)).contains("shorty"));
    }

    #[test]
    fn keys_are_not_shown() {
        let keys = KeySettings::new(A.to_owned(), S.to_owned()).expect("fine");
        let shown = format!("{keys:?}");
        assert!(!shown.contains(A) && !shown.contains(S), "{shown}");
    }
}
