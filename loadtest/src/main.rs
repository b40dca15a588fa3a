//! Simulates a whole drop against a Dropgate engine, and audits the result.
//!
//! In reading order: `options` and `mix` say what is simulated; `engine` finds or starts the
//! engine; `crowd` lets the buyers of `buyer/` in, whose hands are `shopper` and whose common
//! world is `world`; `wire` is the API as they see it, `books` what they remember of it.
//! Afterwards `admin` reads the engine's records, `join` holds the books against them, and
//! `figures` and `report` tell what happened.

mod admin;
mod books;
mod buyer;
mod crowd;
mod engine;
mod figures;
mod join;
mod mix;
mod options;
mod report;
mod run;
mod shopper;
mod wire;
mod world;

use std::process::ExitCode;

use clap::Parser;
use options::Options;

#[tokio::main]
async fn main() -> ExitCode {
    match Box::pin(run::run(Options::parse())).await {
        Ok(verdict) => ExitCode::from(verdict.exit_status()),
        Err(error) => {
            eprintln!("dropgate-loadtest: {error:#}");
            ExitCode::from(run::COULD_NOT_RUN)
        }
    }
}
