//! Why a task could not do its work this time.

use crate::{ledger::LedgerError, store::StoreError};

/// Redis or the ledger did not do their part; the work is repeated from the beginning.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// Redis did not.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The ledger did not.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}
