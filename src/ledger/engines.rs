//! Which engines there are, and which protocol each speaks.

use super::{Ledger, LedgerError};
use crate::domain::Protocol;

/// An engine that is alive and speaks a protocol with which another one can't share drops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stranger {
    /// Its name.
    pub name: String,
    /// Its protocol.
    pub protocol: Protocol,
    /// Its version.
    pub version: String,
}

/// What an engine hears that says that it is alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Announced {
    /// It is one of so many that share drops.
    Among(u32),
    /// It is not in: one is alive with which it can't share drops.
    Beside(Stranger),
}

impl std::fmt::Display for Stranger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Stranger { name, protocol, version } = self;
        let Protocol { number, shares_from } = protocol;
        write!(
            f,
            "the engine {name} of version {version} is alive, speaks protocol {number} and shares \
             drops from protocol {shares_from} on"
        )
    }
}

impl Ledger {
    /// Says that the engine `name` is alive and speaks `protocol`, which counts for five seconds;
    /// unless there is one with which it can't share drops. Of two that ask at once only one is let
    /// in.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn announce(&self, name: &str, protocol: Protocol) -> Result<Announced, LedgerError> {
        let sql =
            "SELECT name, protocol, shares_from, version FROM dropgate_announce($1, $2, $3, $4)";
        let count = "SELECT count(*) FROM engines
            WHERE seen_at > clock_timestamp() - interval '5 seconds'";
        let version = env!("CARGO_PKG_VERSION");
        let Protocol { number, shares_from } = protocol;
        let connection = self.watcher().await?;
        if let Some(row) =
            connection.query_opt(sql, &[&name, &number, &shares_from, &version]).await?
        {
            let protocol = Protocol { number: row.try_get(1)?, shares_from: row.try_get(2)? };
            let (name, version) = (row.try_get(0)?, row.try_get(3)?);
            return Ok(Announced::Beside(Stranger { name, protocol, version }));
        }
        let engines: i64 = connection.query_one(count, &[]).await?.try_get(0)?;
        Ok(Announced::Among(u32::try_from(engines).unwrap_or(u32::MAX)))
    }

    /// Says that the engine `name` is gone, so that nobody waits for it.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn retire(&self, name: &str) -> Result<(), LedgerError> {
        self.watcher().await?.execute("DELETE FROM engines WHERE name = $1", &[&name]).await?;
        Ok(())
    }
}
