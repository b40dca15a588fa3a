//! Drops that are over and leave Redis.

use std::time::Duration;

use super::{
    Head, Ledger, LedgerError,
    read::{HEAD, parse},
};
use crate::domain::DropId;

/// Drops that are told at a time.
const MOST: i64 = 64;

impl Ledger {
    /// Drops that nobody needs in Redis any more: closed, with nothing held, and in this epoch and
    /// without an event for at least `grace`.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn evictable(&self, grace: Duration) -> Result<Vec<(DropId, Head)>, LedgerError> {
        let sql = format!(
            "SELECT {HEAD}, id FROM drops d
            WHERE state = 'closed' AND epoch > 0 AND lost_epoch IS NULL
                AND evicted_epoch IS DISTINCT FROM epoch
                AND raised_at < now() - $1 * interval '1 millisecond'
                AND NOT EXISTS (SELECT FROM stock s WHERE s.drop_id = d.id AND s.held > 0)
                AND NOT EXISTS (SELECT FROM entries e WHERE e.drop_id = d.id
                    AND e.seq = d.last_seq
                    AND e.occurred_at > now() - $1 * interval '1 millisecond')
            ORDER BY raised_at LIMIT $2"
        );
        let millis = i64::try_from(grace.as_millis()).unwrap_or(i64::MAX) as f64;
        let rows = self.reader().await?.query(&sql, &[&millis, &MOST]).await?;
        rows.iter().map(|row| Ok((parse(row, 6)?, Head::read(row, 0)?))).collect()
    }

    /// Raises a drop's epoch into one in which Redis does not have it, if the ledger still stands
    /// where `seen` says and the drop is still over: from then on nothing of Redis can become
    /// durable. `None` when it is not so any more.
    ///
    /// # Errors
    /// [`LedgerError`]; after [`LedgerError::Unavailable`] it may have happened.
    pub async fn evict(&self, drop: &DropId, seen: &Head) -> Result<Option<i64>, LedgerError> {
        let sql = "UPDATE drops d SET epoch = epoch + 1, evicted_epoch = epoch + 1,
                raised_at = now()
            WHERE id = $1 AND epoch = $2 AND last_seq = $3 AND last_chain = $4
                AND state = 'closed' AND lost_epoch IS NULL
                AND NOT EXISTS (SELECT FROM stock s WHERE s.drop_id = d.id AND s.held > 0)
            RETURNING epoch";
        let connection = self.reader().await?;
        let row = connection
            .query_opt(sql, &[&drop.as_str(), &seen.epoch, &seen.seq, &seen.chain])
            .await?;
        row.map(|row| row.try_get(0)).transpose().map_err(LedgerError::from)
    }
}
