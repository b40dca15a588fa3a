//! The engine: what the API and the tasks ask, drop by drop.
//!
//! A call goes through its drop's lane to Redis, waits until the ledger holds its own chain,
//! and only then has an answer. Reads come from the ledger, or from a picture of it in memory.

mod admin;
mod answer;
mod audit;
mod call;
mod counted;
mod details;
mod durable;
mod erase;
mod followed;
mod handle;
mod keyring;
mod newcomers;
mod presence;
mod rates;
mod sale;
mod sale_figures;
mod sampled;
mod shown;
mod sold_out;
mod tallied;
mod untold;
mod verbs;
mod webhooks;

pub use answer::{Answer, CallError, Effect, Success};
pub use audit::{AuditReport, SkuCounts};
pub use counted::Counted;
pub use durable::DurableNews;
pub use erase::{ErasedDrop, Erasure};
pub use followed::Following;
pub use handle::DropHandle;
pub use keyring::{Keyring, KnownKey};
pub use rates::{CUSTOMER_BUCKETS, Rates};
pub use sale_figures::{
    Expiring, Funnel, HoldsUnder, PerSecond, SaleFigures, SaleSku, SecondRates, ToConfirm, Unheld,
    VerbOutcome, WriteBehind,
};
pub use shown::Rendered;
pub use untold::{Telling, Untold};

pub use crate::ledger::{ReservationFilter, ReservationVersion};

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use self::details::DetailsCache;
use crate::{
    clock,
    crew::Crew,
    domain::{DropId, Millis, RateLimit},
    ledger::{Ledger, LedgerError},
    progress::Position,
    store::Store,
};

/// When a new hold is answered. Everything else always waits for the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldAck {
    /// Once the ledger has it.
    Ledger,
    /// As soon as the script has run; such a hold may vanish with Redis.
    Redis,
}

/// How the engine behaves.
#[derive(Clone, Copy, Debug)]
pub struct EngineOptions {
    /// When a new hold is answered.
    pub hold_ack: HoldAck,
    /// Within which time every call has an answer.
    pub answer_timeout: Duration,
    /// For how long a drop that is over stays in Redis.
    pub evict_after: Duration,
    /// For how long a copy of a SKU's details is kept.
    pub details_ttl: Duration,
}

/// For so long nobody asks the ledger again for a drop that it did not know.
const UNKNOWN_FOR: Duration = Duration::from_millis(500);
/// So many unknown drops are remembered: a storm of made-up ids costs no memory.
const UNKNOWN_MOST: usize = 10_000;

/// The engine of this process.
pub struct Engine {
    pub(crate) store: Store,
    pub(crate) ledger: Ledger,
    pub(crate) options: EngineOptions,
    /// Names this process where several take turns.
    pub(crate) name: String,
    drops: RwLock<HashMap<DropId, Arc<DropHandle>>>,
    unknown: Mutex<HashMap<DropId, Instant>>,
    /// What other engines are to be told.
    pub(crate) untold: Untold,
    /// Drops that are written at present.
    busy: AtomicUsize,
    keyring: Arc<Keyring>,
    /// What was summed up of sales that somebody looks at.
    sales: sale::Sales,
    /// Held during a look at the keys.
    key_looks: tokio::sync::Mutex<()>,
    details: DetailsCache,
    /// Cancelled: another engine has taken over.
    displaced: CancellationToken,
    company: Arc<presence::Company>,
    crew: Crew,
    /// Told whenever more of any drop became durable.
    durable: watch::Sender<()>,
    /// Where the tasks learn of drops.
    opened: mpsc::UnboundedSender<Arc<DropHandle>>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Engine({})", self.name)
    }
}

impl Engine {
    /// Makes an engine, and the list of drops as this process gets to know them: the tasks
    /// take care of each from then on.
    #[must_use]
    pub fn new(
        store: Store,
        ledger: Ledger,
        options: EngineOptions,
    ) -> (Arc<Engine>, mpsc::UnboundedReceiver<Arc<DropHandle>>) {
        let (opened, drops) = mpsc::unbounded_channel();
        let engine = Engine {
            store,
            ledger,
            options,
            name: uuid::Uuid::now_v7().to_string(),
            drops: RwLock::default(),
            unknown: Mutex::default(),
            untold: Untold::default(),
            busy: AtomicUsize::new(0),
            keyring: Arc::default(),
            sales: sale::Sales::default(),
            key_looks: tokio::sync::Mutex::default(),
            details: DetailsCache::new(options.details_ttl),
            displaced: CancellationToken::new(),
            company: Arc::default(),
            crew: Crew::default(),
            durable: watch::Sender::default(),
            opened,
        };
        (Arc::new(engine), drops)
    }

    /// What tells this process from others.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The threads that answer its clients.
    #[must_use]
    pub fn crew(&self) -> &Crew {
        &self.crew
    }

    /// The wall clock of this process, for showing what times say.
    #[must_use]
    pub fn now(&self) -> Millis {
        clock::now()
    }

    /// A rate limit that all processes share; `what` is limited.
    #[must_use]
    pub fn rates(&self, what: &'static str, limit: RateLimit) -> Arc<Rates> {
        Rates::new(self.store.clone(), Arc::clone(&self.company), what, limit)
    }

    /// What can't be reached; empty when the engine can serve.
    pub async fn ready(&self) -> Vec<String> {
        let bound = Duration::from_secs(1);
        let redis = tokio::time::timeout(bound, self.store.ping());
        let postgres = tokio::time::timeout(bound, self.ledger.ping());
        let (redis, postgres) = tokio::join!(redis, postgres);
        let mut missing = Vec::new();
        if !matches!(redis, Ok(Ok(()))) {
            missing.push("redis".to_owned());
        }
        if !matches!(postgres, Ok(Ok(()))) {
            missing.push("postgres".to_owned());
        }
        missing
    }

    /// The drops that this process knows.
    #[must_use]
    pub fn known_drops(&self) -> Vec<Arc<DropHandle>> {
        self.drops.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// How many drops this process knows.
    #[must_use]
    pub fn drop_count(&self) -> usize {
        self.drops.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// How many drops are written by this process at present.
    #[must_use]
    pub fn busy_drops(&self) -> usize {
        self.busy.load(Ordering::Relaxed)
    }

    /// Tells whenever more of any drop became durable, as far as this process knows.
    #[must_use]
    pub fn durable_changes(&self) -> watch::Receiver<()> {
        self.durable.subscribe()
    }

    /// Counts a drop among the busy ones until the guard is dropped.
    pub(crate) fn busy(&self) -> Busy<'_> {
        self.busy.fetch_add(1, Ordering::Relaxed);
        Busy(&self.busy)
    }

    /// A drop that this process knows already.
    #[must_use]
    pub fn known_drop(&self, id: &DropId) -> Option<Arc<DropHandle>> {
        self.drops.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// Looks at a drop that this process knows already. Text that is no id names none.
    fn with_known<T>(&self, id: &str, look: impl FnOnce(&DropHandle) -> Option<T>) -> Option<T> {
        let drops = self.drops.read().unwrap_or_else(PoisonError::into_inner);
        drops.get(id).and_then(|handle| look(handle))
    }

    /// Forgets that the ledger did not know a drop.
    pub fn expect(&self, id: &DropId) {
        self.unknown.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    /// A drop, if the ledger knows it.
    ///
    /// # Errors
    /// [`CallError::UnknownDrop`]; [`CallError::Unavailable`] when the ledger can't say.
    pub async fn find(&self, id: &DropId) -> Result<Arc<DropHandle>, CallError> {
        if let Some(known) = self.known_drop(id) {
            return Ok(known);
        }
        let unknown = |unknown: &Mutex<HashMap<DropId, Instant>>| {
            let unknown = unknown.lock().unwrap_or_else(PoisonError::into_inner);
            unknown.get(id).is_some_and(|since| since.elapsed() < UNKNOWN_FOR)
        };
        if unknown(&self.unknown) {
            return Err(CallError::UnknownDrop);
        }
        // Boxed, so that calls about known drops carry nothing of it along.
        match Box::pin(self.open(id)).await {
            Ok(Some(handle)) => Ok(handle),
            Ok(None) => {
                let mut unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
                if unknown.len() >= UNKNOWN_MOST {
                    unknown.clear();
                }
                unknown.insert(id.clone(), Instant::now());
                Err(CallError::UnknownDrop)
            }
            Err(error) => Err(CallError::none(error.to_string())),
        }
    }

    /// Gets to know a drop if the ledger has it.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn open(&self, id: &DropId) -> Result<Option<Arc<DropHandle>>, LedgerError> {
        // By the readers' connections: made-up ids must not keep the write-behind from its own.
        let Some((head, _)) = self.ledger.look(id, 0).await? else { return Ok(None) };
        let (lost, evicted) = (head.lost, head.evicted);
        let durable = Position { epoch: head.epoch, seq: head.seq, chain: head.chain };
        let handle = {
            let mut drops = self.drops.write().unwrap_or_else(PoisonError::into_inner);
            if let Some(known) = drops.get(id) {
                return Ok(Some(Arc::clone(known)));
            }
            let handle = Arc::new(DropHandle::start(
                self.store.clone(),
                id.clone(),
                durable,
                self.durable.clone(),
                self.crew.clone(),
            ));
            handle.note_lost(lost);
            if evicted {
                handle.progress.note_evicted(handle.progress.durable().epoch);
            }
            drops.insert(id.clone(), Arc::clone(&handle));
            handle
        };
        // The tasks end with the process; without them there is nobody to tell.
        let _ = self.opened.send(Arc::clone(&handle));
        // What is sold out is known here only with the picture. Whoever reads it asks again.
        if let Err(error) = handle.view(&self.ledger).await {
            tracing::debug!(drop = %id, %error, "the drop's picture is read later");
        }
        Ok(Some(handle))
    }
}

/// A drop that is written at present.
#[derive(Debug)]
pub(crate) struct Busy<'a>(&'a AtomicUsize);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
