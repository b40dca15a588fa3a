//! What waits for its turn: whoever takes it out is woken only once there is enough.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

/// A queue for `most` items.
#[must_use]
pub fn queue<T>(most: usize) -> (Entrance<T>, Queue<T>) {
    let state = State { waiting: VecDeque::new(), wanted: 0, closed: false };
    let shared = Arc::new(Shared { state: Mutex::new(state), most, enough: Notify::new() });
    (Entrance(Arc::clone(&shared)), Queue(shared))
}

/// Where items are put in.
#[derive(Debug)]
pub struct Entrance<T>(Arc<Shared<T>>);

/// Where they are taken out. What is in it goes with it.
#[derive(Debug)]
pub struct Queue<T>(Arc<Shared<T>>);

#[derive(Debug)]
struct Shared<T> {
    state: Mutex<State<T>>,
    most: usize,
    enough: Notify,
}

#[derive(Debug)]
struct State<T> {
    waiting: VecDeque<T>,
    /// How many items whoever takes them waits for; 0 while nobody does.
    wanted: usize,
    /// Whether one of the two ends is gone.
    closed: bool,
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Entrance<T> {
    /// Puts an item at the end.
    ///
    /// # Errors
    /// The item, when the queue is full or nobody takes anything out any more.
    pub fn put(&self, item: T) -> Result<(), T> {
        let mut state = self.0.lock();
        if state.closed || state.waiting.len() >= self.0.most {
            return Err(item);
        }
        state.waiting.push_back(item);
        let enough = state.wanted > 0 && state.waiting.len() >= state.wanted;
        if enough {
            state.wanted = 0;
        }
        drop(state);
        if enough {
            self.0.enough.notify_one();
        }
        Ok(())
    }
}

impl<T> Drop for Entrance<T> {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.enough.notify_one();
    }
}

impl<T> Queue<T> {
    /// Waits until so many items are there. False when there are fewer and the entrance is gone.
    pub async fn reaches(&mut self, count: usize) -> bool {
        loop {
            {
                let mut state = self.0.lock();
                if state.waiting.len() >= count {
                    return true;
                }
                if state.closed {
                    return false;
                }
                state.wanted = count;
            }
            // Whoever gave up waiting may have left word: that is why it is looked at again.
            self.0.enough.notified().await;
        }
    }

    /// Takes `most` items or all that are there.
    #[must_use]
    pub fn take(&mut self, most: usize) -> Vec<T> {
        let mut state = self.0.lock();
        let count = most.min(state.waiting.len());
        state.waiting.drain(..count).collect()
    }
}

impl<T> Drop for Queue<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.closed = true;
        let left = std::mem::take(&mut state.waiting);
        drop(state);
        drop(left);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn whoever_takes_is_woken_once_enough_is_there() {
        let (entrance, mut queue) = queue(10);
        let waits = tokio::spawn(async move {
            assert!(queue.reaches(3).await);
            queue.take(2)
        });
        for item in 0..2 {
            tokio::task::yield_now().await;
            entrance.put(item).expect("room");
            assert!(!waits.is_finished());
        }
        entrance.put(2).expect("room");
        assert_eq!(waits.await.expect("a task"), [0, 1]);
        assert_eq!(entrance.put(3), Err(3), "nobody takes it any more");
    }

    #[tokio::test]
    async fn who_gave_up_waiting_for_many_waits_for_one() {
        let (entrance, mut queue) = queue(10);
        assert_eq!(queue.reaches(2).now_or_never(), None);
        entrance.put('a').expect("room");
        assert!(queue.reaches(1).await);
        assert_eq!(queue.take(9), ['a']);
        assert_eq!(queue.reaches(2).now_or_never(), None);
        entrance.put('b').expect("room");
        entrance.put('c').expect("room");
        assert_eq!(queue.take(9), ['b', 'c']);
        // The word that was left for the two that were wanted wakes nobody for nothing.
        assert_eq!(queue.reaches(1).now_or_never(), None);
        entrance.put('d').expect("room");
        assert!(queue.reaches(1).await);
    }

    #[tokio::test]
    async fn a_full_queue_takes_nothing_and_one_without_an_entrance_ends() {
        let (entrance, mut queue) = queue(1);
        entrance.put('a').expect("room");
        assert_eq!(entrance.put('b'), Err('b'));
        assert_eq!(queue.reaches(2).now_or_never(), None);
        drop(entrance);
        assert!(!queue.reaches(2).await, "one is less than two");
        assert!(queue.reaches(1).await);
        assert_eq!(queue.take(9), ['a']);
    }
}
