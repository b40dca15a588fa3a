//! The one statement that makes a batch true.

use std::{
    collections::HashMap,
    sync::LazyLock,
    time::{Duration, Instant},
};

use deadpool_postgres::Object;
use tokio_postgres::types::ToSql;

use super::{
    Ledger, LedgerError,
    batch::{Batch, Part},
    error::is_fenced,
    read::{parse, sku_stock},
};
use crate::{
    domain::{DropId, SkuStock},
    failpoint::{self, Mutant},
    measure,
};

/// What a commit left of the SKUs of a drop that it touched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// Their counts and versions, afterwards.
    pub stock: Vec<SkuStock>,
}

/// The entries do not build on what the ledger has: somebody else wrote, or the drop has a
/// new epoch. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fenced;

/// Why a transaction has no result.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    /// A part of it does not build on the ledger; nothing was written.
    Fenced,
    /// The server said no; nothing was written.
    Declined(LedgerError),
    /// It may have happened.
    Unknown(LedgerError),
}

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

/// New holds of one drop, without and with idempotency keys: what most batches are. No row is
/// the fence.
static HOLDS: LazyLock<[String; 2]> = LazyLock::new(|| {
    let text = include_str!("holds.sql");
    let parts: Vec<&str> = text.split("/* keys */").collect();
    [[parts[0], parts[2]].concat(), parts.concat()]
});

/// What any batch needs.
const COMMIT: &str = "SELECT sku, total, available, held, sold, version, drop_id
    FROM dropgate_commit(
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
    $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38,
    $39, $40, $41, $42, $43, $44, $45, $46, $47, $48, $49, $50, $51, $52, $53, $54, $55, $56,
    $57, $58, $59, $60, $61, $62, $63, $64)";

/// The statement that writes a batch, and its parameters.
fn statement(batch: &Batch) -> (&'static str, Vec<&(dyn ToSql + Sync)>) {
    let Batch { drops: d, entries: e, holds: h, ledger: l, .. } = batch;
    let Batch { reservations: r, replaced: x, lines: n, requests: q, stock: s, .. } = batch;
    if batch.only_holds() {
        #[rustfmt::skip]
        let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![
            &d.id[0], &d.epoch[0], &d.previous[0], &d.seq[0], &d.chain[0],
            &e.seq, &e.chain, &e.at, &e.digest,
            &h.seq, &h.at, &h.id, &h.customer, &h.expires, &h.sku, &h.quantity, &h.position,
            &h.salt,
            &s.sku, &s.total, &s.available, &s.held, &s.sold, &s.version,
        ];
        let [plain, with_keys] = &*HOLDS;
        if q.key.is_empty() {
            return (plain, parameters);
        }
        let keys: [&(dyn ToSql + Sync); 5] = [&q.key, &q.fingerprint, &q.seq, &q.answer, &q.at];
        parameters.extend(keys);
        return (with_keys, parameters);
    }
    #[rustfmt::skip]
    let parameters: Vec<&(dyn ToSql + Sync)> = vec![
        &d.id, &d.epoch, &d.previous, &d.seq, &d.chain,
        &e.drop, &e.seq, &e.chain, &e.at, &e.digest,
        &h.drop, &h.seq, &h.at, &h.id, &h.customer, &h.expires, &h.sku, &h.quantity,
        &h.position, &h.salt,
        &l.drop, &l.seq, &l.line, &l.kind, &l.reservation, &l.customer, &l.sku, &l.quantity,
        &l.order, &l.at, &l.reference, &l.reason, &l.settings,
        &r.drop, &r.held, &r.id, &r.customer, &r.state, &r.order, &r.created, &r.expires,
        &r.seq, &r.at, &r.salt,
        &x.drop, &x.reservation,
        &n.drop, &n.reservation, &n.sku, &n.quantity, &n.position,
        &q.drop, &q.key, &q.fingerprint, &q.seq, &q.answer, &q.at,
        &s.drop, &s.sku, &s.total, &s.available, &s.held, &s.sold, &s.version,
    ];
    (COMMIT, parameters)
}

impl Ledger {
    /// Commits the parts: everything of all or nothing, each only on top of what it builds on.
    /// What it left, part by part.
    pub(super) async fn commit_parts(&self, parts: &[Part]) -> Result<Vec<Committed>, Failure> {
        let unknown = |error: LedgerError| Failure::Unknown(error);
        let connection = self.writer().await.map_err(unknown)?;
        let mut batch = Batch::new(parts);
        self.take_out_fences(&mut batch).await.map_err(unknown)?;
        let (sql, parameters) = statement(&batch);
        let prepared = connection.prepare_cached(sql).await;
        let statement = prepared.map_err(|error| unknown(error.into()))?;
        let query = connection.query(&statement, &parameters);
        let since = Instant::now();
        let result = tokio::time::timeout(COMMIT_WITHIN, query).await;
        measure::since(since, &measure::POSTGRES_COMMIT);
        measure::COMMIT_EVENTS.record(batch.events as f64);
        let Ok(result) = result else {
            // Nobody may queue behind a connection that does not answer.
            std::mem::drop(Object::take(connection));
            let what = format!("no answer within {COMMIT_WITHIN:?}");
            return Err(unknown(LedgerError::Unavailable(what)));
        };
        let rows = match result {
            // A batch moves the stock of one SKU at least, unless it was fenced.
            Ok(rows) if rows.is_empty() && batch.only_holds() => return Err(Failure::Fenced),
            Ok(rows) => rows,
            Err(error) if is_fenced(&error) => return Err(Failure::Fenced),
            Err(error) if failpoint::without(Mutant::SkipRefusedEvents) => {
                let skip = "UPDATE drops SET last_seq = $2, last_chain = $3 WHERE id = $1";
                let d = &batch.drops;
                for ((id, seq), chain) in d.id.iter().zip(&d.seq).zip(&d.chain) {
                    let skipped = connection.execute(skip, &[id, seq, chain]).await;
                    skipped.map_err(|error| unknown(error.into()))?;
                }
                tracing::warn!(%error, "skipped");
                return Ok(vec![Committed::default(); parts.len()]);
            }
            Err(error) if error.as_db_error().is_some() => {
                return Err(Failure::Declined(error.into()));
            }
            Err(error) => return Err(unknown(error.into())),
        };
        let mut left: HashMap<DropId, Committed> = HashMap::new();
        for row in &rows {
            let stock = sku_stock(row).map_err(unknown)?;
            let drop = match parts {
                [part] => part.drop.clone(),
                _ => parse(row, 6).map_err(unknown)?,
            };
            left.entry(drop).or_default().stock.push(stock);
        }
        Ok(parts.iter().map(|part| left.remove(&part.drop).unwrap_or_default()).collect())
    }

    /// Makes a batch build on whatever the ledger has, where a test asks for an engine without
    /// that rule.
    async fn take_out_fences(&self, batch: &mut Batch) -> Result<(), LedgerError> {
        let any_epoch = failpoint::without(Mutant::CommitWithoutEpochFence);
        let any_chain = failpoint::without(Mutant::CommitWithoutChainFence);
        if !any_epoch && !any_chain {
            return Ok(());
        }
        let drops = &mut batch.drops;
        for (at, id) in drops.id.iter().enumerate() {
            let Ok(id) = id.parse() else { continue };
            let Some(head) = self.head(&id).await? else { continue };
            if any_epoch {
                drops.epoch[at] = head.epoch;
            }
            if any_chain {
                drops.previous[at] = head.chain;
            }
        }
        Ok(())
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
                    lost_seq = NULL, raised_at = now()
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
