//! Breaks everything around Dropgate, on purpose and by a seed, and checks the books.
//!
//! In reading order:
//!
//! - `proxy` is the network between an engine and a server, and breaks it;
//! - `engine` is one engine process with failpoints: kill, freeze, order;
//! - `cluster` puts servers, proxies and engines together, and calls them;
//! - `replica` is a second Redis, and older copies of what servers have on their disks;
//! - `rebuild_time` measures how long a drop is away while it is rebuilt;
//! - `books` is what clients asked and were told, `clients` the crowd that fills them;
//! - `schedule` says which faults come when, `stage` and `faults` let them happen;
//! - `checker` judges the books by the ledger, `run` puts a run together, `report` shows it;
//! - `mutants` has a scene for each rule that the engine would be wrong without.

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
