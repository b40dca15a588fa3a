//! Which drops a sink is to be told of next: each by one turn at a time, those that failed not
//! before their time.

use std::collections::{HashMap, HashSet, VecDeque};

use tokio::time::Instant;

use crate::{domain::DropId, engine::Engine};

/// The drops of one sink that wait for a turn.
#[derive(Debug, Default)]
pub(super) struct Queue {
    due: VecDeque<DropId>,
    /// Those in `due`.
    queued: HashSet<DropId>,
    /// Those that have a turn now, and whether something came for them meanwhile.
    busy: HashMap<DropId, bool>,
    /// Those that failed, until when.
    waiting: HashMap<DropId, Instant>,
}

impl Queue {
    /// There is something for a drop.
    pub(super) fn push(&mut self, drop: DropId) {
        if let Some(again) = self.busy.get_mut(&drop) {
            *again = true;
        } else if !self.waiting.contains_key(&drop) && self.queued.insert(drop.clone()) {
            self.due.push_back(drop);
        }
    }

    /// A drop that failed is due at `at`.
    pub(super) fn push_at(&mut self, drop: DropId, at: Instant) {
        if !self.queued.contains(&drop) && !self.busy.contains_key(&drop) {
            self.waiting.insert(drop, at);
        }
    }

    /// The next drop whose turn it is; it has one from now on.
    pub(super) fn next(&mut self, now: Instant) -> Option<DropId> {
        let ripe: Vec<DropId> = self
            .waiting
            .iter()
            .filter(|(_, at)| **at <= now)
            .map(|(drop, _)| drop.clone())
            .collect();
        for drop in ripe {
            self.waiting.remove(&drop);
            self.push(drop);
        }
        let drop = self.due.pop_front()?;
        self.queued.remove(&drop);
        self.busy.insert(drop.clone(), false);
        Some(drop)
    }

    /// A turn is over: what comes next for its drop.
    pub(super) fn ended(&mut self, drop: DropId, next: Next) {
        let again = self.busy.remove(&drop).unwrap_or_default();
        match next {
            Next::At(at) => self.push_at(drop, at),
            Next::More => self.push(drop),
            Next::Nothing if again => self.push(drop),
            Next::Nothing => {}
        }
    }

    /// When the next drop that failed is due.
    pub(super) fn next_at(&self) -> Option<Instant> {
        self.waiting.values().min().copied()
    }

    /// Forgets what was heard before a look at the ledger: that says more, and newer things.
    pub(super) fn begin_look(&mut self) {
        self.waiting.clear();
    }
}

/// What comes next for a drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing until something happens.
    Nothing,
    /// There is more.
    More,
    /// The same again, then.
    At(Instant),
}

/// How far drops were when somebody last asked which of them have moved.
#[derive(Debug)]
pub(super) struct Moved {
    seen: HashMap<DropId, i64>,
}

impl Moved {
    /// As they are now.
    pub(super) fn now(engine: &Engine) -> Moved {
        let mut moved = Moved { seen: HashMap::new() };
        moved.since(engine);
        moved
    }

    /// The drops of this process that have moved since the last time.
    pub(super) fn since(&mut self, engine: &Engine) -> Vec<DropId> {
        let mut moved = Vec::new();
        for drop in engine.known_drops() {
            let seq = drop.progress.durable().seq;
            if self.seen.insert(drop.id.clone(), seq) != Some(seq) {
                moved.push(drop.id.clone());
            }
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn id(text: &str) -> DropId {
        text.parse().expect("an id")
    }

    #[test]
    fn a_drop_has_one_turn_at_a_time() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.push(id("a"));
        queue.push(id("a"));
        queue.push(id("b"));
        assert_eq!(queue.next(now), Some(id("a")));
        queue.push(id("a"));
        assert_eq!((queue.next(now), queue.next(now)), (Some(id("b")), None));
        // What came during a turn is not lost.
        queue.ended(id("a"), Next::Nothing);
        assert_eq!(queue.next(now), Some(id("a")));
        queue.ended(id("a"), Next::Nothing);
        queue.ended(id("b"), Next::More);
        assert_eq!((queue.next(now), queue.next(now)), (Some(id("b")), None));
    }

    #[test]
    fn what_failed_waits_and_holds_up_no_other() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        let later = now + Duration::from_secs(5);
        queue.push(id("a"));
        assert_eq!(queue.next(now), Some(id("a")));
        queue.ended(id("a"), Next::At(later));
        queue.push(id("a"));
        queue.push(id("b"));
        assert_eq!((queue.next(now), queue.next(now)), (Some(id("b")), None));
        assert_eq!(queue.next_at(), Some(later));
        assert_eq!((queue.next(later), queue.next(later)), (Some(id("a")), None));
    }
}
