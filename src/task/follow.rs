//! Tells those who watch a reservation what became of it.

use std::{sync::Arc, time::Duration};

use crate::engine::{DropHandle, Engine};

/// Between two looks at most so many; what happens in between is told at once.
const EVERY: Duration = Duration::from_millis(50);
/// Behind a look that failed.
const AGAIN: Duration = Duration::from_millis(500);

/// Looks for as long as the process lives, while somebody watches.
pub(super) async fn run(engine: Arc<Engine>, drop: Arc<DropHandle>) {
    let mut changes = drop.changes();
    loop {
        drop.is_watched().await;
        changes.mark_unchanged();
        match engine.tell_watchers(&drop).await {
            Ok(()) => {
                tokio::time::sleep(EVERY).await;
                // The sender lives as long as the drop.
                let _ = changes.changed().await;
            }
            Err(error) => {
                tracing::debug!(drop = %drop.id, %error, "watchers are told later");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}
