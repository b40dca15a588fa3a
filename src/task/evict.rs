//! Takes drops out of Redis that are over.
//!
//! The ledger comes first: it raises the epoch into one in which the drop is not in Redis, which
//! fences whatever Redis may still do. Who dies before Redis has heard of it leaves some memory
//! taken, until a write-behind looks for such remains.

use super::TaskError;
use crate::{
    engine::Engine,
    failpoint::{self, Place},
    ledger::Head,
    store::MetaRead,
};

/// Takes out what may go. Any number of processes may do so at once: each drop goes by the hand of
/// one of them.
pub(super) async fn run_once(engine: &Engine) -> Result<(), TaskError> {
    for (id, head) in engine.ledger.evictable(engine.options.evict_after).await? {
        let Some(drop) = engine.open(&id).await? else { continue };
        let stands = engine.store.stands(&[&drop.keys]).await?.into_iter().next().flatten();
        // What the ledger lacks must become durable first; what Redis lacks is to be mended.
        if !stands.is_some_and(|meta| is_same(&meta, &head)) {
            continue;
        }
        let Some(epoch) = engine.ledger.evict(&id, &head).await? else { continue };
        failpoint::pass(Place::EvictAfterLedger).await;
        drop.refresh(&engine.ledger).await?;
        engine.store.evict(&drop.keys, epoch).await?;
        tracing::info!(drop = %id, epoch, "the drop is over and leaves Redis");
    }
    Ok(())
}

fn is_same(meta: &MetaRead, head: &Head) -> bool {
    meta.open && (meta.epoch, meta.seq, &meta.chain) == (head.epoch, head.seq, &head.chain)
}
