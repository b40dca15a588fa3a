//! Dropgate: a flash-sale reservation engine. Redis admits, Postgres decides.
//!
//! The modules in reading order:
//!
//! - [`domain`]: what the words mean; pure types.
//! - [`command`]: the verbs, what each asks of its script and what that may answer.
//! - [`store`]: the only user of Redis: keys, scripts, journal.
//! - [`ledger`]: the only user of Postgres: commit, fence, snapshot, reads.
//! - [`progress`]: how far one drop is, and who waits for what.
//! - [`crew`]: whether the threads that answer clients have anything left to do.
//! - [`lane`]: groups the calls that wait for a drop into one script call a verb.
//! - [`engine`]: one call from lane to answer; what the API and the tasks ask.
//! - [`task`]: what happens without a call: write-behind, expiry, schedule, rebuild, reconcile.
//! - [`sink`]: events to other systems: webhooks and brokers.
//! - [`api`]: the only user of axum: HTTP in, problem documents out.
//! - [`client`]: the API as the program's own commands use it.
//! - [`local`]: private Redis and Postgres servers, for `dropgate dev` and for tests.
//! - [`config`], [`telemetry`], [`clock`]: settings, log, the wall clock.
//! - [`caller`]: on whose behalf something is logged.
//! - [`trace`]: where the time of single calls went, for a collector.
//! - [`tls`]: connections to others, with TLS where an address asks for it.
//! - [`measure`]: what is measured where calls pass.
//! - [`guard`]: what happens when an invariant is found violated.
//! - [`failpoint`]: where tests stop, delay or end the process; nothing in other builds.
//! - [`app`]: the commands, put together from all of the above.
//!
//! Imports go one way: `app → {api, task} → sink → engine → {lane, ledger} → command → store → domain`.

pub mod api;
pub mod app;
pub mod caller;
pub mod client;
pub mod clock;
pub mod command;
pub mod config;
pub mod crew;
pub mod domain;
pub mod engine;
pub mod failpoint;
pub mod guard;
mod home;
pub mod lane;
pub mod ledger;
pub mod local;
pub mod measure;
pub mod progress;
pub mod queue;
pub mod sink;
pub mod store;
pub mod task;
pub mod telemetry;
pub mod tls;
pub mod trace;
