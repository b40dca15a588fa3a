//! Faults on purpose, each caused exactly, with real servers and real engine processes; afterwards
//! the clients' books, the ledger and Redis must agree.

use dropgate_nemesis::cluster::{Cluster, ClusterOptions};

mod endure;
mod load;
mod support;

mod after;
mod detection;
mod dev;
mod engine;
mod expiry;
mod ledger_stands_still;
mod lost_answers;
mod postgres;
mod redis_faults;
mod settings;
mod standing_still;
mod together;
mod versions;
mod went_back;
mod windows;

fn options() -> ClusterOptions {
    ClusterOptions::new(env!("CARGO_BIN_EXE_dropgate-nemesis"))
}

/// Servers and so many engines, with nothing unusual.
async fn start(engines: usize) -> Cluster {
    start_with(ClusterOptions { engines, ..options() }).await
}

async fn start_with(options: ClusterOptions) -> Cluster {
    Cluster::start(options).await.expect("the cluster starts")
}
