//! Sums over a drop's ledger, a stretch at a time: what whoever asks again has not seen yet.

use chrono::{DateTime, Utc};

use super::{Ledger, LedgerError, read::optional_millis};
use crate::domain::{DropId, Millis};

/// The most events of one stretch: a fraction of a second in Postgres.
pub const STRETCH: i64 = 200_000;
/// So many confirms, the last ones, tell how long holds take to be confirmed.
pub const CONFIRMS: usize = 10_000;
/// Holds are told apart by what is left of their time: below so many seconds each. What is due
/// already has less than the first.
pub const REMAINING: [i32; 8] = [0, 60, 120, 300, 600, 900, 1800, 3600];

/// Events of one kind, all of one second or all of before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindSum {
    /// The ledger's `kind`.
    pub kind: String,
    /// The second since 1970 in which they happened; `None` if that is too long ago.
    pub second: Option<i64>,
    /// How many events.
    pub events: i64,
}

/// What a stretch of the ledger comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StretchSums {
    /// By kind and second.
    pub kinds: Vec<KindSum>,
    /// From the making of each hold to its confirm, in milliseconds; the newest [`CONFIRMS`], the
    /// oldest of them first.
    pub confirmed_after: Vec<i64>,
}

/// The holds of a drop by what is left of their time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HoldsLeft {
    /// By the bounds of [`REMAINING`]; the last has all above them.
    pub holds: [i64; REMAINING.len() + 1],
    /// The nearest deadline.
    pub nearest: Option<Millis>,
}

impl Ledger {
    /// Sums up the events of a drop behind `after` and up to `upto`; by the second those that
    /// happened at `since` or later.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn sums(
        &self,
        drop: &DropId,
        (after, upto): (i64, i64),
        since: Millis,
    ) -> Result<StretchSums, LedgerError> {
        let connection = self.reader().await?;
        // The first line of an event stands for the event.
        let sql = "SELECT kind, CASE WHEN occurred_at >= $4
                THEN floor(extract(epoch FROM occurred_at))::bigint END, count(*)
            FROM ledger WHERE drop_id = $1 AND seq > $2 AND seq <= $3 AND line = 0
            GROUP BY 1, 2";
        let statement = connection.prepare_cached(sql).await?;
        let since: DateTime<Utc> = since.to_datetime();
        let rows = connection.query(&statement, &[&drop.as_str(), &after, &upto, &since]).await?;
        let kinds = rows
            .iter()
            .map(|row| {
                Ok(KindSum {
                    kind: row.try_get(0)?,
                    second: row.try_get(1)?,
                    events: row.try_get(2)?,
                })
            })
            .collect::<Result<Vec<_>, LedgerError>>()?;
        if kinds.iter().all(|sum| sum.kind != "confirmed") {
            return Ok(StretchSums { kinds, confirmed_after: Vec::new() });
        }
        let sql = "SELECT (extract(epoch FROM l.occurred_at - r.created_at) * 1000)::bigint
            FROM ledger l JOIN reservations r ON r.drop_id = l.drop_id AND r.id = l.reservation_id
            WHERE l.drop_id = $1 AND l.seq > $2 AND l.seq <= $3 AND l.kind = 'confirmed'
                AND l.line = 0
            ORDER BY l.seq DESC LIMIT $4";
        let statement = connection.prepare_cached(sql).await?;
        let most = i64::try_from(CONFIRMS).unwrap_or(i64::MAX);
        let rows = connection.query(&statement, &[&drop.as_str(), &after, &upto, &most]).await?;
        let confirmed_after =
            rows.iter().rev().map(|row| Ok(row.try_get(0)?)).collect::<Result<_, LedgerError>>()?;
        Ok(StretchSums { kinds, confirmed_after })
    }

    /// How much time the holds of a drop have left at `now`. It looks at every reservation of the
    /// drop: an index of the holds alone would cost each hold and each confirm more.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn holds_left(&self, drop: &DropId, now: Millis) -> Result<HoldsLeft, LedgerError> {
        let connection = self.reader().await?;
        let sql = "SELECT width_bucket(extract(epoch FROM expires_at - $2::timestamptz)::float8, $3::float8[]),
                count(*), min(expires_at)
            FROM reservations WHERE drop_id = $1 AND state = 'held' GROUP BY 1";
        let statement = connection.prepare_cached(sql).await?;
        let bounds = REMAINING.map(f64::from);
        let now: DateTime<Utc> = now.to_datetime();
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
            [&drop.as_str(), &now, &bounds.as_slice()];
        let rows = connection.query(&statement, &parameters).await?;
        let mut left = HoldsLeft::default();
        for row in &rows {
            let place = usize::try_from(row.try_get::<_, i32>(0)?).unwrap_or_default();
            if let Some(holds) = left.holds.get_mut(place) {
                *holds = row.try_get(1)?;
            }
            let nearest = optional_millis(row, 2)?;
            left.nearest = match (left.nearest, nearest) {
                (Some(one), Some(two)) => Some(one.min(two)),
                (known, None) | (None, known) => known,
            };
        }
        Ok(left)
    }
}
