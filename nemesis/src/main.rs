//! The `dropgate-nemesis` program. Behind `engine` it is the engine itself, with failpoints.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "dropgate-nemesis", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The engine, with failpoints; takes what `dropgate` takes
    #[command(hide = true)]
    Engine(dropgate::config::Cli),
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Engine(cli) => dropgate::app::run(cli.command).await,
    };
    match outcome {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("dropgate-nemesis: {error:#}");
            ExitCode::FAILURE
        }
    }
}
