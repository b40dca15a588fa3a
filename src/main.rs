//! The `dropgate` program: reads the command and runs it.

use std::process::ExitCode;

use clap::Parser as _;
use dropgate::{app, config::Cli};

/// A hold makes and frees some hundreds of small pieces of memory on several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let command = Cli::parse().command;
    let run = || app::runtime()?.block_on(app::run(command));
    match run() {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("dropgate: {error:#}");
            ExitCode::FAILURE
        }
    }
}
