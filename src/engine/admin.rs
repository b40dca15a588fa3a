//! Settings, and what is read from the ledger.

use std::{collections::BTreeSet, sync::Arc};

use super::{Answer, CallError, Engine, HoldAck, Success, call::Settled};
use crate::{
    command::{Configure, Configured, DropAction, Refusal, Verb},
    domain::{
        DropId, DropPatch, DropView, FullDrop, FullSku, LedgerFilter, LedgerRange, LedgerRow, Page,
        Reservation, ReservationId, SkuId, SkuPatch,
    },
    ledger::{LedgerError, ReservationFilter},
};

/// What a read comes to that the ledger did not answer: it has changed nothing.
pub(super) fn unavailable(error: LedgerError) -> CallError {
    CallError::none(error.to_string())
}

/// What was read behind a change that is durable already.
fn behind<T>(found: Result<Option<T>, LedgerError>, lacking: &str) -> Result<T, CallError> {
    found
        .map_err(|error| CallError::unknown(error.to_string()))?
        .ok_or_else(|| CallError::unknown(lacking))
}

impl Engine {
    /// Creates a drop or changes its settings; says whether it created it.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn put_drop(
        &self,
        drop: &DropId,
        patch: DropPatch,
    ) -> Result<(bool, FullDrop), CallError> {
        if self.known_drop(drop).is_none() {
            self.ledger.create(drop).await.map_err(unavailable)?;
            self.expect(drop);
        }
        let configured = self.configure(drop, Configure::Drop(patch)).await?;
        Ok((configured.value.created, self.drop_behind(drop).await?))
    }

    /// Creates a SKU or changes its settings; says whether it created it.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn put_sku(
        &self,
        drop: &DropId,
        sku: &SkuId,
        patch: SkuPatch,
    ) -> Result<(bool, FullSku), CallError> {
        let configured = self.configure(drop, Configure::Sku(sku.clone(), patch)).await?;
        Ok((configured.value.created, self.sku_behind(drop, sku).await?))
    }

    /// Opens, pauses, closes or settles a drop.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn act(&self, drop: &DropId, action: DropAction) -> Result<(), CallError> {
        self.configure(drop, Configure::Action(action)).await.map(|_| ())
    }

    /// A drop behind a change that is durable already: if it can't be read, that leaves the caller
    /// in doubt about the change, and does not undo it.
    ///
    /// # Errors
    /// [`CallError::Unavailable`].
    pub async fn drop_behind(&self, drop: &DropId) -> Result<FullDrop, CallError> {
        behind(self.ledger.full_drop(drop).await, "the drop is not in the ledger")
    }

    /// A SKU behind such a change.
    async fn sku_behind(&self, drop: &DropId, sku: &SkuId) -> Result<FullSku, CallError> {
        behind(self.ledger.full_sku(drop, sku).await, "the sku is not in the ledger")
    }

    async fn configure(&self, drop: &DropId, configure: Configure) -> Answer<Configured> {
        let handle = self.find(drop).await?;
        let answer = match self.settle(&handle, configure, None, self.deadline()).await {
            Ok(Ok(Settled::Done(value))) => Ok(Success { value, replayed: false }),
            Ok(Ok(Settled::Replayed(_))) => Err(CallError::unknown("settings take no key")),
            Ok(Err(refused)) if refused.refusal == Refusal::UnknownDrop => {
                Err(CallError::UnknownDrop)
            }
            Ok(Err(refused)) => Err(CallError::Refused(refused.refusal)),
            Err(error) => Err(error),
        };
        handle.counted.answered(drop, Verb::Configure, &answer);
        answer
    }

    /// A drop as the ledger has it, from memory where it can be.
    ///
    /// # Errors
    /// [`CallError::UnknownDrop`], also for one that has never been configured.
    pub async fn drop_view(&self, drop: &DropId) -> Result<Arc<DropView>, CallError> {
        let handle = self.find(drop).await?;
        let view = handle.view(&self.ledger).await.map_err(unavailable)?;
        view.ok_or(CallError::UnknownDrop)
    }

    /// A drop as the ledger has it at this very moment: what another process has just answered
    /// is in it, for which the picture in memory may need some milliseconds.
    ///
    /// # Errors
    /// [`CallError::UnknownDrop`], also for one that has never been configured.
    pub async fn drop_now(&self, drop: &DropId) -> Result<Arc<DropView>, CallError> {
        let handle = self.find(drop).await?;
        let view = handle.reload(&self.ledger).await.map_err(unavailable)?;
        view.ok_or(CallError::UnknownDrop)
    }

    /// The same with everything that there is of its SKUs.
    ///
    /// # Errors
    /// [`CallError::UnknownDrop`], also for one that has never been configured.
    pub async fn full_drop(&self, drop: &DropId) -> Result<FullDrop, CallError> {
        self.find(drop).await?;
        let full = self.ledger.full_drop(drop).await.map_err(unavailable)?;
        full.ok_or(CallError::UnknownDrop)
    }

    /// All drops, a page at a time.
    ///
    /// # Errors
    /// [`CallError::Unavailable`].
    pub async fn drops(
        &self,
        cursor: Option<String>,
        limit: i64,
    ) -> Result<Page<FullDrop>, CallError> {
        self.drops_of(None, cursor, limit).await
    }

    /// The same for the drops among `only`, if that is given.
    ///
    /// # Errors
    /// [`CallError::Unavailable`].
    pub async fn drops_of(
        &self,
        only: Option<&BTreeSet<DropId>>,
        cursor: Option<String>,
        limit: i64,
    ) -> Result<Page<FullDrop>, CallError> {
        self.ledger.drops(only, cursor.as_deref(), limit).await.map_err(unavailable)
    }

    /// One reservation, as the ledger has it.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn reservation(
        &self,
        drop: &DropId,
        id: ReservationId,
    ) -> Result<Reservation, CallError> {
        self.drop_view(drop).await?;
        let mut found = self.ledger.reservation(drop, id).await.map_err(unavailable)?;
        if found.is_none() && self.options.hold_ack == HoldAck::Redis {
            // Its holder may have been answered before the ledger had it.
            self.catch_up(drop).await?;
            found = self.ledger.reservation(drop, id).await.map_err(unavailable)?;
        }
        found.ok_or(CallError::Refused(Refusal::UnknownReservation))
    }

    /// Reservations of a drop, a page at a time.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn reservations(
        &self,
        drop: &DropId,
        filter: ReservationFilter,
    ) -> Result<Page<Reservation>, CallError> {
        self.drop_view(drop).await?;
        if self.options.hold_ack == HoldAck::Redis {
            self.catch_up(drop).await?;
        }
        self.ledger.reservations(drop, &filter).await.map_err(unavailable)
    }

    /// The ledger's rows of a drop behind `after_seq`.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn ledger(
        &self,
        drop: &DropId,
        after_seq: i64,
        limit: i64,
    ) -> Result<Page<LedgerRow>, CallError> {
        self.drop_view(drop).await?;
        self.ledger.rows(drop, after_seq, limit).await.map_err(unavailable)
    }

    /// The rows of a drop's ledger within `range` that fit `filter`, a page at a time.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn ledger_fitting(
        &self,
        drop: &DropId,
        filter: &LedgerFilter,
        range: &LedgerRange,
        limit: i64,
    ) -> Result<Page<LedgerRow>, CallError> {
        let head = self.ledger_head(drop).await?;
        self.ledger.fitting(drop, filter, range, limit, head).await.map_err(unavailable)
    }

    /// How far a drop's ledger goes at this moment: its last `seq`.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn ledger_head(&self, drop: &DropId) -> Result<i64, CallError> {
        Ok(self.view_in_ledger(drop).await?.seq)
    }

    /// A drop as the ledger has it, without a change to what this process shows.
    pub(super) async fn view_in_ledger(&self, drop: &DropId) -> Result<DropView, CallError> {
        self.find(drop).await?;
        self.ledger.drop_view(drop).await.map_err(unavailable)?.ok_or(CallError::UnknownDrop)
    }

    /// The rows that fit `filter` of the events behind `after` and up to `upto`: bound them, for all are
    /// in memory at once.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn ledger_span(
        &self,
        drop: &DropId,
        filter: &LedgerFilter,
        (after, upto): (i64, i64),
    ) -> Result<Vec<LedgerRow>, CallError> {
        self.ledger.span(drop, filter, after, upto).await.map_err(unavailable)
    }

    /// Waits until the ledger has what this process has seen in Redis, or for a second.
    pub(super) async fn catch_up(&self, drop: &DropId) -> Result<(), CallError> {
        let handle = self.find(drop).await?;
        let seen = handle.progress.seen_seq();
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(1);
        while handle.progress.durable().seq < seen && tokio::time::Instant::now() < deadline {
            handle.progress.wake.notify_one();
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        Ok(())
    }
}
