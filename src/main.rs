//! Dropgate.
fn main() {}
