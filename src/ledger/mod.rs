//! The only user of Postgres: the durable record.
//!
//! Nothing but [`Ledger::commit`] writes stock or reservations, and it writes only what a
//! journal says, in order. The keys of the API are kept in the same database (`keys`).

mod audit;
mod batch;
mod commit;
mod error;
mod group;
mod keys;
mod pool;
mod read;
mod snapshot;

pub use commit::{Committed, Decision, Fenced};
pub use error::LedgerError;
pub use group::COMMIT_EVENTS;
pub use keys::StoredKey;
pub use pool::{Ledger, PoolState};
pub use read::{Head, Remembered, ReservationFilter};
pub use snapshot::{Snapshot, SnapshotPart, SnapshotParts};
