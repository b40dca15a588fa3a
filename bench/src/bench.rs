//! What the parts share: how long and how often, the order within a round, and their usual stage.

use std::{
    fmt::Display,
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use rand::{SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};

use crate::{
    design::Design,
    process::{Process, cpu_time, cpu_time_of_tree},
    report::number,
    stage::Stage,
    statistics::Samples,
    watch::Watch,
};

/// More customers than one run has.
const CUSTOMERS_A_RUN: u64 = 10_000_000;
/// A warm-up is no longer.
const WARM_UP: Duration = Duration::from_secs(1);

/// How to measure.
#[derive(Debug)]
pub struct Bench {
    /// `dropgate-bench`, of which engines and fronts are processes.
    pub program: PathBuf,
    /// How often each side is measured.
    pub rounds: usize,
    /// How long a run takes.
    pub seconds: Duration,
    /// What part of the usual large sizes is taken: less than 1 while developing.
    pub scale: f64,
    /// Where the orders come from.
    pub seed: u64,
    random: Mutex<StdRng>,
    runs: AtomicU64,
}

impl Bench {
    /// Measures with `program` in an order that comes from `seed`.
    #[must_use]
    pub fn new(program: PathBuf, rounds: usize, seconds: Duration, scale: f64, seed: u64) -> Bench {
        let random = Mutex::new(StdRng::seed_from_u64(seed));
        Bench { program, rounds, seconds, scale, seed, random, runs: AtomicU64::new(0) }
    }

    /// A large number, made smaller by the scale.
    #[must_use]
    pub fn scaled(&self, number: u64) -> u64 {
        ((number as f64 * self.scale) as u64).max(1000.min(number))
    }

    /// The first of many customers that no other run has. Only a customer's first hold is
    /// measured: those who come back have a longer past.
    #[must_use]
    pub fn customers(&self) -> u64 {
        self.runs.fetch_add(1, Ordering::Relaxed) * CUSTOMERS_A_RUN
    }

    /// A drop that no other run has.
    #[must_use]
    pub fn drop(&self) -> String {
        format!("d{}", self.runs.fetch_add(1, Ordering::Relaxed))
    }

    /// Shuffles what is measured in one round.
    pub fn shuffle<T>(&self, sides: &mut [T]) {
        sides.shuffle(&mut *self.random.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Measures all sides in each round, in a shuffled order, after a warm-up that is not
    /// counted. `run` is told the side and how long.
    ///
    /// # Errors
    /// The first of `run`.
    pub async fn rounds<S: Copy + Display>(
        &self,
        sides: &[S],
        mut run: impl AsyncFnMut(S, Duration) -> anyhow::Result<f64>,
    ) -> anyhow::Result<Samples> {
        for &side in sides {
            run(side, self.seconds.min(WARM_UP)).await.with_context(|| side.to_string())?;
        }
        self.rounds_cold(sides, async |side| run(side, self.seconds).await).await
    }

    /// The same without a warm-up, for what is not measured in seconds.
    ///
    /// # Errors
    /// The first of `run`.
    pub async fn rounds_cold<S: Copy + Display>(
        &self,
        sides: &[S],
        mut run: impl AsyncFnMut(S) -> anyhow::Result<f64>,
    ) -> anyhow::Result<Samples> {
        let mut samples = Samples::default();
        for round in 1..=self.rounds {
            let mut order = sides.to_vec();
            self.shuffle(&mut order);
            for side in order {
                let value = run(side).await.with_context(|| side.to_string())?;
                eprintln!("  {round}/{} {side}: {}", self.rounds, number(value));
                samples.push(side, value);
            }
        }
        Ok(samples)
    }

    /// Servers of a part's own.
    ///
    /// # Errors
    /// When they do not start.
    pub async fn stage(&self) -> anyhow::Result<Stage> {
        Stage::start(&self.program).await
    }

    /// Servers of a part's own, an engine, and the front with no work behind it.
    ///
    /// # Errors
    /// When they do not start.
    pub async fn pair(&self, hold_ack: &str) -> anyhow::Result<Pair> {
        let stage = self.stage().await?;
        let engine = stage.engine(hold_ack).await?;
        let none = stage.front(Design::None).await?;
        let watch = stage.watch().await?;
        Ok(Pair { engine, none, watch, stage })
    }
}

/// An engine beside the limit.
pub struct Pair {
    /// The engine.
    pub engine: Process,
    /// The front with no work behind it.
    pub none: Process,
    /// A look into Redis.
    pub watch: Watch,
    // Last: servers end after those who use them.
    /// The servers.
    pub stage: Stage,
}

/// Processor time of everybody who has a share in a run, in microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    /// The load generator: this process.
    pub load: f64,
    /// The engine, or the front.
    pub front: f64,
    /// Redis, all its threads.
    pub redis: f64,
    /// Postgres with all its processes.
    pub postgres: f64,
}

impl Spent {
    /// What they have spent so far.
    ///
    /// # Errors
    /// When one does not run any more.
    pub fn so_far(stage: &Stage, front: &Process) -> anyhow::Result<Spent> {
        let id = |pid: Option<i32>| anyhow::Ok(u32::try_from(pid.context("a server has ended")?)?);
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        Ok(Spent {
            load: micros(cpu_time(std::process::id())?),
            front: micros(cpu_time(front.id())?),
            redis: micros(cpu_time(id(stage.servers.redis().pid())?)?),
            postgres: micros(cpu_time_of_tree(id(stage.servers.postgres().pid())?)?),
        })
    }

    /// Since an earlier look, for each of `calls`.
    #[must_use]
    pub fn since(self, before: Spent, calls: u64) -> Spent {
        let calls = calls as f64;
        Spent {
            load: (self.load - before.load) / calls,
            front: (self.front - before.front) / calls,
            redis: (self.redis - before.redis) / calls,
            postgres: (self.postgres - before.postgres) / calls,
        }
    }

    /// All but the load generator.
    #[must_use]
    pub fn served(self) -> f64 {
        self.front + self.redis + self.postgres
    }
}
