//! `dropgate-bench`: measures, and writes what came of it.

mod quick;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use clap::{Parser, Subcommand, ValueEnum as _};
use dropgate::{app, config::ServerSettings};
use dropgate_bench::{
    bench::Bench,
    design::{self, Design},
    machine::{self, Machine},
    part::Part,
    report::{Outcome, Record, Results, page},
};

/// The engine's own, so that all that is compared has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures Dropgate against the limit of its own front and against the designs that shops use.
///
/// Starts its own servers. Without `--write` it prints the page.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    measure: Measure,
}

#[derive(Debug, clap::Args)]
struct Measure {
    /// What to measure; everything, when none is named
    parts: Vec<Part>,
    /// Show the parts
    #[arg(long)]
    list: bool,
    /// How often each side is measured
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// How long a run takes, in seconds
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// What part of the large sizes is taken: 0.1 makes 1,000,000 holds 100,000
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Where the order within a round comes from [default: the clock]
    #[arg(long)]
    seed: Option<u64>,
    /// Write this page, the results beside it under bench/, and the plots; sections of parts that
    /// are not measured now stay
    #[arg(long, value_name = "PAGE")]
    write: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// An engine process.
    #[command(hide = true)]
    Engine {
        #[command(subcommand)]
        command: dropgate::config::Command,
    },
    /// A front with a design behind it.
    #[command(hide = true)]
    Front { design: Design },
    /// Quick look.
    #[command(hide = true)]
    Try {
        what: String,
        #[arg(default_value_t = 5)]
        seconds: u64,
        /// Calls a second in an open loop, instead of 256 closed loops
        #[arg(long)]
        rate: Option<f64>,
        /// Over how many drops the holds are spread
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
        drops: u64,
        /// Over how many SKUs of each drop the holds are spread
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
        skus: u64,
    },
}

fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    // Engines, fronts and the load generator alike have the threads that an engine has to answer
    // clients.
    let threads = ServerSettings::default().worker_threads;
    let runtime = match cli.command {
        Some(Command::Engine { .. }) => app::engine_runtime(threads)?,
        _ => app::runtime(threads)?,
    };
    runtime.block_on(run(cli))
}

async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Some(Command::Engine { command }) => Ok(ExitCode::from(app::run(command).await?)),
        Some(Command::Front { design }) => {
            design::serve(design).await?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Try { what, seconds, rate, drops, skus }) => {
            quick::look(&what, Duration::from_secs(seconds), rate, drops, skus).await?;
            Ok(ExitCode::SUCCESS)
        }
        None if cli.measure.list => {
            for part in Part::value_variants() {
                println!("{:12} {}", part.name(), part.about().title);
            }
            Ok(ExitCode::SUCCESS)
        }
        None => Box::pin(measure(cli.measure)).await,
    }
}

/// Runs the parts, and writes after each: one that fails takes nothing from the others.
async fn measure(options: Measure) -> anyhow::Result<ExitCode> {
    ensure!(options.rounds > 0, "--rounds must be 1 or more");
    ensure!(options.scale > 0.0 && options.scale <= 1.0, "--scale must be above 0, 1 at most");
    let seconds = Duration::try_from_secs_f64(options.seconds).context("--seconds")?;
    let seed = options.seed.unwrap_or_else(|| rand::random_range(0..1_000_000));
    let program = std::env::current_exe()?;
    let bench = Bench::new(program, options.rounds, seconds, options.scale, seed);
    // Before anything is written.
    let (commit, machine) = (machine::commit(), Machine::look());
    eprintln!("seed {seed}, commit {commit}");
    let mut parts = options.parts.clone();
    if parts.is_empty() {
        parts = Part::value_variants().to_vec();
    }
    let mut results = match &options.write {
        Some(write) => Results::read(&folder(write).join("results.json"))?,
        None => Results::default(),
    };
    let mut status = ExitCode::SUCCESS;
    for part in parts {
        eprintln!("{}: {}", part.name(), part.about().title);
        let since = Instant::now();
        match Box::pin(part.run(&bench)).await {
            Ok(outcome) => {
                let took = since.elapsed();
                results.merge(part, record(&bench, took, (&commit, &machine), outcome));
            }
            Err(error) => {
                eprintln!("{} failed: {error:#}", part.name());
                status = ExitCode::FAILURE;
            }
        }
        if let Some(write) = &options.write {
            save(&results, write)?;
        }
    }
    if options.write.is_none() {
        println!("{}", page(&results, "bench"));
    }
    Ok(status)
}

fn record(
    bench: &Bench,
    took: Duration,
    (commit, machine): (&str, &Machine),
    outcome: Outcome,
) -> Record {
    Record {
        date: chrono::Utc::now().format("%Y-%m-%d").to_string(),
        commit: commit.to_owned(),
        machine: machine.clone(),
        seconds: bench.seconds.as_secs_f64(),
        rounds: bench.rounds,
        scale: bench.scale,
        seed: bench.seed,
        took: took.as_secs_f64(),
        outcome,
    }
}

/// Where results and plots of a page are.
fn folder(page: &Path) -> PathBuf {
    page.with_file_name("bench")
}

fn save(results: &Results, path: &Path) -> anyhow::Result<()> {
    let folder = folder(path);
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    fs::write(folder.join("results.json"), results.to_json()?)?;
    for (_, record) in results.iter() {
        for plot in &record.outcome.plots {
            fs::write(folder.join(format!("{}.svg", plot.file)), plot.svg()?)?;
        }
    }
    fs::write(path, page(results, "bench")).with_context(|| path.display().to_string())
}
