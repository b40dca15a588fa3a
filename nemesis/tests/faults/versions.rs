//! Two versions of the engine beside each other: those that share drops do, those that don't wait, stop
//! or rebuild instead of guessing. The other version is this one under another number.

use std::{sync::Arc, time::Duration};

use dropgate_nemesis::cluster::{Cluster, PATIENCE};

use crate::{
    load,
    support::{assert_well, recorded, resolve, until, wipe},
};

/// How long an engine counts as alive after its last word.
const ALIVE_FOR: Duration = Duration::from_secs(5);

/// One engine under load, and another one that is not started yet.
async fn old_and_new(drop: &str, protocol: &str) -> Cluster {
    let mut cluster = crate::start(1).await;
    cluster.drop_with(drop, 100_000, None).await;
    cluster.prepare_engine(&[("DROPGATE_PROTOCOL", protocol)]).await.expect("a port");
    cluster
}

/// The protocol of whoever built the drop in Redis.
async fn built_by(cluster: &Cluster, drop: &str) -> i64 {
    let key = format!("dg:{{{drop}}}:meta");
    let value = cluster.redis(&["HGET", &key, "protocol"]).await;
    redis::from_redis_value::<String>(value).expect("a text").parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_version_that_shares_drops_just_joins() {
    let cluster = Arc::new(old_and_new("shared", "2,1").await);
    let [old, new] = &cluster.engines[..] else { panic!("two engines") };
    let (books, mut clients) = load::start(&cluster, "shared", 8);
    load::let_win(&books, 100).await;
    new.start().expect("it starts");
    new.await_ready(PATIENCE).await.expect("it joins at once");
    assert_well(&cluster, &[0, 1], "shared", "the later version joined").await;
    load::let_win(&books, 100).await;
    // What the later one builds the older one still uses.
    old.freeze();
    wipe(&cluster, "shared").await;
    until("the later one rebuilds it", || async {
        let _ = cluster.hold(1, "shared", "ask", Some("ask"), None).await;
        recorded(&cluster, "shared").await.epoch > 1 && built_by(&cluster, "shared").await == 2
    })
    .await;
    old.thaw();
    assert_well(&cluster, &[0, 1], "shared", "a rebuild by the later version").await;
    books.stop();
    while let Some(ended) = clients.join_next().await {
        ended.expect("a client");
    }
    assert!(old.ended().is_none() && new.ended().is_none());
    cluster.assert_balanced(0, "shared").await;
    cluster.assert_balanced(1, "shared").await;
    load::assert_kept(&cluster, "shared", &books).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_does_not_share_drops_waits_until_the_others_have_ended() {
    let cluster = Arc::new(old_and_new("apart", "3,2").await);
    let [old, new] = &cluster.engines[..] else { panic!("two engines") };
    let (books, mut clients) = load::start(&cluster, "apart", 8);
    load::let_win(&books, 100).await;
    new.start().expect("it starts");
    until("it says why it waits", || async { new.log().contains("speaks protocol 1") }).await;
    // As long as it takes: longer than a word counts.
    load::let_win(&books, 200).await;
    tokio::time::sleep(ALIVE_FOR + Duration::from_secs(1)).await;
    assert!(new.await_ready(Duration::from_millis(200)).await.is_err(), "it waits");
    assert_eq!(recorded(&cluster, "apart").await.epoch, 1, "and touches nothing");
    old.terminate();
    old.await_end(PATIENCE).await.expect("it ends");
    new.await_ready(PATIENCE).await.expect("its turn");
    assert_well(&cluster, &[1], "apart", "the other version has ended").await;
    assert_eq!(built_by(&cluster, "apart").await, 3, "the drop has its form");
    books.stop();
    while let Some(ended) = clients.join_next().await {
        ended.expect("a client");
    }
    cluster.assert_balanced(1, "apart").await;
    // Back again: the older one finds the later one alive, and waits in its turn.
    old.start().expect("it starts");
    until("the older one waits", || async { old.log().contains("speaks protocol 3") }).await;
    new.kill();
    // Nobody who is alive is in its way, but what the later one has built is.
    old.await_ready(PATIENCE).await.expect("it serves");
    until("it says that the drop is of a later version", || async {
        old.log().contains("protocol 3 has built it")
    })
    .await;
    let refused = cluster.hold(0, "apart", "c", None, None).await.expect("an answer");
    assert_eq!(refused.code(), "unavailable", "{refused:?}");
    assert_eq!(built_by(&cluster, "apart").await, 3, "it is left as it is");
    // What was told is in the ledger, which the older one reads.
    load::assert_kept(&cluster, "apart", &books).await;
    new.restart(Duration::from_secs(3)).await.expect_err("the older one is alive now");
    old.kill();
    new.await_ready(PATIENCE + ALIVE_FOR).await.expect("its turn");
    resolve(&cluster, 1, "apart", "again").await;
    cluster.assert_balanced(1, "apart").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_comes_back_late_steps_aside() {
    let cluster = old_and_new("late", "3,2").await;
    let [old, new] = &cluster.engines[..] else { panic!("two engines") };
    let before = resolve(&cluster, 0, "late", "before").await;
    old.freeze();
    new.start().expect("it starts");
    new.await_ready(PATIENCE + ALIVE_FOR).await.expect("nobody is heard of");
    assert_well(&cluster, &[1], "late", "the other version was frozen").await;
    let known = recorded(&cluster, "late").await;
    old.thaw();
    let ended = old.await_end(PATIENCE).await.expect("it steps aside");
    assert_eq!(ended.code(), Some(1));
    assert!(old.log().contains("it stops"), "{}", old.log());
    assert_eq!(resolve(&cluster, 1, "late", "before").await, before);
    let later = recorded(&cluster, "late").await;
    assert_eq!((later.epoch, later.old_events), (known.epoch, known.old_events));
    cluster.assert_balanced(1, "late").await;
}
