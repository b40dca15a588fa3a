//! How long a drop is away while it is rebuilt, by how much it holds, and what its rebuild does
//! to the drop beside it.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use dropgate::{
    domain::{DropId, Line, Lines, ReservationId},
    engine::{Engine, EngineOptions, HoldAck},
    ledger::Ledger,
    store::{DropKeys, Store},
    task::Tasks,
};
use futures_util::{StreamExt as _, stream};
use reqwest::StatusCode;
use tokio_util::sync::CancellationToken;

use crate::cluster::{Cluster, ClusterOptions};

/// The drop that is rebuilt, and the one beside it.
const FULL: &str = "full";
const BESIDE: &str = "beside";
/// Calls under way while the drop is filled.
const FILLERS: usize = 512;
/// Clients of the drop beside it.
const NEIGHBOURS: usize = 16;
/// How long the neighbours' undisturbed pace is measured.
const PACE: Duration = Duration::from_secs(3);

/// What one rebuild came to.
#[derive(Clone, Copy, Debug)]
pub struct RebuildTime {
    /// From the loss of the drop's keys to the first new hold.
    pub away: Duration,
    /// Holds a second of the drop beside it, undisturbed.
    pub before: f64,
    /// The same while the other was rebuilt.
    pub meanwhile: f64,
}

/// Fills a drop with `holds` active holds, deletes its keys `rounds` times, and measures.
///
/// # Errors
/// When something can't be started, or the drop does not come back.
pub async fn measure(
    program: PathBuf,
    holds: usize,
    rounds: usize,
) -> anyhow::Result<Vec<RebuildTime>> {
    let cluster = Arc::new(Cluster::start(ClusterOptions::new(program)).await?);
    let units = i64::try_from(holds)? + 100_000;
    cluster.drop_with(FULL, units, None).await;
    cluster.drop_with(BESIDE, 100_000_000, None).await;
    let started = Instant::now();
    fill(&cluster, holds).await?;
    println!("{holds} holds were taken in {:.1} s", started.elapsed().as_secs_f64());
    let mut times = Vec::new();
    for _ in 0..rounds {
        cluster.until_held(1, FULL).await;
        times.push(lose(&cluster).await?);
    }
    for drop in [FULL, BESIDE] {
        cluster.assert_balanced(0, drop).await;
    }
    Ok(times)
}

/// Takes holds through an engine in this process: the fastest way that is still the real one.
async fn fill(cluster: &Cluster, holds: usize) -> anyhow::Result<()> {
    let store = Store::connect(&cluster.servers.redis().url())?;
    let ledger = Ledger::connect(&cluster.servers.postgres().url(), 4, 4)?;
    let options = EngineOptions {
        hold_ack: HoldAck::Ledger,
        answer_timeout: Duration::from_secs(30),
        evict_after: Duration::from_secs(86_400),
        details_ttl: Duration::from_secs(60),
    };
    let (engine, drops) = Engine::new(store, ledger, options);
    let tasks = Tasks::start(Arc::clone(&engine), drops, CancellationToken::new()).await?;
    let drop: DropId = FULL.parse()?;
    let lines = Lines::new([Line { sku: "s".parse()?, quantity: 1 }])?;
    let failed = AtomicU64::new(0);
    stream::iter(0..holds)
        .for_each_concurrent(FILLERS, |number| {
            let (engine, drop, lines, failed) = (&engine, &drop, lines.clone(), &failed);
            async move {
                let Ok(customer) = format!("c-{number}").parse() else { return };
                let id = ReservationId::generate();
                if engine.reserve(drop, id, customer, lines, None, None).await.is_err() {
                    failed.fetch_add(1, Ordering::Relaxed);
                }
            }
        })
        .await;
    tasks.end().await;
    let failed = failed.into_inner();
    ensure!(failed == 0, "{failed} of {holds} holds were not taken");
    Ok(())
}

/// Deletes the drop's keys while its neighbour sells, and waits until it sells again.
async fn lose(cluster: &Arc<Cluster>) -> anyhow::Result<RebuildTime> {
    let (sold, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let clients: Vec<_> = (0..NEIGHBOURS)
        .map(|client| {
            let (cluster, sold, stop) = (Arc::clone(cluster), Arc::clone(&sold), Arc::clone(&stop));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let customer = format!("n-{client}-{}", uuid::Uuid::now_v7());
                    let reply = cluster.hold(1, BESIDE, &customer, None, None).await;
                    if reply.is_some_and(|reply| reply.status == StatusCode::CREATED) {
                        sold.fetch_add(1, Ordering::Relaxed);
                    }
                }
            })
        })
        .collect();
    let pace = |sold: u64, elapsed: Duration| sold as f64 / elapsed.as_secs_f64();
    let since = Instant::now();
    tokio::time::sleep(PACE).await;
    let before = pace(sold.swap(0, Ordering::Relaxed), since.elapsed());

    let keys = DropKeys::new(&FULL.parse::<DropId>()?);
    let mut words = vec!["UNLINK"];
    words.extend(keys.all.iter().map(String::as_str));
    let since = Instant::now();
    cluster.try_redis(&words).await.context("UNLINK")?;
    cluster.until_held(0, FULL).await;
    let away = since.elapsed();
    let meanwhile = pace(sold.load(Ordering::Relaxed), away);
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await?;
    }
    Ok(RebuildTime { away, before, meanwhile })
}
