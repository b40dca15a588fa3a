//! Copies of SKUs' details for all processes, each under its version.
//!
//! They are no part of a drop's books: no script reads them, and each goes by itself when its time
//! is over, so that versions that nobody asks for any more take no room.

use std::time::Duration;

use super::{Store, StoreError, keys};
use crate::domain::{DetailsVersion, DropId, SkuId};

impl Store {
    /// The copy of this version, if there is one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn details(
        &self,
        drop: &DropId,
        sku: &SkuId,
        version: DetailsVersion,
    ) -> Result<Option<String>, StoreError> {
        let mut pipeline = redis::pipe();
        pipeline.cmd("GET").arg(keys::details(drop, sku, version));
        let answer = self.run(&mut pipeline).await?.pop();
        let answer = answer.ok_or_else(|| StoreError::NoAnswer("no reply".to_owned()))??;
        redis::from_redis_value(answer).map_err(|error| StoreError::Unreadable(error.to_string()))
    }

    /// Leaves a copy for so long.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn keep_details(
        &self,
        drop: &DropId,
        sku: &SkuId,
        version: DetailsVersion,
        details: &str,
        within: Duration,
    ) -> Result<(), StoreError> {
        let mut pipeline = redis::pipe();
        let key = keys::details(drop, sku, version);
        pipeline.cmd("SET").arg(key).arg(details).arg("EX").arg(within.as_secs().max(1));
        self.run(&mut pipeline).await?.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(())
    }
}
