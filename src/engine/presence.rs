//! This engine among others: which protocol it speaks, and what it does when one is alive with which
//! it can't share drops.

use super::Engine;
use crate::{
    ledger::{LedgerError, Stranger},
    progress::Halt,
    store::protocol,
};

impl Engine {
    /// Says that this engine is alive; the other one if there is one with which it can't share drops,
    /// and then this one is not in.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn announce(&self) -> Result<Option<Stranger>, LedgerError> {
        self.ledger.announce(&self.name, protocol()).await
    }

    /// Says that this engine is gone.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn retire(&self) -> Result<(), LedgerError> {
        self.ledger.retire(&self.name).await
    }

    /// Stops everything because another engine has taken over while this one was not heard of.
    pub fn step_aside(&self, stranger: &Stranger) {
        let Stranger { name, .. } = stranger;
        tracing::error!(%stranger, other = name, "this engine was not heard of for too long, and \
            another one has taken over with which it can't share drops: it stops");
        for drop in self.known_drops() {
            drop.halt(Some(Halt::Newer(stranger.to_string())));
        }
        self.displaced.cancel();
    }

    /// Comes back when this engine has stepped aside.
    pub async fn stepped_aside(&self) {
        self.displaced.cancelled().await;
    }

    /// Whether this engine has stepped aside.
    #[must_use]
    pub fn has_stepped_aside(&self) -> bool {
        self.displaced.is_cancelled()
    }
}
