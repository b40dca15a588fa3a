//! Where Redis is.

use std::ffi::OsString;
use std::fmt;

use super::error::{SettingError, text};
use super::url;

const URL: &str = "DROPGATE_REDIS_URL";
const EXAMPLE: &str = "redis://127.0.0.1:6379";

/// Flags and variables of the connection to Redis.
#[derive(Clone, Default, clap::Args)]
#[command(next_help_heading = "Redis")]
pub struct StoreArgs {
    /// Address of the Redis (7.0 or newer) or Valkey server: redis://, rediss:// (TLS) or
    /// redis+unix:// (required)
    #[arg(long, env = URL, hide_env_values = true, value_name = "URL")]
    redis_url: Option<OsString>,
}

/// Where Redis is.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreSettings {
    /// No default: `redis://`, `rediss://` or `redis+unix://`. It may hold a password, so it is
    /// not shown. Every engine of one sale must use one Redis; another one only costs rebuilds.
    pub url: String,
}

impl StoreArgs {
    /// # Errors
    /// [`SettingError`] when the address is missing or is none.
    pub fn resolve(self) -> Result<StoreSettings, SettingError> {
        let url = text(URL, self.redis_url)?.ok_or_else(|| {
            SettingError::missing(
                URL,
                format!("give the address of a Redis server, e.g. {EXAMPLE}"),
            )
        })?;
        url::check(URL, &url, &["redis", "rediss", "redis+unix"], EXAMPLE)?;
        Ok(StoreSettings { url })
    }
}

impl fmt::Debug for StoreArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreArgs").finish_non_exhaustive()
    }
}

impl fmt::Debug for StoreSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreSettings").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_must_be_given() {
        let line = StoreArgs::default().resolve().expect_err("missing").to_string();
        assert_eq!(
            line,
            "DROPGATE_REDIS_URL is not set: give the address of a Redis server, e.g. \
             redis://127.0.0.1:6379"
        );
    }

    #[test]
    fn its_password_is_not_shown() {
        let args = StoreArgs { redis_url: Some("redis://:secret@h".into()) };
        assert!(!format!("{args:?}").contains("secret"));
        assert!(!format!("{:?}", args.resolve().expect("fine")).contains("secret"));
    }
}
