//! Which sinks this engine works. One engine at a time works a sink; when it dies another one takes
//! over as soon as its lease has ended.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Shared, broker, worker};
use crate::ledger::{LEASE, SinkLease};

/// Between two renewals: the lease outlives some that fail.
const EVERY: Duration = Duration::from_secs(1);
/// So much before its end a lease counts as ended here: clocks don't run alike.
const MARGIN: Duration = Duration::from_millis(500);
/// That a sink takes nothing is told so often at most.
const TELL_EVERY: Duration = Duration::from_mins(5);
/// How long requests that are under way at the end are waited for.
const END_WITHIN: Duration = Duration::from_millis(1_500);

/// A sink that this engine works, for as long as it has it.
#[derive(Debug)]
pub(super) struct Held {
    /// What every write for the sink names.
    pub(super) lease: SinkLease,
    until: Mutex<Instant>,
    /// Cancelled when the sink is not worked here any more.
    pub(super) ended: CancellationToken,
    /// When it was last told that it takes nothing.
    told: Mutex<Option<Instant>>,
}

impl Held {
    /// Whether this engine certainly has the sink at present.
    pub(super) fn is_held(&self) -> bool {
        let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
        !self.ended.is_cancelled() && Instant::now() < until
    }

    /// Whether it is worth a line that it took nothing: it wasn't told of late.
    pub(super) fn is_to_be_told(&self) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let is_new = told.is_none_or(|told| now.duration_since(told) >= TELL_EVERY);
        if is_new {
            *told = Some(now);
        }
        is_new
    }

    fn renew(&self, until: Instant) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }
}

/// Takes, renews and works sinks until it is stopped; then gives them back.
pub(super) async fn run(shared: Arc<Shared>, stop: CancellationToken) {
    let workers = TaskTracker::new();
    let mut held: HashMap<String, Arc<Held>> = HashMap::new();
    let (kinds, mut prepared) = (shared.kinds(), false);
    while !stop.is_cancelled() {
        prepared = prepared || prepare(&shared).await;
        // From before the call: what Postgres grants it grants from later on.
        let until = Instant::now() + LEASE - MARGIN;
        match shared.ledger().lease_sinks(&shared.engine.name, &kinds).await {
            Ok(leases) => take(&shared, &workers, &mut held, leases, until),
            Err(error) => {
                tracing::debug!(%error, "sinks are renewed later");
                held.retain(|_, sink| sink.is_held() || end(sink));
            }
        }
        shared.held.store(held.len(), Ordering::Relaxed);
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
    held.values().for_each(|sink| sink.ended.cancel());
    workers.close();
    // What takes longer is sent once more by whoever comes next.
    let _ = tokio::time::timeout(END_WITHIN, workers.wait()).await;
    if let Err(error) = shared.ledger().release_sinks(&shared.engine.name).await {
        tracing::debug!(%error, "sinks are free once their leases have ended");
    }
}

/// Makes the sinks of the brokers that are set; whether that is done.
async fn prepare(shared: &Shared) -> bool {
    for broker in &shared.brokers {
        let made = shared.ledger().create_sink(broker.kind(), broker.from()).await;
        if let Err(error) = made {
            tracing::debug!(kind = broker.kind(), %error, "a broker's sink is made later");
            return false;
        }
    }
    true
}

/// Ends work on a sink; false, so that it is kept no longer.
fn end(sink: &Held) -> bool {
    sink.ended.cancel();
    false
}

fn take(
    shared: &Arc<Shared>,
    workers: &TaskTracker,
    held: &mut HashMap<String, Arc<Held>>,
    leases: Vec<SinkLease>,
    until: Instant,
) {
    held.retain(|id, sink| {
        let still = leases.iter().any(|lease| lease.sink == *id && *lease == sink.lease);
        // A worker may also have ended it by itself.
        (still && !sink.ended.is_cancelled()) || end(sink)
    });
    for lease in leases {
        if let Some(known) = held.get(&lease.sink) {
            known.renew(until);
            continue;
        }
        let sink = Arc::new(Held {
            lease: lease.clone(),
            until: Mutex::new(until),
            ended: CancellationToken::new(),
            told: Mutex::default(),
        });
        tracing::debug!(sink = lease.sink, kind = lease.kind, "this engine works a sink");
        held.insert(lease.sink, Arc::clone(&sink));
        let shared = Arc::clone(shared);
        workers.spawn(async move {
            // Whichever way it ends, another one can begin.
            let _ended = sink.ended.clone().drop_guard();
            match sink.lease.kind.as_str() {
                "webhook" => worker::run(shared, sink).await,
                _ => broker::run(shared, sink).await,
            }
        });
    }
}
