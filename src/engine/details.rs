//! SKUs' details, read through copies: in this process, in Redis, and from the ledger.
//!
//! A copy stands under the version that it has. Which version a SKU has now is said by the picture,
//! which the ledger's news keep: so a copy of before is not found, rather than found and wrong, and
//! nobody has to delete one. It goes when its time is over or when room is needed.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use futures_util::{StreamExt as _, stream};
use moka::future::Cache;
use serde_json::value::RawValue;
use tokio::time::timeout;

use super::{CallError, Engine};
use crate::{
    domain::{Details, DetailsVersion, DropId, DropView, FullSku, SkuId, SkuView},
    measure,
};

/// Bytes of copies that one process keeps at most.
const ROOM: u64 = 64 << 20;
/// What a copy takes besides its text: ids, version, the table's own.
const BESIDES: usize = 256;
/// For so long Redis is waited for; then the ledger is asked.
const PATIENCE: Duration = Duration::from_millis(100);
/// The longest that a process keeps a copy, however often it is asked for.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// SKUs that are warmed at once.
const AT_ONCE: usize = 8;

/// What a SKU shows that was never given details.
static NONE: LazyLock<Details> =
    LazyLock::new(|| RawValue::from_string("{}".to_owned()).expect("an object").into());

type Which = (DropId, SkuId, DetailsVersion);

/// The copies of this process.
#[derive(Debug)]
pub(super) struct DetailsCache {
    copies: Cache<Which, Details>,
    ttl: Duration,
}

/// Why there is no copy.
#[derive(Clone, Debug, thiserror::Error)]
enum Missing {
    /// The SKU has another version by now.
    #[error("the details have another version by now")]
    Replaced,
    #[error("{0}")]
    Ledger(String),
}

impl DetailsCache {
    pub(super) fn new(ttl: Duration) -> DetailsCache {
        let weight = |_: &Which, details: &Details| {
            u32::try_from(details.get().len() + BESIDES).unwrap_or(u32::MAX)
        };
        // A copy that is asked for stays: a ledger that stands still takes no page away.
        let copies = Cache::builder()
            .max_capacity(ROOM)
            .weigher(weight)
            .time_to_idle(ttl)
            .time_to_live(LONGEST)
            .build();
        DetailsCache { copies, ttl }
    }

    /// The bytes that the copies take.
    pub(super) fn bytes(&self) -> u64 {
        self.copies.weighted_size()
    }
}

impl Engine {
    /// The details that a SKU of the picture has; `None` when that picture is of yesterday: then
    /// the ledger has to be asked for a new one.
    ///
    /// # Errors
    /// [`CallError::Unavailable`].
    pub async fn details(
        &self,
        drop: &DropId,
        sku: &SkuView,
    ) -> Result<Option<Details>, CallError> {
        if sku.details == DetailsVersion::default() {
            return Ok(Some(Arc::clone(&NONE)));
        }
        let which = (drop.clone(), sku.stock.sku.clone(), sku.details);
        if let Some(copy) = self.details.copies.get(&which).await {
            measure::DETAILS_PROCESS.increment(1);
            return Ok(Some(copy));
        }
        // Of those who ask for one version at once, one looks for it.
        let found = self.details.copies.try_get_with(which.clone(), self.look_up(&which)).await;
        match found.map_err(Arc::unwrap_or_clone) {
            Ok(details) => Ok(Some(details)),
            Err(Missing::Replaced) => Ok(None),
            Err(Missing::Ledger(error)) => Err(CallError::none(error)),
        }
    }

    async fn look_up(&self, which: &Which) -> Result<Details, Missing> {
        let (drop, sku, version) = which;
        let copy = timeout(PATIENCE, self.store.details(drop, sku, *version)).await;
        // Without Redis the ledger serves as well; what Redis has wrong is no copy.
        if let Some(copy) = copy.ok().and_then(Result::ok).flatten()
            && let Ok(details) = RawValue::from_string(copy)
        {
            measure::DETAILS_REDIS.increment(1);
            return Ok(details.into());
        }
        let full = self.ledger.full_sku(drop, sku).await;
        let full = full.map_err(|error| Missing::Ledger(error.to_string()))?;
        measure::DETAILS_POSTGRES.increment(1);
        let Some(FullSku { view, details }) = full.filter(|full| full.view.details == *version)
        else {
            return Err(Missing::Replaced);
        };
        let keep =
            self.store.keep_details(drop, sku, view.details, details.get(), self.details.ttl);
        if !matches!(timeout(PATIENCE, keep).await, Ok(Ok(()))) {
            tracing::debug!(%drop, %sku, "Redis has no copy of the details");
        }
        Ok(details)
    }

    /// Sees to it that this process has a copy of all details of a drop.
    pub async fn warm(&self, drop: &DropView) {
        let looks: Vec<_> = drop.skus.iter().map(|sku| self.details(&drop.id, sku)).collect();
        let warmed = stream::iter(looks)
            .buffer_unordered(AT_ONCE)
            .filter(|copy| std::future::ready(matches!(copy, Ok(Some(_)))))
            .count()
            .await;
        tracing::debug!(drop = %drop.id, warmed, of = drop.skus.len(), "details are at hand");
    }

    /// Bytes of the copies of details in this process.
    pub(super) fn details_bytes(&self) -> u64 {
        self.details.bytes()
    }
}
