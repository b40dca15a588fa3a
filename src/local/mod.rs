//! A private Redis (or Valkey) and a private Postgres as child processes: for `dropgate dev`,
//! which needs no configuration, and for the tests, which kill and freeze them.
//!
//! In reading order:
//!
//! - `programs` finds the binaries, `account` the user and the folder Postgres can run with;
//! - `spawner` starts children that die with this process, `process_table` looks at what runs;
//! - `process` is one server's child: spawn, stop, kill, freeze, sweep leftovers; `ready` takes it
//!   to the point where it answers on a port;
//! - `redis` and `postgres` (with `cluster`, its files) are the two servers;
//! - `folder` is the lock on a folder, `supervisor` both servers of one data folder, kept alive;
//! - `test_servers` (with `template`) is both in a temporary folder.
//!
//! Invariants: a server runs only under the lock of its folder; what an earlier run left behind in
//! that folder is stopped before a new server starts; no server outlives the process that started
//! it, whichever way that ends (on Linux; elsewhere the next start stops what was left).

mod account;
mod cluster;
mod error;
mod folder;
mod postgres;
mod process;
mod process_table;
mod programs;
mod ready;
mod redis;
mod spawner;
mod supervisor;
mod template;
mod test_servers;
#[cfg(test)]
mod tests;

pub use error::LocalError;
pub use postgres::{PostgresConfig, PostgresServer};
pub use programs::Programs;
pub use ready::Port;
pub use redis::{RedisConfig, RedisServer};
pub use spawner::spawn;
pub use supervisor::Supervisor;
pub use test_servers::{TestConfig, TestDatabase, TestServers};
