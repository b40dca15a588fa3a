//! A call that nobody can cut off.

use std::{
    any::Any,
    panic::AssertUnwindSafe,
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::future::{CatchUnwind, FutureExt as _};
use tokio::runtime::Handle;

use crate::caller::Caller;

type Call<F> = Pin<Box<CatchUnwind<AssertUnwindSafe<F>>>>;

/// A call that goes on in a task of its own when whoever waits for it goes away, so that it is
/// never cut off between its steps. Most are waited for to their end, and need no task.
pub(super) struct Carried<F: Future<Output: Send> + Send + 'static>(Option<Call<F>>);

impl<F: Future<Output: Send> + Send + 'static> Carried<F> {
    pub(super) fn new(call: F) -> Carried<F> {
        // A panic must reach the caller as an answer, and must not be carried on.
        Carried(Some(Box::pin(AssertUnwindSafe(call).catch_unwind())))
    }
}

impl<F: Future<Output: Send> + Send + 'static> Future for Carried<F> {
    /// An error is what the call panicked with.
    type Output = Result<F::Output, Box<dyn Any + Send>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(call) = self.0.as_mut() else { return Poll::Pending };
        let ended = call.as_mut().poll(context);
        if ended.is_ready() {
            self.0 = None;
        }
        ended
    }
}

impl<F: Future<Output: Send> + Send + 'static> Drop for Carried<F> {
    fn drop(&mut self) {
        // Without a runtime the process is ending, and every task with it.
        if let (Some(call), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            // What it logs from now on is still said on behalf of the call.
            match Caller::current() {
                Some(caller) => drop(runtime.spawn(caller.runs(call))),
                None => drop(runtime.spawn(call)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{sync::oneshot, time::timeout};

    use super::*;

    #[tokio::test]
    async fn a_call_that_is_left_goes_on() {
        let (enter, entered) = oneshot::channel();
        let (go_on, told) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let call = Carried::new(async move {
            enter.send(()).expect("somebody waits");
            told.await.expect("told");
            end.send(()).expect("somebody waits");
        });
        assert!(timeout(Duration::ZERO, call).await.is_err());
        entered.await.expect("it has begun");
        go_on.send(()).expect("it goes on");
        ended.await.expect("it ends");
    }

    #[tokio::test]
    async fn a_call_that_nobody_began_to_wait_for_runs_too() {
        let (end, ended) = oneshot::channel();
        drop(Carried::new(async move { end.send(()).expect("somebody waits") }));
        ended.await.expect("it ends");
    }

    #[tokio::test]
    async fn a_panic_is_told_and_ends_the_call() {
        let call = Carried::new(async {
            tokio::task::yield_now().await;
            panic!("as the test wants it");
        });
        let panicked: Result<(), _> = call.await;
        assert!(panicked.is_err());
    }

    #[tokio::test]
    async fn an_ended_call_is_left_behind() {
        let mut call = Carried::new(async { 7 });
        assert_eq!((&mut call).await.expect("no panic"), 7);
        assert!(call.0.is_none());
    }
}
