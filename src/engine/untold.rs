//! What was committed here and other engines have not been told yet.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use super::{DropHandle, DurableNews};
use crate::domain::DropId;

/// See the module. Whoever tells waits for `wake` and then takes what is there, until it is empty.
#[derive(Debug, Default)]
pub struct Untold {
    drops: Mutex<HashMap<DropId, Waiting>>,
    /// Woken by news.
    pub wake: Notify,
}

#[derive(Debug)]
struct Waiting {
    drop: Arc<DropHandle>,
    news: Option<DurableNews>,
    /// The (epoch, `seq`) up to which the journal may go, and when it is time for that.
    reached: (i64, i64),
    trim_at: Instant,
}

/// What is to be told of one drop.
#[derive(Debug)]
pub struct Telling {
    /// The drop.
    pub drop: Arc<DropHandle>,
    /// What became durable since it was last told.
    pub news: Option<DurableNews>,
    /// Up to which (epoch, `seq`) the journal is to go now.
    pub trim: Option<(i64, i64)>,
}

impl Untold {
    fn lock(&self) -> MutexGuard<'_, HashMap<DropId, Waiting>> {
        self.drops.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds news. The journal is trimmed within `trim_within`, however much follows.
    pub fn put(&self, drop: &Arc<DropHandle>, news: DurableNews, trim_within: Duration) {
        let reached = (news.epoch, news.last_seq());
        let mut drops = self.lock();
        if let Some(waiting) = drops.get_mut(&drop.id) {
            waiting.reached = reached;
            match &mut waiting.news {
                Some(known) => known.join(news),
                none @ None => *none = Some(news),
            }
        } else {
            let trim_at = Instant::now() + trim_within;
            let drop = Arc::clone(drop);
            drops.insert(drop.id.clone(), Waiting { drop, news: Some(news), reached, trim_at });
        }
        std::mem::drop(drops);
        self.wake.notify_one();
    }

    /// Whether there is nothing to tell, now or later.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Takes what is to be told at `now`, of at most `most` drops.
    #[must_use]
    pub fn take(&self, now: Instant, most: usize) -> Vec<Telling> {
        let mut drops = self.lock();
        let due = |waiting: &Waiting| waiting.news.is_some() || waiting.trim_at <= now;
        let told: Vec<Telling> = drops
            .values_mut()
            .filter(|waiting| due(waiting))
            .take(most)
            .map(|waiting| Telling {
                drop: Arc::clone(&waiting.drop),
                news: waiting.news.take(),
                trim: (waiting.trim_at <= now).then_some(waiting.reached),
            })
            .collect();
        for telling in told.iter().filter(|telling| telling.trim.is_some()) {
            drops.remove(&telling.drop.id);
        }
        told
    }
}
