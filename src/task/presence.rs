//! Says every second that this engine is alive, and steps aside where another one has taken over.

use std::{sync::Arc, time::Duration};

use crate::{engine::Engine, measure};

/// An engine counts as alive for five seconds.
const EVERY: Duration = Duration::from_secs(1);

/// Says so for as long as the process lives.
pub(super) async fn run(engine: Arc<Engine>) {
    loop {
        tokio::time::sleep(EVERY).await;
        match engine.announce().await {
            Ok(None) => measure::PRESENCE.set(),
            Ok(Some(stranger)) => return engine.step_aside(&stranger),
            // Without Postgres it can make nothing durable, and nobody can take over.
            Err(error) => tracing::debug!(%error, "could not say that this engine is alive"),
        }
    }
}
