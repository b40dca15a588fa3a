//! Scenes about keys, limits and deadlines.

use super::{
    Played, Scene,
    hands::{Hands, id, pause},
    limited, plain,
};
use crate::{
    books::{Ask, Verb},
    checker::Rule,
    proxy::Link,
};

/// One key is asked for again through the other engine.
pub(super) static AGAIN: Scene = Scene {
    name: "again",
    rule: Rule::TwoEffects,
    engines: 2,
    stall: plain,
    play: |stage| -> Played<'_> {
        Box::pin(async move {
            let hands = Hands::of(stage);
            let ask = hands.keyed_hold("c", 1);
            hands.granted(0, &ask).await?;
            hands.granted(1, &ask).await?;
            Ok(())
        })
    },
};

/// A customer who has all that one may have asks for more.
pub(super) static LIMIT: Scene = Scene {
    name: "limit",
    rule: Rule::OverLimit,
    engines: 2,
    stall: limited,
    play: |stage| -> Played<'_> {
        Box::pin(async move {
            let hands = Hands::of(stage);
            hands.granted(0, &hands.keyed_hold("c", 2)).await?;
            hands.once(1, &hands.keyed_hold("c", 1)).await;
            Ok(())
        })
    },
};

/// A hold is extended, and its first deadline comes.
pub(super) static EXTENDED: Scene = Scene {
    name: "extended",
    rule: Rule::EarlyExpiry,
    engines: 2,
    stall: plain,
    play: |stage| -> Played<'_> {
        Box::pin(async move {
            let hands = Hands::of(stage);
            let ask = Ask { ttl: Some(1), ..hands.keyed_hold("c", 1) };
            let held = hands.granted(0, &ask).await?;
            let extend = Ask {
                key: Some("k-extend".to_owned()),
                reservation: Some(id(&held)?),
                ttl: Some(20),
                ..hands.ask(Verb::Extend)
            };
            hands.granted(1, &extend).await?;
            pause(2200).await;
            Ok(())
        })
    },
};

/// A key that was answered is asked for again behind a rebuild.
pub(super) static REBUILT: Scene = Scene {
    name: "rebuilt",
    rule: Rule::TwoEffects,
    engines: 2,
    stall: plain,
    play: |stage| -> Played<'_> {
        Box::pin(async move {
            let hands = Hands::of(stage);
            let ask = hands.keyed_hold("c", 1);
            hands.granted(0, &ask).await?;
            hands.wipe().await?;
            hands.recovered(1).await?;
            hands.granted(1, &ask).await?;
            Ok(())
        })
    },
};

/// A try is lost with Redis while its engine can't reach the ledger; a second one succeeds
/// through another engine in the next epoch, before the first is answered.
pub(super) static NONE: Scene = Scene {
    name: "none",
    rule: Rule::FalseNone,
    engines: 2,
    stall: plain,
    play: |stage| -> Played<'_> {
        Box::pin(async move {
            let hands = Hands::of(stage);
            hands.granted(0, &hands.keyed_hold("before", 1)).await?;
            hands.granted(1, &hands.keyed_hold("before", 1)).await?;
            let ask = hands.keyed_hold("c", 1);
            let seq = hands.seq().await?;
            // It must not have read the first try when it goes on: else it commits that.
            let other = &stage.cluster.engines[1];
            let from = crate::books::now();
            other.freeze();
            hands.postgres(&[0], Link::Cut);
            let first = hands.begin(0, &ask);
            hands.until_beyond(seq).await?;
            hands.wipe().await?;
            other.thaw();
            stage.was_out(1, from);
            hands.granted(1, &ask).await?;
            hands.postgres(&[0], Link::Fine);
            first.await?;
            hands.resolve(&ask).await;
            Ok(())
        })
    },
};
