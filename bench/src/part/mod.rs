//! What is measured, a file each.

mod backlog;
mod expiry;
mod growth;
mod holds;
mod latency;
mod limits;
mod memory;
mod reads;
mod rebuild;
mod redis_cpu;
mod refusals;
mod rivals;
mod start;
mod watchers;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::{bench::Bench, report::Outcome};

/// A part, in the order in which they run.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Holds answered from Redis against no work.
    HoldsRedis,
    /// Durable holds against no work.
    Holds,
    /// Refusals of a sold-out SKU against no work, and how soon a restock sells.
    Refusals,
    /// Public reads of a SKU against no work.
    Reads,
    /// Durable holds against the designs that shops use.
    Rivals,
    /// What Redis works for a hold.
    RedisCpu,
    /// What a hold takes of Redis' memory.
    Memory,
    /// Latency under load.
    Latency,
    /// Holds while a million others come due.
    Expiry,
    /// Cost of a hold as holds, SKUs and drops grow.
    Growth,
    /// How far the ledger is behind under full load.
    Backlog,
    /// How soon a drop of a million holds is back.
    Rebuild,
    /// From start to ready.
    Start,
    /// Holds beside thousands who watch, and when they hear.
    Watchers,
    /// Holds and reads with rate limits against none.
    Limits,
}

/// What a part is, for those who read its figures.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// In a few words.
    pub title: &'static str,
    /// How it is measured.
    pub how: &'static str,
}

impl Part {
    /// As the command line calls it.
    #[must_use]
    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// What it is.
    #[must_use]
    pub fn about(self) -> About {
        match self {
            Part::HoldsRedis => holds::ABOUT_REDIS,
            Part::Holds => holds::ABOUT_LEDGER,
            Part::Refusals => refusals::ABOUT,
            Part::Reads => reads::ABOUT,
            Part::Rivals => rivals::ABOUT,
            Part::RedisCpu => redis_cpu::ABOUT,
            Part::Memory => memory::ABOUT,
            Part::Latency => latency::ABOUT,
            Part::Expiry => expiry::ABOUT,
            Part::Growth => growth::ABOUT,
            Part::Backlog => backlog::ABOUT,
            Part::Rebuild => rebuild::ABOUT,
            Part::Start => start::ABOUT,
            Part::Watchers => watchers::ABOUT,
            Part::Limits => limits::ABOUT,
        }
    }

    /// Measures it.
    ///
    /// # Errors
    /// When something does not run, or answers what it should not.
    pub async fn run(self, bench: &Bench) -> anyhow::Result<Outcome> {
        match self {
            Part::HoldsRedis => holds::redis(bench).await,
            Part::Holds => holds::ledger(bench).await,
            Part::Refusals => refusals::run(bench).await,
            Part::Reads => reads::run(bench).await,
            Part::Rivals => Box::pin(rivals::run(bench)).await,
            Part::RedisCpu => redis_cpu::run(bench).await,
            Part::Memory => memory::run(bench).await,
            Part::Latency => Box::pin(latency::run(bench)).await,
            Part::Expiry => Box::pin(expiry::run(bench)).await,
            Part::Growth => Box::pin(growth::run(bench)).await,
            Part::Backlog => backlog::run(bench).await,
            Part::Rebuild => rebuild::run(bench).await,
            Part::Start => start::run(bench).await,
            Part::Watchers => watchers::run(bench).await,
            Part::Limits => Box::pin(limits::run(bench)).await,
        }
    }
}
