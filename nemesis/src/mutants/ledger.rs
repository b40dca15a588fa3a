//! Scenes about the way into the ledger.

use futures_util::future::join_all;

use super::{
    Played, Scene,
    hands::{Hands, pause},
    plain,
};
use crate::{
    checker::Rule,
    proxy::{Link, Way},
};

/// Postgres stands still with a batch in its hands; what comes behind that batch is only in
/// Redis, which is wiped.
pub(super) static TOLD_TOO_EARLY: Scene = Scene {
    name: "told too early",
    rule: Rule::Lost,
    engines: 2,
    stall: plain,
    play: |stage| -> Played<'_> {
        Box::pin(async move {
            let hands = Hands::of(stage);
            hands.granted(0, &hands.keyed_hold("before", 1)).await?;
            stage.cluster.servers.postgres().freeze();
            // Who takes over as the writer would have it all in its hands too.
            hands.postgres(&[1], Link::Cut);
            let first = hands.keyed_hold("first", 1);
            let mut begun = vec![hands.begin(0, &first)];
            pause(200).await;
            let behind = ["a", "b", "c"].map(|customer| hands.keyed_hold(customer, 1));
            begun.extend(behind.iter().map(|ask| hands.begin(0, ask)));
            pause(300).await;
            hands.wipe().await?;
            // The writer has read what Redis had, and would bring it into the ledger: not before the
            // other engine has rebuilt the drop.
            stage.cluster.engines[0].freeze();
            stage.cluster.servers.postgres().thaw();
            hands.postgres(&[1], Link::Fine);
            hands.recovered(1).await?;
            stage.cluster.engines[0].thaw();
            for told in begun {
                told.await?;
            }
            join_all(behind.iter().chain([&first]).map(|ask| hands.resolve(ask))).await;
            Ok(())
        })
    },
};

/// Redis loses a hold that is not durable, and gives its seq to another one.
pub(super) static FORK: Scene = Scene {
    name: "fork",
    rule: Rule::Lost,
    engines: 2,
    stall: plain,
    play: |stage| -> Played<'_> {
        Box::pin(async move {
            let hands = Hands::of(stage);
            hands.granted(0, &hands.keyed_hold("before", 1)).await?;
            hands.granted(1, &hands.keyed_hold("before", 1)).await?;
            pause(200).await;
            let seq = hands.seq().await?;
            hands.copy()?;
            hands.postgres(&[0, 1], Link::Cut);
            let lost = hands.keyed_hold("lost", 1);
            let told = hands.begin(0, &lost);
            hands.until_beyond(seq).await?;
            hands.roll_back().await?;
            hands.postgres(&[0, 1], Link::Fine);
            hands.granted(1, &hands.keyed_hold("instead", 1)).await?;
            told.await?;
            hands.resolve(&lost).await;
            Ok(())
        })
    },
};

/// A batch is on its way to Postgres while the drop is rebuilt without it, and its caller is
/// told that nothing happened.
pub(super) static LATE_COMMIT: Scene = Scene {
    name: "late commit",
    rule: Rule::Phantom,
    engines: 3,
    stall: plain,
    play: |stage| -> Played<'_> {
        Box::pin(async move {
            let hands = Hands::of(stage);
            for engine in 0..3 {
                hands.granted(engine, &hands.keyed_hold("before", 1)).await?;
            }
            // Engine 1 becomes the one that writes, once the lease of another is over.
            let [asked, _, builder] = &stage.cluster.engines[..] else { unreachable!("three") };
            asked.freeze();
            builder.freeze();
            pause(600).await;
            hands.granted(1, &hands.keyed_hold("before", 1)).await?;
            hands.postgres(&[0], Link::Cut);
            hands.postgres(&[1], Link::Held(Way::ToServer));
            asked.thaw();
            let seq = hands.seq().await?;
            let told = hands.begin(0, &hands.hold("late", 1));
            hands.until_beyond(seq).await?;
            pause(150).await;
            hands.wipe().await?;
            builder.thaw();
            // Nothing may be committed before what is late.
            hands.until_open().await?;
            hands.postgres(&[0], Link::Fine);
            told.await?;
            hands.postgres(&[1], Link::Fine);
            pause(500).await;
            Ok(())
        })
    },
};

/// Some entries can't be committed the first time.
pub(super) static TRIMMED: Scene = Scene {
    name: "trimmed",
    rule: Rule::Unbalanced,
    engines: 2,
    stall: plain,
    play: |stage| -> Played<'_> {
        Box::pin(async move {
            let hands = Hands::of(stage);
            hands.granted(0, &hands.keyed_hold("before", 1)).await?;
            // Otherwise whole nodes of a hundred entries are trimmed, and the last one stays.
            stage.tell_redis(&["CONFIG", "SET", "stream-node-max-entries", "1"]).await?;
            hands.postgres(&[0, 1], Link::Cut);
            let asks = ["a", "b", "c"].map(|customer| hands.keyed_hold(customer, 1));
            let mut begun = Vec::new();
            for ask in &asks {
                begun.push(hands.begin(0, ask));
                pause(100).await;
            }
            pause(200).await;
            hands.postgres(&[0, 1], Link::Fine);
            for told in begun {
                told.await?;
            }
            join_all(asks.iter().map(|ask| hands.resolve(ask))).await;
            Ok(())
        })
    },
};

/// The ledger refuses an event until somebody has looked.
pub(super) static REFUSED: Scene = Scene {
    name: "refused",
    rule: Rule::BrokenLedger,
    engines: 2,
    stall: plain,
    play: |stage| -> Played<'_> {
        Box::pin(async move {
            let hands = Hands::of(stage);
            hands.granted(0, &hands.keyed_hold("before", 1)).await?;
            let sql = stage.cluster.sql().await?;
            let check = "ALTER TABLE ledger ADD CONSTRAINT dislike CHECK (customer_id <> 'poison')";
            sql.batch_execute(check).await?;
            let poison = hands.keyed_hold("poison", 1);
            let told = hands.begin(0, &poison);
            pause(700).await;
            sql.batch_execute("ALTER TABLE ledger DROP CONSTRAINT dislike").await?;
            told.await?;
            hands.resolve(&poison).await;
            hands.recovered(1).await
        })
    },
};
