//! Closed loop: each connection sends its next request once it has the answer. For throughput.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::ensure;

use super::{Call, Connection};

/// How long loops go on.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// No request is sent after this time.
    Elapsed(Duration),
    /// So many requests are sent.
    Calls(u64),
}

/// What a run of closed loops came to.
#[derive(Clone, Debug, Default)]
pub struct Closed {
    /// Answers by status.
    pub answers: BTreeMap<u16, u64>,
    /// When the first answer with a status came.
    pub first: BTreeMap<u16, Instant>,
    /// From the first request to the last answer.
    pub elapsed: Duration,
}

impl Closed {
    /// Answers with this status a second.
    #[must_use]
    pub fn rate(&self, status: u16) -> f64 {
        self.count(status) as f64 / self.elapsed.as_secs_f64()
    }

    /// Answers with this status.
    #[must_use]
    pub fn count(&self, status: u16) -> u64 {
        self.answers.get(&status).copied().unwrap_or(0)
    }

    /// How many answers had `status`.
    ///
    /// # Errors
    /// When there were others: such a run measured something else.
    pub fn only(&self, status: u16) -> anyhow::Result<u64> {
        let count = self.count(status);
        ensure!(count > 0 && self.answers.len() == 1, "not only {status}: {:?}", self.answers);
        Ok(count)
    }

    fn add(&mut self, status: u16, count: u64, first: Instant) {
        *self.answers.entry(status).or_default() += count;
        let earliest = self.first.entry(status).or_insert(first);
        *earliest = first.min(*earliest);
    }
}

/// Runs `connections` loops for `duration`. `make` gets a number that no other request has.
///
/// # Errors
/// When a connection breaks: what was measured then says nothing.
pub async fn closed(
    address: SocketAddr,
    connections: usize,
    duration: Duration,
    make: impl Fn(u64) -> Call + Send + Sync + 'static,
) -> anyhow::Result<Closed> {
    closed_until(address, connections, Until::Elapsed(duration), make).await
}

/// Runs `connections` loops until `until`, otherwise as [`closed`].
///
/// # Errors
/// As [`closed`].
pub async fn closed_until(
    address: SocketAddr,
    connections: usize,
    until: Until,
    make: impl Fn(u64) -> Call + Send + Sync + 'static,
) -> anyhow::Result<Closed> {
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(Connection::open(address).await?);
    }
    let (make, numbers) = (Arc::new(make), Arc::new(AtomicU64::new(0)));
    let started = Instant::now();
    let loops: Vec<_> = open
        .into_iter()
        .map(|mut connection| {
            let (make, numbers) = (Arc::clone(&make), Arc::clone(&numbers));
            tokio::spawn(async move {
                let mut answers = BTreeMap::<u16, (u64, Instant)>::new();
                loop {
                    let number = numbers.fetch_add(1, Ordering::Relaxed);
                    let over = match until {
                        Until::Elapsed(duration) => started.elapsed() >= duration,
                        Until::Calls(calls) => number >= calls,
                    };
                    if over {
                        return anyhow::Ok(answers);
                    }
                    let (status, _) = connection.send(make(number)).await?;
                    match answers.entry(status.as_u16()) {
                        Entry::Vacant(none) => _ = none.insert((1, Instant::now())),
                        Entry::Occupied(mut some) => some.get_mut().0 += 1,
                    }
                }
            })
        })
        .collect();
    let mut sum = Closed::default();
    for run in loops {
        for (status, (count, first)) in run.await?? {
            sum.add(status, count, first);
        }
    }
    sum.elapsed = started.elapsed();
    Ok(sum)
}
