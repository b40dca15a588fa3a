//! Somebody who only looks.

use std::{sync::Arc, time::Duration};

use rand::{RngExt as _, rngs::StdRng};

use super::{field::Field, stall::Stall};
use crate::books::{Ask, Verb};

/// Reads until told to stop.
pub(super) async fn run(name: String, field: Arc<Field>, stalls: Arc<Vec<Stall>>, mut rng: StdRng) {
    while !field.is_stopping() {
        let ask = Ask { request: field.request(), client: name.clone(), ..Ask::default() };
        let ask = match rng.random_range(0..10) {
            0..5 => {
                let stall = &stalls[rng.random_range(0..stalls.len())];
                let sku = stall.skus[rng.random_range(0..stall.skus.len())].clone();
                Some(Ask { verb: Verb::ReadSku, drop: stall.drop.clone(), sku: Some(sku), ..ask })
            }
            5..9 => field.some_reservation(&mut rng).map(|(drop, id)| Ask {
                verb: Verb::Read,
                drop,
                reservation: Some(id),
                ..ask
            }),
            _ => {
                let stall = &stalls[rng.random_range(0..stalls.len())];
                let customer = format!("c-{}-{}", rng.random_range(0..8), rng.random_range(0..30));
                let (verb, drop) = (Verb::ReadCart, stall.drop.clone());
                Some(Ask { verb, drop, customer: Some(customer), ..ask })
            }
        };
        if let Some(ask) = ask {
            field.try_at(rng.random_range(0..field.engines()), &ask).await;
        }
        tokio::time::sleep(Duration::from_millis(rng.random_range(10..60))).await;
    }
}
