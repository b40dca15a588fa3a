//! The `dropgate` program: reads the command and runs it.

use std::process::ExitCode;

use clap::Parser as _;
use dropgate::{app, config::Cli};

/// A hold makes and frees some hundreds of small pieces of memory on two threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    match app::run(Cli::parse().command).await {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("dropgate: {error:#}");
            ExitCode::FAILURE
        }
    }
}
