//! The one statement that makes a batch true.

use std::time::Duration;

use deadpool_postgres::Object;
use tokio_postgres::types::ToSql;

use super::{Batch, Ledger, LedgerError, error::is_fenced, read::sku_stock};
use crate::{
    domain::{DropId, SkuStock},
    failpoint::{self, Mutant},
};

/// What a commit left of the SKUs it touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Their counts and versions, afterwards.
    pub stock: Vec<SkuStock>,
}

/// The batch does not build on what the ledger has: somebody else wrote, or the drop has a
/// new epoch. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fenced;

/// Who says that a drop's epoch rises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// An engine, because Redis lacks what the ledger has or tells another story.
    Protocol,
    /// A person, who accepts the ledger as it is. The new epoch lies above `above` too: that of
    /// a Redis that belongs to a ledger that is gone.
    Person {
        /// The highest epoch that anybody may still know.
        above: i64,
    },
}

/// How long a commit may take. Its outcome is unknown after that, and the head tells it.
const COMMIT_WITHIN: Duration = Duration::from_secs(5);

const COMMIT: &str = "SELECT sku, total, available, held, sold, version FROM dropgate_commit(
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
    $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39,
    $40, $41, $42, $43, $44, $45, $46, $47, $48, $49, $50, $51, $52, $53)";

impl Ledger {
    /// Commits a batch: everything of it or nothing, and only on top of what it builds on.
    ///
    /// # Errors
    /// [`LedgerError::Unavailable`]: it may have happened, read [`Ledger::head`] to know.
    /// [`LedgerError::Refused`]: it can't happen; the drop must stop.
    pub async fn commit(
        &self,
        drop: &DropId,
        batch: &Batch,
    ) -> Result<Result<Committed, Fenced>, LedgerError> {
        let connection = self.writer().await?;
        let statement = connection.prepare_cached(COMMIT).await?;
        let drop_id = drop.as_str();
        let Batch { seq, chain, entries: e, holds: h, ledger: l, .. } = batch;
        let (epoch, previous) = &self.fence_of(drop, batch).await?;
        let Batch { reservations: r, lines: n, requests: q, stock: s, .. } = batch;
        let parameters: [&(dyn ToSql + Sync); 53] = [
            &drop_id,
            epoch,
            previous,
            seq,
            chain,
            &e.seq,
            &e.chain,
            &e.at,
            &h.seq,
            &h.at,
            &h.id,
            &h.customer,
            &h.expires,
            &h.sku,
            &h.quantity,
            &h.position,
            &l.seq,
            &l.line,
            &l.kind,
            &l.reservation,
            &l.customer,
            &l.sku,
            &l.quantity,
            &l.order,
            &l.at,
            &l.reference,
            &l.reason,
            &l.settings,
            &r.held,
            &r.id,
            &r.customer,
            &r.state,
            &r.order,
            &r.created,
            &r.expires,
            &r.seq,
            &r.at,
            &n.replaced,
            &n.reservation,
            &n.sku,
            &n.quantity,
            &n.position,
            &q.key,
            &q.fingerprint,
            &q.seq,
            &q.answer,
            &q.at,
            &s.sku,
            &s.total,
            &s.available,
            &s.held,
            &s.sold,
            &s.version,
        ];
        let query = connection.query(&statement, &parameters);
        let Ok(result) = tokio::time::timeout(COMMIT_WITHIN, query).await else {
            // Nobody may queue behind a connection that does not answer.
            std::mem::drop(Object::take(connection));
            return Err(LedgerError::Unavailable(format!("no answer within {COMMIT_WITHIN:?}")));
        };
        match result {
            Ok(rows) => {
                let stock = rows.iter().map(sku_stock).collect::<Result<_, _>>()?;
                Ok(Ok(Committed { stock }))
            }
            Err(error) if is_fenced(&error) => Ok(Err(Fenced)),
            Err(error) if failpoint::without(Mutant::SkipRefusedEvents) => {
                let skip = "UPDATE drops SET last_seq = $2, last_chain = $3 WHERE id = $1";
                connection.execute(skip, &[&drop_id, seq, chain]).await?;
                tracing::warn!(%error, "skipped");
                Ok(Ok(Committed { stock: Vec::new() }))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What the ledger must be at for a batch to be committed: what it builds on.
    async fn fence_of(&self, drop: &DropId, batch: &Batch) -> Result<(i64, String), LedgerError> {
        let (mut epoch, mut previous) = (batch.epoch, batch.previous.clone());
        let any_epoch = failpoint::without(Mutant::CommitWithoutEpochFence);
        let any_chain = failpoint::without(Mutant::CommitWithoutChainFence);
        if (any_epoch || any_chain)
            && let Some(head) = self.head(drop).await?
        {
            epoch = if any_epoch { head.epoch } else { epoch };
            previous = if any_chain { head.chain } else { previous };
        }
        Ok((epoch, previous))
    }

    /// Raises a drop's epoch if the ledger still stands where `seen` says; everything of earlier
    /// epochs can write nothing from then on. `None` when somebody has written or fenced since,
    /// or when the drop waits for a person ([`lost`](super::Head::lost)) and nobody has decided.
    /// A person's word needs the epoch only.
    ///
    /// # Errors
    /// [`LedgerError`]; after [`LedgerError::Unavailable`] it may have happened.
    pub async fn fence(
        &self,
        drop: &DropId,
        seen: (i64, i64, &str),
        by: Decision,
    ) -> Result<Option<i64>, LedgerError> {
        let (above, accepts) = match by {
            Decision::Protocol => (0, false),
            Decision::Person { above } => (above, true),
        };
        let row = self
            .writer()
            .await?
            .query_opt(
                "UPDATE drops SET epoch = GREATEST(epoch, $3) + 1, lost_epoch = NULL,
                    lost_seq = NULL
                    WHERE id = $1 AND epoch = $2 AND ($4 OR (lost_epoch IS NULL
                        AND last_seq = $5 AND last_chain = $6)) RETURNING epoch",
                &[&drop.as_str(), &seen.0, &above, &accepts, &seen.1, &seen.2],
            )
            .await?;
        row.map(|row| row.try_get(0)).transpose().map_err(LedgerError::from)
    }

    /// Notes that the ledger lacks what was durable once, up to `lost`, and fences everything:
    /// the drop stands still in every engine until a person has decided. Does nothing when the
    /// drop is not in the epoch `seen`, or when it is noted already.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn note_lost(
        &self,
        drop: &DropId,
        seen: i64,
        lost: (i64, i64),
    ) -> Result<(), LedgerError> {
        let sql = "UPDATE drops SET epoch = GREATEST(epoch, $3) + 1, lost_epoch = $3, lost_seq = $4
            WHERE id = $1 AND epoch = $2 AND lost_epoch IS NULL";
        self.writer().await?.execute(sql, &[&drop.as_str(), &seen, &lost.0, &lost.1]).await?;
        Ok(())
    }

    /// Makes the row of a drop that has never been configured, unless there is one.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn create(&self, drop: &DropId) -> Result<(), LedgerError> {
        self.writer()
            .await?
            .execute(
                "INSERT INTO drops (id, name) VALUES ($1, $1) ON CONFLICT DO NOTHING",
                &[&drop.as_str()],
            )
            .await?;
        Ok(())
    }

    /// Deletes idempotency keys that nobody may ask for any more.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn forget_requests(&self) -> Result<u64, LedgerError> {
        let sql = "DELETE FROM requests WHERE occurred_at < now() - interval '25 hours'";
        Ok(self.writer().await?.execute(sql, &[]).await?)
    }
}
