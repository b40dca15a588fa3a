//! Tells one webhook: drop by drop in order, some drops at a time, so that one that fails holds up
//! only itself.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use super::look::{GATHER, look};
use super::queue::{Moved, Next, Queue};
use super::sender::{Answer, Message};
use super::{Shared, lease::Held};
use crate::domain::{Attempt, CloudEvent, DropId, WebhookId};
use crate::ledger::{AfterFailure, Endpoint, FailedRequest, LedgerError, Resend, Retrying};
use crate::measure;

/// The most lines of one event, and some: a change may give up 20 and take 20 others.
const MOST_LINES: i64 = 64;
/// Drops of one webhook that are told at a time.
const TOGETHER: usize = 4;
/// Rows of the ledger that one turn of a drop takes up, or some more: its memory.
const ROWS: i64 = 300;
/// Progress is written at most so often while all goes well. Who dies repeats what it had not
/// written.
const WRITE_EVERY: Duration = Duration::from_millis(250);
/// Behind an error of Postgres.
const AGAIN: Duration = Duration::from_millis(500);
/// Between two times at which old deliveries are removed.
const PRUNE_EVERY: Duration = Duration::from_secs(600);

/// What the turns of one webhook share.
struct Work {
    shared: Arc<Shared>,
    sink: Arc<Held>,
    endpoint: Endpoint,
}

/// Tells the webhook for as long as this engine has it.
pub(super) async fn run(shared: Arc<Shared>, sink: Arc<Held>) {
    let Ok(id) = sink.lease.sink.parse::<WebhookId>() else {
        tracing::error!(sink = sink.lease.sink, "a webhook's id can't be read");
        return sink.ended.cancelled().await;
    };
    let moved = Moved::now(&shared.engine);
    let mut worker = Worker {
        shared,
        sink,
        id,
        queue: Queue::default(),
        moved,
        turns: JoinSet::new(),
        work: None,
        resending: None,
        prune_at: Instant::now(),
    };
    worker.run().await;
    measure::sink_behind("webhook", &worker.sink.lease.sink, 0, Duration::ZERO);
}

struct Worker {
    shared: Arc<Shared>,
    sink: Arc<Held>,
    id: WebhookId,
    queue: Queue,
    moved: Moved,
    turns: JoinSet<(DropId, Next)>,
    /// As of the last look.
    work: Option<Arc<Work>>,
    /// Sends once more what somebody wants to be sent once more.
    resending: Option<JoinHandle<()>>,
    prune_at: Instant,
}

impl Worker {
    async fn run(&mut self) {
        let mut news = self.shared.engine.durable_changes();
        let mut look_at = Instant::now();
        while !self.sink.ended.is_cancelled() {
            if Instant::now() >= look_at {
                look_at = Instant::now() + self.shared.look_every();
                if let Err(error) = self.look().await {
                    tracing::debug!(sink = self.sink.lease.sink, %error, "it is told later");
                }
            }
            self.begin_turns();
            let wake_at = self.queue.next_at().map_or(look_at, |at| at.min(look_at));
            let ended = self.sink.ended.clone();
            tokio::select! {
                () = ended.cancelled() => {}
                Some(ended) = self.turns.join_next(), if !self.turns.is_empty() => {
                    // A turn that broke down is found by the next look.
                    if let Ok((drop, next)) = ended {
                        self.queue.ended(drop, next);
                    }
                }
                changed = news.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    tokio::time::sleep(GATHER).await;
                    self.hear();
                }
                () = tokio::time::sleep_until(wake_at) => {}
            }
        }
        // What is under way comes to its end: its turn stops by itself behind that.
        while self.turns.join_next().await.is_some() {}
    }

    /// Asks the ledger for everything that may have changed.
    async fn look(&mut self) -> Result<(), LedgerError> {
        let Some(endpoint) = self.shared.ledger().endpoint(self.id).await? else { return Ok(()) };
        look(&self.shared, &self.sink, endpoint.drops.as_ref(), &mut self.queue).await?;
        let (shared, sink) = (Arc::clone(&self.shared), Arc::clone(&self.sink));
        let work = Arc::new(Work { shared, sink, endpoint });
        if self.resending.as_ref().is_none_or(JoinHandle::is_finished) {
            let wanted = self.shared.ledger().wanted_again(&self.sink.lease.sink).await?;
            self.resending = (!wanted.is_empty()).then(|| {
                let work = Arc::clone(&work);
                tokio::spawn(async move { work.resend_all(&wanted).await })
            });
        }
        self.work = Some(work);
        if Instant::now() >= self.prune_at {
            let removed = self.shared.ledger().prune_deliveries(&self.sink.lease.sink).await?;
            // There may be more.
            self.prune_at = Instant::now() + if removed > 0 { AGAIN } else { PRUNE_EVERY };
        }
        Ok(())
    }

    /// Queues the drops that have moved in this process.
    fn hear(&mut self) {
        let Some(work) = &self.work else { return };
        for drop in self.moved.since(&self.shared.engine) {
            if work.endpoint.drops.as_ref().is_none_or(|drops| drops.contains(&drop)) {
                self.queue.push(drop);
            }
        }
    }

    fn begin_turns(&mut self) {
        let Some(work) = &self.work else { return };
        while self.turns.len() < TOGETHER {
            let Some(drop) = self.queue.next(Instant::now()) else { return };
            let work = Arc::clone(work);
            self.turns.spawn(async move {
                let next = work.turn(&drop).await.unwrap_or_else(|error| {
                    tracing::debug!(%drop, %error, "a webhook is told later");
                    Next::At(Instant::now() + AGAIN)
                });
                (drop, next)
            });
        }
    }
}

/// How far one drop is during a turn.
struct Reached {
    /// Epoch and `seq` of the last event that was taken or passed over.
    at: (i64, i64),
    /// How much of that is written.
    written: i64,
    wrote: Instant,
}

impl Work {
    /// Sends what a drop has for the webhook, some of it at a time.
    async fn turn(&self, drop: &DropId) -> Result<Next, LedgerError> {
        let ledger = self.shared.ledger();
        let position = ledger.sink_position(&self.sink.lease.sink, drop).await?;
        let mut retrying = position.retrying;
        if let Some(wait) = retrying.as_ref().map(|it| it.wait).filter(|wait| !wait.is_zero()) {
            return Ok(Next::At(Instant::now() + wait));
        }
        let rows = ledger.sink_rows(drop, (position.seq, i64::MAX), ROWS).await?;
        let Some(end) = rows.last().map(|row| (row.epoch, row.seq)) else {
            return Ok(Next::Nothing);
        };
        let full = i64::try_from(rows.len()).unwrap_or(i64::MAX) >= ROWS;
        let mut events = CloudEvent::of(drop, rows);
        if let Some(types) = &self.endpoint.types {
            events.retain(|event| types.iter().any(|kind| kind.as_str() == event.data.kind));
        }
        if let Some(stale) = retrying.take_if(|it| events.iter().all(|event| event.seq != it.seq)) {
            ledger.forget_delivery(&self.sink.lease, stale.id).await?;
        }
        let mut reached =
            Reached { at: (0, position.seq), written: position.seq, wrote: Instant::now() };
        let mut rest = events.as_slice();
        while !rest.is_empty() {
            if !self.sink.is_held() {
                self.write(drop, &mut reached).await?;
                return Ok(Next::Nothing);
            }
            let (unit, behind) = rest.split_at(self.unit(rest, retrying.as_ref()));
            if let Some(next) = self.tell(drop, unit, retrying.take(), &mut reached).await? {
                return Ok(next);
            }
            rest = behind;
        }
        reached.at = end;
        let mine = self.write(drop, &mut reached).await?;
        Ok(if mine && full { Next::More } else { Next::Nothing })
    }

    /// How many events go into the next request: as many as the last time, if that failed.
    fn unit(&self, rest: &[CloudEvent], retrying: Option<&Retrying>) -> usize {
        let most = self.endpoint.batch.clamp(1, rest.len().max(1));
        match retrying {
            None => most,
            Some(before) => {
                let same = rest.iter().take_while(|event| event.seq <= before.last_seq).count();
                same.clamp(1, most)
            }
        }
    }

    /// Sends one request; `Some` when the turn ends with it.
    async fn tell(
        &self,
        drop: &DropId,
        unit: &[CloudEvent],
        retrying: Option<Retrying>,
        reached: &mut Reached,
    ) -> Result<Option<Next>, LedgerError> {
        let batch = self.endpoint.batch > 1;
        let (Some(first), Some(last), Some(message)) =
            (unit.first(), unit.last(), Message::of(drop, unit, batch))
        else {
            return Ok(None);
        };
        let end = (last.epoch, last.seq);
        let answer = self.shared.sender.send(&self.endpoint, &message).await;
        let lease = &self.sink.lease;
        if answer.attempt.delivered {
            measure::sink_outcome(&lease.kind, &lease.sink, "delivered", unit.len());
            reached.at = end;
            if let Some(retrying) = retrying {
                let ledger = self.shared.ledger();
                let mine =
                    ledger.settle_delivery(lease, retrying.id, drop, end, &answer.attempt).await?;
                (reached.written, reached.wrote) = (end.1, Instant::now());
                return Ok((!mine).then_some(Next::Nothing));
            }
            let mine = match reached.wrote.elapsed() >= WRITE_EVERY {
                true => self.write(drop, reached).await?,
                false => true,
            };
            return Ok((!mine).then_some(Next::Nothing));
        }
        if !self.write(drop, reached).await? {
            return Ok(Some(Next::Nothing));
        }
        let failed = FailedRequest {
            drop: drop.clone(),
            epoch: first.epoch,
            seq: first.seq,
            last: end,
            event_type: first.event_type.clone(),
            attempt: answer.attempt.clone(),
        };
        self.failed(&failed, &answer, retrying.as_ref(), unit.len()).await.map(Some)
    }

    /// Notes a request that was not taken; when its drop is due again.
    async fn failed(
        &self,
        failed: &FailedRequest,
        answer: &Answer,
        before: Option<&Retrying>,
        events: usize,
    ) -> Result<Next, LedgerError> {
        let since = before.map_or(Duration::ZERO, |before| before.since);
        let then = match answer.gone {
            true => AfterFailure::Disable,
            false => self.shared.patience.after(since, answer.retry_after),
        };
        let lease = &self.sink.lease;
        let outcome = if then == AfterFailure::Bury { "dead" } else { "failed" };
        measure::sink_outcome(&lease.kind, &lease.sink, outcome, events);
        if !self.shared.ledger().note_failure(lease, failed, then).await? {
            return Ok(Next::Nothing);
        }
        let FailedRequest { drop, seq, attempt, .. } = failed;
        let (sink, error) = (&lease.sink, attempt.error.as_deref().unwrap_or_default());
        match then {
            AfterFailure::Retry(wait) => {
                if self.sink.is_to_be_told() {
                    // Not its address, which is often a secret.
                    tracing::warn!(sink, %drop, seq, error, "a webhook took nothing; it is tried again");
                } else {
                    tracing::debug!(sink, %drop, seq, error, ?wait, "a webhook took nothing");
                }
                Ok(Next::At(Instant::now() + wait))
            }
            AfterFailure::Bury => {
                tracing::warn!(sink, %drop, seq, error, "a webhook's event is a dead letter");
                Ok(Next::More)
            }
            AfterFailure::Disable => {
                tracing::warn!(sink, "a webhook says that it is gone, and is disabled");
                self.sink.ended.cancel();
                Ok(Next::Nothing)
            }
        }
    }

    /// Writes progress down if there is any; false when the sink is another engine's.
    async fn write(&self, drop: &DropId, reached: &mut Reached) -> Result<bool, LedgerError> {
        if reached.at.1 <= reached.written {
            return Ok(true);
        }
        let mine = self.shared.ledger().advance_sink(&self.sink.lease, drop, reached.at).await?;
        (reached.written, reached.wrote) = (reached.at.1, Instant::now());
        Ok(mine)
    }

    /// Sends once more what somebody wants to be sent once more, whatever came behind it.
    async fn resend_all(&self, wanted: &[Resend]) {
        for resend in wanted {
            if !self.sink.is_held() {
                return;
            }
            if let Err(error) = self.resend(resend).await {
                tracing::debug!(delivery = %resend.id, %error, "it is sent once more later");
            }
        }
    }

    async fn resend(&self, resend: &Resend) -> Result<(), LedgerError> {
        let Resend { id, drop, span: (first, last) } = resend;
        let ledger = self.shared.ledger();
        let most = (last - first + 1).saturating_mul(MOST_LINES);
        let rows = ledger.sink_rows(drop, (first - 1, *last), most).await?;
        let mut events = CloudEvent::of(drop, rows);
        if let Some(types) = &self.endpoint.types {
            events.retain(|event| types.iter().any(|kind| kind.as_str() == event.data.kind));
        }
        let batch = self.endpoint.batch > 1 || events.len() > 1;
        let lease = &self.sink.lease;
        let attempt = match Message::of(drop, &events, batch) {
            Some(message) => self.shared.sender.send(&self.endpoint, &message).await.attempt,
            None => Attempt {
                delivered: false,
                status: None,
                error: Some("the webhook is not told of such events any more".to_owned()),
                milliseconds: 0,
            },
        };
        let outcome = if attempt.delivered { "delivered" } else { "failed" };
        measure::sink_outcome(&lease.kind, &lease.sink, outcome, events.len());
        ledger.note_resent(lease, *id, &attempt).await?;
        Ok(())
    }
}
