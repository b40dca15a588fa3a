//! Tests of the whole: real engines as processes of their own, against a real Redis and a real
//! Postgres, driven over HTTP.
//!
//! One file a verb or a promise. Every test has a drop of its own; when it ends, the books of
//! that drop are reckoned again from the ledger and compared with everything else.

mod support;

mod architecture;

mod auth;
mod books;
mod brokers;
mod change;
mod cli_drops;
mod cli_https;
mod cli_ledger;
mod cli_long;
mod cli_restock;
mod cli_watch;
mod cli_webhooks;
mod commands;
mod confirm;
mod console;
mod console_books;
mod console_webhooks;
mod described;
mod details;
mod drops;
mod endure;
mod envelope;
mod erase;
mod evict;
mod expiry;
mod export;
mod extend;
mod figures;
mod guides;
mod idempotency;
mod input;
mod keys;
mod ledger;
mod lists;
mod live;
mod metrics;
mod operations;
mod prometheus;
mod public;
mod races;
mod rates;
mod release;
mod reserve;
mod restock;
mod returns;
mod roles;
mod secure_servers;
mod settings;
mod shed;
mod shop;
mod shop_line;
mod skus;
mod sold_out;
mod spans;
mod webhooks;
mod webhooks_endure;
