//! What Redis has just refused for want of stock, so that a storm on a SKU that is sold out is
//! turned away without asking again.
//!
//! A note is used only where the script could say nothing else: for a call of one line without a
//! key, on a drop that is open, has no limits (they are checked before the stock) and knows the
//! SKU, and only while this process shows the SKU as sold out too: nobody who sees units here is
//! refused without asking. It goes as soon as the ledger shows a later event of the SKU, with a new
//! epoch, and after [`TRUSTED_FOR`] at the latest. One call asks Redis again at half of that time,
//! which renews the note for all others: were it to run out, everybody would ask at once.

use std::{
    collections::HashMap,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use super::DropHandle;
use crate::{
    command::{Refusal, Reserve, Shortage},
    domain::{DropState, Millis, SkuId},
    progress::Position,
};

/// The longest time for which a note can be wrong without anybody noticing: news of a restock
/// through another engine may get lost.
const TRUSTED_FOR: Duration = Duration::from_millis(50);
/// The age at which one call asks Redis again.
const RENEWED_AT: Duration = Duration::from_millis(25);

#[derive(Debug)]
struct Note {
    epoch: i64,
    seq: i64,
    available: i64,
    since: Instant,
    /// Whether a call is on its way to renew it.
    renewing: AtomicBool,
}

impl Note {
    /// Whether the present call may rest on it, and need not be the one that renews it.
    fn is_trusted(&self) -> bool {
        let age = self.since.elapsed();
        let renewed = age < RENEWED_AT || self.renewing.swap(true, Ordering::Relaxed);
        renewed && age < TRUSTED_FOR
    }
}

/// The notes of one drop, by SKU.
#[derive(Debug, Default)]
pub(super) struct SoldOut(RwLock<HashMap<SkuId, Note>>);

impl SoldOut {
    /// Notes what a script answered at `position`.
    pub(super) fn note(&self, refusal: &Refusal, position: &Position) {
        let Refusal::SoldOut(short) = refusal else { return };
        let [Shortage { sku, available, .. }] = short.as_slice() else { return };
        let (epoch, seq) = (position.epoch, position.seq);
        let (since, renewing) = (Instant::now(), AtomicBool::new(false));
        let note = Note { epoch, seq, available: *available, since, renewing };
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(sku.clone(), note);
    }
}

impl DropHandle {
    /// The refusal that Redis would give now, if that is known.
    pub(super) fn known_sold_out(&self, reserve: &Reserve, now: Millis) -> Option<Refusal> {
        let [line] = reserve.lines.as_slice() else { return None };
        // Where a hold is due, Redis would free it first.
        let due = self.progress.until_deadline(now).is_some_and(|left| left.is_zero());
        if due || reserve.key.is_some() || self.progress.halted().is_some() {
            return None;
        }
        let notes = self.sold_out.0.read().unwrap_or_else(PoisonError::into_inner);
        let note = notes.get(&line.sku)?;
        let known = note.available < line.quantity;
        let view = self.known_view().filter(|view| known && view.epoch == note.epoch)?;
        let sku = view.skus.iter().find(|sku| sku.stock.sku == line.sku)?;
        let ttl_fits = reserve.ttl_seconds.is_none_or(|ttl| ttl <= view.settings.hold_ttl_seconds);
        let unlimited =
            view.settings.limit_per_customer.is_none() && sku.settings.limit_per_customer.is_none();
        let open = view.settings.state_at(now) == DropState::Open;
        let shown = sku.stock.stock.available < line.quantity && sku.stock.version <= note.seq;
        (ttl_fits && unlimited && open && shown && note.is_trusted()).then(|| {
            let (sku, requested) = (line.sku.clone(), line.quantity);
            Refusal::SoldOut(vec![Shortage { sku, requested, available: note.available }])
        })
    }
}
