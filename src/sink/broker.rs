//! Tells one broker: drop by drop, as many events at once as one turn takes up, and progress moves
//! over those that the broker has confirmed.
//!
//! A broker that is away is asked again and again, for as long as it takes: it has no dead letters,
//! for what it refuses it would refuse of every event.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::look::{GATHER, look};
use super::queue::{Moved, Next, Queue};
use super::{Broker, Shared, kafka, lease::Held, rabbitmq};
use crate::domain::{CloudEvent, DropId};
use crate::ledger::LedgerError;
use crate::measure;

/// Rows of the ledger that one turn takes up, or some more: its memory, and what is under way at
/// once.
const ROWS: i64 = 500;
/// How long a connection may take to be made, and what was sent to be confirmed.
const WITHIN: Duration = Duration::from_secs(10);
/// The first and the longest pause behind a failure.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A connection to a broker.
enum Link {
    RabbitMq(Box<rabbitmq::Link>),
    Kafka(kafka::Link),
}

/// What became of the events of one turn.
pub(super) struct Published {
    /// So many of them, from the first on, are the broker's now.
    pub(super) confirmed: usize,
    /// Why not more.
    pub(super) error: Option<String>,
}

/// Why a turn ended before its time.
enum Failure {
    Ledger(LedgerError),
    Broker(String),
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Failure {
        Failure::Ledger(error)
    }
}

/// Tells the broker for as long as this engine has it.
pub(super) async fn run(shared: Arc<Shared>, sink: Arc<Held>) {
    let kind = sink.lease.kind.clone();
    let Some(broker) = shared.brokers.iter().find(|broker| broker.kind() == kind) else {
        return sink.ended.cancelled().await;
    };
    let mut teller = Teller {
        shared: &shared,
        sink: &sink,
        broker,
        link: None,
        queue: Queue::default(),
        away: false,
        pause: FIRST_PAUSE,
    };
    let ended = sink.ended.clone();
    // What is sent and not confirmed when it ends is sent again by whoever comes next.
    tokio::select! {
        () = ended.cancelled() => {}
        () = teller.run() => {}
    }
    measure::sink_behind(&kind, &kind, 0, Duration::ZERO);
}

struct Teller<'a> {
    shared: &'a Arc<Shared>,
    sink: &'a Arc<Held>,
    broker: &'a Broker,
    link: Option<Link>,
    queue: Queue,
    /// Whether it was said that the broker is away.
    away: bool,
    pause: Duration,
}

impl Teller<'_> {
    async fn run(&mut self) {
        let mut news = self.shared.engine.durable_changes();
        let mut moved = Moved::now(&self.shared.engine);
        let mut look_at = Instant::now();
        loop {
            if Instant::now() >= look_at {
                look_at = Instant::now() + self.shared.look_every();
                if let Err(error) = look(self.shared, self.sink, None, &mut self.queue).await {
                    tracing::debug!(sink = self.sink.lease.sink, %error, "it is told later");
                }
            }
            if let Some(drop) = self.queue.next(Instant::now()) {
                self.serve(drop).await;
                continue;
            }
            tokio::select! {
                changed = news.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    sleep(GATHER).await;
                    for drop in moved.since(&self.shared.engine) {
                        self.queue.push(drop);
                    }
                }
                () = tokio::time::sleep_until(look_at) => {}
            }
        }
    }

    /// Gives a drop its turn, and waits where that came to nothing.
    async fn serve(&mut self, drop: DropId) {
        let turn = if self.sink.is_held() { self.turn(&drop).await } else { Ok(Next::Nothing) };
        let failure = match turn {
            Ok(next) => {
                self.pause = FIRST_PAUSE;
                return self.queue.ended(drop, next);
            }
            Err(failure) => failure,
        };
        self.queue.ended(drop, Next::More);
        self.link = None;
        let sink = &self.sink.lease.sink;
        match failure {
            Failure::Ledger(error) => tracing::debug!(sink, %error, "it is told later"),
            // Told once for as long as it is away.
            Failure::Broker(error) if !self.away => {
                tracing::warn!(sink, error, "the broker takes nothing; it is tried again");
                self.away = true;
            }
            Failure::Broker(error) => tracing::debug!(sink, error, "the broker takes nothing"),
        }
        sleep(self.pause.mul_f64(0.5 + rand::random::<f64>() / 2.0)).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }

    /// Sends what a drop has for the broker, some of it at a time.
    async fn turn(&mut self, drop: &DropId) -> Result<Next, Failure> {
        let ledger = self.shared.ledger();
        let lease = &self.sink.lease;
        let position = ledger.sink_position(&lease.sink, drop).await?;
        let rows = ledger.sink_rows(drop, (position.seq, i64::MAX), ROWS).await?;
        let full = i64::try_from(rows.len()).unwrap_or(i64::MAX) >= ROWS;
        let events = CloudEvent::of(drop, rows);
        if events.is_empty() {
            return Ok(Next::Nothing);
        }
        let Published { confirmed, error } = self.publish(drop, &events).await?;
        let failed = events.len() - confirmed;
        measure::sink_outcome(&lease.kind, &lease.sink, "delivered", confirmed);
        measure::sink_outcome(&lease.kind, &lease.sink, "failed", failed);
        if let Some(last) = confirmed.checked_sub(1).and_then(|last| events.get(last)) {
            if !ledger.advance_sink(lease, drop, (last.epoch, last.seq)).await? {
                return Ok(Next::Nothing);
            }
            if self.away {
                tracing::info!(sink = lease.sink, "the broker takes events again");
                self.away = false;
            }
        }
        match error {
            Some(error) => Err(Failure::Broker(error)),
            None if full => Ok(Next::More),
            None => Ok(Next::Nothing),
        }
    }

    async fn publish(
        &mut self,
        drop: &DropId,
        events: &[CloudEvent],
    ) -> Result<Published, Failure> {
        let link = match &mut self.link {
            Some(link) => link,
            none @ None => {
                let late = |_| Failure::Broker(format!("no connection within {WITHIN:?}"));
                let made = timeout(WITHIN, connect(self.broker)).await.map_err(late)?;
                none.insert(made.map_err(Failure::Broker)?)
            }
        };
        Ok(match link {
            Link::RabbitMq(link) => link.publish(drop, events, WITHIN).await,
            Link::Kafka(link) => link.publish(drop, events, WITHIN).await,
        })
    }
}

async fn connect(broker: &Broker) -> Result<Link, String> {
    match broker {
        Broker::RabbitMq(settings) => {
            rabbitmq::Link::connect(settings).await.map(Box::new).map(Link::RabbitMq)
        }
        Broker::Kafka(settings) => kafka::Link::connect(settings).await.map(Link::Kafka),
    }
}
