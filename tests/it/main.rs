//! Tests of the whole: real engines as processes of their own, against a real Redis and a real
//! Postgres, driven over HTTP.
//!
//! One file a verb or a promise. Every test has a drop of its own; when it ends, the books of
//! that drop are reckoned again from the ledger and compared with everything else.

mod support;

mod architecture;

mod books;
mod change;
mod confirm;
mod drops;
mod extend;
mod lists;
mod public;
mod release;
mod reserve;
mod restock;
mod returns;
mod skus;
