//! Closed loop: each connection sends its next request once it has the answer. For throughput.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use super::{Call, Connection};

/// What a run of closed loops came to.
#[derive(Clone, Debug, Default)]
pub struct Closed {
    /// Answers by status.
    pub answers: BTreeMap<u16, u64>,
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
                let mut answers = BTreeMap::<u16, u64>::new();
                while started.elapsed() < duration {
                    let call = make(numbers.fetch_add(1, Ordering::Relaxed));
                    let (status, _) = connection.send(call).await?;
                    *answers.entry(status.as_u16()).or_default() += 1;
                }
                anyhow::Ok(answers)
            })
        })
        .collect();
    let mut sum = Closed::default();
    for run in loops {
        for (status, count) in run.await?? {
            *sum.answers.entry(status).or_default() += count;
        }
    }
    sum.elapsed = started.elapsed();
    Ok(sum)
}
