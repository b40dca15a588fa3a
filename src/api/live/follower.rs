//! What one client is due, and when.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::select_all;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::super::Api;
use super::super::view::{LiveDrop, PublicSkuLine, ReservationView};
use super::Place;
use crate::domain::{
    DropId, DropView, Millis, Reservation, ReservationId, ReservationState, WatchKey,
};
use crate::engine::{CallError, DropHandle, Following};
use crate::measure;

/// Between two looks for one client: no SKU is told of more often.
const EVERY: Duration = Duration::from_millis(100);
/// So much longer for each stream of the process, up to a second: many watchers of a storm must
/// leave it room to sell. That a SKU is sold out, or can be had again, waits for none of this.
const EACH: Duration = Duration::from_micros(150);
const SLOWEST: Duration = Duration::from_secs(1);
/// Clients that were told of something together are spread over this part of the time after.
const SPREAD: f64 = 0.25;
/// Before the picture is asked for again when it could not be had.
const AGAIN: Duration = Duration::from_secs(1);
/// The longest sleep; longer ones are made of several.
const LONGEST: Duration = Duration::from_secs(3600);

/// How much of a drop a client has: everything up to this (epoch, `seq`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark {
    epoch: i64,
    seq: i64,
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.seq)
    }
}

impl FromStr for Mark {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Mark, &'static str> {
        let read = |text: &str| {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse::<i64>().ok()).flatten()
        };
        let mark = text
            .split_once('-')
            .and_then(|(epoch, seq)| Some(Mark { epoch: read(epoch)?, seq: read(seq)? }));
        mark.ok_or("an event's id is two numbers with a hyphen between")
    }
}

impl Mark {
    fn of(view: &DropView) -> Mark {
        Mark { epoch: view.epoch, seq: view.seq }
    }

    /// What a client that has this can still be told in order, by a process that shows `shown`:
    /// nothing of it belongs to a history that the ledger has given up.
    fn within(self, shown: Mark) -> Mark {
        let given_up = self.epoch < shown.epoch && self.seq > shown.seq;
        if given_up { Mark::default() } else { self }
    }
}

/// One message.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) event: &'static str,
    /// JSON.
    pub(super) data: String,
    /// Up to where a client has the drop's stock that has this and everything before it.
    pub(super) id: Option<Mark>,
}

/// A hold's end comes near.
#[derive(Serialize)]
struct ExpiringSoon<'a> {
    id: ReservationId,
    drop: &'a DropId,
    expires_at: Millis,
    seconds_left: i64,
}

/// A reservation that a client watches.
struct Watched {
    following: Following,
    /// The version that it was told last.
    told: i64,
    /// The deadline that it was warned of last, and how long before.
    warned: Option<(Millis, i64)>,
}

/// One client's place in the feed.
pub(super) struct Follower {
    api: Arc<Api>,
    drop: Arc<DropHandle>,
    changes: watch::Receiver<()>,
    turns: watch::Receiver<()>,
    has: Mark,
    /// The `drop` message that it was told last.
    told: String,
    watched: Vec<Watched>,
    ready: VecDeque<Message>,
    /// When news may be told, and when those that can't wait.
    not_before: Instant,
    urgent_not_before: Instant,
    _place: Place,
}

impl Follower {
    /// Follows a drop from what `last` says on.
    pub(super) async fn begin(
        api: &Arc<Api>,
        id: &DropId,
        reservations: Vec<ReservationId>,
        last: Option<Mark>,
        place: Place,
    ) -> Result<Follower, CallError> {
        let drop = api.engine.find(id).await?;
        let (changes, turns) = (drop.changes(), drop.turns());
        let view = api.engine.drop_view(id).await?;
        let mut has = last.unwrap_or_default();
        if has > Mark::of(&view) {
            // This process is behind, or the id is of another ledger: only the ledger can say.
            let view = api.engine.drop_now(id).await?;
            has = if has <= Mark::of(&view) { has } else { Mark::default() };
        }
        let mut watched = Vec::new();
        for reservation in reservations {
            let following = api.engine.follow(&drop, reservation).await?;
            watched.push(Watched { following, told: -1, warned: None });
        }
        Ok(Follower {
            api: Arc::clone(api),
            drop,
            changes,
            turns,
            has,
            told: String::new(),
            watched,
            ready: VecDeque::new(),
            not_before: Instant::now(),
            urgent_not_before: Instant::now(),
            _place: place,
        })
    }

    /// The next message; `None` when the stream is over and the client has to come back. May be
    /// given up at any point and asked again.
    pub(super) async fn next(&mut self) -> Option<Message> {
        let stop = self.api.stop.clone();
        tokio::select! {
            message = self.wait() => message,
            () = stop.cancelled() => None,
        }
    }

    async fn wait(&mut self) -> Option<Message> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                measure::STREAM_MESSAGES.increment(1);
                return Some(message);
            }
            self.await_turn().await;
            self.changes.mark_unchanged();
            self.turns.mark_unchanged();
            let now = self.api.engine.now();
            let view = self.drop.known_view();
            let timer = match &view {
                // Whoever asks has it read again; meanwhile nothing is known.
                None => match self.api.engine.drop_view(&self.drop.id).await {
                    Ok(_) => Duration::ZERO,
                    Err(CallError::UnknownDrop) => return None,
                    Err(_) => AGAIN,
                },
                Some(view) => self.gather(view, now),
            };
            if !self.ready.is_empty() {
                let pause = EVERY.max(SLOWEST.min(EACH * self.api.live.open()));
                let (now, spread) = (Instant::now(), 1.0 + SPREAD * rand::random::<f64>());
                self.not_before = now + pause.mul_f64(spread);
                self.urgent_not_before = now + EVERY;
                continue;
            }
            let goes_on = tokio::select! {
                changed = self.changes.changed() => changed.is_ok(),
                changed = changed(&mut self.watched) => changed,
                () = sleep(timer) => true,
            };
            if !goes_on {
                return None;
            }
        }
    }

    /// Waits until the client may be told something again.
    async fn await_turn(&mut self) {
        sleep_until(self.urgent_not_before).await;
        tokio::select! {
            () = sleep_until(self.not_before) => {},
            _ = self.turns.changed() => {},
            _ = changed(&mut self.watched) => {},
        }
    }

    /// Gets everything ready that the client is due `now`. How long until time alone changes
    /// something.
    fn gather(&mut self, view: &DropView, now: Millis) -> Duration {
        let state = json(&LiveDrop::of(view, now));
        if state != self.told {
            self.told.clone_from(&state);
            self.ready.push_back(Message { event: "drop", data: state, id: None });
        }
        let shown = Mark::of(view);
        self.has = self.has.within(shown);
        if shown > self.has {
            for sku in view.skus.iter().filter(|sku| sku.stock.version > self.has.seq) {
                let data = json(&PublicSkuLine::of(sku));
                self.ready.push_back(Message { event: "stock", data, id: None });
            }
            self.has = shown;
        }
        // Only the last: a client that misses one of them is to get it when it comes back.
        if let Some(last) = self.ready.back_mut() {
            last.id = Some(self.has);
        }
        let change = view.settings.next_change(now);
        let warnings = &view.settings.expiring_soon_seconds;
        let (each, key) = (self.watched.iter_mut(), &self.api.live.key);
        let warning = each.filter_map(|one| one.gather(warnings, key, now, &mut self.ready)).min();
        let next = [change, warning].into_iter().flatten().min();
        next.map_or(LONGEST, |at| {
            let left = u64::try_from(at.since(now)).unwrap_or(0);
            Duration::from_millis(left).min(LONGEST)
        })
    }
}

/// Waits for news of one of them; `false` when there will be none any more.
async fn changed(watched: &mut [Watched]) -> bool {
    if watched.is_empty() {
        return std::future::pending().await;
    }
    select_all(watched.iter_mut().map(|one| Box::pin(one.following.changed()))).await.0
}

impl Watched {
    /// The same for the reservation; when the next warning is due.
    fn gather(
        &mut self,
        warnings: &[i64],
        key: &WatchKey,
        now: Millis,
        ready: &mut VecDeque<Message>,
    ) -> Option<Millis> {
        let latest = self.following.latest()?;
        let reservation = &latest.reservation;
        if latest.version > self.told {
            self.told = latest.version;
            let view = ReservationView::of(reservation.clone(), key);
            ready.push_back(Message { event: "reservation", data: json(&view), id: None });
        }
        if reservation.state != ReservationState::Held {
            return None;
        }
        let Reservation { id, drop, expires_at, .. } = reservation;
        let warned = self.warned.filter(|(of, _)| of == expires_at).map(|(_, before)| before);
        let left_ms = expires_at.since(now);
        let open = || warnings.iter().copied().filter(|before| warned.is_none_or(|w| *before < w));
        let due = open().filter(|before| left_ms <= before * 1000).min();
        if let Some(before) = due.filter(|_| left_ms > 0) {
            self.warned = Some((*expires_at, before));
            let seconds_left = (left_ms + 999) / 1000;
            let soon = ExpiringSoon { id: *id, drop, expires_at: *expires_at, seconds_left };
            ready.push_back(Message { event: "expiring_soon", data: json(&soon), id: None });
        }
        let later = open().filter(|before| left_ms > before * 1000).max();
        later.map(|before| Millis(expires_at.0 - before * 1000))
    }
}

/// What is told is texts and numbers, which can always be written.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_is_written() {
        let mark = Mark { epoch: 3, seq: 14 };
        assert_eq!(mark.to_string().parse(), Ok(mark));
        for bad in ["", "3", "3-", "-14", "3-14-1", "+3-14", "3-99999999999999999999", "a-b"] {
            assert!(bad.parse::<Mark>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_a_ledger_has_given_up_is_told_anew() {
        let mark = |epoch, seq| Mark { epoch, seq };
        // Behind it, before it in the same epoch, rebuilt without a loss.
        for has in [mark(1, 5), mark(2, 50), mark(1, 9)] {
            assert_eq!(has.within(mark(2, 9)), has);
        }
        assert_eq!(mark(1, 10).within(mark(2, 9)), Mark::default());
    }
}
