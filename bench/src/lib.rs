//! Benchmarks: each figure is a ratio of two things measured in one run.

pub mod design;
pub mod load;
pub mod process;
pub mod stage;
