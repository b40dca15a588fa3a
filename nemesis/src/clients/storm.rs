//! A storm of retries: one key, many times at once, at every engine.

use rand::{RngExt as _, rngs::StdRng};

use super::{field::Field, shopper::id_of, stall::Stall};
use crate::books::{Ask, Verb};

/// Tries of one storm.
const TRIES: usize = 20;

/// Sends one request twenty times at once, asks until its outcome is known, and then comes with
/// another body under the same key.
pub async fn storm(field: &Field, stall: &Stall, rng: &mut StdRng) {
    let request = field.request();
    let ask = Ask {
        request,
        client: "storm".to_owned(),
        verb: Verb::Reserve,
        drop: stall.drop.clone(),
        key: Some(format!("k-storm-{request}")),
        customer: Some(format!("storm-{}", rng.random_range(0..1_000_000))),
        lines: stall.cart(rng),
        ..Ask::default()
    };
    let tries = (0..TRIES).map(|number| field.try_at(number, &ask));
    futures_util::future::join_all(tries).await;
    let told = field.until_known(&ask, rng).await;
    if id_of(told.as_ref()).is_some() {
        let other = Ask {
            request: field.request(),
            customer: Some(format!("thief-{request}")),
            stolen_key: true,
            ..ask
        };
        field.try_at(rng.random_range(0..field.engines()), &other).await;
    }
}
