//! The only user of Redis: connection, keys, scripts, journal.
//!
//! Redis says who may have a unit; nothing here promises anything to anybody.

mod client;
mod details;
mod error;
mod inbox;
mod journal;
mod keys;
mod listen;
mod rate;
mod rebuild;
mod reply;
mod round;
mod scripts;
mod tally;

pub use client::{ScriptCall, Store, Turn};
pub use error::StoreError;
pub use inbox::Inbox;
pub use journal::{ENTRIES, Inspection, JournalRead, MetaRead, RawEntries, Tell};
pub use keys::DropKeys;
pub use listen::{News, Subscription};
pub use rate::{BucketCalls, BucketGave};
pub use rebuild::{Chunk, Expected};
pub use reply::{CallReply, Reply};
pub use scripts::{Script, protocol, script_names};
pub use tally::{SaleRead, TALLY_SECONDS, Tally, TallyCount, TallyNews};
