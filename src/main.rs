//! The `dropgate` program: reads the command and runs it.

use std::process::ExitCode;

use dropgate::{app, config::Cli};

/// A hold makes and frees some hundreds of small pieces of memory on several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let command = match Cli::read() {
        Ok(cli) => cli.command,
        Err(error) => {
            eprintln!("dropgate: {error}");
            return ExitCode::from(error.status);
        }
    };
    let run = || app::engine_runtime(command.worker_threads()?)?.block_on(app::run(command));
    match run() {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("dropgate: {error:#}");
            ExitCode::FAILURE
        }
    }
}
