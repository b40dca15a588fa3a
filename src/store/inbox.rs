//! What a lane reads of the journal along with its calls, for the write-behind of the same process.
//!
//! It saves the write-behind a round trip of its own, and rests on nothing: what is lost here is
//! still in the journal, and what comes twice is noticed by its `seq`.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::RawEntries;

/// So many readings are kept for a write-behind that is busy.
const MOST: usize = 64;

/// See the module.
#[derive(Debug, Default)]
pub struct Inbox(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    wanted: bool,
    read: Vec<RawEntries>,
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says whether this process is the one that writes; otherwise nothing is read for it.
    pub fn want(&self, wanted: bool) {
        let mut state = self.lock();
        state.wanted = wanted;
        if !wanted {
            state.read.clear();
        }
    }

    /// Whether anybody wants to know.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.lock().wanted
    }

    /// Hands over what was read. If too much waits already, none of it is worth keeping: whoever
    /// comes to it reads the journal itself.
    pub fn put(&self, read: RawEntries) {
        let mut state = self.lock();
        if state.read.len() >= MOST {
            state.read.clear();
        } else if state.wanted {
            state.read.push(read);
        }
    }

    /// Takes everything, in order.
    pub fn take(&self) -> Vec<RawEntries> {
        std::mem::take(&mut self.lock().read)
    }
}
