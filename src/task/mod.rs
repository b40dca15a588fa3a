//! What happens without a call: the journal is carried into the ledger, what is due is freed,
//! drops open and close, and Redis is compared with the ledger and rebuilt from it.
//!
//! Any number of processes may do all of this at once. A task takes no input: a signal only
//! wakes it, it reads where things stand and does what is left to do. Each has a `run_once`
//! and a thin loop around it.

mod error;
mod evict;
mod expire;
mod follow;
mod keys;
mod listen;
mod pace;
mod presence;
mod rebuild;
mod reconcile;
mod rhythm;
mod schedule;
mod tally;
mod tell;
mod warm;
mod write_behind;

pub use error::TaskError;
pub use rebuild::{Heard, rebuild};

use std::{sync::Arc, time::Duration};

use tokio::sync::{mpsc, watch};
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    engine::{DropHandle, Engine},
    ledger::LedgerError,
};

/// All tasks of this process. They end when the token is cancelled.
pub struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
    scheduler: JobScheduler,
}

impl Tasks {
    /// Starts the tasks, and gets to know every drop and key of the ledger.
    ///
    /// # Errors
    /// [`StartError`] when the ledger can't be read or the scheduler can't be started.
    pub async fn start(
        engine: Arc<Engine>,
        mut drops: mpsc::UnboundedReceiver<Arc<DropHandle>>,
        stop: CancellationToken,
    ) -> Result<Tasks, StartError> {
        let tracker = TaskTracker::new();
        let (tick, ticks) = watch::channel(0_u64);
        let scheduler = start_scheduler(tick).await?;
        let spawn = |task: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>| {
            let stop = stop.clone();
            tracker.spawn(async move {
                tokio::select! { () = stop.cancelled() => {}, () = task => {} }
            });
        };
        // Before anybody is served: a key that is known to others is known here.
        engine.refresh_keys().await?;
        spawn(Box::pin(keys::run(Arc::clone(&engine))));
        spawn(Box::pin(presence::run(Arc::clone(&engine))));
        spawn(Box::pin(listen::run(Arc::clone(&engine))));
        spawn(Box::pin(tell::run(Arc::clone(&engine))));
        spawn(Box::pin(tally::run(Arc::clone(&engine))));
        spawn(Box::pin(reconcile::run(Arc::clone(&engine), ticks.clone())));
        spawn(Box::pin(reconcile::keep_up(Arc::clone(&engine), ticks.clone())));
        spawn(Box::pin(warm::run(Arc::clone(&engine), ticks.clone())));
        let inner = tracker.clone();
        let sweeps = Arc::new(expire::Sweeps::new());
        let (for_each, ended) = (Arc::clone(&engine), stop.clone());
        spawn(Box::pin(async move {
            while let Some(drop) = drops.recv().await {
                let carry = write_behind::run(Arc::clone(&for_each), Arc::clone(&drop));
                let sweeps = Arc::clone(&sweeps);
                let follow = follow::run(Arc::clone(&for_each), Arc::clone(&drop));
                let keep = expire::run(Arc::clone(&for_each), drop, sweeps, ticks.clone());
                let stop = ended.clone();
                inner.spawn(async move {
                    tokio::select! {
                        () = stop.cancelled() => {},
                        () = async { tokio::join!(carry, keep, follow); } => {},
                    }
                });
            }
        }));
        reconcile::learn_drops(&engine).await?;
        Ok(Tasks { tracker, stop, scheduler })
    }

    /// Ends all tasks. A commit under way may still happen; nothing is lost by that.
    pub async fn end(mut self) {
        self.stop.cancel();
        self.tracker.close();
        let _ = tokio::time::timeout(Duration::from_secs(2), self.tracker.wait()).await;
        let scheduler = self.scheduler.shutdown();
        match tokio::time::timeout(Duration::from_millis(500), scheduler).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the scheduler did not end in order"),
            Err(_) => tracing::warn!("the scheduler did not end in time"),
        }
    }
}

/// Why the tasks did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The ledger could not be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The scheduler could not be started.
    #[error("the scheduler: {0}")]
    Scheduler(#[from] JobSchedulerError),
}

/// A tick a second. The scheduler has been seen to miss ticks under load, so a tick is only a
/// nudge: whoever hears it looks at what is due by itself.
async fn start_scheduler(tick: watch::Sender<u64>) -> Result<JobScheduler, JobSchedulerError> {
    let scheduler = JobScheduler::new().await?;
    let tick = Arc::new(tick);
    let job = Job::new("* * * * * *", move |_, _| tick.send_modify(|count| *count += 1))?;
    scheduler.add(job).await?;
    scheduler.start().await?;
    Ok(scheduler)
}

/// A random part of `most`, so that engines that were woken together don't act together.
fn jitter(most: Duration) -> Duration {
    most.mul_f64(rand::random::<f64>())
}
