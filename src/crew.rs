//! Whether the threads that answer clients have anything left to do.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{runtime::Builder, sync::Notify};

/// The threads that answer clients. While all of them are busy, calls that have come wait to be read:
/// whoever collects calls will get more, and where one has nothing to do there is none that waits.
#[derive(Clone, Debug)]
pub struct Crew(Arc<State>);

#[derive(Debug)]
struct State {
    /// How many have nothing to do.
    idle: AtomicUsize,
    rests: Notify,
}

impl Default for Crew {
    /// A crew of which nothing is known counts as idle.
    fn default() -> Crew {
        Crew(Arc::new(State { idle: AtomicUsize::new(1), rests: Notify::new() }))
    }
}

impl Crew {
    /// Looks at the threads of the runtime that is being built, instead of any before.
    pub fn watch(&self, runtime: &mut Builder) {
        self.0.idle.store(0, Ordering::Release);
        let (rests, goes_on) = (Arc::clone(&self.0), Arc::clone(&self.0));
        runtime.on_thread_park(move || {
            rests.idle.fetch_add(1, Ordering::AcqRel);
            rests.rests.notify_waiters();
        });
        runtime.on_thread_unpark(move || {
            goes_on.idle.fetch_sub(1, Ordering::AcqRel);
        });
    }

    /// Whether every thread has something to do.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.0.idle.load(Ordering::Acquire) == 0
    }

    /// Waits until a thread has nothing to do.
    pub async fn rests(&self) {
        let rests = self.0.rests.notified();
        tokio::pin!(rests);
        // Before the look, so that nothing is missed in between.
        rests.as_mut().enable();
        if self.is_busy() {
            rests.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use super::*;

    #[tokio::test]
    async fn a_crew_is_busy_while_none_of_its_threads_rests() {
        let crew = Crew::default();
        assert!(!crew.is_busy(), "nothing is known of it");
        crew.rests().await;
        let mut builder = Builder::new_multi_thread();
        crew.watch(builder.worker_threads(2));
        let runtime = builder.build().expect("a runtime");
        let work = || {
            let (done, wait) = mpsc::channel::<()>();
            let (begun, begins) = tokio::sync::oneshot::channel();
            runtime.spawn(async move {
                let _ = begun.send(());
                let _ = wait.recv();
            });
            (begins, done)
        };
        let patience = Duration::from_secs(60);
        tokio::time::timeout(patience, crew.rests()).await.expect("there is no work yet");
        let (begins, first) = work();
        begins.await.expect("it begins");
        tokio::time::timeout(patience, crew.rests()).await.expect("the other one has none");
        let (begins, second) = work();
        begins.await.expect("it begins");
        let busy = async {
            while !crew.is_busy() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(patience, busy).await.expect("both have work");
        let rests = tokio::spawn({
            let crew = crew.clone();
            async move { crew.rests().await }
        });
        drop(first);
        tokio::time::timeout(patience, rests).await.expect("the first is done").expect("it ends");
        drop(second);
        runtime.shutdown_background();
    }
}
