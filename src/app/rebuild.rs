//! `dropgate rebuild`: a drop's Redis side anew from the ledger, by hand.

use anyhow::Context as _;
use serde_json::json;

use super::output::{DONE, REFUSED, print, print_json};
use super::{bare_engine, progress, refuse_beside_strangers};
use crate::{config::RebuildSettings, ledger::Decision, task};

/// 0 when the drop is back.
pub(super) async fn run(settings: RebuildSettings) -> anyhow::Result<u8> {
    let engine = bare_engine(&settings.store, &settings.ledger)?;
    refuse_beside_strangers(&engine).await?;
    let RebuildSettings { drop_id: id, json, .. } = settings;
    let drop = engine.find(&id).await.with_context(|| format!("the drop {id}"))?;
    let bar = progress::bar(0, json);
    bar.set_message("reservations");
    if !bar.is_hidden() {
        // Only to draw by: it takes as long as reading that many rows does.
        let reservations = engine.ledger.snapshot_reservations(&id).await?;
        bar.set_length(u64::try_from(reservations).unwrap_or_default());
    }
    let heard = |more: usize| bar.inc(u64::try_from(more).unwrap_or_default());
    let seen = drop.progress.durable();
    let in_redis = engine.store.stands(&[&drop.keys]).await?.into_iter().flatten().next();
    let by = Decision::Person { above: in_redis.map_or(0, |meta| meta.epoch) };
    let rebuilt = task::rebuild(&engine, &drop, &seen, by, &heard).await;
    bar.finish_and_clear();
    let Some(overdue) = rebuilt? else {
        match json {
            true => print_json(&json!({ "drop": id, "rebuilt": false }))?,
            false => print(&format!(
                "{id} was rebuilt by somebody else at the same time; look again with `audit`.\n"
            ))?,
        }
        return Ok(REFUSED);
    };
    engine.write_grace(&id, &overdue).await;
    let epoch = drop.progress.durable().epoch;
    match json {
        true => print_json(&json!({ "drop": id, "rebuilt": true, "epoch": epoch }))?,
        false => print(&format!("{id} is rebuilt in epoch {epoch}.\n"))?,
    }
    Ok(DONE)
}
