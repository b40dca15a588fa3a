//! Can't decide: waits, asks for more time, and in the end pays, gives back, or is too late.

use rand::RngExt;

use super::{Outcome, get_hold, pay};
use crate::books::Fate;
use crate::shopper::Shopper;

/// Holds, waits for most of the TTL, extends, once or twice, then decides.
pub(super) async fn play(shopper: &mut Shopper<'_>) -> Outcome {
    let mut held = match get_hold(shopper, 1).await {
        Ok(held) => held,
        Err(outcome) => return outcome,
    };
    for _ in 0..shopper.rng.random_range(1..=2) {
        shopper.wait_ttl(60).await;
        match shopper.extend(&held).await {
            Fate::Done(longer) => held = *longer,
            // The deadline stays where it is, which may be late enough.
            Fate::Refused(refusal) if refusal.code == "max_hold_reached" => break,
            fate @ (Fate::Refused(_) | Fate::Nothing | Fate::Unknown) => {
                return Outcome::of_failure(&fate);
            }
        }
    }
    match shopper.rng.random_range(0..10) {
        0..=5 => {
            shopper.wait_ttl(20).await;
            pay(shopper, &held).await
        }
        6..=7 => match shopper.release(&held).await {
            Fate::Done(_) => Outcome::PutBack,
            fate @ (Fate::Refused(_) | Fate::Nothing | Fate::Unknown) => Outcome::of_failure(&fate),
        },
        _ => {
            // Behind the deadline by more than a sweep needs: nothing is left to pay for.
            shopper.wait_ttl(100).await;
            shopper.think(1_000..1_500).await;
            pay(shopper, &held).await
        }
    }
}
