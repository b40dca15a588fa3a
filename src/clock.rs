//! The only place that asks for the wall clock.
//!
//! The engine's clock decides nothing: deadlines are set and judged by the Redis server's,
//! inside the scripts. This one is compared with it, and shown to people.

use std::time::SystemTime;

use crate::{domain::Millis, failpoint};

/// Now, by this machine.
#[must_use]
pub fn now() -> Millis {
    Millis::from(chrono::Utc::now()).plus(failpoint::clock_offset())
}

/// Now, by this machine, as finely as it can say: for what is told about a call, never for what
/// becomes of one.
#[must_use]
pub fn wall() -> SystemTime {
    SystemTime::now()
}
