//! Fills a cart with several SKUs, all or nothing, and changes its lines before paying.

use rand::RngExt;

use super::{Outcome, pay, reserve_when_open, visits};
use crate::books::Fate;
use crate::shopper::Shopper;
use crate::wire::{Lines, Reservation};

/// Holds two or three SKUs, leaving out what is sold out, changes the cart, confirms.
pub(super) async fn play(shopper: &mut Shopper<'_>) -> Outcome {
    let mut held = match fill(shopper).await {
        Ok(held) => held,
        Err(outcome) => return outcome,
    };
    for _ in 0..shopper.rng.random_range(0..=2) {
        shopper.think(100..800).await;
        let lines = other_lines(shopper, &held);
        if lines == held.lines {
            continue;
        }
        match shopper.change(&held, &lines).await {
            Fate::Done(changed) => held = *changed,
            // The cart stays as it was.
            Fate::Refused(refusal) if refusal.code != "reservation_expired" => {}
            fate @ (Fate::Refused(_) | Fate::Nothing | Fate::Unknown) => {
                return Outcome::of_failure(&fate);
            }
        }
    }
    shopper.think(100..800).await;
    if shopper.rng.random_bool(0.1) {
        return match shopper.release(&held).await {
            Fate::Done(_) => Outcome::PutBack,
            fate @ (Fate::Refused(_) | Fate::Nothing | Fate::Unknown) => Outcome::of_failure(&fate),
        };
    }
    pay(shopper, &held).await
}

/// A hold on several SKUs; what falls short is left out the next time.
async fn fill(shopper: &mut Shopper<'_>) -> Result<Reservation, Outcome> {
    let mut visits = visits(shopper) + 1;
    let mut wanted = cart(shopper);
    loop {
        let fate = reserve_when_open(shopper, &wanted).await;
        if let Fate::Done(held) = fate {
            return Ok(*held);
        }
        visits -= 1;
        let outcome = Outcome::of_failure(&fate);
        if outcome != Outcome::SoldOut || visits == 0 {
            return Err(outcome);
        }
        if let Fate::Refused(refusal) = fate {
            let short = refusal.short_skus();
            wanted.retain(|sku, _| !short.contains(sku));
        }
        if wanted.is_empty() {
            shopper.think(600..2_400).await;
            wanted = cart(shopper);
        }
    }
}

/// One unit each of two or three SKUs, as the limit allows.
fn cart(shopper: &mut Shopper<'_>) -> Lines {
    let size = shopper.rng.random_range(2..=3).min(shopper.world.plan.limit);
    let mut chosen = Vec::new();
    for _ in 0..size {
        chosen.extend(shopper.pick(&chosen));
    }
    chosen.into_iter().map(|sku| (sku, 1)).collect()
}

/// The cart with one more unit, one SKU less, or one for another.
fn other_lines(shopper: &mut Shopper<'_>, held: &Reservation) -> Lines {
    let mut lines = held.lines.clone();
    let inside: Vec<_> = lines.keys().cloned().collect();
    let outside = shopper.pick(&inside);
    match (shopper.rng.random_range(0..3), outside) {
        (0, _) if inside.len() > 1 => {
            lines.remove(&inside[0]);
        }
        (1, Some(sku)) => {
            lines.remove(&inside[0]);
            lines.insert(sku, 1);
        }
        // Over the limit, too, where the cart is full.
        _ => *lines.entry(inside[0].clone()).or_default() += 1,
    }
    lines
}
