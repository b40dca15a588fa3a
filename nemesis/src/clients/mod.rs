//! The crowd: clients that win units all the time, through every engine at once, and write down
//! what they ask and what they are told.

mod field;
mod merchant;
mod reader;
mod shopper;
mod stall;
mod storm;
mod wire;

pub use field::Field;
pub use shopper::Shopper;
pub use stall::Stall;
pub use storm::storm;

use std::sync::Arc;

use rand::{SeedableRng as _, rngs::StdRng};
use tokio::task::JoinSet;

/// Starts `shoppers` shoppers, two readers and a merchant a stall.
#[must_use]
pub fn start(field: &Arc<Field>, stalls: &[Stall], shoppers: usize, seed: u64) -> JoinSet<()> {
    let shared = Arc::new(stalls.to_vec());
    let mut crowd = JoinSet::new();
    let mut number = 0;
    let mut rng = || {
        number += 1;
        StdRng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(number))
    };
    for shopper in 0..shoppers {
        let name = format!("s{shopper}");
        crowd.spawn(Shopper::new(name, Arc::clone(field), Arc::clone(&shared), rng()).run());
    }
    for reader in 0..2 {
        let name = format!("r{reader}");
        crowd.spawn(reader::run(name, Arc::clone(field), Arc::clone(&shared), rng()));
    }
    for stall in stalls.iter().filter(|stall| stall.restocked || stall.switched) {
        crowd.spawn(merchant::run(Arc::clone(field), stall.clone(), rng()));
    }
    crowd
}
