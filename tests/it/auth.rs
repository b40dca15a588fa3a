//! Who may call what.

use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use crate::support::{ADMIN_KEY, STOREFRONT_KEY, Sale};

/// Every route behind a key, as `(method, path, whether it is the admin's)`.
fn routes(sale: &Sale) -> Vec<(Method, String, bool)> {
    let (drop, id) = (sale.id(), Uuid::now_v7());
    let shop = format!("/v1/drops/{drop}/reservations");
    let admin = format!("/v1/admin/drops/{drop}");
    vec![
        (Method::POST, shop.clone(), false),
        (Method::GET, format!("{shop}?customer_id=c"), false),
        (Method::GET, format!("{shop}/{id}"), false),
        (Method::PUT, format!("{shop}/{id}/lines"), false),
        (Method::POST, format!("{shop}/{id}/extend"), false),
        (Method::POST, format!("{shop}/{id}/confirm"), false),
        (Method::POST, format!("{shop}/{id}/release"), false),
        (Method::GET, "/v1/admin/drops".to_owned(), true),
        (Method::GET, admin.clone(), true),
        (Method::PUT, admin.clone(), true),
        (Method::PUT, format!("{admin}/skus/a"), true),
        (Method::POST, format!("{admin}/skus/a/restock"), true),
        (Method::POST, format!("{admin}/open"), true),
        (Method::POST, format!("{admin}/pause"), true),
        (Method::POST, format!("{admin}/close"), true),
        (Method::GET, format!("{admin}/reservations"), true),
        (Method::POST, format!("{admin}/reservations/{id}/return"), true),
        (Method::GET, format!("{admin}/ledger"), true),
        (Method::GET, format!("{admin}/audit"), true),
    ]
}

#[tokio::test]
async fn without_a_key_nothing_behind_one_is_read_or_done() {
    let sale = Sale::open(&[("a", 5)]).await;
    for (method, path, _) in routes(&sale) {
        let call = || sale.anonymous(method.clone(), &path);
        for call in [
            call(),
            // Nothing else of the request matters before the key.
            call().typed(Some("text/plain"), "nonsense").header("idempotency-key", ""),
            call().bearer("wrong-key-0123456789"),
            call().bearer(&ADMIN_KEY[1..]),
            call().bearer(&ADMIN_KEY.to_uppercase()),
            call().header("authorization", ADMIN_KEY),
            call().header("authorization", format!("Basic {ADMIN_KEY}")),
            call().header("authorization", "Bearer "),
            call().bearer(ADMIN_KEY).bearer(STOREFRONT_KEY),
        ] {
            let reply = call.send().await;
            assert_eq!(reply.header("www-authenticate"), "Bearer realm=\"dropgate\"");
            reply.problem(401, "unauthenticated");
        }
    }
    assert_eq!(sale.counts("a").await, (5, 5, 0, 0));
}

#[tokio::test]
async fn the_storefronts_key_opens_nothing_of_the_admins() {
    let sale = Sale::open(&[("a", 5)]).await;
    for (method, path, is_admins) in routes(&sale) {
        let reply = sale.anonymous(method.clone(), &path).bearer(STOREFRONT_KEY).send().await;
        if is_admins {
            reply.problem(403, "forbidden");
        } else {
            assert!(!matches!(reply.status, 401 | 403), "{method} {path}: {}", reply.status);
        }
    }
    let view = sale.admin(Method::GET, "").send().await.ok(200);
    assert_eq!(view["state"], "open");
}

#[tokio::test]
async fn an_admin_may_do_what_a_storefront_may() {
    let sale = Sale::open(&[("a", 5)]).await;
    let path = format!("/v1/drops/{}/reservations", sale.id());
    let body = json!({ "customer_id": "c", "lines": [{ "sku": "a", "quantity": 1 }] });
    let call = sale.anonymous(Method::POST, &path).header(
        "authorization",
        // The scheme's name has no case, and may be followed by more than one space.
        format!("bEARER  {ADMIN_KEY}"),
    );
    let held = call.json(&body).send().await.ok(201);
    let id = held["id"].as_str().expect("an id");
    let release = sale.anonymous(Method::POST, &format!("{path}/{id}/release")).bearer(ADMIN_KEY);
    assert_eq!(release.send().await.ok(200)["state"], "released");
}
