//! Opens and closes drops at their times.
//!
//! The scripts go by the times themselves, so no call depends on this: it writes into the
//! ledger what the times have made true.

use std::time::Duration;

use crate::{
    clock,
    command::DropAction,
    domain::{DropState, Millis},
    engine::{DropHandle, Engine},
};

/// Settles the drop's state if its times say another one than the ledger.
pub(super) async fn run_once(engine: &Engine, drop: &DropHandle) {
    let Some(view) = drop.known_view() else {
        // The picture is needed to know the times; it is read once and kept.
        let _ = drop.view(&engine.ledger).await;
        return;
    };
    if view.settings.state_at(clock::now()) != view.settings.state
        && let Err(error) = engine.act(&drop.id, DropAction::Settle).await
    {
        tracing::debug!(drop = %drop.id, %error, "could not settle the state");
    }
}

/// How long until the drop opens or closes by itself.
pub(super) fn until_boundary(drop: &DropHandle, now: Millis) -> Option<Duration> {
    let view = drop.known_view()?;
    let settings = &view.settings;
    let opens = settings.opens_at.filter(|_| settings.state == DropState::Scheduled);
    let closes = settings.closes_at.filter(|_| settings.state != DropState::Closed);
    let next = opens.into_iter().chain(closes).filter(|at| *at > now).min()?;
    // Just behind the boundary, so that the Redis server's clock has passed it too.
    u64::try_from(next.since(now) + 5).ok().map(Duration::from_millis)
}
