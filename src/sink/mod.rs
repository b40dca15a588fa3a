//! Events to other systems: webhooks and brokers are told what the ledger says, each event at least
//! once and those of a drop in order.
//!
//! A sink reads the ledger behind its own progress, which Postgres keeps, so nothing is pushed to
//! it and nothing is lost while it is away. `lease` says which sinks this engine works, `queue`
//! which drops come next, `worker` tells webhooks and `broker` brokers; `sender` and `address` are
//! how requests get to webhooks.
//!
//! Invariants: progress moves only over what was taken, or given up as a dead letter; a sink has
//! tasks and memory of its own and, like all sinks, two connections to Postgres that nobody else
//! uses, so that one which is slow or away delays no other and nobody who buys.

mod address;
mod backoff;
mod broker;
mod kafka;
mod lease;
mod look;
mod queue;
mod rabbitmq;
mod sender;
mod worker;

pub use address::Reach;
pub use sender::Sender;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::backoff::Patience;
use crate::config::{KafkaSettings, RabbitMqSettings, SinkSettings};
use crate::{domain::Beginning, engine::Engine, ledger::Ledger};

/// How long the end may take: what is under way is ended first.
const END_WITHIN: Duration = Duration::from_secs(2);

/// A broker that is to be told.
enum Broker {
    RabbitMq(RabbitMqSettings),
    Kafka(KafkaSettings),
}

impl Broker {
    /// The sink's kind, which is its id too: there is one of each.
    fn kind(&self) -> &'static str {
        match self {
            Broker::RabbitMq(_) => "rabbitmq",
            Broker::Kafka(_) => "kafka",
        }
    }

    /// Where it begins when it is new.
    fn from(&self) -> Beginning {
        match self {
            Broker::RabbitMq(settings) => settings.from,
            Broker::Kafka(settings) => settings.from,
        }
    }
}

/// What workers share.
struct Shared {
    engine: Arc<Engine>,
    sender: Sender,
    patience: Patience,
    brokers: Vec<Broker>,
    /// How many sinks this engine works.
    held: AtomicUsize,
}

impl Shared {
    fn ledger(&self) -> &Ledger {
        &self.engine.ledger
    }

    fn look_every(&self) -> Duration {
        look::look_every(self.held.load(Ordering::Relaxed))
    }

    /// The kinds of sinks that this engine can work.
    fn kinds(&self) -> Vec<&'static str> {
        self.brokers.iter().map(Broker::kind).chain(["webhook"]).collect()
    }
}

/// The sinks that this process works.
pub struct Sinks {
    leases: JoinHandle<()>,
}

impl Sinks {
    /// Begins to work sinks, until `stop` is cancelled.
    #[must_use]
    pub fn start(
        engine: Arc<Engine>,
        sender: Sender,
        settings: &SinkSettings,
        stop: CancellationToken,
    ) -> Sinks {
        let patience = Patience::new(settings.retry_for);
        let rabbitmq = settings.rabbitmq.clone().map(Broker::RabbitMq);
        let kafka = settings.kafka.clone().map(Broker::Kafka);
        let brokers = rabbitmq.into_iter().chain(kafka).collect();
        let shared = Shared { engine, sender, patience, brokers, held: AtomicUsize::new(0) };
        Sinks { leases: tokio::spawn(lease::run(Arc::new(shared), stop)) }
    }

    /// Waits until what was under way when it was stopped has ended, for a while. What is cut off
    /// then is sent again by whoever comes next.
    pub async fn ended(mut self) {
        if tokio::time::timeout(END_WITHIN, &mut self.leases).await.is_err() {
            self.leases.abort();
        }
    }
}
