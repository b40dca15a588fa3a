//! `dropgate rebuild`: a drop's Redis side anew from the ledger, by hand.

use anyhow::Context as _;

use super::bare_engine;
use crate::{config::RebuildSettings, ledger::Decision, task};

/// 0 when the drop is back.
pub(super) async fn run(settings: RebuildSettings) -> anyhow::Result<u8> {
    let engine = bare_engine(&settings.store, &settings.ledger)?;
    let id = settings.drop_id;
    let drop = engine.find(&id).await.with_context(|| format!("the drop {id}"))?;
    let seen = drop.progress.durable();
    let in_redis = engine.store.inspect(&id, &drop.keys, (seen.epoch, seen.seq)).await?;
    let by = Decision::Person { above: in_redis.meta.map_or(0, |meta| meta.epoch) };
    if let Some(overdue) = task::rebuild(&engine, &drop, &seen, by).await? {
        engine.write_grace(&id, &overdue).await;
        println!("{id} is rebuilt in epoch {}.", drop.progress.durable().epoch);
        return Ok(0);
    }
    println!("{id} was rebuilt by somebody else at the same time; look again with `audit`.");
    Ok(1)
}
