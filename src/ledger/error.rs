//! What can go wrong between the engine and Postgres, by what it means.

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

use crate::tls;

/// Why a statement has no result.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LedgerError {
    /// The server can't be reached, is busy, full or stopping: try again later. A commit that
    /// ends like this may have happened.
    #[error("Postgres is not available: {0}")]
    Unavailable(String),
    /// The ledger refuses what it was given: trying again would not help.
    #[error("the ledger refuses the batch: {0}")]
    Refused(String),
    /// A row that no version of this program writes.
    #[error("the ledger holds something unreadable: {0}")]
    Unreadable(String),
}

impl From<PoolError> for LedgerError {
    fn from(error: PoolError) -> LedgerError {
        if let PoolError::Backend(error) = error {
            return error.into();
        }
        LedgerError::Unavailable(error.to_string())
    }
}

impl From<tokio_postgres::Error> for LedgerError {
    fn from(error: tokio_postgres::Error) -> LedgerError {
        let Some(db) = error.as_db_error() else {
            if let Some(trouble) = tls::certificate_trouble(&error) {
                return LedgerError::Unavailable(trouble);
            }
            let text = error.to_string();
            // The driver has no other sign of a value that it could not turn into ours.
            return if text.starts_with("error deserializing column") {
                LedgerError::Unreadable(text)
            } else {
                LedgerError::Unavailable(text)
            };
        };
        let text = format!("{} ({})", db.message(), db.code().code());
        // Data, integrity, and what the program itself raises: the same again would fail
        // again. Everything else (connections, locks, resources, shutdown) passes.
        match &db.code().code()[..2] {
            "22" | "23" | "42" | "DG" | "P0" => LedgerError::Refused(text),
            _ => LedgerError::Unavailable(text),
        }
    }
}

/// Whether the server's answer is the fence of `dropgate_commit`.
pub(super) fn is_fenced(error: &tokio_postgres::Error) -> bool {
    error.code().is_some_and(|code: &SqlState| code.code() == "DG001")
}
