//! The reservations of a drop that somebody watches in this process, and what they are told.
//!
//! Nobody pushes a reservation to its watchers: whenever something became durable, those that are
//! watched are looked for in what the ledger gained. So watchers hear what the ledger says, in its
//! order, whichever process wrote it, and a drop that nobody watches costs nothing.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Notify, watch};
use uuid::Uuid;

use super::{CallError, DropHandle, Engine, admin::unavailable};
use crate::{
    domain::{ReservationId, SECRET_BYTES, WatchKey},
    ledger::{LedgerError, ReservationVersion},
};

type Told = Option<Arc<ReservationVersion>>;

/// Those that are watched, and up to which `seq` the ledger was searched for them.
#[derive(Debug, Default)]
struct Watched {
    tell: HashMap<ReservationId, watch::Sender<Told>>,
    searched: i64,
}

/// The watched reservations of one drop.
#[derive(Debug, Default)]
pub(super) struct Followed {
    watched: Mutex<Watched>,
    /// Woken by the first that is watched.
    begun: Notify,
}

/// One watcher's view of a reservation.
#[derive(Debug)]
pub struct Following {
    /// Which one.
    pub id: ReservationId,
    first: Told,
    news: watch::Receiver<Told>,
}

impl Following {
    /// The newest that is known; `None` while the ledger doesn't have the reservation.
    pub fn latest(&mut self) -> Told {
        let news = self.news.borrow_and_update().clone();
        let version = |told: &Told| told.as_ref().map(|told| told.version);
        if version(&news) > version(&self.first) { news } else { self.first.clone() }
    }

    /// Waits for news; `false` when there will be none any more.
    pub async fn changed(&mut self) -> bool {
        self.news.changed().await.is_ok()
    }
}

impl Followed {
    fn lock(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to watch a reservation of a drop that is durable up to `durable`.
    fn watch(&self, id: ReservationId, durable: i64) -> watch::Receiver<Told> {
        let mut watched = self.lock();
        watched.tell.retain(|_, tell| tell.receiver_count() > 0);
        if watched.tell.is_empty() {
            watched.searched = durable;
            self.begun.notify_one();
        }
        let tell = watched.tell.entry(id).or_insert_with(|| watch::Sender::new(None));
        tell.subscribe()
    }

    /// The ids to look for, and behind which `seq`, now that the drop is durable up to `durable`;
    /// `None` when there is nothing to look for.
    fn due(&self, durable: i64) -> Option<(Vec<Uuid>, i64)> {
        let mut watched = self.lock();
        if durable < watched.searched {
            // The ledger has gone back in time: whoever watches begins anew.
            watched.tell.clear();
        }
        watched.tell.retain(|_, tell| tell.receiver_count() > 0);
        let due = !watched.tell.is_empty() && durable > watched.searched;
        due.then(|| (watched.tell.keys().map(|id| id.uuid()).collect(), watched.searched))
    }

    /// Tells what was found up to `upto`.
    fn tell(&self, found: Vec<ReservationVersion>, upto: i64) {
        let mut watched = self.lock();
        watched.searched = upto;
        for version in found {
            if let Some(tell) = watched.tell.get(&version.reservation.id) {
                tell.send_replace(Some(Arc::new(version)));
            }
        }
    }
}

impl DropHandle {
    /// Waits until some reservation of the drop is watched.
    pub async fn is_watched(&self) {
        while self.followed.lock().tell.is_empty() {
            self.followed.begun.notified().await;
        }
    }
}

impl Engine {
    /// Looks for what happened to the watched reservations of a drop, and tells their watchers.
    ///
    /// # Errors
    /// [`LedgerError`]; the next look finds it.
    pub async fn tell_watchers(&self, drop: &DropHandle) -> Result<(), LedgerError> {
        let durable = drop.progress.durable().seq;
        let Some((ids, after)) = drop.followed.due(durable) else { return Ok(()) };
        let found = self.ledger.changed_reservations(&drop.id, (after, durable), &ids).await?;
        drop.followed.tell(found, durable);
        Ok(())
    }

    /// Begins to watch a reservation.
    ///
    /// # Errors
    /// [`CallError::Unavailable`].
    pub async fn follow(
        &self,
        drop: &DropHandle,
        id: ReservationId,
    ) -> Result<Following, CallError> {
        // First the news, then the ledger: nothing can happen in between unnoticed.
        let news = drop.followed.watch(id, drop.progress.durable().seq);
        let first = self.ledger.reservation_version(&drop.id, id).await;
        let first = first.map_err(unavailable)?.map(Arc::new);
        Ok(Following { id, first, news })
    }

    /// What tokens for watching are made with: the same in every process.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn watch_key(&self) -> Result<WatchKey, LedgerError> {
        let new: [u8; SECRET_BYTES] = rand::random();
        Ok(WatchKey::new(&self.ledger.secret("watch", new).await?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Line, Millis, Reservation, ReservationState};

    fn version(id: ReservationId, version: i64) -> ReservationVersion {
        let line = Line { sku: "a".parse().expect("an id"), quantity: 1 };
        let reservation = Reservation {
            id,
            drop: "summer".parse().expect("an id"),
            customer_id: "c".parse().expect("an id"),
            state: ReservationState::Held,
            lines: vec![line],
            order_id: None,
            created_at: Millis(1),
            expires_at: Millis(2),
        };
        ReservationVersion { reservation, version }
    }

    #[test]
    fn only_what_is_watched_is_looked_for_and_only_once() {
        let followed = Followed::default();
        assert_eq!(followed.due(9), None);
        let id = ReservationId::generate();
        let news = followed.watch(id, 9);
        assert_eq!(followed.due(9), None);
        assert_eq!(followed.due(12), Some((vec![id.uuid()], 9)));
        followed.tell(vec![version(id, 11), version(ReservationId::generate(), 12)], 12);
        assert_eq!(followed.due(12), None);
        let mut following = Following { id, first: Some(Arc::new(version(id, 3))), news };
        assert_eq!(following.latest().map(|told| told.version), Some(11));
        drop(following);
        assert_eq!(followed.due(20), None);
    }

    #[test]
    fn what_was_read_last_is_not_taken_back_by_older_news() {
        let followed = Followed::default();
        let id = ReservationId::generate();
        let news = followed.watch(id, 0);
        let mut following = Following { id, first: Some(Arc::new(version(id, 5))), news };
        followed.tell(vec![version(id, 4)], 4);
        assert_eq!(following.latest().map(|told| told.version), Some(5));
    }

    #[tokio::test]
    async fn watchers_of_a_ledger_that_has_gone_back_begin_anew() {
        let followed = Followed::default();
        let id = ReservationId::generate();
        let news = followed.watch(id, 9);
        assert_eq!(followed.due(8), None);
        assert!(!Following { id, first: None, news }.changed().await);
    }
}
