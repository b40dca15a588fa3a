//! How far a sink is behind: asked of the ledger now and then, since other engines and earlier
//! times have drops that this process has heard nothing of.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Shared, lease::Held, queue::Queue};
use crate::{domain::DropId, ledger::LedgerError, measure};

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// So many sinks can look as often; more of them look less often, so that all together ask no more.
const AS_OFTEN: u32 = 20;
/// Behind something that became durable: what comes close behind it is taken along.
pub(super) const GATHER: Duration = Duration::from_millis(20);

/// How long to wait between two looks where so many sinks are worked.
pub(super) fn look_every(sinks: usize) -> Duration {
    let sinks = u32::try_from(sinks).unwrap_or(u32::MAX);
    LOOK_EVERY.saturating_mul(sinks.max(AS_OFTEN)) / AS_OFTEN
}

/// Queues every drop of which the sink lacks something, and shows how much that is.
pub(super) async fn look(
    shared: &Arc<Shared>,
    sink: &Held,
    only: Option<&BTreeSet<DropId>>,
    queue: &mut Queue,
) -> Result<(), LedgerError> {
    let behind = shared.ledger().behind_sink(&sink.lease.sink, only).await?;
    let pending: i64 = behind.iter().map(|drop| drop.pending).sum();
    let oldest = behind.iter().map(|drop| drop.age).max().unwrap_or_default();
    measure::sink_behind(&sink.lease.kind, &sink.lease.sink, pending, oldest);
    let now = Instant::now();
    queue.begin_look();
    for drop in behind {
        match drop.wait.filter(|wait| !wait.is_zero()) {
            Some(wait) => queue.push_at(drop.drop, now + wait),
            None => queue.push(drop.drop),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_sinks_ask_no_more_than_some() {
        for (sinks, millis) in [(0, 1000), (1, 1000), (20, 1000), (30, 1500), (200, 10_000)] {
            assert_eq!(look_every(sinks), Duration::from_millis(millis));
        }
    }
}
