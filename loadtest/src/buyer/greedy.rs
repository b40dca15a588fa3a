//! Wants more than the limit: in one hold, in several side by side, and after having paid.

use super::{Outcome, get_hold, pay};
use crate::books::Fate;
use crate::shopper::Shopper;

/// Asks for too much, then for all that is allowed, then for more again.
pub(super) async fn play(shopper: &mut Shopper<'_>) -> Outcome {
    let limit = shopper.world.plan.limit;
    let too_much = shopper.want(limit + 1);
    let Fate::Refused(_) = shopper.reserve(&too_much).await else {
        // Was it taken all the same, the ledger will show it.
        return Outcome::NoAnswer;
    };
    let held = match get_hold(shopper, (limit / 2).max(1)).await {
        Ok(held) => held,
        Err(outcome) => return outcome,
    };
    // Side by side, each of them allowed, all of them not.
    let wanted = shopper.want((limit / 2).max(1));
    let wishes = (0..3).map(|_| shopper.reserve_wish(&wanted)).collect();
    let more = shopper.side_by_side(wishes).await;
    let mut outcome = pay(shopper, &held).await;
    for fate in more {
        if let Fate::Done(held) = fate
            && pay(shopper, &held).await == Outcome::Bought
        {
            outcome = Outcome::Bought;
        }
    }
    // What is sold counts as well.
    let again = shopper.want(limit);
    if let Fate::Done(held) = shopper.reserve(&again).await {
        shopper.release(&held).await;
    }
    outcome
}
