//! Scenes about a Redis that is not what it was.

use anyhow::ensure;

use super::{
    Played, Scene,
    hands::{Hands, id, pause},
    limited, plain,
};
use crate::{
    books::{Ask, Verb},
    checker::Rule,
    clients::{self, Stall},
    proxy::{Link, Way},
};

fn single() -> Stall {
    Stall { units: 1, ..plain() }
}

/// Redis goes back to a time at which somebody else had the last unit; who won it since asks
/// again.
pub(super) static BEHIND: Scene = Scene {
    name: "behind",
    rule: Rule::KeyForgotten,
    engines: 2,
    stall: single,
    play: |stage| -> Played<'_> {
        Box::pin(async move {
            let hands = Hands::of(stage);
            let before = hands.granted(0, &hands.keyed_hold("before", 1)).await?;
            hands.copy()?;
            let release = Ask { reservation: Some(id(&before)?), ..hands.ask(Verb::Release) };
            hands.granted(0, &release).await?;
            let won = hands.keyed_hold("won", 1);
            hands.granted(0, &won).await?;
            // Nobody can rebuild for the moment.
            hands.postgres(&[0, 1], Link::Cut);
            hands.roll_back().await?;
            let told = hands.begin(0, &won);
            pause(500).await;
            hands.postgres(&[0, 1], Link::Fine);
            told.await?;
            hands.resolve(&won).await;
            Ok(())
        })
    },
};

/// The key with what customers have is lost.
pub(super) static LOST_CUSTOMERS: Scene = Scene {
    name: "lost customers",
    rule: Rule::OverLimit,
    engines: 2,
    stall: limited,
    play: |stage| -> Played<'_> {
        Box::pin(async move {
            let hands = Hands::of(stage);
            hands.granted(0, &hands.keyed_hold("c", 2)).await?;
            let customers = hands.key(|keys| {
                let found = keys.all.iter().find(|name| name.ends_with(":customers"));
                found.cloned().unwrap_or_default()
            })?;
            let from = crate::books::now();
            let deleted = stage.tell_redis(&["DEL", &customers]).await?;
            stage.was_damaged(from);
            ensure!(deleted == ::redis::Value::Int(1), "{customers} was not there");
            hands.resolve(&hands.keyed_hold("c", 1)).await;
            Ok(())
        })
    },
};

/// Nothing happens to Redis, only what one engine asks of it is late at times.
pub(super) static CALM: Scene = Scene {
    name: "calm",
    rule: Rule::NeedlessRebuild,
    engines: 2,
    stall: plain,
    play: |stage| -> Played<'_> {
        Box::pin(async move {
            // Otherwise whole nodes of a hundred entries are trimmed.
            stage.tell_redis(&["CONFIG", "SET", "stream-node-max-entries", "1"]).await?;
            let mut crowd = clients::start(&stage.field, &stage.stalls, 6, 1);
            for _ in 0..8 {
                pause(150).await;
                let link = &stage.cluster.redis_proxies[0];
                link.set(Link::Held(Way::ToServer));
                pause(250).await;
                link.set(Link::Fine);
            }
            stage.field.stop();
            while crowd.join_next().await.is_some() {}
            Ok(())
        })
    },
};

/// Redis loses the last durable hold and gives its seq to another one, through an engine that
/// has not heard of the first.
pub(super) static UNSEEN_FORK: Scene = Scene {
    name: "unseen fork",
    rule: Rule::Unbalanced,
    engines: 2,
    stall: plain,
    play: |stage| -> Played<'_> {
        Box::pin(async move {
            let hands = Hands::of(stage);
            hands.granted(0, &hands.keyed_hold("before", 1)).await?;
            hands.granted(1, &hands.keyed_hold("before", 1)).await?;
            pause(300).await;
            let seq = hands.seq().await?;
            hands.copy()?;
            // Engine 1 neither hears nor reads what engine 0 does now.
            let redis = &stage.cluster.redis_proxies[1];
            redis.set(Link::Held(Way::Both));
            hands.postgres(&[1], Link::Cut);
            hands.granted(0, &hands.keyed_hold("durable", 1)).await?;
            stage.cluster.engines[0].freeze();
            let from = crate::books::now();
            hands.roll_back().await?;
            // What is kept back speaks of the hold that is lost now: it goes with its connection.
            redis.reset_all();
            pause(50).await;
            redis.set(Link::Fine);
            let fork = hands.keyed_hold("fork", 1);
            let insisting = hands.insist(1, &fork);
            hands.until_beyond(seq).await?;
            hands.postgres(&[1], Link::Fine);
            stage.cluster.engines[0].thaw();
            stage.was_out(0, from);
            pause(1000).await;
            insisting.abort();
            hands.resolve(&fork).await;
            Ok(())
        })
    },
};

/// A drop is rebuilt, and a customer who has all that one may have asks for more.
pub(super) static LAST_CHUNK: Scene = Scene {
    name: "last chunk",
    rule: Rule::OverLimit,
    engines: 2,
    stall: limited,
    play: |stage| -> Played<'_> {
        Box::pin(async move {
            let hands = Hands::of(stage);
            hands.granted(0, &hands.keyed_hold("c", 2)).await?;
            hands.wipe().await?;
            hands.recovered(0).await?;
            hands.resolve(&hands.keyed_hold("c", 1)).await;
            Ok(())
        })
    },
};
