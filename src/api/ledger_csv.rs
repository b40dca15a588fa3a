//! Rows of the ledger as CSV (RFC 4180).

use std::io;

use crate::domain::{LEDGER_COLUMNS, LedgerRow};

/// Rows as lines of CSV; the names of the columns come first where something `begins` with them.
///
/// # Errors
/// When a row can't be written, which memory always can.
pub fn ledger_csv(rows: &[LedgerRow], begins: bool) -> io::Result<Vec<u8>> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    if begins {
        csv.write_record(LEDGER_COLUMNS).map_err(io::Error::other)?;
    }
    for row in rows {
        csv.write_record(row.cells()).map_err(io::Error::other)?;
    }
    csv.into_inner().map_err(|error| io::Error::other(error.to_string()))
}
