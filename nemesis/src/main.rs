//! The `dropgate-nemesis` program. Behind `engine` it is the engine itself, with failpoints.

use std::{io::Write as _, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use dropgate::failpoint::Mutant;
use dropgate_nemesis::{
    rebuild_time,
    report::Report,
    run::{RunOptions, run},
    schedule::Kind,
};

#[derive(Debug, Parser)]
#[command(name = "dropgate-nemesis", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Breaks a cluster of its own for some minutes, and checks the books
    Run(RunArgs),
    /// Adds reports up
    Sum {
        /// Files that `run --report` has written
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Measures how long a drop is away while it is rebuilt
    RebuildTime {
        /// Active holds of the drop
        #[arg(long, default_value_t = 100_000)]
        holds: usize,
        /// Times that its keys are lost
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
    /// The engine, with failpoints; takes what `dropgate` takes
    #[command(hide = true)]
    Engine(dropgate::config::Cli),
}

#[derive(Debug, Args)]
struct RunArgs {
    /// How long faults go on; longer until each kind has come once
    #[arg(long, default_value_t = 2.0)]
    minutes: f64,
    /// What everything random comes from; another one each time by default
    #[arg(long)]
    seed: Option<u64>,
    /// Only these kinds of faults
    #[arg(long, value_delimiter = ',', value_enum)]
    faults: Vec<Kind>,
    /// Clients that buy
    #[arg(long, default_value_t = 20)]
    shoppers: usize,
    /// A rule that the engines don't keep: then there should be findings
    #[arg(long, value_parser = mutants())]
    mutant: Option<String>,
    /// Appends one line of JSON to this file
    #[arg(long)]
    report: Option<PathBuf>,
    /// Keeps books and logs; with findings they are kept anyway
    #[arg(long)]
    keep: bool,
}

fn mutants() -> clap::builder::PossibleValuesParser {
    Mutant::ALL.iter().map(|mutant| mutant.name()).collect::<Vec<_>>().into()
}

async fn rebuild_time(holds: usize, rounds: usize) -> anyhow::Result<u8> {
    let program = std::env::current_exe()?;
    for time in rebuild_time::measure(program, holds, rounds).await? {
        println!(
            "away {:.2} s; the drop beside it took {:.0} holds a second before, {:.0} meanwhile",
            time.away.as_secs_f64(),
            time.before,
            time.meanwhile
        );
    }
    Ok(0)
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Engine(cli) => dropgate::app::run(cli.command).await,
        Command::Run(args) => rage(args).await,
        Command::Sum { files } => sum(&files),
        Command::RebuildTime { holds, rounds } => rebuild_time(holds, rounds).await,
    };
    match outcome {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("dropgate-nemesis: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn rage(args: RunArgs) -> anyhow::Result<u8> {
    let seed = args.seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
    let lasts = Duration::from_secs_f64((args.minutes * 60.0).max(0.0));
    let mut options = RunOptions::new(std::env::current_exe()?, lasts, seed);
    if !args.faults.is_empty() {
        options.kinds = args.faults;
    }
    options.shoppers = args.shoppers;
    options.mutant = args.mutant;
    options.keep = args.keep;
    println!("seed {seed}");
    let report = run(&options, &|line| println!("{line}")).await?;
    println!("\n{}", report.show());
    if let Some(path) = &args.report {
        let mut file = std::fs::File::options().create(true).append(true).open(path)?;
        writeln!(file, "{}", serde_json::to_string(&report)?)?;
    }
    Ok(u8::from(!report.is_clean()))
}

fn sum(files: &[PathBuf]) -> anyhow::Result<u8> {
    let mut sum = Report::default();
    for path in files {
        let name = || path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(name)?;
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            sum.add(serde_json::from_str(line).with_context(name)?);
        }
    }
    println!("{}", sum.show());
    Ok(u8::from(!sum.is_clean()))
}
