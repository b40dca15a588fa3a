//! Every route, by audience.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post, put};

use super::{
    Api, admin, auth, customers, keys, ledger, live, operations, pages, public, storefront,
    webhooks,
};

/// The whole API.
pub(super) fn router(api: Arc<Api>) -> Router {
    let open = Router::new()
        .route("/healthz", get(operations::healthz))
        .route("/readyz", get(operations::readyz))
        .route("/metrics", get(operations::metrics))
        .route("/openapi.json", get(operations::openapi))
        .route("/docs", get(operations::docs))
        .route("/v1/drops/{drop}", get(public::drop))
        .route("/v1/drops/{drop}/skus/{sku}", get(public::sku))
        .route("/v1/drops/{drop}/events", get(live::events));

    Router::new()
        .merge(open)
        .merge(storefront_routes(&api))
        .merge(admin_routes(&api))
        .merge(key_routes(&api))
        .merge(webhook_routes(&api))
        .merge(live::sockets())
        .merge(pages::router(&api))
        .fallback(operations::not_found)
        .method_not_allowed_fallback(operations::method_not_allowed)
        .with_state(api)
}

/// For those who sell, and their GETs for those who look on.
fn storefront_routes(api: &Arc<Api>) -> Router<Arc<Api>> {
    const ONE: &str = "/v1/drops/{drop}/reservations/{id}";
    Router::new()
        .route("/v1/drops/{drop}/reservations", get(storefront::list).post(storefront::reserve))
        .route(ONE, get(storefront::read))
        .route(&format!("{ONE}/lines"), put(storefront::change))
        .route(&format!("{ONE}/extend"), post(storefront::extend))
        .route(&format!("{ONE}/confirm"), post(storefront::confirm))
        .route(&format!("{ONE}/release"), post(storefront::release))
        .route_layer(from_fn_with_state(Arc::clone(&api.keys), auth::storefront))
}

/// For merchants, and their GETs for those who look on.
fn admin_routes(api: &Arc<Api>) -> Router<Arc<Api>> {
    let drop = Router::new()
        .route("/", get(admin::drop).put(admin::put_drop))
        .route("/skus/{sku}", put(admin::put_sku))
        .route("/skus/{sku}/restock", post(admin::restock))
        .route("/open", post(admin::open))
        .route("/pause", post(admin::pause))
        .route("/close", post(admin::close))
        .route("/reservations", get(admin::reservations))
        .route("/reservations/{id}/return", post(admin::return_units))
        .route("/sale", get(admin::sale))
        .route("/ledger", get(ledger::page))
        .route("/ledger.csv", get(ledger::whole))
        .route("/audit", get(admin::audit));
    Router::new()
        .route("/v1/admin/key", get(admin::own_key))
        .route("/v1/admin/drops", get(admin::drops))
        .nest("/v1/admin/drops/{drop}", drop)
        .route_layer(from_fn_with_state(Arc::clone(&api.keys), auth::admin))
}

/// For merchants whose key is limited to no drop.
fn key_routes(api: &Arc<Api>) -> Router<Arc<Api>> {
    Router::new()
        .route("/v1/admin/keys", get(keys::list).post(keys::create))
        .route("/v1/admin/keys/{id}", delete(keys::revoke))
        .route("/v1/admin/keys/{id}/rotate", post(keys::rotate))
        .route("/v1/admin/customers/erase", post(customers::erase))
        .route_layer(from_fn_with_state(Arc::clone(&api.keys), auth::keys))
}

/// For merchants whose key is limited to no drop, for a webhook may be told of all.
fn webhook_routes(api: &Arc<Api>) -> Router<Arc<Api>> {
    Router::new()
        .route("/v1/admin/webhooks", get(webhooks::list).post(webhooks::create))
        .route(
            "/v1/admin/webhooks/{webhook}",
            get(webhooks::read).patch(webhooks::change).delete(webhooks::delete),
        )
        .route("/v1/admin/webhooks/{webhook}/rotate", post(webhooks::rotate))
        .route("/v1/admin/webhooks/{webhook}/test", post(webhooks::test))
        .route("/v1/admin/webhooks/{webhook}/deliveries", get(webhooks::deliveries))
        .route("/v1/admin/webhooks/{webhook}/deliveries/{delivery}/resend", post(webhooks::resend))
        .route_layer(from_fn_with_state(Arc::clone(&api.keys), auth::keys))
}
