//! Dropgate: a flash-sale reservation engine. Redis admits, Postgres decides.
//!
//! The modules in reading order:
//!
//! - [`domain`]: what the words mean; pure types.
//! - [`command`]: the verbs, what each asks of its script and what that may answer.
//! - [`store`]: the only user of Redis.
//! - [`ledger`]: the only user of Postgres.

pub mod clock;
pub mod command;
pub mod domain;
pub mod engine;
pub mod lane;
pub mod ledger;
pub mod local;
pub mod progress;
pub mod store;
pub mod task;
