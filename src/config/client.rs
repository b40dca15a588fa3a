//! Which engine a command speaks to, and with which key.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::Path;

use super::error::{SettingError, text};
use super::keys::{ADMIN, KeptKeys, key};
use super::{DevArgs, Secret, sources, url};

const URL: &str = "DROPGATE_URL";
const DEFAULT: &str = "http://127.0.0.1:8080";

/// Flags and variables of the commands that speak to an engine.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Engine")]
pub struct ClientArgs {
    /// Address of an engine: http:// or https:// [default: http://127.0.0.1:8080]
    ///
    /// The key comes from DROPGATE_ADMIN_KEY, or from the file that DROPGATE_ADMIN_KEY_FILE names,
    /// never from a flag. When neither is set, and the engine runs on this machine, the key that
    /// `dropgate dev` keeps in its data folder is used.
    #[arg(long, env = URL, value_name = "URL")]
    url: Option<OsString>,
    #[command(flatten)]
    dev: DevArgs,
}

/// Which engine a command speaks to, and with which key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientSettings {
    /// Default `http://127.0.0.1:8080`; without a slash at the end.
    pub url: String,
    /// No default, but for an engine on this machine the one that `dev` keeps. Of the scope
    /// `admin`; for commands that only look, `read` is enough.
    pub key: Secret,
}

impl ClientArgs {
    /// # Errors
    /// [`SettingError`] for an address that is none, and when no key is found.
    pub fn resolve(self) -> Result<ClientSettings, SettingError> {
        let url = address(text(URL, self.url)?)?;
        let given = sources::secret(ADMIN)?;
        let data_dir = self.dev.resolve().data_dir;
        let key = choose(given, &url, &data_dir)?;
        Ok(ClientSettings { url, key })
    }
}

fn address(given: Option<String>) -> Result<String, SettingError> {
    let Some(url) = given else { return Ok(DEFAULT.to_owned()) };
    url::check(URL, &url, &["http", "https"], DEFAULT)?;
    let wrong = |problem: &str| {
        Err(SettingError::wrong(URL, problem, format!("give an address like {DEFAULT}")))
    };
    if url.contains(['?', '#']) {
        return wrong("has a query or a fragment");
    }
    if authority(&url).contains('@') {
        return wrong("has a user in it, and engines know keys only");
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// The key that was given; else, for an engine on this machine, the one that `dev` keeps. That one
/// goes to no other machine.
fn choose(given: Option<String>, url: &str, data_dir: &Path) -> Result<Secret, SettingError> {
    if let Some(text) = given {
        return key(ADMIN, text);
    }
    let missing = |remedy: String| SettingError::missing(ADMIN, remedy);
    if !is_local(url) {
        let remedy = format!("give the key of an admin, or its file in {ADMIN}_FILE");
        return Err(missing(remedy));
    }
    let kept = KeptKeys::read(data_dir).map_err(|error| {
        missing(format!("the keys in {} can't be read: {error}", data_dir.display()))
    })?;
    match kept.find(ADMIN) {
        Some(text) => key(ADMIN, text.to_owned()),
        None => Err(missing(format!(
            "give the key of an admin, or its file in {ADMIN}_FILE; `dropgate dev` keeps no key in \
             {}: DROPGATE_DATA_DIR names another folder",
            std::path::absolute(data_dir).unwrap_or_else(|_| data_dir.to_owned()).display()
        ))),
    }
}

fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default()
}

fn is_local(url: &str) -> bool {
    let authority = authority(url);
    let host = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, _)) => host,
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(url: &str) -> Result<String, String> {
        address(Some(url.to_owned())).map_err(|error| error.to_string())
    }

    #[test]
    fn addresses_are_checked() {
        assert_eq!(address(None).expect("the default"), DEFAULT);
        assert_eq!(given("https://shop.example/dropgate/").expect("fine"), {
            "https://shop.example/dropgate"
        });
        for bad in ["h:1", "redis://h", "http://", "http://h:x", "http://h?a", "http://u:p@h"] {
            let line = given(bad).expect_err(bad);
            assert!(line.starts_with("DROPGATE_URL ") && line.ends_with(DEFAULT), "{line}");
        }
    }

    #[test]
    fn this_machine_is_known() {
        for local in ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:1/x"] {
            assert!(is_local(local), "{local}");
        }
        for other in ["http://10.0.0.1", "http://localhost.example", "https://[2001:db8::1]:1"] {
            assert!(!is_local(other), "{other}");
        }
    }

    #[test]
    fn the_key_of_dev_stays_on_this_machine() {
        let folder = tempfile::tempdir().expect("a folder");
        let kept = "DROPGATE_ADMIN_KEY=dga_0123456789abcdef\n";
        std::fs::write(folder.path().join("keys.env"), kept).expect("written");
        let choose = |given: Option<&str>, url: &str| {
            let chosen = choose(given.map(str::to_owned), url, folder.path());
            chosen.map(|key| key.expose().to_owned()).map_err(|error| error.to_string())
        };
        assert_eq!(choose(None, DEFAULT).as_deref(), Ok("dga_0123456789abcdef"));
        let mine = "0123456789abcdef-a";
        assert_eq!(choose(Some(mine), DEFAULT).as_deref(), Ok(mine));
        let line = choose(None, "https://shop.example").expect_err("no key");
        assert!(line.starts_with("DROPGATE_ADMIN_KEY is not set: "), "{line}");
        assert!(choose(Some("short"), DEFAULT).is_err());
    }
}
