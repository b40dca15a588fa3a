//! Requests to webhooks that have failed at least once: noted, repeated, given up, sent once more.

use std::time::Duration;

use tokio_postgres::{Row, Transaction};
use uuid::Uuid;

use super::{
    Ledger, LedgerError, SinkLease,
    read::{millis, optional_millis, page, parse},
    sinks::{is_held, millis_of},
};
use crate::domain::{
    Attempt, Delivery, DeliveryId, DeliveryState, DropId, Page, WebhookId, event_id,
};

/// For how long deliveries are kept behind their last attempt.
const KEPT: &str = "30 days";
/// Deliveries that are removed, or sent again, at a time.
const MOST: i64 = 100;

/// A request that has failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedRequest {
    /// Of which drop it tells.
    pub drop: DropId,
    /// The epoch of its first event.
    pub epoch: i64,
    /// The `seq` of its first event.
    pub seq: i64,
    /// Epoch and `seq` of its last event.
    pub last: (i64, i64),
    /// The type of its first event.
    pub event_type: String,
    /// What came of it.
    pub attempt: Attempt,
}

/// What is to become of a request that has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterFailure {
    /// It is sent again after this time, and what follows waits.
    Retry(Duration),
    /// It is given up, and what follows goes on.
    Bury,
    /// It waits until somebody has made the webhook active again.
    Disable,
}

/// A delivery that somebody wants to be sent once more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resend {
    /// Which.
    pub id: DeliveryId,
    /// Of which drop it tells.
    pub drop: DropId,
    /// The `seq` of its first and of its last event.
    pub span: (i64, i64),
}

/// The columns of a [`Delivery`].
const DELIVERY: &str = "id, drop_id, epoch, seq, type, state, attempts, status, error, first_at,
    last_at, next_at";

impl Ledger {
    /// Requests to a webhook that have failed at least once, the newest first, a page at a time.
    /// `None` when there is no such webhook.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn deliveries(
        &self,
        id: WebhookId,
        state: Option<DeliveryState>,
        cursor: Option<&str>,
        limit: i64,
    ) -> Result<Option<Page<Delivery>>, LedgerError> {
        let sink = id.to_string();
        let connection = self.reader().await?;
        let known = connection.query_opt("SELECT FROM webhooks WHERE sink = $1", &[&sink]).await?;
        if known.is_none() {
            return Ok(None);
        }
        let sql = format!(
            "SELECT {DELIVERY} FROM deliveries
            WHERE sink = $1 AND ($2::text IS NULL OR state = $2) AND ($3::uuid IS NULL OR id < $3)
            ORDER BY id DESC LIMIT $4"
        );
        let state = state.map(DeliveryState::as_str);
        let before = cursor.and_then(|cursor| Uuid::try_parse(cursor).ok());
        let rows = connection.query(&sql, &[&sink, &state, &before, &(limit + 1)]).await?;
        let items = rows.iter().map(read_delivery).collect::<Result<Vec<_>, _>>()?;
        Ok(Some(page(items, limit, |delivery| delivery.id.to_string())))
    }

    /// Notes that somebody wants a delivery to be sent once more; one that is retried is due at
    /// once. `None` when the webhook has no such delivery.
    ///
    /// # Errors
    /// [`LedgerError`]; without an answer it may be noted.
    pub async fn ask_for_resend(
        &self,
        webhook: WebhookId,
        id: DeliveryId,
    ) -> Result<Option<Delivery>, LedgerError> {
        let sql = format!(
            "UPDATE deliveries SET
                next_at = CASE WHEN state = 'retrying' THEN clock_timestamp() END,
                resend_at = CASE WHEN state <> 'retrying' THEN clock_timestamp() END
            WHERE sink = $1 AND id = $2 RETURNING {DELIVERY}"
        );
        let row = self.reader().await?.query_opt(&sql, &[&webhook.to_string(), &id.uuid()]).await?;
        row.map(|row| read_delivery(&row)).transpose()
    }

    /// Deliveries of a sink that somebody wants to be sent once more, some at a time.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn wanted_again(&self, sink: &str) -> Result<Vec<Resend>, LedgerError> {
        let sql = "SELECT id, drop_id, seq, last_seq FROM deliveries
            WHERE sink = $1 AND resend_at IS NOT NULL ORDER BY resend_at LIMIT $2";
        let connection = self.sinks().await?;
        let statement = connection.prepare_cached(sql).await?;
        let rows = connection.query(&statement, &[&sink, &MOST]).await?;
        rows.iter()
            .map(|row| {
                Ok(Resend {
                    id: row.try_get::<_, Uuid>(0)?.into(),
                    drop: parse(row, 1)?,
                    span: (row.try_get(2)?, row.try_get(3)?),
                })
            })
            .collect()
    }

    /// Notes what came of a delivery that was sent once more because somebody wanted it. False when
    /// the sink is another engine's by now.
    ///
    /// # Errors
    /// [`LedgerError`]; it may then be sent again.
    pub async fn note_resent(
        &self,
        lease: &SinkLease,
        id: DeliveryId,
        attempt: &Attempt,
    ) -> Result<bool, LedgerError> {
        let mut connection = self.sinks().await?;
        let transaction = connection.transaction().await?;
        if !is_held(&transaction, lease).await? {
            return Ok(false);
        }
        let sql = "UPDATE deliveries SET resend_at = NULL, attempts = attempts + 1, status = $3,
                error = COALESCE($4, error), last_at = clock_timestamp(),
                state = CASE WHEN $5 THEN 'delivered' ELSE state END
            WHERE sink = $1 AND id = $2";
        let (status, error) = (status(attempt), attempt.error.as_ref());
        transaction
            .execute(sql, &[&lease.sink, &id.uuid(), &status, &error, &attempt.delivered])
            .await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Notes that a request which had failed was taken, and that the sink has everything of its drop
    /// up to (epoch, `seq`). False when the sink is another engine's by now.
    ///
    /// # Errors
    /// [`LedgerError`]; it may then be sent again.
    pub async fn settle_delivery(
        &self,
        lease: &SinkLease,
        id: DeliveryId,
        drop: &DropId,
        last: (i64, i64),
        attempt: &Attempt,
    ) -> Result<bool, LedgerError> {
        let mut connection = self.sinks().await?;
        let transaction = connection.transaction().await?;
        if !is_held(&transaction, lease).await? {
            return Ok(false);
        }
        let sql = "UPDATE deliveries SET state = 'delivered', next_at = NULL,
                attempts = attempts + 1, status = $2, last_at = clock_timestamp() WHERE id = $1";
        transaction.execute(sql, &[&id.uuid(), &status(attempt)]).await?;
        move_to(&transaction, &lease.sink, drop, last).await?;
        let sql = "UPDATE webhooks SET last_delivered_at = clock_timestamp() WHERE sink = $1";
        transaction.execute(sql, &[&lease.sink]).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Forgets a request that is retried, because its webhook is not told of its events any more.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn forget_delivery(
        &self,
        lease: &SinkLease,
        id: DeliveryId,
    ) -> Result<(), LedgerError> {
        let sql = "DELETE FROM deliveries WHERE id = $1 AND state = 'retrying'
            AND EXISTS (SELECT FROM sinks WHERE id = $2 AND fence = $3)";
        self.sinks().await?.execute(sql, &[&id.uuid(), &lease.sink, &lease.fence]).await?;
        Ok(())
    }

    /// Notes that a request has failed, and what is to become of it. False when the sink is another
    /// engine's by now.
    ///
    /// # Errors
    /// [`LedgerError`]; it is then as if it had not been sent.
    pub async fn note_failure(
        &self,
        lease: &SinkLease,
        failed: &FailedRequest,
        then: AfterFailure,
    ) -> Result<bool, LedgerError> {
        let mut connection = self.sinks().await?;
        let transaction = connection.transaction().await?;
        if !is_held(&transaction, lease).await? {
            return Ok(false);
        }
        let (retrying, wait) = match then {
            AfterFailure::Retry(wait) => (true, wait),
            AfterFailure::Disable => (true, Duration::ZERO),
            AfterFailure::Bury => (false, Duration::ZERO),
        };
        note_retry(&transaction, &lease.sink, failed, wait).await?;
        if !retrying {
            let sql = "UPDATE deliveries SET state = 'dead', next_at = NULL
                WHERE sink = $1 AND drop_id = $2 AND state = 'retrying'";
            transaction.execute(sql, &[&lease.sink, &failed.drop.as_str()]).await?;
            move_to(&transaction, &lease.sink, &failed.drop, failed.last).await?;
        }
        if then == AfterFailure::Disable {
            let sql = "UPDATE sinks SET state = 'disabled' WHERE id = $1 AND state = 'active'";
            transaction.execute(sql, &[&lease.sink]).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Removes old deliveries of a sink that are not retried, some at a time; says how many.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn prune_deliveries(&self, sink: &str) -> Result<u64, LedgerError> {
        let sql = format!(
            "DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries
                WHERE sink = $1 AND last_at < now() - interval '{KEPT}' AND state <> 'retrying'
                LIMIT $2)"
        );
        Ok(self.sinks().await?.execute(&sql, &[&sink, &MOST]).await?)
    }
}

/// Notes one more attempt of a request; the first of them makes its row.
async fn note_retry(
    transaction: &Transaction<'_>,
    sink: &str,
    failed: &FailedRequest,
    wait: Duration,
) -> Result<(), LedgerError> {
    let sql = "INSERT INTO deliveries AS d (id, sink, drop_id, epoch, seq, last_seq, type, state,
            attempts, status, error, first_at, last_at, since, next_at)
        SELECT $1::uuid, $2::text, $3::text, $4::bigint, $5::bigint, $6::bigint, $7::text,
            'retrying', 1, $8::int, $9::text, at, at, at,
            at + $10::float8 * interval '1 millisecond'
        FROM clock_timestamp() AS at
        ON CONFLICT (sink, drop_id) WHERE state = 'retrying' DO UPDATE SET
            epoch = excluded.epoch, seq = excluded.seq, last_seq = excluded.last_seq,
            type = excluded.type, attempts = d.attempts + 1, status = excluded.status,
            error = excluded.error, last_at = excluded.last_at, next_at = excluded.next_at";
    let FailedRequest { drop, epoch, seq, last: (_, last), event_type, attempt } = failed;
    transaction
        .execute(
            sql,
            &[
                &DeliveryId::generate().uuid(),
                &sink,
                &drop.as_str(),
                epoch,
                seq,
                last,
                event_type,
                &status(attempt),
                &attempt.error,
                &millis_of(wait),
            ],
        )
        .await?;
    Ok(())
}

async fn move_to(
    transaction: &Transaction<'_>,
    sink: &str,
    drop: &DropId,
    (epoch, seq): (i64, i64),
) -> Result<(), LedgerError> {
    let sql = "INSERT INTO sink_progress (sink, drop_id, epoch, seq) VALUES ($1, $2, $3, $4)
        ON CONFLICT (sink, drop_id) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq";
    transaction.execute(sql, &[&sink, &drop.as_str(), &epoch, &seq]).await?;
    Ok(())
}

fn read_delivery(row: &Row) -> Result<Delivery, LedgerError> {
    Ok(Delivery {
        id: row.try_get::<_, Uuid>(0)?.into(),
        drop: parse(row, 1)?,
        event: event_id(row.try_get(2)?, row.try_get(3)?),
        event_type: row.try_get(4)?,
        state: parse(row, 5)?,
        attempts: row.try_get(6)?,
        status: row.try_get(7)?,
        error: row.try_get(8)?,
        first_at: millis(row, 9)?,
        last_at: millis(row, 10)?,
        next_at: optional_millis(row, 11)?,
    })
}

fn status(attempt: &Attempt) -> Option<i32> {
    attempt.status.map(i32::from)
}
