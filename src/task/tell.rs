//! Tells other engines what became durable here, and lets journals go: all drops in one round trip, and
//! for many small commits no more often than for some.
//!
//! Nothing depends on it: what is lost is read from the ledger.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::rhythm;
use crate::{
    engine::{Engine, Telling},
    failpoint::{self, Place},
    store::Tell,
};

/// Others are told at most so often.
const EVERY: Duration = Duration::from_millis(10);
/// Drops that are told of in one round trip.
const MOST: usize = 256;

/// Tells for as long as the process lives.
pub(super) async fn run(engine: Arc<Engine>) {
    loop {
        if engine.untold.is_empty() {
            engine.untold.wake.notified().await;
        }
        run_once(&engine).await;
        tokio::time::sleep(EVERY).await;
    }
}

async fn run_once(engine: &Engine) {
    loop {
        let told = engine.untold.take(Instant::now(), MOST);
        if told.is_empty() {
            return;
        }
        failpoint::pass(Place::WriteBeforeTrim).await;
        let drops: Vec<Tell<'_>> = told.iter().map(tell).collect();
        if let Err(error) =
            engine.store.tell_durable(&engine.name, rhythm::lease(engine), &drops).await
        {
            tracing::debug!(drops = drops.len(), %error, "could not tell what is durable");
        }
        if told.len() < MOST {
            return;
        }
    }
}

fn tell(telling: &Telling) -> Tell<'_> {
    // News is numbers and texts: it can always be written.
    let news = telling.news.as_ref().and_then(|news| serde_json::to_string(news).ok());
    Tell { keys: &telling.drop.keys, news, trim: telling.trim }
}
