//! News from other engines: that a journal moved, and what became durable.
//!
//! Messages may be lost at any time, so nothing rests on one: they only save a look.

use std::time::Duration;

use futures_util::StreamExt as _;
use redis::aio::PubSubStream;

use super::{Store, StoreError, keys};
use crate::domain::DropId;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// A script changed something of this drop, up to this `seq`.
    Moved(DropId, i64),
    /// A writer committed; its words.
    Durable(DropId, String),
}

/// An open subscription to the news of all drops.
pub struct Subscription {
    stream: PubSubStream,
    // Dropping it would end the subscription.
    _sink: redis::aio::PubSubSink,
}

impl Subscription {
    /// The next message; `None` when the connection is gone.
    pub async fn next(&mut self) -> Option<News> {
        loop {
            let message = self.stream.next().await?;
            let Some((drop, name)) = keys::read_channel(message.get_channel_name()) else {
                continue;
            };
            match name {
                "moved" => {
                    if let Ok(seq) = message.get_payload() {
                        return Some(News::Moved(drop, seq));
                    }
                }
                "durable" => {
                    if let Ok(words) = message.get_payload() {
                        return Some(News::Durable(drop, words));
                    }
                }
                _ => {}
            }
        }
    }
}

impl Store {
    /// Subscribes to the news of all drops, on a connection of its own.
    ///
    /// # Errors
    /// [`StoreError`] when the server can't be reached in time.
    pub async fn subscribe(&self) -> Result<Subscription, StoreError> {
        let open = async {
            let (mut sink, stream) = self.client().get_async_pubsub().await?.split();
            sink.psubscribe(&keys::ALL_CHANNELS).await?;
            Ok(Subscription { stream, _sink: sink })
        };
        match tokio::time::timeout(Duration::from_secs(2), open).await {
            Ok(result) => result,
            Err(_) => Err(StoreError::NoAnswer("subscribe".to_owned())),
        }
    }
}
