//! Simulates a drop.
fn main() {}
