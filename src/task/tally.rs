//! Adds what this process has counted of each drop's calls to the tallies of all engines, once a
//! second, right behind the second's end. No call waits for it.

use std::{sync::Arc, time::Duration};

use crate::{engine::Engine, measure};

const A_SECOND_MS: i64 = 1000;

/// Adds for as long as the process lives.
pub(super) async fn run(engine: Arc<Engine>) {
    loop {
        let left = A_SECOND_MS - engine.now().0.rem_euclid(A_SECOND_MS);
        tokio::time::sleep(Duration::from_millis(u64::try_from(left).unwrap_or_default())).await;
        match engine.tell_tallies().await {
            Ok(()) => measure::TALLY.set(),
            Err(error) => {
                tracing::debug!(%error, "refusals are added to what all engines count later");
            }
        }
    }
}
