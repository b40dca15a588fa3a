//! Wants one or two units of one SKU, and pays at once.

use rand::RngExt;

use super::{Outcome, get_hold, pay};
use crate::shopper::Shopper;

/// Holds, types in an address, confirms.
pub(super) async fn play(shopper: &mut Shopper<'_>) -> Outcome {
    let quantity = if shopper.rng.random_bool(0.2) { 2 } else { 1 };
    match get_hold(shopper, quantity).await {
        Ok(held) => {
            shopper.think(100..1_200).await;
            pay(shopper, &held).await
        }
        Err(outcome) => outcome,
    }
}
