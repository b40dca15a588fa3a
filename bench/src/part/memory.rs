//! What an active hold and a remembered key take of Redis' memory.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::ensure;

use super::About;
use crate::{
    bench::{Bench, Pair},
    report::{Figure, Goal, Outcome, Table},
    stage::{UNITS, drain, fill, hold, open_drop},
};

pub(super) const ABOUT: About = About {
    title: "Memory in Redis",
    how: "256 connections take 100,000 durable one-line holds, a customer each, through the API. \
          Once the journal is trimmed, the bytes of every key of the drop (`MEMORY USAGE … \
          SAMPLES 0`, found by `SCAN`) less what they were before are divided by the holds. A \
          second drop takes the same with an idempotency key each (a UUID): what it takes more \
          is a key's.",
};

const HOLDS: u64 = 100_000;

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Outcome> {
    let mut pair = bench.pair("ledger").await?;
    let holds = bench.scaled(HOLDS);
    let (plain, keyed) = ("without keys", "with keys");
    let mut by_key = [BTreeMap::new(), BTreeMap::new()];
    let bytes = bench
        .rounds_cold(&[plain, keyed], async |side| {
            let taken = taken(bench, &mut pair, holds, side == keyed).await?;
            let sum = taken.values().sum();
            by_key[usize::from(side == keyed)] = taken;
            Ok(sum)
        })
        .await?;
    let pairs = bytes.of(keyed).iter().zip(bytes.of(plain));
    let more: Vec<f64> = pairs.map(|(keyed, plain)| keyed - plain).collect();
    let mut table = Table::new(&["key, bytes a hold", "without keys", "with keys"]);
    for (key, without) in &by_key[0] {
        let with = by_key[1].get(key).copied().unwrap_or(0.0);
        table.row(format!("`{key}`"), &[*without, with]);
    }
    let figures = vec![
        Figure::new("an active one-line hold in Redis, all keys", "bytes", bytes.of(plain))
            .goal(Goal::AtMost(220.0)),
        Figure::new("more for a remembered idempotency key", "bytes", &more)
            .goal(Goal::AtMost(120.0)),
    ];
    Ok(Outcome { figures, tables: vec![table], ..Outcome::default() })
}

/// Bytes a hold, by key.
async fn taken(
    bench: &Bench,
    pair: &mut Pair,
    holds: u64,
    with_keys: bool,
) -> anyhow::Result<BTreeMap<String, f64>> {
    let drop = bench.drop();
    open_drop(&pair.engine, &drop, UNITS).await?;
    trimmed(pair, &drop).await?;
    let before = pair.watch.memory(&drop).await?;
    let asked = drop.clone();
    let make = move |n| {
        let mut call = hold(&asked, n);
        call.key = with_keys.then(|| uuid::Uuid::now_v7().to_string());
        call
    };
    fill(&pair.engine, holds, make).await?;
    trimmed(pair, &drop).await?;
    let mut bytes = pair.watch.memory(&drop).await?;
    for (key, bytes) in &mut bytes {
        *bytes = (*bytes - before.get(key).copied().unwrap_or(0.0)) / holds as f64;
    }
    Ok(bytes)
}

/// Waits until all is durable and let go of.
async fn trimmed(pair: &mut Pair, drop: &str) -> anyhow::Result<()> {
    drain(&pair.engine, &mut pair.watch, drop).await?;
    let since = Instant::now();
    while pair.watch.trimmed_seq(drop).await? < pair.watch.seq(drop).await? {
        ensure!(since.elapsed() < Duration::from_secs(60), "the journal is not trimmed");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}
