//! A Postgres transaction that locks the stock's row, looks, and writes.
//!
//! Tuned: two round trips. Everything up to the lock goes out at once, and everything from the
//! decision to the commit; the customer's row, which few wait for, is locked before the stock's,
//! for which all wait. The lock lasts for one round trip and the commit's way to the disk.

use std::sync::Arc;

use axum::Router;
use deadpool_postgres::{Object, Pool};
use dropgate::{api::front, domain::Reservation, engine::Answer};
use futures_util::future::{join, join3};
use tokio_postgres::{Error, Statement};

use super::{
    LIMIT, Offer, pool,
    request::{Outcome, Request, failed},
};

const CUSTOMER: &str = "
    INSERT INTO for_update_customers AS c (drop_id, sku, customer_id, used)
    SELECT $1, $2, $3, $4::bigint WHERE $4 <= $5::bigint
    ON CONFLICT (drop_id, sku, customer_id) DO UPDATE SET used = c.used + $4
    WHERE c.used + $4 <= $5
    RETURNING 1";
const STOCK: &str = "
    SELECT available FROM for_update_stock WHERE drop_id = $1 AND sku = $2 FOR UPDATE";
const USED: &str = "
    SELECT used FROM for_update_customers WHERE drop_id = $1 AND sku = $2 AND customer_id = $3";
const TAKE: &str = "
    UPDATE for_update_stock SET available = available - $3 WHERE drop_id = $1 AND sku = $2";
const RESERVE: &str = "
    INSERT INTO for_update_reservations
        (id, drop_id, customer_id, sku, quantity, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";

struct Statements {
    customer: Statement,
    stock: Statement,
    used: Statement,
    take: Statement,
    reserve: Statement,
}

/// Creates the tables and stocks the SKU.
pub(super) async fn router() -> anyhow::Result<Router> {
    let (offer, pool) = (Offer::from_env()?, pool::postgres()?);
    pool::create(&pool, include_str!("for_update.sql")).await?;
    let stock = "INSERT INTO for_update_stock VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    pool.get().await?.execute(stock, &[&offer.drop, &offer.sku, &offer.units]).await?;
    let pool = Arc::new(pool);
    Ok(super::router(move |hold| {
        let pool = Arc::clone(&pool);
        async move {
            // A caller that hangs up must not leave a transaction open, as cancelling would.
            tokio::spawn(async move { reserve(&pool, hold).await }).await.map_err(failed)?
        }
    }))
}

async fn reserve(pool: &Pool, hold: front::Hold) -> Answer<Reservation> {
    let request = Request::new(hold)?;
    let connection = pool::connection(pool).await?;
    match transaction(&connection, &request).await {
        Ok(outcome) => request.answer(outcome),
        Err(error) => {
            // Its transaction may be open still: it ends with the connection.
            drop(Object::take(connection));
            Err(failed(error))
        }
    }
}

async fn transaction(connection: &Object, request: &Request) -> Result<Outcome, Error> {
    let statements = prepare(connection).await?;
    let (drop, sku, customer) = (request.drop(), request.sku.as_str(), request.customer());
    let quantity = request.quantity;
    // What is joined is sent in this order, without waiting for answers in between.
    let (begun, customer_row, stock_row) = join3(
        connection.batch_execute("BEGIN"),
        connection.query_opt(&statements.customer, &[&drop, &sku, &customer, &quantity, &LIMIT]),
        connection.query_opt(&statements.stock, &[&drop, &sku]),
    )
    .await;
    begun?;
    let (within_limit, stock_row) = (customer_row?.is_some(), stock_row?);
    let available: Option<i64> = stock_row.map(|row| row.try_get(0)).transpose()?;
    let refused = match available {
        None => Outcome::UnknownSku,
        Some(_) if !within_limit => {
            let (used, ended) = join(
                connection.query_opt(&statements.used, &[&drop, &sku, &customer]),
                connection.batch_execute("ROLLBACK"),
            )
            .await;
            ended?;
            let used = used?.map_or(Ok(0), |row| row.try_get(0))?;
            return Ok(Outcome::LimitExceeded { used });
        }
        Some(available) if available < quantity => Outcome::SoldOut { available },
        Some(_) => {
            write(connection, &statements, request).await?;
            return Ok(Outcome::Held);
        }
    };
    connection.batch_execute("ROLLBACK").await?;
    Ok(refused)
}

async fn write(
    connection: &Object,
    statements: &Statements,
    request: &Request,
) -> Result<(), Error> {
    let (drop, sku, customer) = (request.drop(), request.sku.as_str(), request.customer());
    let (id, quantity) = (request.id(), request.quantity);
    let (created, expires) = (request.created(), request.expires());
    let (reserved, taken, ended) = join3(
        connection.execute(
            &statements.reserve,
            &[&id, &drop, &customer, &sku, &quantity, &created, &expires],
        ),
        connection.execute(&statements.take, &[&drop, &sku, &quantity]),
        connection.batch_execute("COMMIT"),
    )
    .await;
    // A commit behind a failed statement rolls back, and is no error.
    reserved?;
    taken?;
    ended
}

async fn prepare(connection: &Object) -> Result<Statements, Error> {
    Ok(Statements {
        customer: connection.prepare_cached(CUSTOMER).await?,
        stock: connection.prepare_cached(STOCK).await?,
        used: connection.prepare_cached(USED).await?,
        take: connection.prepare_cached(TAKE).await?,
        reserve: connection.prepare_cached(RESERVE).await?,
    })
}
