//! One fault from its beginning to its end, with clients who ask meanwhile.

use dropgate_nemesis::{
    cluster::{Cluster, Reply},
    proxy::{Link, Proxy},
};
use reqwest::StatusCode;
use serde_json::json;

use crate::support::{
    answered, assert_unavailable, assert_well, held_and_sold, in_ledger, resolve,
};

/// What clients of an engine see during a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sees {
    /// It goes on as if nothing were.
    Sells,
    /// Nobody is told of a success.
    Refuses,
    /// It may find a way.
    Either,
}

/// Lets clients of both engines hold, confirm and release during a fault. Every call is answered
/// in time and honestly; afterwards both engines are well soon, every call is resolved by asking
/// again, and each had one effect.
pub(crate) async fn endure(
    cluster: &Cluster,
    fault: &str,
    seen: [Sees; 2],
    begin: impl AsyncFnOnce(),
    end: impl AsyncFnOnce(),
) {
    let drop = fault.replace(' ', "-");
    cluster.drop_with(&drop, 1_000, None).await;
    let confirmed = resolve(cluster, 0, &drop, "confirmed").await;
    let released = resolve(cluster, 0, &drop, "released").await;
    begin().await;
    let order = || json!({ "order_id": "o" });
    let replies = tokio::join!(
        answered(cluster.hold(0, &drop, "k-0", Some("k-0"), None)),
        answered(cluster.act(0, &drop, &confirmed, "confirm", order())),
        answered(cluster.hold(1, &drop, "k-1", Some("k-1"), None)),
        answered(cluster.act(1, &drop, &released, "release", json!({}))),
    );
    assert_seen(fault, seen[0], [&replies.0, &replies.1]);
    assert_seen(fault, seen[1], [&replies.2, &replies.3]);
    end().await;
    assert_well(cluster, &[0, 1], &drop, fault).await;
    for (key, engine, first) in [("k-0", 1, &replies.0), ("k-1", 0, &replies.2)] {
        let id = resolve(cluster, engine, &drop, key).await;
        assert!(first.status != StatusCode::CREATED || first.id() == id, "{fault}: {first:?}");
        assert!(in_ledger(cluster, &drop, &id).await, "{fault}: {id}");
    }
    let again = cluster.act(1, &drop, &confirmed, "confirm", order()).await;
    assert_eq!(again.expect("an answer").status, StatusCode::OK, "{fault}");
    let again = cluster.act(0, &drop, &released, "release", json!({})).await;
    assert_eq!(again.expect("an answer").status, StatusCode::OK, "{fault}");
    cluster.assert_balanced(0, &drop).await;
    // The two with keys, and the two that showed that all is well.
    assert_eq!(held_and_sold(cluster, &drop).await, (4, 1), "{fault}");
}

/// As [`endure`], on a cluster of its own where these engines' links to a server are so for a
/// while.
pub(crate) async fn endure_link(
    fault: &str,
    seen: [Sees; 2],
    proxies: impl Fn(&Cluster) -> &Vec<Proxy>,
    engines: &[usize],
    link: Link,
) {
    let cluster = crate::start(2).await;
    let set = |link| engines.iter().for_each(|engine| proxies(&cluster)[*engine].set(link));
    endure(&cluster, fault, seen, async || set(link), async || set(Link::Fine)).await;
}

fn assert_seen(fault: &str, seen: Sees, replies: [&Reply; 2]) {
    for reply in replies {
        let success = reply.status.is_success();
        assert!(!(success && seen == Sees::Refuses), "{fault}: {reply:?}");
        assert!(success || seen != Sees::Sells, "{fault}: {reply:?}");
        if !success {
            assert_unavailable(reply);
        }
    }
}
