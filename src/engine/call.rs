//! One call from lane to answer.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::{CallError, DropHandle, Engine, HoldAck};
use crate::{
    caller::Caller,
    clock,
    command::{Operation, Outcome, Refusal},
    domain::{DropId, Millis, RequestKey},
    failpoint::{self, Mutant, Place},
    lane::{Reached, Undone, Until},
    ledger::Remembered,
    progress::{Position, Verdict},
};

/// How long a doubtful call waits before it looks at the ledger again.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A call that ran: what it came to, all of it durable.
pub(super) enum Settled<A> {
    /// It was done.
    Done(A),
    /// An earlier request with the same key was; this is its answer.
    Replayed(Remembered),
}

/// A refusal with the drop's time at which it was given.
pub(super) struct Refused {
    pub(super) refusal: Refusal,
    pub(super) now: Millis,
}

fn late() -> CallError {
    CallError::unknown("the ledger did not have it in time")
}

impl Engine {
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.options.answer_timeout
    }

    /// Runs an operation until its outcome may be told.
    pub(super) async fn settle<O: Operation + Clone>(
        &self,
        drop: &DropHandle,
        operation: O,
        key: Option<&RequestKey>,
        deadline: Instant,
    ) -> Result<Result<Settled<O::Answer>, Refused>, CallError> {
        let early = O::TAKES && self.options.hold_ack == HoldAck::Redis
            || failpoint::without(Mutant::AckBeforeCommit);
        let until = if early { Until::Decided } else { Until::Durable };
        loop {
            let reached = drop.lane.run(operation.clone(), until, deadline).await;
            let Reached { outcome, position, now, verdict } =
                reached.map_err(|undone| match undone {
                    Undone::Nothing(reason) => CallError::undone(key, reason),
                    Undone::Unknown(reason) => CallError::unknown(reason),
                    Undone::Late => late(),
                })?;
            match outcome {
                // Each retry has freed some hundreds of holds, so this ends.
                Outcome::Retry if Instant::now() < deadline => {}
                Outcome::Retry => return Err(CallError::undone(key, "too many holds are due")),
                Outcome::Done(answer) => {
                    if !early {
                        self.durable(drop, &position, verdict, key, deadline).await?;
                    }
                    failpoint::pass(Place::AnswerBefore).await;
                    return Ok(Ok(Settled::Done(answer)));
                }
                Outcome::Replayed { .. } => {
                    // It may wait for what another engine's call did.
                    drop.progress.wake.notify_one();
                    self.durable(drop, &position, None, key, deadline).await?;
                    let found = Box::pin(self.replay(&drop.id, key)).await;
                    return found.map(|found| Ok(Settled::Replayed(found)));
                }
                Outcome::Refused(refusal) => {
                    drop.sold_out.note(&refusal, &position);
                    if refusal.rests_on_ledger() {
                        drop.progress.wake.notify_one();
                        self.durable(drop, &position, None, key, deadline).await?;
                    }
                    return Ok(Err(Refused { refusal, now }));
                }
            }
        }
    }

    async fn replay(
        &self,
        drop: &DropId,
        key: Option<&RequestKey>,
    ) -> Result<Remembered, CallError> {
        let key = key.map(|key| key.key.as_str()).unwrap_or_default();
        match self.ledger.remembered(drop, key).await {
            Ok(Some(found)) => Ok(found),
            Ok(None) => Err(CallError::unknown("the ledger does not have the first answer")),
            Err(error) => Err(CallError::unknown(error.to_string())),
        }
    }

    /// Waits until the ledger holds exactly what a call did, if that is not known yet, and notes for
    /// traces how it has waited.
    async fn durable(
        &self,
        drop: &DropHandle,
        position: &Position,
        known: Option<Verdict>,
        key: Option<&RequestKey>,
        deadline: Instant,
    ) -> Result<(), CallError> {
        let traced = Caller::traced().map(|call| (call, clock::wall()));
        let waited = self.await_ledger(drop, position, known, key, deadline).await;
        if let Some((call, since)) = traced {
            let at = (position.epoch, position.seq);
            drop.commits.waited(&call, since, at, waited.is_ok());
        }
        waited
    }

    /// Waits until the ledger holds exactly what a call did.
    ///
    /// `none` is said only after one look at the ledger that shows a later epoch without the
    /// call's chain, and only to a call without a key: an earlier try of the same key, through
    /// an engine that knows a later epoch, may be committed after the look (`model/` finds it).
    async fn await_ledger(
        &self,
        drop: &DropHandle,
        position: &Position,
        mut known: Option<Verdict>,
        key: Option<&RequestKey>,
        deadline: Instant,
    ) -> Result<(), CallError> {
        if failpoint::without(Mutant::AckBeforeCommit) {
            return Ok(());
        }
        loop {
            let verdict = match known.take() {
                Some(verdict) => verdict,
                None => match timeout_at(deadline, drop.progress.wait(position)).await {
                    Err(_) => return Err(late()),
                    Ok(verdict) => verdict.unwrap_or(Verdict::Doubtful),
                },
            };
            if verdict == Verdict::Durable {
                return Ok(());
            }
            // Boxed, as is all that hardly ever happens: a call that waits takes so much less memory.
            let look = Box::pin(self.ledger.look(&drop.id, position.seq));
            match timeout_at(deadline, look).await {
                Ok(Ok(Some((_, Some(chain))))) if chain == position.chain => return Ok(()),
                // Where nothing has happened yet there is no entry: the drop as it began.
                Ok(Ok(Some((head, _))))
                    if head.seq == position.seq && head.chain == position.chain =>
                {
                    return Ok(());
                }
                // The history that had it may come back: only a person knows.
                Ok(Ok(Some((head, _)))) if head.lost.is_some() => {
                    return Err(CallError::unknown("the ledger has gone back in time"));
                }
                Ok(Ok(Some((head, _)))) if head.epoch > position.epoch => {
                    return Err(CallError::undone(key, "the drop was rebuilt without it"));
                }
                // A fork that nobody has fenced yet, or no answer: look again.
                Ok(_) => tokio::time::sleep_until(deadline.min(Instant::now() + LOOK_AGAIN)).await,
                Err(_) => return Err(late()),
            }
            if Instant::now() >= deadline {
                return Err(late());
            }
        }
    }
}
