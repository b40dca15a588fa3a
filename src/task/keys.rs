//! Hears of changed keys: what was revoked anywhere opens nothing here within a second.
//!
//! A poll, and not LISTEN: a notification can be lost with its connection, so a poll would be
//! needed besides; alone it is simple, and what it asks is one row.

use std::{sync::Arc, time::Duration};

use crate::{engine::Engine, measure};

/// Between two looks. With a look that takes its longest, half a second, still below one.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Between two notes of which keys were used.
const NOTE_EVERY: Duration = Duration::from_secs(1);

/// Looks, and notes uses, for as long as the process lives. Neither waits for the other.
pub(super) async fn run(engine: Arc<Engine>) {
    tokio::join!(look(&engine), note(&engine));
}

async fn look(engine: &Engine) {
    let mut away = false;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        match engine.refresh_keys().await {
            Ok(()) => {
                away = false;
                measure::KEYS.set();
            }
            // Told once for as long as the database is away.
            Err(error) if !away => {
                tracing::warn!(%error, "no news of keys: those that are known stay as they are");
                away = true;
            }
            Err(_) => {}
        }
    }
}

async fn note(engine: &Engine) {
    loop {
        tokio::time::sleep(NOTE_EVERY).await;
        if let Err(error) = engine.note_key_uses().await {
            tracing::debug!(%error, "uses of keys are noted later");
        }
    }
}
