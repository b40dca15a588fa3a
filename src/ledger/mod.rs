//! The only user of Postgres: the durable record.
//!
//! Nothing but [`Ledger::commit`] writes stock or reservations, and it writes only what a
//! journal says, in order.

mod audit;
mod batch;
mod commit;
mod error;
mod group;
mod pool;
mod read;
mod snapshot;

pub use commit::{Committed, Decision, Fenced};
pub use error::LedgerError;
pub use pool::Ledger;
pub use read::{Head, Remembered, ReservationFilter};
pub use snapshot::{Snapshot, SnapshotPart, SnapshotParts};
