//! Connections: to Postgres in a pool, to Redis one that all share or a pool as well.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Timeouts};
use dropgate::engine::CallError;
use redis::{
    AsyncConnectionConfig, Client, IntoConnectionInfo as _, aio::MultiplexedConnection,
    io::tcp::TcpSettings,
};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_postgres::NoTls;

use super::{
    LIMIT,
    request::{Outcome, Request, failed},
    required, setting,
};

/// For so long a request waits for a connection, or a lock, before it gives up.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// How long one call of Redis may take; longer than any of them blocks.
const REDIS_WITHIN: Duration = Duration::from_secs(5);

fn size() -> anyhow::Result<usize> {
    setting("BENCH_POOL", 16)
}

/// A pool of `BENCH_POOL` connections to Postgres.
pub(super) fn postgres() -> anyhow::Result<Pool> {
    let mut config: tokio_postgres::Config = required("DROPGATE_DATABASE_URL")?.parse()?;
    // Every statement here reads by an index. Plans are made once, while the tables are as good as
    // empty: without these settings a plan may scan a table that has long since grown.
    config.options(
        "-c synchronous_commit=on -c plan_cache_mode=force_generic_plan -c enable_seqscan=off \
         -c jit=off",
    );
    let manager_config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let wait = Some(PATIENCE);
    Pool::builder(Manager::from_config(config, NoTls, manager_config))
        .max_size(size()?)
        .runtime(deadpool_postgres::Runtime::Tokio1)
        .timeouts(Timeouts { wait, create: wait, recycle: wait })
        .build()
        .context("a pool of connections to Postgres")
}

/// A connection out of the pool.
pub(super) async fn connection(pool: &Pool) -> Result<Object, CallError> {
    pool.get().await.map_err(|error| CallError::none(error.to_string()))
}

/// Brings a design's schema about. Fronts that start at once wait for each other.
pub(super) async fn create(pool: &Pool, schema: &str) -> anyhow::Result<()> {
    let connection = pool.get().await?;
    // Statements sent as one text are one transaction, which the lock lasts for.
    let schema = format!("SELECT pg_advisory_xact_lock(7410732); {schema}");
    connection.batch_execute(&schema).await.context("the design's schema")
}

/// Calls a function that makes a hold, or raises DG001 or DG002 and undoes everything.
pub(super) async fn call(
    pool: &Pool,
    function: &str,
    request: &Request,
) -> Result<Outcome, CallError> {
    let connection = connection(pool).await?;
    let statement = connection.prepare_cached(function).await.map_err(failed)?;
    let (id, drop, customer) = (request.id(), request.drop(), request.customer());
    let (sku, quantity) = (request.sku.as_str(), request.quantity);
    let (created, expires) = (request.created(), request.expires());
    let row = connection
        .query_one(
            &statement,
            &[&id, &drop, &customer, &sku, &quantity, &LIMIT, &created, &expires],
        )
        .await;
    match row {
        Ok(row) => Outcome::read(row.try_get(0).map_err(failed)?, row.try_get(1).map_err(failed)?),
        Err(error) => raised(&error).ok_or_else(|| failed(error)),
    }
}

fn raised(error: &tokio_postgres::Error) -> Option<Outcome> {
    let error = error.as_db_error()?;
    let figure = error.message().parse().ok();
    match error.code().code() {
        "DG001" => figure.map(|available| Outcome::SoldOut { available }),
        "DG002" => figure.map(|used| Outcome::LimitExceeded { used }),
        _ => None,
    }
}

/// Where to find Redis.
pub(super) struct Redis {
    client: Client,
}

impl Redis {
    pub(super) fn from_env() -> anyhow::Result<Redis> {
        let url = required("DROPGATE_REDIS_URL")?;
        // Each request waits for its answer: Nagle's algorithm would only add delay.
        let settings = TcpSettings::default().set_nodelay(true);
        let info = url.into_connection_info()?.set_tcp_settings(settings);
        Ok(Redis { client: Client::open(info)? })
    }

    pub(super) async fn connect(&self) -> redis::RedisResult<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(REDIS_WITHIN));
        self.client.get_multiplexed_async_connection_with_config(&config).await
    }
}

/// `BENCH_POOL` connections to Redis, each for one request at a time: only so can it wait in
/// Redis, and watch keys.
pub(super) struct RedisPool {
    redis: Redis,
    free: Semaphore,
    idle: Mutex<Vec<MultiplexedConnection>>,
}

/// One of the pool's connections. It is closed unless it is given back.
pub(super) struct Leased<'a> {
    pool: &'a RedisPool,
    pub(super) connection: MultiplexedConnection,
    _permit: SemaphorePermit<'a>,
}

impl RedisPool {
    pub(super) fn new(redis: Redis) -> anyhow::Result<RedisPool> {
        Ok(RedisPool { redis, free: Semaphore::new(size()?), idle: Mutex::default() })
    }

    pub(super) async fn get(&self) -> Result<Leased<'_>, CallError> {
        let permit = tokio::time::timeout(PATIENCE, self.free.acquire()).await;
        let permit = permit
            .map_err(|_| CallError::none("no connection to Redis is free"))?
            .map_err(failed)?;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => {
                self.redis.connect().await.map_err(|error| CallError::none(error.to_string()))?
            }
        };
        Ok(Leased { pool: self, connection, _permit: permit })
    }
}

impl Leased<'_> {
    /// Gives it back in working order: no answer is outstanding, no key is watched.
    pub(super) fn give_back(self) {
        let mut idle = self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(self.connection);
    }
}
