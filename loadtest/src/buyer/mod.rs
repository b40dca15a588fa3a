//! The buyers, one kind a file, and what they have in common.

mod abandon;
mod bot;
mod cart;
mod dawdle;
mod eager;
mod greedy;
mod retry;

use rand::RngExt;
use serde::Serialize;

use crate::books::Fate;
use crate::mix::Kind;
use crate::shopper::Shopper;
use crate::wire::{Lines, Reservation};

/// How a buyer's visit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// Something was confirmed.
    Bought,
    /// Left a hold behind that will expire.
    WalkedAway,
    /// Gave a hold back.
    PutBack,
    /// Wanted to confirm, but the hold had expired.
    TooLate,
    /// Gave up because everything wanted was sold out.
    SoldOut,
    /// Got nothing for another reason that was told.
    Refused,
    /// Got no answer before the end of its patience.
    NoAnswer,
}

impl Outcome {
    /// Every outcome, in the order of reports.
    pub(crate) const ALL: [Outcome; 7] = [
        Outcome::Bought,
        Outcome::WalkedAway,
        Outcome::PutBack,
        Outcome::TooLate,
        Outcome::SoldOut,
        Outcome::Refused,
        Outcome::NoAnswer,
    ];

    /// The words in reports.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Outcome::Bought => "bought",
            Outcome::WalkedAway => "walked away",
            Outcome::PutBack => "put back",
            Outcome::TooLate => "too late",
            Outcome::SoldOut => "sold out",
            Outcome::Refused => "refused",
            Outcome::NoAnswer => "no answer",
        }
    }

    /// What a call that did not succeed makes of a visit.
    fn of_failure(fate: &Fate) -> Outcome {
        match fate {
            Fate::Refused(refusal) if refusal.code == "sold_out" => Outcome::SoldOut,
            Fate::Refused(refusal) if refusal.code == "reservation_expired" => Outcome::TooLate,
            Fate::Refused(_) | Fate::Done(_) => Outcome::Refused,
            Fate::Nothing | Fate::Unknown => Outcome::NoAnswer,
        }
    }
}

/// Plays one buyer of a kind from coming to leaving.
pub(crate) async fn play(kind: Kind, shopper: &mut Shopper<'_>) -> Outcome {
    match kind {
        Kind::Eager => eager::play(shopper).await,
        Kind::Abandon => abandon::play(shopper).await,
        Kind::Dawdle => dawdle::play(shopper).await,
        Kind::Retry => retry::play(shopper).await,
        Kind::Greedy => greedy::play(shopper).await,
        Kind::Cart => cart::play(shopper).await,
        Kind::Bot => bot::play(shopper).await,
    }
}

/// How often a buyer comes back after sold out: most do a few times, some not at all.
fn visits(shopper: &mut Shopper<'_>) -> u32 {
    if shopper.rng.random_bool(0.2) { 1 } else { shopper.rng.random_range(2..=6) }
}

/// Tries to get a hold: comes back after sold out, for units that others give back, and
/// mostly for another SKU. Errs with what the visit came to.
async fn get_hold(shopper: &mut Shopper<'_>, quantity: i64) -> Result<Reservation, Outcome> {
    let quantity = quantity.min(shopper.world.plan.limit);
    let mut wanted = shopper.want(quantity);
    let mut visits = visits(shopper);
    loop {
        let fate = reserve_when_open(shopper, &wanted).await;
        if let Fate::Done(held) = fate {
            return Ok(*held);
        }
        let outcome = Outcome::of_failure(&fate);
        visits -= 1;
        if outcome != Outcome::SoldOut || visits == 0 {
            return Err(outcome);
        }
        shopper.think(600..2_400).await;
        if shopper.rng.random_bool(0.6) {
            wanted = shopper.want(quantity);
        }
    }
}

/// A hold; who came a moment too early, by the engine's clock, knocks again.
async fn reserve_when_open(shopper: &mut Shopper<'_>, lines: &Lines) -> Fate {
    for _ in 0..40 {
        let fate = shopper.reserve(lines).await;
        match &fate {
            Fate::Refused(refusal) if refusal.code == "drop_not_open" => {}
            Fate::Refused(_) | Fate::Done(_) | Fate::Nothing | Fate::Unknown => return fate,
        }
        shopper.think(100..400).await;
    }
    shopper.reserve(lines).await
}

/// Pays for a hold.
async fn pay(shopper: &mut Shopper<'_>, held: &Reservation) -> Outcome {
    match shopper.confirm(held).await {
        Fate::Done(_) => Outcome::Bought,
        fate @ (Fate::Refused(_) | Fate::Nothing | Fate::Unknown) => Outcome::of_failure(&fate),
    }
}
