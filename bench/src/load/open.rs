//! Open loop: requests start at a fixed rate, whatever becomes of those before. For latency.
//!
//! A latency is counted from when its request was meant to start. One that had to wait, for a
//! connection or for this program's turn, has that wait in it, so a slow answer can't hide what
//! it did to those behind it.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::ensure;
use hdrhistogram::Histogram;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::{Call, Connection};

/// The pacer sleeps at least so long: it would take a core for itself otherwise.
const STEP: Duration = Duration::from_micros(100);
/// Longest latency that is told apart, in microseconds.
const LONGEST: u64 = 120_000_000;

/// What a run of an open loop came to.
#[derive(Clone, Debug)]
pub struct Open {
    /// Answers by status.
    pub answers: BTreeMap<u16, u64>,
    /// From the intended start to the answer, in microseconds.
    pub latencies: Histogram<u64>,
    /// Answers a second: much below the rate, it was not held.
    pub rate: f64,
}

impl Open {
    /// A quantile in milliseconds.
    #[must_use]
    pub fn quantile(&self, quantile: f64) -> f64 {
        self.latencies.value_at_quantile(quantile) as f64 / 1000.0
    }

    /// How many answers had `status`.
    ///
    /// # Errors
    /// When there were others.
    pub fn only(&self, status: u16) -> anyhow::Result<u64> {
        let count = self.answers.get(&status).copied().unwrap_or(0);
        ensure!(count > 0 && self.answers.len() == 1, "not only {status}: {:?}", self.answers);
        Ok(count)
    }
}

/// Whose turn it is: the pacer lets through, the connections take.
#[derive(Debug)]
struct Pace {
    turns: Semaphore,
    next: AtomicU64,
    /// No request has this number or a higher one.
    end: AtomicU64,
    start: Instant,
    rate: f64,
}

impl Pace {
    /// The first starts an interval behind the beginning: when the pacer lets it through.
    fn intended(&self, number: u64) -> Instant {
        self.start + Duration::from_secs_f64((number + 1) as f64 / self.rate)
    }

    /// Lets requests through when their time has come, until `duration` is over or `stop`.
    fn run(&self, duration: Duration, stop: &CancellationToken, connections: usize) {
        let mut through = 0;
        while !stop.is_cancelled() {
            let elapsed = self.start.elapsed();
            let due = (elapsed.min(duration).as_secs_f64() * self.rate) as u64;
            self.turns.add_permits((due - through) as usize);
            through = due;
            if elapsed >= duration {
                break;
            }
            let wait = self.intended(through).saturating_duration_since(Instant::now());
            thread::sleep(wait.max(STEP));
        }
        self.end.store(through, Ordering::SeqCst);
        // Each connection takes one more turn and sees that it is over.
        self.turns.add_permits(connections);
    }
}

/// Starts `rate` requests a second for `duration` or until `stop`, on `connections`, which should
/// be more than can be under way at a time.
///
/// # Errors
/// When a connection breaks.
pub async fn open(
    address: SocketAddr,
    connections: usize,
    rate: f64,
    duration: Duration,
    stop: CancellationToken,
    make: impl Fn(u64) -> Call + Send + Sync + 'static,
) -> anyhow::Result<Open> {
    let mut idle = Vec::new();
    for _ in 0..connections {
        idle.push(Connection::open(address).await?);
    }
    let pace = Arc::new(Pace {
        turns: Semaphore::new(0),
        next: AtomicU64::new(0),
        end: AtomicU64::new(u64::MAX),
        start: Instant::now(),
        rate,
    });
    let make = Arc::new(make);
    let takers: Vec<_> = idle
        .into_iter()
        .map(|connection| {
            tokio::spawn(take_turns(connection, Arc::clone(&pace), Arc::clone(&make)))
        })
        .collect();
    let pacer = Arc::clone(&pace);
    thread::spawn(move || pacer.run(duration, &stop, connections));
    let mut answers = BTreeMap::new();
    let mut latencies = Histogram::new_with_bounds(1, LONGEST, 3)?;
    for taker in takers {
        for (status, micros) in taker.await?? {
            *answers.entry(status).or_default() += 1;
            latencies.saturating_record(u64::from(micros));
        }
    }
    let rate = latencies.len() as f64 / pace.start.elapsed().as_secs_f64();
    Ok(Open { answers, latencies, rate })
}

/// Sends whatever comes next on one connection; status and latency of each.
async fn take_turns(
    mut connection: Connection,
    pace: Arc<Pace>,
    make: Arc<impl Fn(u64) -> Call>,
) -> anyhow::Result<Vec<(u16, u32)>> {
    let mut done = Vec::new();
    loop {
        pace.turns.acquire().await?.forget();
        let number = pace.next.fetch_add(1, Ordering::SeqCst);
        if number >= pace.end.load(Ordering::SeqCst) {
            return Ok(done);
        }
        let (status, _) = connection.send(make(number)).await?;
        let late = pace.intended(number).elapsed();
        done.push((status.as_u16(), u32::try_from(late.as_micros()).unwrap_or(u32::MAX)));
    }
}
