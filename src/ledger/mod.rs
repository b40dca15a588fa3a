//! The only user of Postgres: the durable record.
//!
//! Nothing but [`Ledger::commit`] writes stock or reservations, and it writes only what a
//! journal says, in order. The keys of the API are kept in the same database (`keys`), and who is
//! told of events (`sinks`, `webhooks`).

mod audit;
mod batch;
mod commit;
mod deliveries;
mod engines;
mod erase;
mod error;
mod evict;
mod export;
mod feed;
mod group;
mod keys;
mod pool;
mod read;
mod sinks;
mod snapshot;
mod span;
mod sums;
mod webhooks;

pub use commit::{Committed, Decision, Fenced};
pub use deliveries::{AfterFailure, FailedRequest, Resend};
pub use engines::{Announced, Stranger};
pub use erase::{CustomerDrop, ErasedFrom};
pub use error::LedgerError;
pub use export::ExportLines;
pub use feed::ReservationVersion;
pub use group::COMMIT_EVENTS;
pub use keys::StoredKey;
pub use pool::{Ledger, PoolState};
pub use read::{Head, Remembered, ReservationFilter};
pub use sinks::{BehindDrop, LEASE, Retrying, SinkLease, SinkPosition};
pub use snapshot::{Snapshot, SnapshotPart, SnapshotParts};
pub use span::SPAN;
pub use sums::{CONFIRMS, HoldsLeft, KindSum, REMAINING, STRETCH, StretchSums};
pub use webhooks::Endpoint;
