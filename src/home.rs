//! Where the engine's own work is done: on a runtime of its own, apart from the one that answers
//! clients.
//!
//! What a script or a commit has come to is then seen at once, and the next is sent, instead of
//! behind all the calls that are ready to go on: Redis and Postgres would be idle meanwhile.
//! Connections stay with that runtime whoever opens them, for it is the runtime that opens one which
//! looks at it.

use std::future::Future;

use tokio::{runtime::Handle, task::JoinHandle};
use tokio_util::context::TokioContext;

/// The runtime of the engine's own work.
#[derive(Clone, Debug)]
pub(crate) struct Home(Handle);

impl Home {
    /// The runtime of whoever asks.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub(crate) fn here() -> Home {
        Home(Handle::current())
    }

    /// Has a task of the engine done there.
    pub(crate) fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.0.spawn(task)
    }

    /// What `work` opens, and the tasks that it starts, stay there. It goes on wherever it is asked.
    pub(crate) fn opens<F: Future>(&self, work: F) -> TokioContext<F> {
        TokioContext::new(work, self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_opened_elsewhere_stays_at_home() {
        let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).build();
        let (one, other) = (runtime().expect("a runtime"), runtime().expect("a runtime"));
        let home = one.block_on(async { Home::here() });
        let id = || async { Handle::current().id() };
        let found = other.block_on(home.opens(async { (tokio::spawn(id()).await, id().await) }));
        assert_eq!((found.0.expect("it ends"), found.1), (one.handle().id(), one.handle().id()));
        let spawned = other.block_on(home.spawn(id())).expect("it ends");
        assert_eq!(spawned, one.handle().id());
        assert_ne!(other.block_on(id()), spawned);
    }
}
