//! The live feed of a drop: its stock as it changes, and for whoever has its token, a reservation.
//!
//! What is sent is always what stands now, never a queue of what was: a client that reads slowly,
//! or comes back, gets the newest state of all that has changed since. `follower` decides what a
//! client is due, `sse` and `ws` carry it.

mod follower;
mod sse;
mod ws;

pub(super) use sse::events;

use std::sync::{Arc, Once};

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::get;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Api;
use super::problem::{Code, Problem, Refused};
use super::query::Query;
use super::storefront::parsed;
use crate::domain::{DropId, ReservationId, WatchKey};
use crate::engine::{CallError, Effect};
use crate::measure;
use follower::{Follower, Mark};

/// The most reservations that one stream follows.
const MOST_WATCHED: usize = 20;

/// From so many streams on the process' memory comes in small pages.
const MANY: u32 = 100;

/// What all streams of this process share.
pub(super) struct Live {
    pub(super) key: WatchKey,
    places: Arc<Semaphore>,
    most: usize,
}

impl Live {
    /// At most `streams` at a time; tokens by `key`.
    pub(super) fn new(key: WatchKey, streams: usize) -> Live {
        Live { key, places: Arc::new(Semaphore::new(streams)), most: streams }
    }

    /// Streams that are open.
    fn open(&self) -> u32 {
        let open = self.most.saturating_sub(self.places.available_permits());
        u32::try_from(open).unwrap_or(u32::MAX)
    }
}

/// The feed by WebSocket, which no description of an HTTP API has words for.
pub(super) fn sockets() -> Router<Arc<Api>> {
    Router::new().route("/v1/drops/{drop}/ws", get(ws::socket))
}

/// The place of a stream among those that there may be.
struct Place {
    _permit: OwnedSemaphorePermit,
}

impl Place {
    fn new(permit: OwnedSemaphorePermit) -> Place {
        measure::STREAMS.increment(1.0);
        Place { _permit: permit }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        measure::STREAMS.decrement(1.0);
    }
}

/// Begins to follow a drop for a client that has seen it up to `last`, if it says so.
async fn follow(
    api: &Arc<Api>,
    drop: &DropId,
    mut query: Query,
    headers: &HeaderMap,
) -> Result<Follower, Problem> {
    let tokens: Option<String> = query.optional("watch", |text| Ok(text.to_owned()));
    let asked: Option<Mark> = query.optional("last_event_id", parsed);
    query.finish()?;
    // What can't be read was not sent by this API: the client then gets everything.
    let repeated = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let tokens = tokens.as_deref().map(|all| all.split(',').collect()).unwrap_or_default();
    let watched = read_tokens(api, drop, tokens)?;
    if api.stop.is_cancelled() {
        return Err(unavailable("The process is stopping: connect again."));
    }
    let Ok(permit) = Arc::clone(&api.live.places).try_acquire_owned() else {
        return Err(unavailable("Too many live streams. Read the drop now and then instead."));
    };
    if api.live.open() >= MANY {
        use_small_pages();
    }
    let begin = Follower::begin(api, drop, watched, repeated.or(asked), Place::new(permit));
    api.read(begin).await.map_err(|error: CallError| Refused::Call.problem(error))
}

/// A connection has two buffers of 8 KB of which a stream fills little. The allocator asks for huge
/// pages, in which all of both would be resident: 25 KB a stream, against 17 without. A process that has
/// few streams keeps them: under a storm of holds they save some 5 % of its time.
fn use_small_pages() {
    static ONCE: Once = Once::new();
    #[cfg(target_os = "linux")]
    ONCE.call_once(|| {
        if let Err(error) = nix::sys::prctl::set_thp_disable(true) {
            tracing::debug!(%error, "streams take more memory: huge pages stay on");
        }
    });
}

/// The reservations that tokens are for.
fn read_tokens(api: &Api, drop: &DropId, tokens: Vec<&str>) -> Result<Vec<ReservationId>, Problem> {
    if tokens.len() > MOST_WATCHED {
        let most = format!("must be at most {MOST_WATCHED} tokens with commas between");
        return Err(Problem::invalid_field("/query/watch", most));
    }
    let read = |token| {
        let detail = "Use the `watch_token` that came with a reservation of this drop.";
        api.live.key.read(drop, token).ok_or_else(|| Problem::new(Code::Forbidden, detail))
    };
    tokens.into_iter().map(read).collect()
}

fn unavailable(detail: &'static str) -> Problem {
    Problem::unavailable(Effect::None).because(detail)
}
