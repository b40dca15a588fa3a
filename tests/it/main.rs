//! Tests of the whole: real engines as processes of their own, against a real Redis and a real
//! Postgres, driven over HTTP.
//!
//! One file a verb or a promise. Every test has a drop of its own; when it ends, the books of
//! that drop are reckoned again from the ledger and compared with everything else.

mod support;

mod architecture;

mod auth;
mod books;
mod change;
mod commands;
mod confirm;
mod drops;
mod endure;
mod envelope;
mod expiry;
mod extend;
mod idempotency;
mod input;
mod keys;
mod lists;
mod metrics;
mod operations;
mod prometheus;
mod public;
mod races;
mod rates;
mod release;
mod reserve;
mod restock;
mod returns;
mod roles;
mod settings;
mod skus;
mod sold_out;
