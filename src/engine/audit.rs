//! The audit: Redis against the ledger plus the part of the journal that is not in it yet.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{CallError, DropHandle, Engine, admin::unavailable};
use crate::{
    domain::{DropId, SkuId, SkuStock, Stock},
    ledger::Head,
    progress::Halt,
    store::{Inspection, StoreError},
};

/// How often the audit looks again when the ledger moves under its eyes.
const LOOKS: usize = 20;

/// The counts of one SKU on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SkuCounts {
    /// Which SKU.
    pub sku: SkuId,
    /// In Redis; `None` when Redis doesn't know it.
    pub redis: Option<Stock>,
    /// In the ledger.
    pub ledger: Option<Stock>,
}

/// What an audit found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditReport {
    /// Which drop.
    pub drop: DropId,
    /// Whether everything agrees.
    pub balanced: bool,
    /// The drop's generation.
    pub epoch: i64,
    /// The last `seq` in Redis.
    pub seq: i64,
    /// The last `seq` in the ledger.
    pub durable_seq: i64,
    /// The counts.
    pub skus: Vec<SkuCounts>,
    /// What does not agree.
    pub violations: Vec<String>,
}

impl Engine {
    /// Audits a drop: Redis against the ledger, and the ledger against itself.
    ///
    /// # Errors
    /// [`CallError`] when one of the two can't be read.
    pub async fn audit(&self, drop: &DropId) -> Result<AuditReport, CallError> {
        self.drop_view(drop).await?;
        let handle = self.find(drop).await?;
        handle.refresh(&self.ledger).await.map_err(unavailable)?;
        let halted = handle.progress.halted();
        let lost = matches!(halted, Some(Halt::Lost(_) | Halt::Newer(_)));
        let mut report = match lost || handle.progress.is_evicted() {
            // Redis and the ledger can't agree, or Redis does not have the drop: only the ledger's
            // side can be shown.
            true => {
                let counts = self.ledger.counts(drop).await.map_err(unavailable)?;
                let (head, counts) = counts.ok_or(CallError::UnknownDrop)?;
                let side = |sku: SkuStock| SkuCounts {
                    sku: sku.sku,
                    redis: None,
                    ledger: Some(sku.stock),
                };
                let skus = counts.into_iter().map(side).collect();
                report(&handle, &head, head.seq, skus, Vec::new())
            }
            false => self.reconcile(drop).await?,
        };
        report.violations.extend(halted.map(|halt| format!("the drop stands still: {halt}")));
        let violations = self.ledger.violations(drop).await;
        report.violations.extend(violations.map_err(unavailable)?);
        report.balanced = report.violations.is_empty();
        Ok(report)
    }

    /// The part of the audit that is cheap at any size: the counts of Redis against those of
    /// the ledger plus the journal in between.
    ///
    /// # Errors
    /// [`CallError`] when one of the two can't be read.
    pub async fn reconcile(&self, drop: &DropId) -> Result<AuditReport, CallError> {
        let handle = self.find(drop).await?;
        for _ in 0..LOOKS {
            if let Some(report) = self.compare(&handle).await? {
                return Ok(report);
            }
            handle.progress.wake.notify_one();
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        Err(CallError::none(
            "Redis does not have the drop as the ledger has it; a running engine \
            rebuilds it",
        ))
    }

    /// One look; `None` when the two belong to different moments.
    async fn compare(&self, handle: &DropHandle) -> Result<Option<AuditReport>, CallError> {
        // The ledger first: what is missing in it is then in the journal, or was trimmed
        // because somebody has committed it since, and the look is repeated.
        let counts = self.ledger.counts(&handle.id).await.map_err(unavailable)?;
        let Some((head, counts)) = counts else { return Err(CallError::UnknownDrop) };
        let inspection: Result<Inspection, StoreError> =
            self.store.inspect(&handle.id, &handle.keys, (head.epoch, head.seq)).await;
        let inspection = match inspection {
            Ok(inspection) => inspection,
            Err(StoreError::Damaged(what)) => {
                let damaged = format!("what Redis has of the drop is damaged: {what}");
                return Ok(Some(report(handle, &head, head.seq, Vec::new(), vec![damaged])));
            }
            Err(error) => return Err(CallError::none(error.to_string())),
        };
        let Some(meta) = inspection.meta else { return Ok(None) };
        let mut expected: BTreeMap<SkuId, Stock> =
            counts.iter().map(|sku| (sku.sku.clone(), sku.stock)).collect();
        let mut reached = (head.seq, head.chain.clone());
        for entry in &inspection.entries {
            if entry.previous != reached.1 {
                return Ok(None);
            }
            reached = (entry.seq, entry.chain.clone());
            for (event, _) in &entry.events {
                for (sku, change) in event.stock_changes() {
                    *expected.entry(sku).or_default() += change;
                }
            }
        }
        if !meta.open || meta.epoch != head.epoch || reached != (meta.seq, meta.chain) {
            return Ok(None);
        }
        let redis: BTreeMap<SkuId, Stock> = inspection.stock.into_iter().collect();
        let mut violations = Vec::new();
        for (sku, stock) in &redis {
            if let Some(violation) = stock.violation() {
                violations.push(format!("sku {sku} in Redis: {violation}"));
            }
            let wanted = expected.get(sku).copied().unwrap_or_default();
            if wanted != *stock {
                violations.push(format!(
                    "sku {sku}: Redis has {stock:?}, ledger and journal come to {wanted:?}"
                ));
            }
        }
        for sku in expected.keys().filter(|sku| !redis.contains_key(*sku)) {
            violations.push(format!("sku {sku}: the ledger knows it, Redis does not"));
        }
        let ledger: BTreeMap<SkuId, Stock> =
            counts.into_iter().map(|sku| (sku.sku, sku.stock)).collect();
        let skus = redis.keys().chain(ledger.keys()).collect::<std::collections::BTreeSet<_>>();
        let skus = skus
            .into_iter()
            .map(|sku| SkuCounts {
                sku: sku.clone(),
                redis: redis.get(sku).copied(),
                ledger: ledger.get(sku).copied(),
            })
            .collect();
        Ok(Some(report(handle, &head, meta.seq, skus, violations)))
    }
}

fn report(
    handle: &DropHandle,
    head: &Head,
    seq: i64,
    skus: Vec<SkuCounts>,
    violations: Vec<String>,
) -> AuditReport {
    AuditReport {
        drop: handle.id.clone(),
        balanced: violations.is_empty(),
        epoch: head.epoch,
        seq,
        durable_seq: head.seq,
        skus,
        violations,
    }
}
