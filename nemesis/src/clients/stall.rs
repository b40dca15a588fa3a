//! The drops of a run: what is sold, and under which rules.

use rand::{RngExt as _, rngs::StdRng};
use serde_json::json;

use super::field::Field;
use crate::books::{Ask, Lines, Meaning, Verb};

/// One drop and how shoppers treat it.
#[derive(Clone, Debug)]
pub struct Stall {
    /// The drop.
    pub drop: String,
    /// Its SKUs.
    pub skus: Vec<String>,
    /// Units of each SKU at the beginning.
    pub units: i64,
    /// The limit over the whole drop.
    pub limit: Option<i64>,
    /// The limit of the first SKU.
    pub sku_limit: Option<i64>,
    /// Hold TTL in seconds.
    pub ttl: i64,
    /// Longest hold in seconds.
    pub max_hold: i64,
    /// Of a hundred shoppers, so many come here.
    pub weight: u32,
    /// Whether it is paused, opened and closed meanwhile.
    pub switched: bool,
    /// Whether units are added and taken out.
    pub restocked: bool,
}

impl Stall {
    /// One SKU `s` without limits.
    #[must_use]
    pub fn plain(drop: &str, units: i64, ttl: i64) -> Stall {
        Stall {
            drop: drop.to_owned(),
            skus: vec!["s".to_owned()],
            units,
            limit: None,
            sku_limit: None,
            ttl,
            max_hold: 4 * ttl,
            weight: 100,
            switched: false,
            restocked: false,
        }
    }

    /// The three drops of a random run.
    #[must_use]
    pub fn fair() -> Vec<Stall> {
        let wide = Stall {
            skus: ["a", "b", "c"].map(str::to_owned).to_vec(),
            limit: Some(12),
            sku_limit: Some(4),
            max_hold: 12,
            weight: 60,
            restocked: true,
            ..Stall::plain("wide", 500_000, 6)
        };
        let scarce = Stall {
            weight: 22,
            restocked: true,
            sku_limit: Some(2),
            ..Stall::plain("scarce", 40, 3)
        };
        let gate = Stall { weight: 18, switched: true, ..Stall::plain("gate", 500_000, 5) };
        vec![wide, scarce, gate]
    }

    /// Makes the drop and its SKUs.
    ///
    /// # Errors
    /// When an engine says no.
    pub async fn set_up(&self, field: &Field, rng: &mut StdRng) -> anyhow::Result<()> {
        let settings = json!({
            "hold_ttl_seconds": self.ttl,
            "max_hold_seconds": self.max_hold,
            "limit_per_customer": self.limit,
        });
        self.put(field, rng, Verb::PutDrop, None, settings).await?;
        for (at, sku) in self.skus.iter().enumerate() {
            let limit = self.sku_limit.filter(|_| at == 0);
            let settings = json!({ "initial_stock": self.units, "limit_per_customer": limit });
            self.put(field, rng, Verb::PutSku, Some(sku), settings).await?;
        }
        Ok(())
    }

    async fn put(
        &self,
        field: &Field,
        rng: &mut StdRng,
        verb: Verb,
        sku: Option<&String>,
        settings: serde_json::Value,
    ) -> anyhow::Result<()> {
        let request = field.request();
        let ask = Ask {
            request,
            client: "merchant".to_owned(),
            verb,
            drop: self.drop.clone(),
            sku: sku.cloned(),
            mark: Some(format!("set-{request}")),
            settings,
            ..Ask::default()
        };
        let told = field.until_known(&ask, rng).await;
        let fine = told.as_ref().is_some_and(|told| told.meaning() == Meaning::Done);
        anyhow::ensure!(fine, "{ask:?}: {told:?}");
        Ok(())
    }

    /// What a shopper puts into the cart: one to three units of some SKUs.
    pub(super) fn cart(&self, rng: &mut StdRng) -> Lines {
        let mut lines = Lines::new();
        let first = rng.random_range(0..self.skus.len());
        for sku in self.skus.iter().cycle().skip(first).take(rng.random_range(1..=self.skus.len()))
        {
            lines.insert(sku.clone(), rng.random_range(1..=3));
        }
        if self.skus.len() == 1 {
            lines.values_mut().for_each(|quantity| *quantity = 1);
        }
        lines
    }
}
