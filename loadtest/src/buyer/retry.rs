//! On a bad line: sends every call several times with one idempotency key, also side by side.

use rand::RngExt;

use super::{Outcome, visits};
use crate::books::{Fate, Wish};
use crate::shopper::Shopper;

/// Holds three times in one, confirms three times in one, and then asks for the first hold
/// once more: each call has one effect, and its repeats one answer.
pub(super) async fn play(shopper: &mut Shopper<'_>) -> Outcome {
    let mut visits = visits(shopper);
    let (wish, held) = loop {
        let wanted = shopper.want(1);
        let wish = shopper.reserve_wish(&wanted);
        match several(shopper, &wish).await {
            Fate::Done(held) => break (wish, *held),
            fate @ (Fate::Refused(_) | Fate::Nothing | Fate::Unknown) => {
                let outcome = Outcome::of_failure(&fate);
                let early = matches!(&fate, Fate::Refused(it) if it.code == "drop_not_open");
                visits -= u32::from(!early);
                if visits == 0 || (!early && outcome != Outcome::SoldOut) {
                    return outcome;
                }
                shopper.think(600..2_400).await;
            }
        }
    };
    let confirm = shopper.confirm_wish(&held);
    let outcome = match several(shopper, &confirm).await {
        Fate::Done(_) => Outcome::Bought,
        fate @ (Fate::Refused(_) | Fate::Nothing | Fate::Unknown) => Outcome::of_failure(&fate),
    };
    // The first answer stands, whatever became of the hold since.
    match shopper.settle(wish).await {
        Fate::Done(again) if *again != held => {
            let what = format!("{}: the hold's repeat differs: {again:?}", held.id);
            shopper.world.books.fault(what);
        }
        Fate::Refused(refusal) => {
            let what = format!("{}: the hold's repeat was refused: {}", held.id, refusal.code);
            shopper.world.books.fault(what);
        }
        Fate::Done(_) | Fate::Nothing | Fate::Unknown => {}
    }
    outcome
}

async fn several(shopper: &mut Shopper<'_>, wish: &Wish) -> Fate {
    let copies = shopper.rng.random_range(1..=3);
    shopper.repeat(wish.clone(), copies, 1).await
}
