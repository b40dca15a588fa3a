//! Listens to other engines. Every message may be lost; the others tasks look by themselves.

use std::{sync::Arc, time::Duration};

use super::jitter;
use crate::{
    engine::{DurableNews, Engine},
    store::{News, Subscription},
};

/// Listens for as long as the process lives.
pub(super) async fn run(engine: Arc<Engine>) {
    loop {
        match engine.store.subscribe().await {
            Ok(subscription) => {
                // What was said while nobody listened is read from the ledger.
                for drop in engine.known_drops() {
                    if let Err(error) = drop.refresh(&engine.ledger).await {
                        tracing::debug!(drop = %drop.id, %error, "could not refresh");
                    }
                }
                listen(&engine, subscription).await;
                tracing::info!("the subscription ended; subscribing again");
            }
            Err(error) => tracing::debug!(%error, "could not subscribe"),
        }
        tokio::time::sleep(Duration::from_millis(50) + jitter(Duration::from_millis(200))).await;
    }
}

async fn listen(engine: &Engine, mut subscription: Subscription) {
    let own = DurableNews::words_of(engine.name());
    while let Some(news) = subscription.next().await {
        match news {
            News::Moved(id, seq) => {
                if let Some(drop) = engine.known_drop(&id) {
                    drop.progress.heard(seq);
                }
            }
            // It was noted before it was told.
            News::Durable(_, words) if words.starts_with(&own) => {}
            News::Durable(id, words) => {
                engine.expect(&id);
                let Some(drop) = engine.known_drop(&id) else { continue };
                let Ok(news) = serde_json::from_str::<DurableNews>(&words) else {
                    // From a later version, perhaps: the ledger says the same.
                    drop.progress.wake.notify_one();
                    continue;
                };
                if let Err(error) = drop.committed(&engine.ledger, &news).await {
                    tracing::debug!(drop = %id, %error, "could not follow the news");
                }
            }
        }
    }
}
