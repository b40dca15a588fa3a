//! The harness: real servers, two real engines, a drop for each test, and an oracle that
//! looks at the books when a test is over.

mod call;
mod engine;
mod oracle;
mod sale;
mod world;

pub(crate) use call::{Call, Reply};
pub(crate) use engine::EngineProcess;
pub(crate) use sale::{Counts, Sale, lines};
pub(crate) use world::{ADMIN_KEY, STOREFRONT_KEY, World};

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How long something that has to happen may take before a test gives up on it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Looks again and again until `look` finds what it looks for.
pub(crate) async fn eventually<T, F>(what: &str, look: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    within(PATIENCE, what, look).await
}

/// Looks again and again until `look` finds what it looks for, for at most so long.
pub(crate) async fn within<T, F>(limit: Duration, what: &str, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {limit:?} in vain: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}
