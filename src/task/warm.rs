//! Has the details of a drop at hand before its crowd comes, or before the ledger stands still.

use std::{collections::HashMap, mem, sync::Arc};

use tokio::sync::watch;

use crate::{
    clock,
    domain::{DropId, Millis},
    engine::Engine,
    measure,
};

/// So long before a drop opens.
const BEFORE_MS: i64 = 60_000;

/// Warms at every tick the drops that are new here or about to open. Each process warms its own
/// copies.
pub(super) async fn run(engine: Arc<Engine>, mut ticks: watch::Receiver<u64>) {
    // For which opening a drop was warmed last; none when it was only new.
    let mut warmed: HashMap<DropId, Option<Millis>> = HashMap::new();
    while ticks.changed().await.is_ok() {
        let now = clock::now();
        // Drops that are gone are not carried over.
        let mut before = mem::take(&mut warmed);
        for drop in engine.known_drops() {
            let last = before.remove(&drop.id);
            let Some(view) = drop.known_view() else { continue };
            let opens = view.settings.opens_at;
            let soon = opens.filter(|opens| (1..=BEFORE_MS).contains(&opens.since(now)));
            let again = last.is_none_or(|last| soon.is_some() && last != soon);
            warmed.insert(drop.id.clone(), if again { soon } else { last.flatten() });
            if again {
                engine.warm(&view).await;
            }
        }
        measure::WARM.set();
    }
}
