//! Where Postgres is.

use std::ffi::OsString;
use std::fmt;

use super::error::{SettingError, number, text};
use super::url;

const URL: &str = "DROPGATE_DATABASE_URL";
const EXAMPLE: &str = "postgres://user:password@127.0.0.1:5432/dropgate";
const CONNECTIONS: &str = "DROPGATE_DATABASE_CONNECTIONS";

/// Flags and variables of the connections to Postgres.
#[derive(Clone, Default, clap::Args)]
#[command(next_help_heading = "Postgres")]
pub struct LedgerArgs {
    /// Address of the Postgres (14 or newer) database that holds the ledger:
    /// postgres://user:password@host:5432/database, with ?sslmode=verify-full for TLS (required)
    #[arg(long, env = URL, hide_env_values = true, value_name = "URL")]
    database_url: Option<OsString>,
    /// Most connections for reads; writing the ledger has its own [default: 8]
    #[arg(long, env = CONNECTIONS, value_name = "COUNT")]
    database_connections: Option<OsString>,
}

/// Where Postgres is.
#[derive(Clone, PartialEq, Eq)]
pub struct LedgerSettings {
    /// No default: `postgres://` or `postgresql://`. It may hold a password, so it is not shown.
    /// Every engine of one sale must use one database: it decides. With TLS if it has
    /// `sslmode=require` or `verify-full`, which are the same: a certificate is always checked.
    pub url: String,
    /// Default 8 connections for reads, besides those that write. Too high: the engines together
    /// pass the server's `max_connections` and are refused. Too low: reads wait for one another.
    pub connections: usize,
}

impl LedgerArgs {
    /// # Errors
    /// [`SettingError`] for a setting that is missing or wrong.
    pub fn resolve(self) -> Result<LedgerSettings, SettingError> {
        let url = text(URL, self.database_url)?.ok_or_else(|| {
            let remedy = format!("give the address of a Postgres database, e.g. {EXAMPLE}");
            SettingError::missing(URL, remedy)
        })?;
        url::check(URL, &url, &["postgres", "postgresql"], EXAMPLE)?;
        check_security(&url)?;
        let connections = number(CONNECTIONS, self.database_connections, 1..=1000, 8)?;
        Ok(LedgerSettings { url, connections })
    }
}

/// Whether it is clear what an address asks of TLS. What `prefer` and its like stand for, a connection
/// that is secure if it happens to be, nobody can rely on.
fn check_security(url: &str) -> Result<(), SettingError> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let mode = query.split('&').find_map(|part| part.strip_prefix("sslmode="));
    match mode {
        None | Some("disable" | "require" | "verify-full") => Ok(()),
        Some(_) => Err(SettingError::wrong(
            URL,
            "has an sslmode that is not known",
            "give sslmode=verify-full for TLS with a certificate that is checked (require is the \
             same), or sslmode=disable",
        )),
    }
}

impl fmt::Debug for LedgerArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LedgerArgs").finish_non_exhaustive()
    }
}

impl fmt::Debug for LedgerSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LedgerSettings")
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_must_be_a_postgres_url() {
        let of = |url: &str| LedgerArgs { database_url: Some(url.into()), ..Default::default() };
        assert_eq!(of("postgresql:///db?host=/run").resolve().expect("fine").connections, 8);
        for bad in ["", "mysql://h/db", "host=/run dbname=x", "postgres://h:x/db"] {
            let line = of(bad).resolve().expect_err(bad).to_string();
            assert!(line.starts_with("DROPGATE_DATABASE_URL "), "{line}");
            assert!(line.ends_with(EXAMPLE), "{line}");
        }
    }

    #[test]
    fn it_must_be_clear_whether_there_is_tls() {
        let of = |query: &str| {
            let url = format!("postgres://u:pa55@h/db?{query}");
            LedgerArgs { database_url: Some(url.into()), ..Default::default() }.resolve()
        };
        for good in
            ["", "sslmode=disable", "connect_timeout=1&sslmode=require", "sslmode=verify-full"]
        {
            assert!(of(good).is_ok(), "{good}");
        }
        for bad in ["sslmode=prefer", "sslmode=allow", "connect_timeout=1&sslmode=verify-ca"] {
            let line = of(bad).expect_err(bad).to_string();
            assert!(line.contains("sslmode=verify-full") && !line.contains("pa55"), "{line}");
        }
    }
}
