//! A script in Redis for each request, over one connection that all share. Nothing is written
//! anywhere else: what Redis loses is lost.

use std::sync::Arc;

use axum::Router;
use dropgate::{api::front, domain::Reservation, engine::Answer};
use redis::{Script, aio::MultiplexedConnection};

use super::{
    LIMIT, Offer,
    pool::Redis,
    request::{Outcome, Request, failed},
};

/// Loads the script and stocks the SKU.
pub(super) async fn router() -> anyhow::Result<Router> {
    let offer = Offer::from_env()?;
    let mut connection = Redis::from_env()?.connect().await?;
    let script = Arc::new(Script::new(include_str!("evalsha.lua")));
    script.load_async(&mut connection).await?;
    let stock = key(&offer.drop, "stock", offer.sku);
    redis::cmd("SETNX").arg(stock).arg(offer.units).exec_async(&mut connection).await?;
    Ok(super::router(move |hold| reserve(connection.clone(), Arc::clone(&script), hold)))
}

fn key(drop: &str, name: &str, sku: &str) -> String {
    format!("evalsha:{{{drop}}}:{name}:{sku}")
}

async fn reserve(
    mut connection: MultiplexedConnection,
    script: Arc<Script>,
    hold: front::Hold,
) -> Answer<Reservation> {
    let request = Request::new(hold)?;
    let sku = request.sku.as_str();
    let mut call = script.prepare_invoke();
    for name in ["stock", "customers", "holds", "deadlines"] {
        call.key(key(request.drop(), name, sku));
    }
    call.arg(request.short_id())
        .arg(request.customer())
        .arg(request.quantity)
        .arg(LIMIT)
        .arg(request.deadline().0)
        .arg(request.packed());
    let (code, figure) = call.invoke_async(&mut connection).await.map_err(failed)?;
    request.answer(Outcome::read(code, figure)?)
}
