//! Erasure: a customer's id leaves the ledger and Redis.
//!
//! The ledger comes first: in one transaction a pseudonym takes the id's place and the drop's epoch
//! rises. From then on Redis is behind, and the rebuild that follows as after any other fence is what
//! takes the id out of it. Whoever dies in between leaves a drop that others rebuild.

use std::{sync::Arc, time::Duration};

use serde::Serialize;
use tokio::time::Instant;

use super::{CUSTOMER_BUCKETS, CallError, DropHandle, Engine, admin::unavailable};
use crate::{
    domain::{CustomerId, DropId},
    failpoint::{self, Place},
    ledger::ErasedFrom,
};

/// Drops that are looked at in one round trip.
const TOGETHER: usize = 256;
/// Between two looks at whether Redis is through.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What was erased in one drop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ErasedDrop {
    /// Which.
    pub drop: DropId,
    /// Reservations that have a pseudonym now.
    pub reservations: i64,
}

/// What an erasure came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Erasure {
    /// The customer is unknown now; these drops had the id. None, if it was gone already.
    Done(Vec<ErasedDrop>),
    /// The customer has active holds in these drops, from which nothing was erased.
    HasHolds(Vec<DropId>),
}

impl Engine {
    /// Erases a customer from all drops, or from one. Comes back when the id is gone from the
    /// ledger and from Redis; asked again it goes on where it was cut off.
    ///
    /// # Errors
    /// [`CallError`]; `unknown` says that it may be done or not, or in part: ask again.
    pub async fn erase(
        &self,
        customer: &CustomerId,
        only: Option<&DropId>,
    ) -> Result<Erasure, CallError> {
        let deadline = self.deadline();
        let erasure = self.erase_from_ledger(customer, only).await?;
        while let Some(behind) = self.behind_ledger(only).await?.first() {
            if Instant::now() >= deadline {
                let reason = format!("Redis is not rebuilt yet for {}", behind.id);
                return Err(CallError::unknown(reason));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok(erasure)
    }

    /// The ledger's part of it. What Redis still has is in drops that are
    /// [behind](Engine::behind_ledger).
    ///
    /// # Errors
    /// As [`Engine::erase`].
    pub async fn erase_from_ledger(
        &self,
        customer: &CustomerId,
        only: Option<&DropId>,
    ) -> Result<Erasure, CallError> {
        let undecided = |error: String| CallError::unknown(error);
        if let Some(drop) = only {
            self.drop_view(drop).await?;
        }
        let found = self.ledger.drops_of_customer(customer, only).await.map_err(unavailable)?;
        let holding: Vec<DropId> =
            found.iter().filter(|found| found.has_hold).map(|found| found.drop.clone()).collect();
        if !holding.is_empty() {
            return Ok(Erasure::HasHolds(holding));
        }
        let mut erased = Vec::new();
        for drop in found.into_iter().map(|found| found.drop) {
            let handle = self.find(&drop).await?;
            // What is under way may still come into the ledger, instead of having to be asked for again.
            self.catch_up(&drop).await?;
            let from = self.ledger.erase(&drop, customer).await;
            match from.map_err(|error| undecided(error.to_string()))? {
                ErasedFrom::HasHold => return Ok(Erasure::HasHolds(vec![drop])),
                ErasedFrom::Erased { reservations, epoch } => {
                    failpoint::pass(Place::EraseAfterLedger).await;
                    handle.progress.fenced_here(epoch);
                    let refreshed = handle.refresh(&self.ledger).await;
                    refreshed.map_err(|error| undecided(error.to_string()))?;
                    tracing::info!(%drop, epoch, reservations, "a customer is erased");
                    erased.push(ErasedDrop { drop, reservations });
                }
            }
        }
        let forgotten = self.store.forget_bucket(CUSTOMER_BUCKETS, customer.as_str()).await;
        forgotten.map_err(|error| undecided(error.to_string()))?;
        Ok(Erasure::Done(erased))
    }

    /// The drops, or the one, that Redis still has in an earlier epoch than the ledger, or only in
    /// part.
    ///
    /// # Errors
    /// [`CallError::Unavailable`].
    pub async fn behind_ledger(
        &self,
        only: Option<&DropId>,
    ) -> Result<Vec<Arc<DropHandle>>, CallError> {
        let undecided = |error: String| CallError::unknown(error);
        let heads = self.ledger.heads().await.map_err(|error| undecided(error.to_string()))?;
        let mut drops = Vec::new();
        for (id, head) in heads.iter().filter(|(id, _)| only.is_none_or(|only| only == id)) {
            drops.push((self.find(id).await?, head.epoch));
        }
        let mut behind = Vec::new();
        for together in drops.chunks(TOGETHER) {
            let keys: Vec<_> = together.iter().map(|(drop, _)| &drop.keys).collect();
            let stands = self.store.stands(&keys).await;
            let stands = stands.map_err(|error| undecided(error.to_string()))?;
            for ((drop, epoch), meta) in together.iter().zip(stands) {
                // What Redis has nothing of, it has nothing of a customer either.
                if !meta.is_some_and(|meta| meta.epoch < *epoch || !meta.open) {
                    continue;
                }
                if drop.progress.is_evicted() {
                    // What was left behind of it.
                    let evicted = self.store.evict(&drop.keys, *epoch).await;
                    evicted.map_err(|error| undecided(error.to_string()))?;
                } else {
                    behind.push(Arc::clone(drop));
                }
            }
        }
        Ok(behind)
    }
}
