//! Whoever runs the sale: restocks, changes limits, pauses, opens and closes.

use std::{sync::Arc, time::Duration};

use rand::{RngExt as _, rngs::StdRng};
use serde_json::{Value, json};

use super::{field::Field, stall::Stall};
use crate::books::{Ask, Verb};

/// Runs one stall until told to stop; one at a time, so that what it asks for has an order.
pub(super) async fn run(field: Arc<Field>, stall: Stall, mut rng: StdRng) {
    let mut merchant = Merchant { field, stall };
    while !merchant.field.is_stopping() {
        let pause = rng.random_range(200..1500);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let choice = rng.random_range(0..10);
        if merchant.stall.switched && choice < 6 {
            merchant.switch(&mut rng).await;
        } else if merchant.stall.restocked && choice < 7 {
            merchant.restock(&mut rng).await;
        } else {
            merchant.configure(&mut rng).await;
        }
    }
    // Open for whoever looks behind the run.
    if merchant.stall.switched {
        let ask = merchant.ask(Verb::Open);
        merchant.field.until_known(&ask, &mut rng).await;
    }
}

struct Merchant {
    field: Arc<Field>,
    stall: Stall,
}

impl Merchant {
    fn ask(&mut self, verb: Verb) -> Ask {
        let request = self.field.request();
        Ask {
            request,
            client: format!("merchant of {}", self.stall.drop),
            verb,
            drop: self.stall.drop.clone(),
            mark: Some(format!("m-{request}")),
            ..Ask::default()
        }
    }

    fn sku(&self, rng: &mut StdRng) -> String {
        self.stall.skus[rng.random_range(0..self.stall.skus.len())].clone()
    }

    /// Shut for a moment, then open again.
    async fn switch(&mut self, rng: &mut StdRng) {
        let shut = if rng.random_bool(0.7) { Verb::Pause } else { Verb::Close };
        let ask = self.ask(shut);
        self.field.until_known(&ask, rng).await;
        tokio::time::sleep(Duration::from_millis(rng.random_range(50..600))).await;
        let ask = self.ask(Verb::Open);
        self.field.until_known(&ask, rng).await;
    }

    async fn restock(&mut self, rng: &mut StdRng) {
        let mut ask = self.ask(Verb::Restock);
        ask.key = Some(format!("k-restock-{}", ask.request));
        ask.sku = Some(self.sku(rng));
        ask.quantity = if rng.random_bool(0.8) { rng.random_range(1..=4) } else { -1 };
        self.field.until_known(&ask, rng).await;
    }

    async fn configure(&mut self, rng: &mut StdRng) {
        let of_sku = rng.random_bool(0.5);
        let mut ask = self.ask(if of_sku { Verb::PutSku } else { Verb::PutDrop });
        if of_sku {
            ask.sku = Some(self.stall.skus[0].clone());
            ask.settings = settings(self.stall.sku_limit, rng);
        } else {
            ask.settings = settings(self.stall.limit, rng);
        }
        self.field.until_known(&ask, rng).await;
    }
}

/// A limit a little above or below the usual one, if there is one.
fn settings(limit: Option<i64>, rng: &mut StdRng) -> Value {
    let limit = limit.map(|usual| (usual + rng.random_range(-1..=2)).max(1));
    json!({ "limit_per_customer": limit })
}
