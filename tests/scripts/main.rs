//! Tests of the Lua scripts.
#[test]
fn t() {}
