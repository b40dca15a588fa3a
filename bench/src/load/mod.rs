//! The load: many connections of a plain HTTP/1.1 client.

mod closed;
mod connection;
mod feed;
mod open;

pub use closed::{Closed, Until, closed, closed_until};
pub use connection::{Call, Connection};
pub use feed::Watchers;
pub use open::{Open, open};

/// Calls under way at a time, unless said otherwise.
pub const CONNECTIONS: usize = 256;
