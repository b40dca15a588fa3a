//! Faults on purpose: servers wiped, rolled back, killed and frozen under load, with two real
//! engine processes; afterwards the clients' books, the ledger and Redis must agree.

mod cluster;
mod load;

mod dev;
mod engine;
mod expiry;
mod postgres;
mod redis_faults;
