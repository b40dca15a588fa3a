//! Puts something into the cart and is never seen again: the hold has to expire.

use super::{Outcome, get_hold};
use crate::shopper::Shopper;

/// Holds and leaves.
pub(super) async fn play(shopper: &mut Shopper<'_>) -> Outcome {
    match get_hold(shopper, 1).await {
        Ok(_) => Outcome::WalkedAway,
        Err(outcome) => outcome,
    }
}
