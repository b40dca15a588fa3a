//! What becomes of a sale: every success, and every refusal that the state of a drop, a reservation
//! or a key is the reason of.

use reqwest::Method;
use serde_json::{Value, json};

use super::Drive;
use crate::support::{MadeKey, Sale, eventually};

/// Drives a sale from its drop's making to its close.
pub(super) async fn drive(drive: &mut Drive) {
    operations(drive).await;
    settings(drive).await;
    public(drive).await;
    holds(drive).await;
    let released = released(drive).await;
    let confirmed = confirmed(drive).await;
    let expired = expired(drive).await;
    for (reservation, code) in [
        (&released, "reservation_released"),
        (&confirmed, "already_confirmed"),
        (&expired, "reservation_expired"),
    ] {
        ended(drive, reservation, code).await;
    }
    reacquired(drive, &expired).await;
    returned(drive, &confirmed).await;
    reused(drive, &released).await;
    not_on_sale(drive).await;
    keys(drive).await;
    followed(drive).await;
    erased(drive).await;
    webhooks(drive).await;
}

/// A webhook, made, looked at, changed, tried and ended, and what nobody took.
async fn webhooks(drive: &mut Drive) {
    let at = |drive: &Drive, method: Method, path: &str| {
        let call = drive.sale.anonymous(method, &format!("/v1/admin/webhooks{path}"));
        call.bearer(crate::support::ADMIN_KEY)
    };
    // Nobody listens there.
    let body = json!({ "url": "http://127.0.0.1:9/", "drops": [drive.sale.id()],
        "types": ["held"], "from": "start" });
    let call = at(drive, Method::POST, "").json(&body);
    let made = drive.done(call, 201).await;
    let path = format!("/{}", made["id"].as_str().expect("an id"));
    for (method, path, status) in [
        (Method::GET, "?limit=1".to_owned(), 200),
        (Method::GET, path.clone(), 200),
        (Method::POST, format!("{path}/rotate"), 200),
        (Method::POST, format!("{path}/test"), 200),
    ] {
        let call = at(drive, method, &path);
        drive.done(call, status).await;
    }
    let call = at(drive, Method::PATCH, &path).json(&json!({ "description": "of no use" }));
    drive.done(call, 200).await;
    let list = format!("{path}/deliveries?state=retrying&limit=5");
    let failed = eventually("it was not taken", || async {
        let page = at(drive, Method::GET, &list).send().await.ok(200);
        page["items"][0]["id"].as_str().map(str::to_owned)
    })
    .await;
    let call = at(drive, Method::GET, &list);
    drive.done(call, 200).await;
    let call = at(drive, Method::POST, &format!("{path}/deliveries/{failed}/resend"));
    drive.done(call, 202).await;
    let unknown = format!("{path}/deliveries/{}/resend", uuid::Uuid::now_v7());
    let call = at(drive, Method::POST, &unknown);
    drive.refused(call, 404, "unknown_delivery").await;
    let call = at(drive, Method::DELETE, &path);
    drive.done(call, 200).await;
}

/// The live feed: its beginning, and a token that opens nothing.
async fn followed(drive: &mut Drive) {
    let path = format!("/v1/drops/{}/events", drive.sale.id());
    let call = drive.sale.anonymous(Method::GET, &path);
    assert_eq!(drive.ask(call).await.status, 200);
    let call = drive.sale.anonymous(Method::GET, &format!("{path}?watch={}", "A".repeat(43)));
    drive.refused(call, 403, "forbidden").await;
}

/// A customer who is forgotten once nothing is held for them.
async fn erased(drive: &mut Drive) {
    let sale = Sale::open(&[("a", 5)]).await;
    let customer = format!("c-{}", uuid::Uuid::now_v7());
    let held = sale.held(&customer, &[("a", 1)]).await;
    let erase = |body: Value| {
        let call = drive.sale.anonymous(Method::POST, "/v1/admin/customers/erase");
        call.bearer(crate::support::ADMIN_KEY).json(&body)
    };
    let whole = json!({ "customer_id": customer });
    let (early, late) = (erase(whole.clone()), erase(whole));
    let nowhere = erase(json!({ "customer_id": customer, "drop": "no-such-drop" }));
    drive.refused(nowhere, 404, "unknown_drop").await;
    drive.refused(early, 409, "hold_active").await;
    sale.release(&held).send().await.ok(200);
    assert_eq!(drive.done(late, 200).await["drops"][0]["drop"], sale.id());
}

async fn operations(drive: &mut Drive) {
    for path in ["/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"] {
        let call = drive.sale.anonymous(Method::GET, path);
        assert_eq!(drive.ask(call).await.status, 200, "{path}");
    }
}

/// Drops and SKUs, made and changed.
async fn settings(drive: &mut Drive) {
    let unborn = Sale::unborn().await;
    for status in [201, 200] {
        let call = unborn.admin(Method::PUT, "").json(&json!({ "name": "A drop" }));
        drive.done(call, status).await;
        let call = unborn.admin(Method::PUT, "/skus/a").json(&json!({ "initial_stock": 3 }));
        drive.done(call, status).await;
    }
    for path in
        ["", "/sale", "/ledger", "/ledger?order=newest", "/ledger.csv", "/audit", "/reservations"]
    {
        let call = drive.sale.admin(Method::GET, path);
        drive.done(call, 200).await;
    }
    let call = unborn.anonymous(Method::GET, "/v1/admin/key");
    drive.done(call.bearer(crate::support::ADMIN_KEY), 200).await;
    let call = unborn.anonymous(Method::GET, "/v1/admin/drops?limit=1");
    drive.done(call.bearer(crate::support::ADMIN_KEY), 200).await;
    let delivery = |quantity: i64, key: &str| {
        drive.sale.restock("a", json!({ "quantity": quantity, "reason": "r" })).key(key)
    };
    let (first, again, less) =
        (delivery(5, "delivery"), delivery(5, "delivery"), delivery(-1000, "recall"));
    drive.done(first, 200).await;
    assert!(drive.ask(again).await.is_replayed());
    drive.refused(less, 409, "insufficient_available").await;
}

async fn public(drive: &mut Drive) {
    for path in [String::new(), "/skus/a".to_owned()] {
        let path = format!("/v1/drops/{}{path}", drive.sale.id());
        let call = drive.sale.anonymous(Method::GET, &path);
        let tag = drive.ask(call).await.header("etag").to_owned();
        let call = drive.sale.anonymous(Method::GET, &path).header("if-none-match", tag);
        drive.done(call, 304).await;
    }
}

/// New holds, and what is done to one that is held.
async fn holds(drive: &mut Drive) {
    let first = drive.sale.reserve("c-1", &[("a", 1)]).key("first");
    let held = drive.done(first, 201).await;
    let again = drive.sale.reserve("c-1", &[("a", 1)]).key("first");
    assert!(drive.ask(again).await.is_replayed());
    for (of, status, code) in [
        ([("a", 6)], 409, "limit_exceeded"),
        ([("b", 4)], 409, "sold_out"),
        ([("z", 1)], 404, "unknown_sku"),
    ] {
        let (hold, change) = (drive.sale.reserve("c-2", &of), drive.sale.change(&held, &of));
        drive.refused(hold, status, code).await;
        drive.refused(change, status, code).await;
    }
    let call = drive.sale.change(&held, &[("a", 2)]);
    drive.done(call, 200).await;
    let call = drive.sale.about(Method::GET, &held, "");
    drive.done(call, 200).await;
    let call = drive.sale.shop(Method::GET, "/reservations?customer_id=c-1&state=held");
    assert_eq!(drive.done(call, 200).await["items"][0]["id"], held["id"]);
    let call = drive.sale.extend(&held, json!({}));
    drive.refused(call, 409, "max_hold_reached").await;
    let call = drive.sale.give_back(&held, json!({}));
    drive.refused(call, 409, "not_confirmed").await;
    let short = drive.sale.held_for(60, "c-2", &[("a", 1)]).await;
    let call = drive.sale.extend(&short, json!({}));
    drive.done(call, 200).await;
}

async fn released(drive: &mut Drive) -> Value {
    let held = drive.sale.held("c-3", &[("a", 1)]).await;
    let call = drive.sale.release(&held);
    drive.done(call, 200).await
}

async fn confirmed(drive: &mut Drive) -> Value {
    let held = drive.sale.held("c-4", &[("a", 2)]).await;
    let call = drive.sale.confirm(&held, json!({ "order_id": "o-1" }));
    drive.done(call, 200).await
}

async fn expired(drive: &mut Drive) -> Value {
    drive.sale.expired("c-5", &[("b", 1)]).await
}

/// Everything that can be asked of a reservation that has ended in this way.
async fn ended(drive: &mut Drive, reservation: &Value, code: &str) {
    let sale = &drive.sale;
    let mut calls = vec![
        sale.change(reservation, &[("a", 1)]),
        sale.extend(reservation, json!({})),
        sale.confirm(reservation, json!({ "order_id": "o-2" })),
    ];
    // Releasing twice is no mistake, and what is confirmed can be returned.
    if code != "reservation_released" {
        calls.push(sale.release(reservation));
    }
    if code != "already_confirmed" {
        calls.push(sale.give_back(reservation, json!({})));
    }
    for call in calls {
        drive.refused(call, 409, code).await;
    }
}

/// An expired hold that can't be taken again, for want of units and then for a limit.
async fn reacquired(drive: &mut Drive, expired: &Value) {
    let confirm = |drive: &Drive| {
        drive.sale.confirm(expired, json!({ "order_id": "o-3", "reacquire": true }))
    };
    drive.sale.held("c-6", &[("b", 3)]).await;
    let call = confirm(drive);
    drive.refused(call, 409, "sold_out").await;
    drive.sale.held("c-5", &[("a", 5)]).await;
    let call = confirm(drive);
    drive.refused(call, 409, "limit_exceeded").await;
}

async fn returned(drive: &mut Drive, confirmed: &Value) {
    let part = json!({ "lines": [{ "sku": "a", "quantity": 1 }], "reason": "too small" });
    let (part, whole) =
        (drive.sale.give_back(confirmed, part), drive.sale.give_back(confirmed, json!({})));
    assert_eq!(drive.done(part, 200).await["state"], "confirmed");
    assert_eq!(drive.done(whole, 200).await["state"], "returned");
}

/// The key of another request, with every call that takes one.
async fn reused(drive: &mut Drive, reservation: &Value) {
    let sale = &drive.sale;
    let calls = [
        sale.reserve("c-9", &[("a", 1)]),
        sale.change(reservation, &[("a", 1)]),
        sale.extend(reservation, json!({})),
        sale.confirm(reservation, json!({ "order_id": "o-9" })),
        sale.release(reservation),
        sale.give_back(reservation, json!({})),
        sale.restock("a", json!({ "quantity": 1 })),
    ];
    for call in calls {
        drive.refused(call.key("first"), 422, "idempotency_key_reused").await;
    }
}

/// A drop that is paused, closed, not open yet, over.
async fn not_on_sale(drive: &mut Drive) {
    let held = drive.sale.held("c-7", &[("a", 1)]).await;
    let act = |drive: &Drive, action: &str| drive.sale.admin(Method::POST, &format!("/{action}"));
    for (action, code) in [("pause", "drop_paused"), ("close", "drop_closed")] {
        let call = act(drive, action);
        drive.done(call, 200).await;
        no_more(drive, &held, code).await;
    }
    let call = act(drive, "pause");
    drive.refused(call, 409, "drop_closed").await;
    let later = json!({ "state": "scheduled", "opens_at": "2999-01-01T00:00:00Z" });
    drive.sale.configure(later).await;
    no_more(drive, &held, "drop_not_open").await;
    let call = act(drive, "open");
    drive.done(call, 200).await;
    let over = json!({ "opens_at": null, "closes_at": "2020-01-01T00:00:00Z" });
    drive.sale.configure(over).await;
    let call = act(drive, "open");
    drive.refused(call, 409, "drop_closed").await;
}

async fn no_more(drive: &mut Drive, held: &Value, code: &str) {
    let hold = drive.sale.reserve("c-8", &[("a", 1)]);
    let more = drive.sale.change(held, &[("a", 2)]);
    drive.refused(hold, 409, code).await;
    drive.refused(more, 409, code).await;
}

async fn keys(drive: &mut Drive) {
    let body = json!({ "name": "for a test", "scopes": ["read"] });
    let call = drive.sale.keys(Method::POST, "").json(&body);
    let made = MadeKey::read(&drive.done(call, 201).await);
    let call = drive.sale.keys(Method::GET, "?limit=1");
    drive.done(call, 200).await;
    let rotate = |drive: &Drive| drive.sale.keys(Method::POST, &format!("/{}/rotate", made.id));
    let call = rotate(drive).json(&json!({ "overlap_seconds": 1 }));
    drive.done(call, 200).await;
    let call = drive.sale.keys(Method::DELETE, &format!("/{}", made.id));
    assert_eq!(drive.done(call, 200).await["state"], "revoked");
    let call = rotate(drive);
    drive.refused(call, 409, "key_ended").await;
}
