//! Hammers: many quick tries without an idempotency key, from before the opening on.

use rand::RngExt;

use super::Outcome;
use crate::books::{Fate, Wish};
use crate::shopper::Shopper;
use crate::wire::Reservation;

/// Tries until it has what it may have, pays for one hold in two, and lets the others lapse.
pub(super) async fn play(shopper: &mut Shopper<'_>) -> Outcome {
    let (mut bought, mut last) = (false, Outcome::SoldOut);
    for _ in 0..shopper.rng.random_range(10..=20) {
        let wanted = shopper.want(1);
        match shopper.reserve_carelessly(&wanted).await {
            Fate::Done(held) => {
                last = Outcome::WalkedAway;
                if shopper.rng.random_bool(0.5) {
                    last = pay_without_key(shopper, &held).await;
                    bought |= last == Outcome::Bought;
                }
            }
            Fate::Refused(refusal) if refusal.code == "limit_exceeded" => break,
            fate @ (Fate::Refused(_) | Fate::Nothing | Fate::Unknown) => {
                if last != Outcome::WalkedAway {
                    last = Outcome::of_failure(&fate);
                }
            }
        }
        shopper.think(20..150).await;
    }
    if bought { Outcome::Bought } else { last }
}

/// One order confirms one hold, however often it is sent.
async fn pay_without_key(shopper: &mut Shopper<'_>, held: &Reservation) -> Outcome {
    let wish = Wish { key: None, ..shopper.confirm_wish(held) };
    match shopper.settle(wish).await {
        Fate::Done(_) => Outcome::Bought,
        fate @ (Fate::Refused(_) | Fate::Nothing | Fate::Unknown) => Outcome::of_failure(&fate),
    }
}
