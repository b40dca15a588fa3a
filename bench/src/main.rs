//! `dropgate-bench`: measures, and writes what came of it.

use std::time::Duration;

use clap::{Parser, Subcommand};
use dropgate::{app, config::Cli as EngineCli};
use dropgate_bench::{
    design::{self, Design},
    load::closed,
    process::{cpu_time, cpu_time_of_tree},
    stage::{Stage, hold, open_drop, until_durable},
};

#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// An engine process.
    #[command(hide = true)]
    Engine(EngineArgs),
    /// A front with a design behind it.
    #[command(hide = true)]
    Front { design: Design },
    /// Quick look.
    Try {
        what: String,
        #[arg(default_value_t = 5)]
        seconds: u64,
    },
}

#[derive(Debug, clap::Args)]
struct EngineArgs {
    #[command(subcommand)]
    command: dropgate::config::Command,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let _ = <EngineCli as clap::CommandFactory>::command;
    match Cli::parse().command {
        Command::Engine(engine) => {
            app::run(engine.command).await?;
            Ok(())
        }
        Command::Front { design } => design::serve(design).await,
        Command::Try { what, seconds } => quick(&what, seconds).await,
    }
}

async fn quick(what: &str, seconds: u64) -> anyhow::Result<()> {
    let stage = Stage::start().await?;
    let redis = stage.servers.redis().pid().map(|pid| pid as u32).expect("runs");
    let postgres = stage.servers.postgres().pid().map(|pid| pid as u32).expect("runs");
    let process = match what {
        "none" => stage.front(Design::None).await?,
        ack => stage.engine(ack).await?,
    };
    if what != "none" {
        open_drop(&process, "d", 100_000_000).await?;
    }
    for _ in 0..3 {
        let me = cpu_time(std::process::id())?;
        let (e, r, p) = (cpu_time(process.id())?, cpu_time(redis)?, cpu_time_of_tree(postgres)?);
        let run =
            closed(process.address, 256, Duration::from_secs(seconds), |n| hold("d", n)).await?;
        let n = run.count(201) as f64;
        if what != "none" {
            until_durable(&process, "d", 1).await?;
        }
        let us = |d: Duration| d.as_secs_f64() * 1e6 / n;
        println!(
            "{what}: {:.0}/s {:?}; CPU µs a call: load {:.1} front {:.1} redis {:.1} postgres {:.1}",
            run.rate(201),
            run.answers,
            us(cpu_time(std::process::id())? - me),
            us(cpu_time(process.id())? - e),
            us(cpu_time(redis)? - r),
            us(cpu_time_of_tree(postgres)? - p)
        );
    }
    Ok(())
}
