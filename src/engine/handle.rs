//! One drop in this process: its lane, its progress, and the durable picture of it.

use std::sync::{
    Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
    atomic::{AtomicU8, Ordering},
};

use tokio::sync::watch;

use super::{counted::Counted, followed::Followed, shown::Shown, sold_out::SoldOut};
use crate::{
    crew::Crew,
    domain::{DropId, DropView, SkuStock},
    lane::Lane,
    ledger::{Ledger, LedgerError},
    progress::{Position, Progress},
    store::{DropKeys, Inbox, Store},
    trace::Commits,
};

/// How often the picture is read again because something became durable meanwhile.
const READS: usize = 5;

/// What a comparison has found; `UNKNOWN` before the first.
const UNKNOWN: u8 = 0;
const BALANCED: u8 = 1;
const UNBALANCED: u8 = 2;

/// Everything that this process keeps of one drop.
#[derive(Debug)]
pub struct DropHandle {
    /// Its id.
    pub id: DropId,
    /// Its keys in Redis.
    pub keys: DropKeys,
    /// How far it is.
    pub progress: Arc<Progress>,
    /// Where calls go.
    pub lane: Lane,
    /// What the lane has read of the journal.
    pub inbox: Arc<Inbox>,
    /// What is counted of it.
    pub counted: Counted,
    /// Its last commits by this process, for calls that are traced.
    pub commits: Commits,
    /// What the last comparison of Redis with the ledger has found.
    balanced: AtomicU8,
    shown: RwLock<Shown>,
    pub(super) sold_out: SoldOut,
    pub(super) followed: Followed,
    changes: watch::Sender<()>,
    turns: watch::Sender<()>,
    /// The same of every drop of the process.
    any_changes: watch::Sender<()>,
}

impl DropHandle {
    pub(super) fn start(
        store: Store,
        id: DropId,
        durable: Position,
        any_changes: watch::Sender<()>,
        crew: Crew,
    ) -> DropHandle {
        let progress = Arc::new(Progress::new(durable));
        let inbox = Arc::new(Inbox::default());
        DropHandle {
            keys: DropKeys::new(&id),
            lane: Lane::start(store, id.clone(), Arc::clone(&progress), Arc::clone(&inbox), crew),
            inbox,
            id,
            progress,
            counted: Counted::default(),
            commits: Commits::default(),
            balanced: AtomicU8::new(UNKNOWN),
            shown: RwLock::default(),
            sold_out: SoldOut::default(),
            followed: Followed::default(),
            changes: watch::Sender::default(),
            turns: watch::Sender::default(),
            any_changes,
        }
    }

    /// Notes whether Redis agrees with the ledger.
    pub fn note_balanced(&self, balanced: bool) {
        let found = if balanced { BALANCED } else { UNBALANCED };
        self.balanced.store(found, Ordering::Relaxed);
    }

    /// Whether Redis agreed with the ledger at the last comparison; `None` before the first.
    pub(super) fn balanced(&self) -> Option<bool> {
        match self.balanced.load(Ordering::Relaxed) {
            UNKNOWN => None,
            found => Some(found == BALANCED),
        }
    }

    pub(super) fn shown(&self) -> RwLockReadGuard<'_, Shown> {
        self.shown.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn shown_mut(&self) -> RwLockWriteGuard<'_, Shown> {
        self.shown.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the ledger showed last, without asking it; `None` before the first look.
    #[must_use]
    pub fn known_view(&self) -> Option<Arc<DropView>> {
        self.shown().view().cloned()
    }

    /// The durable picture, from memory where there is one.
    ///
    /// # Errors
    /// [`LedgerError`] when it must be read and can't be.
    pub async fn view(&self, ledger: &Ledger) -> Result<Option<Arc<DropView>>, LedgerError> {
        match self.known_view() {
            Some(view) => Ok(Some(view)),
            None => self.reload(ledger).await,
        }
    }

    /// Reads the picture again, at least as new as what is known to be durable.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn reload(&self, ledger: &Ledger) -> Result<Option<Arc<DropView>>, LedgerError> {
        for _ in 0..READS {
            let Some(read) = ledger.drop_view(&self.id).await? else { return Ok(None) };
            let mut shown = self.shown_mut();
            // Something may have become durable while this was read: then read once more.
            let known = shown.view().map(|known| (known.epoch, known.seq));
            if known.is_none_or(|known| known <= (read.epoch, read.seq)) {
                let read = Arc::new(read);
                *shown = Shown::new(Arc::clone(&read));
                self.turns.send_replace(());
                return Ok(Some(read));
            }
        }
        // The ledger is behind what was durable once; the write-behind finds that out too.
        Ok(self.known_view())
    }

    pub(super) fn forget_view(&self) {
        *self.shown_mut() = Shown::default();
        self.tell_change();
    }

    /// Tells whenever the picture may have changed, or more became durable.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Tells when something turned that nobody likes to hear of late: a SKU is sold out or can be had
    /// again, or settings changed.
    #[must_use]
    pub fn turns(&self) -> watch::Receiver<()> {
        self.turns.subscribe()
    }

    pub(super) fn tell_change(&self) {
        self.changes.send_replace(());
        self.any_changes.send_replace(());
    }

    /// Notes counts that became durable, up to `seq`. Older ones are ignored.
    pub(super) fn apply(&self, epoch: i64, seq: i64, stock: &[SkuStock]) {
        let turned = self.shown_mut().apply(epoch, seq, stock);
        if turned {
            self.turns.send_replace(());
        }
    }
}
