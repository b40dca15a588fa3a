//! What the live feed reads: which of some reservations have changed, and the secret of its tokens.

use uuid::Uuid;

use super::{
    Ledger, LedgerError,
    read::{RESERVATION, read_reservation},
};
use crate::domain::{DropId, Reservation, ReservationId, SECRET_BYTES};

/// A reservation as its last event left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReservationVersion {
    /// What it is now.
    pub reservation: Reservation,
    /// The `seq` of that event: it only rises.
    pub version: i64,
}

impl Ledger {
    /// Those of `ids` to which something happened behind `after` and up to `upto`, as they are now.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn changed_reservations(
        &self,
        drop: &DropId,
        (after, upto): (i64, i64),
        ids: &[Uuid],
    ) -> Result<Vec<ReservationVersion>, LedgerError> {
        let connection = self.reader().await?;
        // A stretch of the ledger is short; asking for each id would cost as much as there are.
        let sql = format!(
            "{RESERVATION} WHERE r.drop_id = $1 AND r.id IN (SELECT l.reservation_id FROM ledger l
                WHERE l.drop_id = $1 AND l.seq > $2 AND l.seq <= $3 AND l.reservation_id = ANY($4))"
        );
        let statement = connection.prepare_cached(&sql).await?;
        let rows = connection.query(&statement, &[&drop.as_str(), &after, &upto, &ids]).await?;
        rows.iter().map(|row| read_version(drop, row)).collect()
    }

    /// One reservation with its version.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn reservation_version(
        &self,
        drop: &DropId,
        id: ReservationId,
    ) -> Result<Option<ReservationVersion>, LedgerError> {
        let connection = self.reader().await?;
        let sql = format!("{RESERVATION} WHERE r.drop_id = $1 AND r.id = $2");
        let statement = connection.prepare_cached(&sql).await?;
        let row = connection.query_opt(&statement, &[&drop.as_str(), &id.uuid()]).await?;
        row.map(|row| read_version(drop, &row)).transpose()
    }

    /// The secret of this name that all processes share; `new` becomes it if there is none yet.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn secret(
        &self,
        name: &str,
        new: [u8; SECRET_BYTES],
    ) -> Result<[u8; SECRET_BYTES], LedgerError> {
        let connection = self.writer().await?;
        let sql = "INSERT INTO secrets (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        connection.execute(sql, &[&name, &new.as_slice()]).await?;
        let row =
            connection.query_one("SELECT value FROM secrets WHERE name = $1", &[&name]).await?;
        let value: &[u8] = row.try_get(0)?;
        value.try_into().map_err(|_| LedgerError::Unreadable(format!("the secret {name}")))
    }
}

fn read_version(
    drop: &DropId,
    row: &tokio_postgres::Row,
) -> Result<ReservationVersion, LedgerError> {
    let reservation = read_reservation(drop, row)?;
    Ok(ReservationVersion { reservation, version: row.try_get("changed_seq")? })
}
