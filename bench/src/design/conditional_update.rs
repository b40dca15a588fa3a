//! One Postgres statement, which takes units from the stock's row if it has enough.
//!
//! Tuned: one round trip to a function; the row for which all wait comes last in it, so that its
//! lock lasts for no more than the commit's way to the disk.

use std::sync::Arc;

use axum::Router;
use deadpool_postgres::Pool;
use dropgate::{api::front, domain::Reservation, engine::Answer};

use super::{Offer, pool, request::Request};

const HOLD: &str =
    "SELECT code, figure FROM conditional_update_hold($1, $2, $3, $4, $5, $6, $7, $8)";

/// Creates tables and function, and stocks the SKU.
pub(super) async fn router() -> anyhow::Result<Router> {
    let (offer, pool) = (Offer::from_env()?, pool::postgres()?);
    pool::create(&pool, include_str!("conditional_update.sql")).await?;
    let stock = "INSERT INTO conditional_update_stock VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    pool.get().await?.execute(stock, &[&offer.drop, &offer.sku, &offer.units]).await?;
    let pool = Arc::new(pool);
    Ok(super::router(move |hold| reserve(Arc::clone(&pool), hold)))
}

async fn reserve(pool: Arc<Pool>, hold: front::Hold) -> Answer<Reservation> {
    let request = Request::new(hold)?;
    let outcome = pool::call(&pool, HOLD, &request).await?;
    request.answer(outcome)
}
