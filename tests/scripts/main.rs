//! The Lua scripts on a real Redis: what their headers promise, what every verb does to the
//! whole state of a drop, and long random histories against a model.

mod calls;
mod change;
mod configure;
mod confirm;
mod courtesy;
mod expire;
mod extend;
mod headers;
mod hostile;
mod model;
mod rate;
mod rebuild;
mod release;
mod reserve;
mod restock;
mod return_units;
mod support;
