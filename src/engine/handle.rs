//! One drop in this process: its lane, its progress, and the durable picture of it.

use std::sync::{Arc, Mutex, PoisonError};

use super::{durable::Untold, sold_out::SoldOut};
use crate::{
    domain::{DropId, DropView, SkuStock},
    lane::Lane,
    ledger::{Ledger, LedgerError},
    progress::{Position, Progress},
    store::{DropKeys, Inbox, Store},
};

/// How often the picture is read again because something became durable meanwhile.
const READS: usize = 5;

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
    /// What others are still to be told.
    pub untold: Untold,
    view: Mutex<Option<Arc<DropView>>>,
    pub(super) sold_out: SoldOut,
}

impl DropHandle {
    pub(super) fn start(store: Store, id: DropId, durable: Position) -> DropHandle {
        let progress = Arc::new(Progress::new(durable));
        let inbox = Arc::new(Inbox::default());
        DropHandle {
            keys: DropKeys::new(&id),
            lane: Lane::start(store, id.clone(), Arc::clone(&progress), Arc::clone(&inbox)),
            inbox,
            untold: Untold::default(),
            id,
            progress,
            view: Mutex::new(None),
            sold_out: SoldOut::default(),
        }
    }

    fn current(&self) -> Option<Arc<DropView>> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the ledger showed last, without asking it; `None` before the first look.
    #[must_use]
    pub fn known_view(&self) -> Option<Arc<DropView>> {
        self.current()
    }

    /// The durable picture, from memory where there is one.
    ///
    /// # Errors
    /// [`LedgerError`] when it must be read and can't be.
    pub async fn view(&self, ledger: &Ledger) -> Result<Option<Arc<DropView>>, LedgerError> {
        match self.current() {
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
            let mut view = self.view.lock().unwrap_or_else(PoisonError::into_inner);
            // Something may have become durable while this was read: then read once more.
            if view.as_ref().is_none_or(|known| (known.epoch, known.seq) <= (read.epoch, read.seq))
            {
                let read = Arc::new(read);
                *view = Some(Arc::clone(&read));
                return Ok(Some(read));
            }
        }
        // The ledger is behind what was durable once; the write-behind finds that out too.
        Ok(self.current())
    }

    pub(super) fn forget_view(&self) {
        *self.view.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Notes counts that became durable, up to `seq`. Older ones are ignored.
    pub(super) fn apply(&self, epoch: i64, seq: i64, stock: &[SkuStock]) {
        let mut view = self.view.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = view.as_mut() else { return };
        if (epoch, seq) <= (known.epoch, known.seq) {
            return;
        }
        let known = Arc::make_mut(known);
        (known.epoch, known.seq) = (epoch, seq);
        for new in stock {
            if let Some(sku) = known.skus.iter_mut().find(|sku| sku.stock.sku == new.sku)
                && sku.stock.version < new.version
            {
                sku.stock = new.clone();
            }
        }
    }
}
