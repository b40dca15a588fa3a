//! The lease of the usual writer ends with its holder, however busy the others are.

use std::time::{Duration, Instant};

use dropgate::store::DropKeys;
use dropgate_nemesis::cluster::{Cluster, ClusterOptions};

/// Several times as long as a lease.
const BUSY: Duration = Duration::from_millis(2500);

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_writer_s_lease_is_not_renewed_by_those_who_write_in_its_stead() {
    let options = ClusterOptions::new(env!("CARGO_BIN_EXE_dropgate-nemesis"));
    let cluster = Cluster::start(options).await.expect("a cluster");
    cluster.drop_with("lease", 10_000, None).await;
    cluster.until_held(1, "lease").await;
    let keys = DropKeys::new(&"lease".parse().expect("an id"));
    // Engine 0 becomes the writer, and dies as such.
    cluster.engines[1].freeze();
    tokio::time::sleep(Duration::from_millis(600)).await;
    cluster.until_held(0, "lease").await;
    let asked = Instant::now();
    let writer = loop {
        let writer = cluster.redis(&["GET", &keys.writer]).await;
        if writer != redis::Value::Nil {
            break writer;
        }
        assert!(asked.elapsed() < BUSY, "who has written does not take the lease");
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    cluster.engines[0].kill();
    cluster.engines[1].thaw();
    let since = Instant::now();
    let mut took = Duration::ZERO;
    while since.elapsed() < BUSY {
        took = cluster.until_held(1, "lease").await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let now = cluster.redis(&["GET", &keys.writer]).await;
    assert_ne!(now, writer, "the dead one still has it, and a hold takes {took:?}");
}
