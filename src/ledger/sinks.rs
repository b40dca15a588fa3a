//! Sinks: which engine works them, how far they are, and what they are told next.
//!
//! Whatever is written for a sink is written behind its fence: an engine that has lost a sink to
//! another one, and does not know it yet, writes nothing.

use std::{collections::BTreeSet, time::Duration};

use tokio_postgres::Transaction;
use uuid::Uuid;

use super::{
    Ledger, LedgerError,
    read::{LEDGER_ROW, ledger_row, parse},
};
use crate::domain::{Beginning, DeliveryId, DropId, LedgerRow};

/// For how long an engine has a sink that it doesn't renew: another one takes over behind that.
pub const LEASE: Duration = Duration::from_secs(5);

/// A sink that an engine works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkLease {
    /// Which: a webhook's id, or the kind of a broker.
    pub sink: String,
    /// `webhook`, `rabbitmq` or `kafka`.
    pub kind: String,
    /// What every write for it names.
    pub fence: i64,
}

/// A drop of which a sink lacks something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BehindDrop {
    /// Which.
    pub drop: DropId,
    /// Events that it lacks.
    pub pending: i64,
    /// For how long the first of them has been durable or so: by the clock of Postgres, since it
    /// happened by that of Redis.
    pub age: Duration,
    /// How long to wait before what has failed is sent again.
    pub wait: Option<Duration>,
}

/// Where a sink stands in one drop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkPosition {
    /// The last `seq` that it has.
    pub seq: i64,
    /// What it is sent again and again, if anything.
    pub retrying: Option<Retrying>,
}

/// A request that has failed and is repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retrying {
    /// The delivery.
    pub id: DeliveryId,
    /// The `seq` of its first event.
    pub seq: i64,
    /// The `seq` of its last event.
    pub last_seq: i64,
    /// For how long it has been repeated.
    pub since: Duration,
    /// How long to wait before the next time.
    pub wait: Duration,
}

impl Ledger {
    /// Takes the sinks of these kinds that nobody works, for the engine `owner`, and renews those
    /// that it has: all that it has from now on, for [`LEASE`].
    ///
    /// # Errors
    /// [`LedgerError`]; without an answer it may have them.
    pub async fn lease_sinks(
        &self,
        owner: &str,
        kinds: &[&str],
    ) -> Result<Vec<SinkLease>, LedgerError> {
        // In one order, so that two engines don't wait for each other.
        let sql = "UPDATE sinks s SET owner = $1,
                fence = s.fence + CASE WHEN s.owner = $1 THEN 0 ELSE 1 END,
                leased_until = clock_timestamp() + $3 * interval '1 millisecond'
            FROM (SELECT id FROM sinks WHERE state = 'active' AND kind = ANY($2)
                    AND (owner = $1 OR leased_until IS NULL OR leased_until < clock_timestamp())
                ORDER BY id FOR NO KEY UPDATE) mine
            WHERE s.id = mine.id RETURNING s.id, s.kind, s.fence";
        let connection = self.sinks().await?;
        let statement = connection.prepare_cached(sql).await?;
        let rows = connection.query(&statement, &[&owner, &kinds, &millis_of(LEASE)]).await?;
        rows.iter()
            .map(|row| {
                Ok(SinkLease {
                    sink: row.try_get(0)?,
                    kind: row.try_get(1)?,
                    fence: row.try_get(2)?,
                })
            })
            .collect()
    }

    /// Gives back everything that the engine `owner` works, so that nobody waits for it.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn release_sinks(&self, owner: &str) -> Result<(), LedgerError> {
        let sql = "UPDATE sinks SET leased_until = clock_timestamp() WHERE owner = $1";
        self.sinks().await?.execute(sql, &[&owner]).await?;
        Ok(())
    }

    /// Makes a sink of a broker, unless there is one: its kind is its id.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn create_sink(&self, kind: &str, from: Beginning) -> Result<(), LedgerError> {
        let mut connection = self.sinks().await?;
        let transaction = connection.transaction().await?;
        let sql = "INSERT INTO sinks (id, kind) VALUES ($1, $1) ON CONFLICT DO NOTHING";
        if transaction.execute(sql, &[&kind]).await? > 0 {
            begin_at(&transaction, kind, from).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// The drops of which a sink lacks something: all, or those among `only`.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn behind_sink(
        &self,
        sink: &str,
        only: Option<&BTreeSet<DropId>>,
    ) -> Result<Vec<BehindDrop>, LedgerError> {
        let sql = "SELECT d.id, d.last_seq - COALESCE(p.seq, 0),
                COALESCE(EXTRACT(EPOCH FROM clock_timestamp() - e.occurred_at), 0)::float8,
                EXTRACT(EPOCH FROM r.next_at - clock_timestamp())::float8
            FROM drops d
            LEFT JOIN sink_progress p ON p.sink = $1 AND p.drop_id = d.id
            LEFT JOIN deliveries r
                ON r.sink = $1 AND r.drop_id = d.id AND r.state = 'retrying'
            LEFT JOIN LATERAL (SELECT occurred_at FROM entries
                WHERE drop_id = d.id AND seq > COALESCE(p.seq, 0) ORDER BY seq LIMIT 1) e ON true
            WHERE d.last_seq > COALESCE(p.seq, 0) AND ($2::text[] IS NULL OR d.id = ANY($2))";
        let only: Option<Vec<&str>> = only.map(|ids| ids.iter().map(DropId::as_str).collect());
        let connection = self.sinks().await?;
        let statement = connection.prepare_cached(sql).await?;
        let rows = connection.query(&statement, &[&sink, &only]).await?;
        rows.iter()
            .map(|row| {
                let wait: Option<f64> = row.try_get(3)?;
                Ok(BehindDrop {
                    drop: parse(row, 0)?,
                    pending: row.try_get(1)?,
                    age: seconds(row.try_get(2)?),
                    wait: wait.map(seconds),
                })
            })
            .collect()
    }

    /// Where a sink stands in a drop.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn sink_position(
        &self,
        sink: &str,
        drop: &DropId,
    ) -> Result<SinkPosition, LedgerError> {
        let sql = "SELECT COALESCE(p.seq, 0), r.id, r.seq, r.last_seq,
                EXTRACT(EPOCH FROM clock_timestamp() - r.since)::float8,
                EXTRACT(EPOCH FROM r.next_at - clock_timestamp())::float8
            FROM (SELECT) AS one
            LEFT JOIN sink_progress p ON p.sink = $1 AND p.drop_id = $2
            LEFT JOIN deliveries r
                ON r.sink = $1 AND r.drop_id = $2 AND r.state = 'retrying'";
        let connection = self.sinks().await?;
        let statement = connection.prepare_cached(sql).await?;
        let row = connection.query_one(&statement, &[&sink, &drop.as_str()]).await?;
        let retrying = match row.try_get::<_, Option<Uuid>>(1)? {
            None => None,
            Some(id) => Some(Retrying {
                id: id.into(),
                seq: row.try_get(2)?,
                last_seq: row.try_get(3)?,
                since: seconds(row.try_get(4)?),
                wait: seconds(row.try_get(5)?),
            }),
        };
        Ok(SinkPosition { seq: row.try_get(0)?, retrying })
    }

    /// Rows of a drop's ledger behind `after` and up to `upto`: `limit` or some more, whole events
    /// only.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn sink_rows(
        &self,
        drop: &DropId,
        (after, upto): (i64, i64),
        limit: i64,
    ) -> Result<Vec<LedgerRow>, LedgerError> {
        let sql = format!(
            "SELECT {LEDGER_ROW} FROM ledger
            WHERE drop_id = $1 AND seq > $2 AND seq <= LEAST($3::bigint, COALESCE(
                (SELECT seq FROM ledger WHERE drop_id = $1 AND seq > $2
                 ORDER BY seq, line LIMIT 1 OFFSET $4::bigint - 1), 9223372036854775807))
            ORDER BY seq, line"
        );
        let connection = self.sinks().await?;
        let statement = connection.prepare_cached(&sql).await?;
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
            [&drop.as_str(), &after, &upto, &limit];
        let rows = connection.query(&statement, &parameters).await?;
        rows.iter().map(ledger_row).collect()
    }

    /// Notes that a sink has everything of a drop up to (epoch, `seq`). False when the sink is
    /// another engine's by now: then nothing is written.
    ///
    /// # Errors
    /// [`LedgerError`]; the sink may then be told something again.
    pub async fn advance_sink(
        &self,
        lease: &SinkLease,
        drop: &DropId,
        (epoch, seq): (i64, i64),
    ) -> Result<bool, LedgerError> {
        // One statement and so one flush; a webhook's row also says when it took something.
        let sql = "WITH held AS (
                SELECT id FROM sinks WHERE id = $1 AND fence = $2 FOR SHARE
            ), moved AS (
                INSERT INTO sink_progress (sink, drop_id, epoch, seq)
                SELECT id, $3::text, $4::bigint, $5::bigint FROM held
                ON CONFLICT (sink, drop_id)
                    DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq
                RETURNING sink
            ), told AS (
                UPDATE webhooks SET last_delivered_at = clock_timestamp()
                WHERE sink IN (SELECT sink FROM moved)
            )
            SELECT count(*) > 0 FROM moved";
        let connection = self.sinks().await?;
        let statement = connection.prepare_cached(sql).await?;
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
            [&lease.sink, &lease.fence, &drop.as_str(), &epoch, &seq];
        Ok(connection.query_one(&statement, &parameters).await?.try_get(0)?)
    }
}

/// Whether the sink is still that engine's; it stays so until the transaction ends.
pub(super) async fn is_held(
    transaction: &Transaction<'_>,
    lease: &SinkLease,
) -> Result<bool, LedgerError> {
    let sql = "SELECT FROM sinks WHERE id = $1 AND fence = $2 FOR SHARE";
    Ok(transaction.query_opt(sql, &[&lease.sink, &lease.fence]).await?.is_some())
}

/// Has a sink begin with what comes, for every drop that there is; from the start on it begins with
/// nothing written down.
pub(super) async fn begin_at(
    transaction: &Transaction<'_>,
    sink: &str,
    from: Beginning,
) -> Result<(), LedgerError> {
    if from == Beginning::Now {
        pass_over(transaction, sink, None).await?;
    }
    Ok(())
}

/// Passes over what has happened up to now in all drops, or in those among `only`.
pub(super) async fn pass_over(
    transaction: &Transaction<'_>,
    sink: &str,
    only: Option<&[&str]>,
) -> Result<(), LedgerError> {
    let sql = "INSERT INTO sink_progress (sink, drop_id, epoch, seq)
        SELECT $1::text, id, epoch, last_seq FROM drops
        WHERE last_seq > 0 AND ($2::text[] IS NULL OR id = ANY($2))
        ON CONFLICT (sink, drop_id) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq";
    transaction.execute(sql, &[&sink, &only]).await?;
    Ok(())
}

/// A duration as the database is told.
pub(super) fn millis_of(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// Seconds that the database has reckoned; what lies before is now.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)
}
