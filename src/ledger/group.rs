//! Commits of several drops in one transaction.
//!
//! A batch goes at once while few transactions are under way. Otherwise it waits, and the next one takes
//! everything that waits: alone, a drop pays nothing for that, and a thousand drops share the fixed
//! price of a transaction. Whoever waits is served by whichever call comes to it first; no task stands
//! between a batch and its connection.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use futures_util::{StreamExt as _, stream};
use tokio::sync::{Semaphore, oneshot};

use super::{
    Ledger, LedgerError,
    batch::Part,
    commit::{Committed, Failure, Fenced},
};
use crate::domain::{DropId, Entry};

/// Transactions of several drops that may be under way at once.
const UNDER_WAY: usize = 2;
/// Drops that one of them carries at most.
const DROPS: usize = 256;
/// Events that one transaction carries at most, of one drop or of several.
pub const COMMIT_EVENTS: usize = 4_000;

type Outcome = Result<Result<Committed, Fenced>, LedgerError>;

/// Batches that wait for their transaction.
#[derive(Debug)]
pub(super) struct Commits {
    waiting: Mutex<VecDeque<Job>>,
    turns: Semaphore,
}

#[derive(Debug)]
struct Job {
    part: Part,
    tell: oneshot::Sender<Outcome>,
}

impl Default for Commits {
    fn default() -> Commits {
        Commits { waiting: Mutex::default(), turns: Semaphore::new(UNDER_WAY) }
    }
}

impl Commits {
    fn put(&self, job: Job) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(job);
    }

    /// What one transaction carries of what waits, in the order of the drops' ids.
    fn take(&self) -> Vec<Job> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut jobs, mut events) = (Vec::new(), 0);
        while let Some(job) = waiting.pop_front() {
            // Who has gone may have come back with the same entries: a drop goes only once.
            if job.tell.is_closed() {
                continue;
            }
            events += job.part.entries.iter().map(|entry| entry.events.len()).sum::<usize>();
            if !jobs.is_empty() && (events > COMMIT_EVENTS || jobs.len() >= DROPS) {
                waiting.push_front(job);
                break;
            }
            jobs.push(job);
        }
        drop(waiting);
        jobs.sort_unstable_by(|one: &Job, other| one.part.drop.cmp(&other.part.drop));
        jobs
    }
}

impl Ledger {
    /// Commits entries of one drop: everything of them or nothing, and only on top of what they build
    /// on. Unless they go `alone`, they may share a transaction with other drops' entries; these never
    /// change what becomes of them. Of one drop only one commit may be under way in a process.
    ///
    /// # Errors
    /// [`LedgerError::Unavailable`]: it may have happened, read [`Ledger::head`] to know.
    /// [`LedgerError::Refused`]: it can't happen; the drop must stop.
    pub async fn commit(&self, drop: &DropId, entries: Vec<Entry>, alone: bool) -> Outcome {
        let part = Part { drop: drop.clone(), entries };
        if alone {
            return self.commit_alone(part).await;
        }
        let (tell, mut told) = oneshot::channel();
        self.commits.put(Job { part, tell });
        loop {
            tokio::select! {
                biased;
                told = &mut told => return heard(told),
                turn = self.commits.turns.acquire() => {
                    let jobs = self.commits.take();
                    if jobs.is_empty() {
                        // Somebody else carries it.
                        break;
                    }
                    self.commit_jobs(jobs).await;
                    std::mem::drop(turn);
                }
            }
        }
        heard(told.await)
    }

    async fn commit_jobs(&self, jobs: Vec<Job>) {
        let (parts, tells): (Vec<_>, Vec<_>) =
            jobs.into_iter().map(|job| (job.part, job.tell)).unzip();
        let all: Vec<Outcome> = match self.commit_parts(&parts).await {
            Ok(left) => left.into_iter().map(|committed| Ok(Ok(committed))).collect(),
            Err(Failure::Unknown(error)) => vec![Err(error); parts.len()],
            Err(failure) if parts.len() == 1 => vec![failure.into_outcome()],
            // One of them is in the way of all: each by itself, so that only that one is told so, and
            // only that one waits for it.
            Err(_) => {
                stream::iter(parts.into_iter().zip(tells))
                    .for_each_concurrent(UNDER_WAY, async |(part, tell)| {
                        answer(tell, self.commit_alone(part).await);
                    })
                    .await;
                return;
            }
        };
        tells.into_iter().zip(all).for_each(|(tell, outcome)| answer(tell, outcome));
    }

    async fn commit_alone(&self, part: Part) -> Outcome {
        match self.commit_parts(std::slice::from_ref(&part)).await {
            Ok(left) => Ok(Ok(left.into_iter().next().unwrap_or_default())),
            Err(failure) => failure.into_outcome(),
        }
    }
}

fn answer(tell: oneshot::Sender<Outcome>, outcome: Outcome) {
    // Who has gone needs no answer.
    let _ = tell.send(outcome);
}

fn heard(told: Result<Outcome, oneshot::error::RecvError>) -> Outcome {
    told.unwrap_or_else(|_| {
        Err(LedgerError::Unavailable("the call that carried the batch has ended".to_owned()))
    })
}

impl Failure {
    fn into_outcome(self) -> Outcome {
        match self {
            Failure::Fenced => Ok(Err(Fenced)),
            Failure::Declined(error) | Failure::Unknown(error) => Err(error),
        }
    }
}
