//! One example of every body and every answer. Answers are written by the types that handlers
//! answer with, and a test has the handlers' own readers read the bodies.

use std::collections::BTreeSet;
use std::str::FromStr;

use serde::Serialize;
use serde_json::{Value, json, value::RawValue};
use uuid::Uuid;

use super::super::auth::Opens;
use super::super::ledger_csv::ledger_csv;
use super::super::view::{AdminDrop, AdminSku, PublicDrop, PublicSku, ReservationView, SkuCounts};
use crate::domain::{
    ApiKey, ApiKeyId, ApiSecret, Attempt, Delivery, DeliveryState, DetailsVersion, DropId,
    DropSettings, DropState, DropView, FullDrop, KINDS, LedgerRow, Line, Millis, Page, Reservation,
    ReservationId, ReservationState, SECRET_BYTES, Scope, ShownApiKey, SkuId, SkuSettings,
    SkuStock, SkuView, Stock, WatchKey, Webhook, WebhookSecret, WebhookState, WebhookWithSecret,
    event_id, event_type,
};
use crate::engine::{
    AuditReport, Expiring, Funnel, HoldsUnder, PerSecond, SaleFigures, SaleSku, SecondRates,
    SkuCounts as BothCounts, ToConfirm, Unheld, VerbOutcome, WriteBehind,
};

/// 2026-01-01T12:00:00.000Z
pub(super) const NOON: Millis = Millis(1_767_268_800_000);
const HOUR_MS: i64 = 3_600_000;
const RESERVATION: &str = "0197a1b2-c3d4-7e5f-8a6b-1c2d3e4f5a6b";
const KEY: &str = "0197a1b2-0000-7000-8000-1c2d3e4f5a6b";
const WEBHOOK: &str = "0197a1b2-0000-7000-8000-2d3e4f5a6b7c";
const DELIVERY: &str = "0197a1b2-0000-7000-8000-3e4f5a6b7c8d";
/// Where a webhook of the examples goes.
pub(super) const RECEIVER: &str = "https://erp.example/dropgate";
const DROP: &str = "summer";
const SKU: &str = "shoe-42";
const CUSTOMER: &str = "c-1";
const ORDER: &str = "order-7";

/// The value of a parameter in examples, by its name.
pub(super) fn parameter(name: &str, of_key: bool) -> Option<&'static str> {
    Some(match name {
        "drop" => DROP,
        "sku" => SKU,
        "id" if of_key => KEY,
        "id" => RESERVATION,
        "webhook" => WEBHOOK,
        "delivery" => DELIVERY,
        "customer_id" => CUSTOMER,
        "Idempotency-Key" => "cart-1-hold",
        "If-None-Match" => "\"41\"",
        "X-Request-Id" => "cart-1-try-1",
        "traceparent" => "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        _ => return None,
    })
}

/// A body with this schema.
pub(super) fn body(schema: &str) -> Option<Value> {
    let lines = json!([{ "sku": SKU, "quantity": 1 }]);
    Some(match schema {
        "Reserve" => json!({ "customer_id": CUSTOMER, "lines": lines, "ttl_seconds": 600 }),
        "Change" => json!({ "lines": [{ "sku": SKU, "quantity": 2 }] }),
        "Extend" => json!({ "ttl_seconds": 300 }),
        "Confirm" => json!({ "order_id": ORDER }),
        "Nothing" => json!({}),
        "Return" => json!({ "lines": lines, "reason": "too small", "restock": true }),
        "Restock" => json!({ "quantity": 50, "reason": "second delivery", "reference": "po-12" }),
        "DropSettings" => json!({ "name": "Summer drop", "opens_at": NOON,
            "closes_at": NOON.plus(24 * HOUR_MS), "hold_ttl_seconds": 900,
            "limit_per_customer": 4 }),
        "SkuSettings" => json!({ "name": "Shoe, size 42", "initial_stock": 100,
            "details": { "price": "89.00", "currency": "EUR" }, "limit_per_customer": 2,
            "low_stock_threshold": 5 }),
        "NewApiKey" => json!({ "name": "summer shop", "scopes": ["storefront"],
            "drops": [DROP] }),
        "RotateKey" => json!({ "overlap_seconds": 3600 }),
        "NewWebhook" => json!({ "url": RECEIVER, "drops": [DROP],
            "types": ["confirmed", "returned"], "description": "orders", "from": "now",
            "batch": 10 }),
        "WebhookPatch" => json!({ "state": "paused" }),
        "Erase" => json!({ "customer_id": CUSTOMER }),
        _ => return None,
    })
}

/// An answer with this schema.
pub(super) fn answer(schema: &str) -> Option<Value> {
    let full = full_drop()?;
    let view = &full.view;
    let (first, details) = (view.skus.first()?, full.details.first()?);
    let stock = first.stock.stock;
    Some(match schema {
        "Status" => json!({ "status": "ok" }),
        "Document" => json!({ "openapi": "3.1.0", "paths": {} }),
        "text/plain" => json!("# TYPE dropgate_connections gauge\ndropgate_connections 3\n"),
        "text/event-stream" => json!("event: stock\nid: 1-42\ndata: {\"sku\":\"shoe-42\"}\n\n"),
        "Erased" => json!({ "drops": [{ "drop": DROP, "reservations": 2 }] }),
        "text/html" => json!("<!doctype html>"),
        "PublicDrop" => json!(PublicDrop::of(view, NOON)),
        "PublicSku" => json!(PublicSku::of(first, details)),
        "Reservation" => json!(reservation_view()?),
        "ReservationPage" => page(reservation_view()?),
        "AdminDrop" => json!(AdminDrop::of(&full, NOON)),
        "AdminDropPage" => page(AdminDrop::of(&full, NOON)),
        "AdminSku" => json!(AdminSku::of(first, details)),
        "Stock" => json!(SkuCounts { drop: &view.id, sku: &first.stock.sku, stock }),
        "LedgerPage" => page(ledger_row()?),
        "Sale" => json!(sale(view)),
        "OwnKey" => json!(Opens { scopes: vec![Scope::Admin], drops: None }),
        "text/csv" => {
            let csv = ledger_csv(&[ledger_row()?], true).ok()?;
            json!(String::from_utf8(csv).ok()?)
        }
        "Audit" => json!(AuditReport {
            drop: id(DROP)?,
            balanced: true,
            epoch: view.epoch,
            seq: view.seq,
            durable_seq: view.seq,
            skus: vec![BothCounts { sku: sku()?, redis: Some(stock), ledger: Some(stock) }],
            violations: Vec::new(),
        }),
        "ApiKey" => json!(key()?),
        "ApiKeyPage" => page(key()?),
        // It is no key of any engine: nothing is kept of what is made here.
        "ApiKeyWithSecret" => {
            let mut shown = json!(key()?.with(&ApiSecret::generate()));
            shown["secret"] = json!(format!("dgk_{}", "x".repeat(43)));
            shown
        }
        "Webhook" => json!(webhook()?),
        "WebhookPage" => page(webhook()?),
        // It signs nothing: nothing is kept of what is made here.
        "WebhookWithSecret" => {
            json!(WebhookWithSecret::of(webhook()?, &WebhookSecret::new([0; SECRET_BYTES])))
        }
        "Attempt" => json!(Attempt {
            delivered: false,
            status: Some(503),
            error: Some("503 Service Unavailable".to_owned()),
            milliseconds: 12,
        }),
        "Delivery" => json!(delivery()?),
        "DeliveryPage" => page(delivery()?),
        _ => return None,
    })
}

/// The SKU of the examples.
pub(super) fn sku() -> Option<SkuId> {
    id(SKU)
}

/// The drop of the examples.
pub(super) fn drop() -> Option<DropId> {
    id(DROP)
}

/// The reservation of the examples.
pub(super) fn reservation_id() -> Option<ReservationId> {
    id(RESERVATION)
}

fn id<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

fn page(item: impl Serialize) -> Value {
    json!(Page { items: vec![item], next_cursor: None })
}

fn full_drop() -> Option<FullDrop> {
    let settings = DropSettings {
        name: "Summer drop".to_owned(),
        state: DropState::Open,
        opens_at: Some(NOON),
        closes_at: Some(NOON.plus(24 * HOUR_MS)),
        hold_ttl_seconds: 900,
        max_hold_seconds: 3600,
        limit_per_customer: Some(4),
        expiring_soon_seconds: vec![60, 10],
    };
    let stock = Stock { total: 100, available: 97, held: 1, sold: 2 };
    let details = RawValue::from_string(json!({ "price": "89.00" }).to_string()).ok()?;
    let sku = SkuView {
        stock: SkuStock { sku: sku()?, stock, version: 42 },
        settings: SkuSettings {
            name: "Shoe, size 42".to_owned(),
            limit_per_customer: Some(2),
            low_stock_threshold: 5,
        },
        details: DetailsVersion { epoch: 1, seq: 2 },
    };
    let view = DropView { id: id(DROP)?, settings, epoch: 1, seq: 42, skus: vec![sku] };
    Some(FullDrop { view, details: vec![details.into()] })
}

fn reservation_view() -> Option<ReservationView> {
    let key = WatchKey::new(&[0; SECRET_BYTES]);
    reservation().map(|reservation| ReservationView::of(reservation, &key))
}

fn reservation() -> Option<Reservation> {
    Some(Reservation {
        id: reservation_id()?,
        drop: id(DROP)?,
        customer_id: id(CUSTOMER)?,
        state: ReservationState::Held,
        lines: vec![Line { sku: sku()?, quantity: 1 }],
        order_id: None,
        created_at: NOON,
        expires_at: NOON.plus(HOUR_MS / 4),
    })
}

fn sale(view: &DropView) -> SaleFigures {
    let stock = view.skus.first().map(|sku| sku.stock.stock).unwrap_or_default();
    let sku = |sku: &SkuView| SaleSku {
        sku: sku.stock.sku.clone(),
        name: sku.settings.name.clone(),
        stock: sku.stock.stock,
    };
    let unheld = |outcome: &str, calls| VerbOutcome {
        verb: "reserve".to_owned(),
        outcome: outcome.to_owned(),
        calls,
    };
    let under = |under_seconds, holds| HoldsUnder { under_seconds, holds };
    SaleFigures {
        drop: view.id.clone(),
        name: view.settings.name.clone(),
        state: view.settings.state,
        at: NOON,
        epoch: view.epoch,
        seq: view.seq,
        counts: stock,
        skus: view.skus.iter().map(sku).collect(),
        events: KINDS.into_iter().map(|kind| (kind, i64::from(kind == "held"))).collect(),
        funnel: Funnel { attempts: Some(24), holds: 3, confirms: 2 },
        unheld: Some(Unheld {
            since: Some(NOON.plus(-HOUR_MS)),
            outcomes: vec![unheld("limit_exceeded", 1), unheld("sold_out", 20)],
        }),
        per_second: PerSecond {
            until: NOON,
            holds: vec![0, 1, 2],
            confirms: vec![0, 0, 1],
            refusals: Some(vec![0, 5, 16]),
        },
        rates: SecondRates { over_seconds: 5, holds: 0.6, confirms: 0.2, refusals: Some(4.2) },
        hold_to_confirm: ToConfirm { confirms: 2, median_ms: Some(41_000), p95_ms: Some(97_000) },
        remaining: Some(vec![under(Some(0), 0), under(Some(60), 0), under(None, 1)]),
        expiry: Some(Expiring { looked_at: NOON, due: 0, lag_seconds: 0.0 }),
        write_behind: Some(WriteBehind { events: 0, lag_seconds: 0.0 }),
    }
}

fn ledger_row() -> Option<LedgerRow> {
    Some(LedgerRow {
        epoch: 1,
        seq: 42,
        kind: "confirmed".to_owned(),
        reservation_id: reservation_id(),
        customer_id: id(CUSTOMER),
        sku: sku(),
        quantity: 1,
        order_id: id(ORDER),
        occurred_at: NOON,
        reference: None,
        reason: None,
        settings: None,
    })
}

fn key() -> Option<ShownApiKey> {
    let key = ApiKey {
        id: ApiKeyId::from(Uuid::parse_str(KEY).ok()?),
        name: "summer shop".to_owned(),
        scopes: BTreeSet::from([Scope::Storefront]),
        drops: Some(BTreeSet::from([id::<DropId>(DROP)?])),
        created_at: NOON,
        expires_at: None,
        rotated_at: None,
        overlap_ends_at: None,
        revoked_at: None,
        last_used_at: None,
    };
    Some(ShownApiKey::of(key, NOON))
}

fn webhook() -> Option<Webhook> {
    Some(Webhook {
        id: id(WEBHOOK)?,
        url: RECEIVER.to_owned(),
        drops: Some(BTreeSet::from([id::<DropId>(DROP)?])),
        types: Some(BTreeSet::from([id("confirmed")?, id("returned")?])),
        description: "orders".to_owned(),
        batch: 10,
        state: WebhookState::Active,
        created_at: NOON,
        failing_since: None,
        last_error: None,
        last_delivered_at: Some(NOON.plus(HOUR_MS)),
        pending: 0,
        dead: 0,
    })
}

fn delivery() -> Option<Delivery> {
    Some(Delivery {
        id: id(DELIVERY)?,
        drop: id(DROP)?,
        event: event_id(1, 42),
        event_type: event_type("confirmed"),
        state: DeliveryState::Retrying,
        attempts: 2,
        status: Some(503),
        error: Some("503 Service Unavailable".to_owned()),
        first_at: NOON,
        last_at: NOON.plus(1_500),
        next_at: Some(NOON.plus(4_000)),
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::request;
    use super::*;

    #[test]
    fn the_handlers_read_the_bodies() {
        let given = |schema: &str| body(schema).unwrap_or_else(|| panic!("{schema}"));
        assert!(request::Reserve::read(&given("Reserve")).is_ok());
        assert!(request::lines_only(&given("Change")).is_ok());
        assert!(request::extend(&given("Extend")).is_ok());
        assert!(request::Confirm::read(&given("Confirm")).is_ok());
        assert!(request::nothing(&given("Nothing")).is_ok());
        assert!(request::Return::read(&given("Return")).is_ok());
        assert!(request::Restock::read(&given("Restock")).is_ok());
        assert!(request::drop_patch(&given("DropSettings")).is_ok());
        assert!(request::sku_patch(&given("SkuSettings")).is_ok());
        assert!(request::new_key(&given("NewApiKey"), NOON).is_ok());
        assert!(request::rotate(&given("RotateKey")).is_ok());
        assert!(request::new_webhook(&given("NewWebhook")).is_ok());
        assert!(request::webhook_patch(&given("WebhookPatch")).is_ok());
        assert!(request::Erase::read(&given("Erase")).is_ok());
    }
}
