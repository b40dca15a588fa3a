//! One Postgres row a unit: each call takes rows that no other call has locked.
//!
//! Nobody waits for a row that all want, so commits go to the disk together. Tuned: one round
//! trip to a function, an index of free units only, and a random place in it to start from. A
//! call may be refused because of units that another one has locked and then does not take.

use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use deadpool_postgres::Pool;
use dropgate::{api::front, domain::Reservation, engine::Answer};

use super::{Offer, pool, request::Request};

const HOLD: &str = "SELECT code, figure FROM unit_rows_hold($1, $2, $3, $4, $5, $6, $7, $8)";
const STOCK: &str = "
    WITH stock AS (
        INSERT INTO unit_rows_stock (drop_id, sku, units) VALUES ($1, $2, $3)
        ON CONFLICT DO NOTHING RETURNING id, units)
    INSERT INTO unit_rows_units (stock_id, unit)
    SELECT id, generate_series(0, units - 1) FROM stock";

/// Creates tables and function, and a row for each unit.
pub(super) async fn router() -> anyhow::Result<Router> {
    let (offer, pool) = (Offer::from_env()?, pool::postgres()?);
    let units = i32::try_from(offer.units).context("so many rows are too many")?;
    pool::create(&pool, include_str!("unit_rows.sql")).await?;
    let connection = pool.get().await?;
    if connection.execute(STOCK, &[&offer.drop, &offer.sku, &units]).await? > 0 {
        // Otherwise the server would do it by itself, in the middle of a measurement.
        connection.batch_execute("VACUUM (ANALYZE) unit_rows_units").await?;
    }
    let pool = Arc::new(pool);
    Ok(super::router(move |hold| reserve(Arc::clone(&pool), hold)))
}

async fn reserve(pool: Arc<Pool>, hold: front::Hold) -> Answer<Reservation> {
    let request = Request::new(hold)?;
    let outcome = pool::call(&pool, HOLD, &request).await?;
    request.answer(outcome)
}
