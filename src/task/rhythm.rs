//! How often something is done for each drop, again and again: as often as for one while there are
//! few, less often where there are so many that each would get more than its share of this process.

use std::time::Duration;

use crate::engine::Engine;

/// The share of a drop: what is done for it comes at most once in so long for each drop that there is.
const A_DROP: Duration = Duration::from_millis(2);
/// Redis is asked where a drop stands and who is its usual writer, also while its lane reads all that
/// is to be written.
const LOOK: Duration = Duration::from_millis(100);
/// The same for a drop in which nothing happens.
const IDLE: Duration = Duration::from_millis(500);
/// The same for a drop that is not in Redis.
const EVICTED: Duration = Duration::from_secs(5);
/// The journal lets go of what became durable.
const TRIM: Duration = Duration::from_millis(100);
/// A usual writer stays the usual writer without a word.
const LEASE: Duration = Duration::from_millis(400);

fn spread(every: Duration, drops: usize) -> Duration {
    every.max(A_DROP * u32::try_from(drops).unwrap_or(u32::MAX))
}

/// Between two looks at a drop that is written.
pub(super) fn look(engine: &Engine) -> Duration {
    spread(LOOK, engine.busy_drops())
}

/// Between two looks at a drop in which nothing happens.
pub(super) fn idle(engine: &Engine) -> Duration {
    spread(IDLE, engine.drop_count())
}

/// Between two turns for a drop that is not in Redis. A call that needs it doesn't wait for this.
pub(super) fn evicted(engine: &Engine) -> Duration {
    spread(EVICTED, engine.drop_count())
}

/// From a commit to the trim of what it made durable.
pub(super) fn trim(engine: &Engine) -> Duration {
    spread(TRIM, engine.busy_drops())
}

/// How long a lease lasts: beyond the next look, so that a drop that is written has one writer.
pub(super) fn lease(engine: &Engine) -> Duration {
    LEASE.max(look(engine) * 3 / 2)
}
