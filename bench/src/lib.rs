//! Benchmarks: each figure is a ratio of two things measured in one run.
//!
//! In reading order: `part` is what is measured, a file each, with what they share in `bench`;
//! `stage` starts servers and engines as children (`process`), `design` is what stands behind
//! the fronts beside them, `load` is the clients, `watch` looks into Redis; `statistics` and
//! `report` (with `plot` and `machine`) make a page of it.

pub mod bench;
pub mod design;
pub mod load;
pub mod machine;
pub mod part;
pub mod plot;
pub mod process;
pub mod report;
pub mod stage;
pub mod statistics;
pub mod watch;
