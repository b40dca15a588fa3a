//! Breaks everything around Dropgate, on purpose and by a seed, and checks the books.
//!
//! In reading order:
//!
//! - `proxy` is the network between an engine and a server, and breaks it;
//! - `engine` is one engine process with failpoints: kill, freeze, order;
//! - `cluster` puts servers, proxies and engines together, and calls them;
//! - `books` is what clients asked and were told, `checker` what the ledger says about it;
//! - `rebuild_time` measures how long a drop is away while it is rebuilt;
//! - `replica` is a second Redis, and older copies of what servers have on their disks.

pub mod books;
pub mod checker;
pub mod clients;
pub mod cluster;
pub mod engine;
mod faults;
pub mod mutants;
pub mod proxy;
pub mod rebuild_time;
pub mod replica;
pub mod report;
pub mod run;
pub mod schedule;
pub mod stage;
