//! The load: many connections of a plain HTTP/1.1 client.

mod closed;
mod connection;

pub use closed::{Closed, closed};
pub use connection::{Call, Connection};
