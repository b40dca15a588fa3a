//! This engine among others: which protocol it speaks, and what it does when one is alive with which
//! it can't share drops.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::Engine;
use crate::{
    domain::RateLimit,
    ledger::{Announced, LedgerError, Stranger},
    progress::Halt,
    store::protocol,
};

/// Without news for so long, an engine doesn't know how many there are; it asks every second.
const NEWS_FOR: Duration = Duration::from_secs(3);
/// So long after a change every engine has heard of it, or knows that it hears nothing.
const SETTLED_AFTER: Duration = Duration::from_secs(5);

/// The engines that there are, this one included, as this one has heard.
#[derive(Debug, Default)]
pub(crate) struct Company(Mutex<Option<Heard>>);

#[derive(Clone, Copy, Debug)]
struct Heard {
    engines: u32,
    /// The fewest and the most that others may have counted since the last change.
    range: (u32, u32),
    /// Since when it has been so.
    since: Instant,
    at: Instant,
}

impl Heard {
    fn is_news(&self, now: Instant) -> bool {
        now.duration_since(self.at) < NEWS_FOR
    }

    fn is_settled(&self, now: Instant) -> bool {
        now.duration_since(self.since) >= SETTLED_AFTER
    }

    /// The fewest and the most engines that others may count by now.
    fn range_at(&self, now: Instant) -> (u32, u32) {
        if self.is_settled(now) { (self.engines, self.engines) } else { self.range }
    }
}

/// What a limit has to do with calls of which Redis has not heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Firsts {
    /// Whether a first call may pass here untold.
    pub(crate) pass: bool,
    /// As many calls of the burst are kept back for those that passed at others.
    pub(crate) kept_back: u32,
}

impl Company {
    /// Notes that there are so many.
    fn hear(&self, engines: u32, now: Instant) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = heard.filter(|before| before.is_news(now));
        *heard = Some(match before {
            Some(before) if before.engines == engines => Heard { at: now, ..before },
            Some(before) => {
                let (least, most) = before.range_at(now);
                let range = (least.min(engines), most.max(engines));
                Heard { engines, range, since: now, at: now }
            }
            // Others may not have heard of this one.
            None => Heard { engines, range: (1, engines), since: now, at: now },
        });
    }

    /// What a limit has to do at present. An engine lets first calls pass only when it has heard of no
    /// change for a while, so that all have heard of the last one and keep enough back.
    pub(crate) fn firsts(&self, limit: RateLimit, now: Instant) -> Firsts {
        let heard = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let heard = heard.filter(|heard| heard.is_news(now));
        let settled = heard.is_some_and(|heard| heard.is_settled(now));
        let (least, most) = heard.map_or((1, u32::MAX), |heard| heard.range_at(now));
        let room = limit.has_room_for_firsts_of(least);
        let kept_back = if room { limit.kept_for_firsts_beside(most) } else { 0 };
        Firsts { pass: room && settled, kept_back }
    }
}

impl Engine {
    /// Says that this engine is alive; the other one if there is one with which it can't share drops,
    /// and then this one is not in.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn announce(&self) -> Result<Option<Stranger>, LedgerError> {
        match self.ledger.announce(&self.name, protocol()).await? {
            Announced::Beside(stranger) => Ok(Some(stranger)),
            Announced::Among(engines) => {
                self.company.hear(engines, Instant::now());
                Ok(None)
            }
        }
    }

    /// Says that this engine is gone.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn retire(&self) -> Result<(), LedgerError> {
        self.ledger.retire(&self.name).await
    }

    /// Stops everything because another engine has taken over while this one was not heard of.
    pub fn step_aside(&self, stranger: &Stranger) {
        let Stranger { name, .. } = stranger;
        tracing::error!(%stranger, other = name, "this engine was not heard of for too long, and \
            another one has taken over with which it can't share drops: it stops");
        for drop in self.known_drops() {
            drop.halt(Some(Halt::Newer(stranger.to_string())));
        }
        self.displaced.cancel();
    }

    /// Comes back when this engine has stepped aside.
    pub async fn stepped_aside(&self) {
        self.displaced.cancelled().await;
    }

    /// Whether this engine has stepped aside.
    #[must_use]
    pub fn has_stepped_aside(&self) -> bool {
        self.displaced.is_cancelled()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn firsts(pass: bool, kept_back: u32) -> Firsts {
        Firsts { pass, kept_back }
    }

    /// Hears the same every second for so long.
    fn hear_for(company: &Company, engines: u32, now: &mut Instant, seconds: u32) {
        for _ in 0..seconds {
            *now += SECOND;
            company.hear(engines, *now);
        }
    }

    #[test]
    fn first_calls_pass_once_all_know_how_many_engines_there_are() {
        let limit: RateLimit = "10/s burst 5".parse().expect("a limit");
        let (company, mut now) = (Company::default(), Instant::now());
        let at = |now: Instant| company.firsts(limit, now);
        // Who has heard nothing keeps back what two others may have let pass: there is room for no more.
        assert_eq!(at(now), firsts(false, 2));
        company.hear(1, now);
        assert_eq!(at(now), firsts(false, 0));
        hear_for(&company, 1, &mut now, 5);
        assert_eq!(at(now), firsts(true, 0));
        // Another one.
        hear_for(&company, 2, &mut now, 1);
        assert_eq!(at(now), firsts(false, 1));
        hear_for(&company, 2, &mut now, 5);
        assert_eq!(at(now), firsts(true, 1));
        // A third: the burst has no room for first calls of so many, once all know of it.
        hear_for(&company, 3, &mut now, 1);
        assert_eq!(at(now), firsts(false, 2));
        hear_for(&company, 3, &mut now, 5);
        assert_eq!(at(now), firsts(false, 0));
        // One has gone, another one has come and gone.
        hear_for(&company, 2, &mut now, 1);
        hear_for(&company, 4, &mut now, 1);
        hear_for(&company, 2, &mut now, 1);
        assert_eq!(at(now), firsts(false, 2));
        hear_for(&company, 2, &mut now, 5);
        assert_eq!(at(now), firsts(true, 1));
        // Without news nothing is known, and at the next everything may have changed.
        now += NEWS_FOR;
        assert_eq!(at(now), firsts(false, 2));
        hear_for(&company, 2, &mut now, 1);
        assert_eq!(at(now), firsts(false, 1));
    }

    #[test]
    fn a_burst_of_one_has_no_room_and_a_fleet_too_many_engines() {
        let (company, mut now) = (Company::default(), Instant::now());
        let limit = |text: &str| text.parse::<RateLimit>().expect("a limit");
        assert_eq!(company.firsts(limit("1/s burst 1"), now), firsts(false, 0));
        hear_for(&company, 5, &mut now, 7);
        assert_eq!(company.firsts(limit("1/s burst 1000"), now), firsts(false, 0));
        hear_for(&company, 4, &mut now, 7);
        assert_eq!(company.firsts(limit("1/s burst 1000"), now), firsts(true, 3));
        assert_eq!(company.firsts(limit("1/s burst 7"), now), firsts(false, 0));
    }
}
