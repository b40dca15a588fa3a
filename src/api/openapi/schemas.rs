//! The shapes of what goes in and what comes out (JSON Schema 2020-12).

use serde_json::{Map, Value, json};

use super::super::value::MAX_SECONDS;
use super::{meanings, problems, reference};
use crate::domain::{
    KINDS, MAX_BATCH, MAX_KEY_DROPS, MAX_LINES, MAX_OVERLAP_SECONDS, MAX_QUANTITY, MAX_STOCK,
    MAX_URL, MAX_WARNINGS, MAX_WEBHOOK_DROPS,
};

/// Every shape by name.
pub(super) fn all() -> Value {
    let mut schemas = Map::new();
    for part in [values(), bodies(), reservations(), drops(), books(), sale(), keys(), webhooks()] {
        if let Value::Object(part) = part {
            schemas.extend(part);
        }
    }
    meanings::add_to(&mut schemas);
    Value::Object(schemas)
}

/// An object: these members and no others; the named ones must be there.
fn closed(required: &[&str], properties: Value) -> Value {
    json!({ "type": "object", "required": required, "properties": properties,
        "additionalProperties": false })
}

/// An object that always has these members, and may get more in a later version.
fn open(properties: Value) -> Value {
    let required: Vec<&String> = properties.as_object().into_iter().flat_map(Map::keys).collect();
    json!({ "type": "object", "required": required, "properties": properties })
}

fn integer(least: i64, most: i64) -> Value {
    json!({ "type": "integer", "minimum": least, "maximum": most })
}

/// One of these.
fn words(words: &[&str]) -> Value {
    json!({ "type": "string", "enum": words })
}

fn or_null(schema: &Value) -> Value {
    json!({ "anyOf": [schema, { "type": "null" }] })
}

fn page(items: &str) -> Value {
    open(json!({
        "items": { "type": "array", "items": reference(items) },
        "next_cursor": { "type": ["string", "null"] },
    }))
}

fn values() -> Value {
    json!({
        "Name": { "type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$" },
        "Token": { "type": "string", "pattern": "^[A-Za-z0-9._:@-]{1,128}$" },
        "ReservationId": { "type": "string", "format": "uuid" },
        "IdempotencyKey": { "type": "string", "pattern": "^[ -~]{1,255}$" },
        "Time": { "type": "string", "format": "date-time",
            "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$",
            "description": "In UTC, with milliseconds." },
        "GivenTime": { "type": "string", "format": "date-time",
            "description": "RFC 3339, from 1970 to 9999; milliseconds count." },
        "Count": integer(0, MAX_STOCK),
        "Quantity": integer(1, MAX_QUANTITY),
        "Seconds": integer(1, MAX_SECONDS),
        "Warnings": { "type": "array", "maxItems": MAX_WARNINGS, "items": reference("Seconds"),
            "description": "How long before its deadline the holder of a hold is warned." },
        "Seq": { "type": "integer", "minimum": 0, "maximum": i64::MAX },
        "Limit": { "type": "integer", "minimum": 1, "maximum": 500, "default": 50 },
        "LedgerLimit": { "type": "integer", "minimum": 1, "maximum": 1000, "default": 100 },
        "WatchToken": { "type": "string", "pattern": "^[A-Za-z0-9_-]{43}$",
            "description": "Lets a browser watch one reservation, and do nothing else." },
        "WatchTokens": { "type": "string", "pattern": "^[A-Za-z0-9_-]{43}(,[A-Za-z0-9_-]{43}){0,19}$",
            "description": "Up to 20 tokens with commas between." },
        "FeedMark": { "type": "string", "pattern": "^[0-9]{1,19}-[0-9]{1,19}$",
            "description": "The id of the last message seen; the header Last-Event-ID says the same." },
        "Cursor": { "type": "string", "description": "The next_cursor of the page before." },
        "Reason": { "type": "string", "maxLength": 500,
            "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*$" },
        "Title": { "type": "string", "minLength": 1, "maxLength": 200,
            "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*$" },
        "Status": open(json!({ "status": { "type": "string" } })),
        "Document": { "type": "object" },
        "Problem": problems::schema(),
        "InvalidField": open(json!({
            "pointer": { "type": "string", "description": "Where: a JSON pointer into the body, \
                or `/header/…`, `/query/…`, `/path/…`." },
            "detail": { "type": "string" } })),
        "Shortage": open(json!({
            "sku": reference("Name"), "requested": reference("Count"),
            "available": reference("Count") })),
    })
}

fn bodies() -> Value {
    let limit = or_null(&integer(1, MAX_STOCK));
    let time = or_null(&reference("GivenTime"));
    json!({
        "Line": closed(&["sku", "quantity"], json!({
            "sku": reference("Name"), "quantity": reference("Quantity") })),
        // As many are read before they are added up.
        "Lines": { "type": "array", "minItems": 1, "maxItems": 10 * MAX_LINES,
            "items": reference("Line"),
            "description": "Up to 20 SKUs; lines of one SKU are added up." },
        "Reserve": closed(&["customer_id", "lines"], json!({
            "customer_id": reference("Token"), "lines": reference("Lines"),
            "ttl_seconds": reference("Seconds") })),
        "Change": closed(&["lines"], json!({ "lines": reference("Lines") })),
        "Extend": closed(&[], json!({ "ttl_seconds": reference("Seconds") })),
        "Confirm": closed(&["order_id"], json!({
            "order_id": reference("Token"),
            "reacquire": { "type": "boolean", "default": false } })),
        "Nothing": closed(&[], json!({})),
        "Return": closed(&[], json!({
            "lines": reference("Lines"), "reason": reference("Reason"),
            "restock": { "type": "boolean", "default": true } })),
        "Erase": closed(&["customer_id"], json!({
            "customer_id": reference("Token"),
            "drop": or_null(&reference("Name")) })),
        "Restock": closed(&["quantity"], json!({
            "quantity": { "type": "integer", "minimum": -MAX_STOCK, "maximum": MAX_STOCK,
                "not": { "const": 0 } },
            "reason": reference("Reason"), "reference": reference("Token") })),
        "DropSettings": closed(&[], json!({
            "name": reference("Title"), "state": reference("DropState"), "opens_at": time,
            "closes_at": time, "hold_ttl_seconds": reference("Seconds"),
            "max_hold_seconds": reference("Seconds"), "limit_per_customer": limit,
            "expiring_soon_seconds": reference("Warnings") })),
        "SkuSettings": closed(&[], json!({
            "name": reference("Title"),
            "details": { "type": "object",
                "description": "At most 16 KB of JSON, its numbers at most 1e100." },
            "initial_stock": reference("Count"), "limit_per_customer": limit,
            "low_stock_threshold": reference("Count") })),
    })
}

fn reservations() -> Value {
    let reservation = json!({
        "id": reference("ReservationId"), "drop": reference("Name"),
        "customer_id": reference("Token"), "state": reference("ReservationState"),
        "lines": { "type": "array", "items": reference("Line") },
        "order_id": or_null(&reference("Token")), "created_at": reference("Time"),
        "expires_at": reference("Time"), "watch_token": reference("WatchToken") });
    json!({
        "ReservationState": words(&["held", "confirmed", "released", "expired", "returned"]),
        "Reservation": open(reservation),
        "ReservationPage": page("Reservation"),
    })
}

fn drops() -> Value {
    let shown = json!({
        "sku": reference("Name"), "name": { "type": "string" }, "available": reference("Count"),
        "status": reference("StockStatus"),
        "message": { "type": ["string", "null"] }, "version": reference("Seq") });
    let mut detailed = shown.clone();
    detailed["details"] = json!({ "type": "object" });
    let counts = json!({
        "total": reference("Count"), "available": reference("Count"), "held": reference("Count"),
        "sold": reference("Count") });
    let mut stock = counts.clone();
    (stock["drop"], stock["sku"]) = (reference("Name"), reference("Name"));
    let mut sku = counts.clone();
    for (name, schema) in [
        ("sku", reference("Name")),
        ("name", json!({ "type": "string" })),
        ("limit_per_customer", json!({ "type": ["integer", "null"] })),
        ("low_stock_threshold", reference("Count")),
        ("details", json!({ "type": "object" })),
        ("version", reference("Seq")),
    ] {
        sku[name] = schema;
    }
    json!({
        "StockStatus": words(&["in_stock", "low", "sold_out"]),
        "DropState": words(&["scheduled", "open", "paused", "closed"]),
        "PublicSku": open(detailed),
        "PublicSkuLine": open(shown),
        "PublicDrop": open(json!({
            "id": reference("Name"), "name": { "type": "string" },
            "state": reference("DropState"), "opens_at": or_null(&reference("Time")),
            "closes_at": or_null(&reference("Time")), "hold_ttl_seconds": reference("Seconds"),
            "skus": { "type": "array", "items": reference("PublicSkuLine") } })),
        "Counts": open(counts),
        "Stock": open(stock),
        "AdminSku": open(sku),
        "AdminDrop": open(json!({
            "id": reference("Name"), "name": { "type": "string" },
            "state": reference("DropState"), "opens_at": or_null(&reference("Time")),
            "closes_at": or_null(&reference("Time")), "hold_ttl_seconds": reference("Seconds"),
            "max_hold_seconds": reference("Seconds"),
            "limit_per_customer": { "type": ["integer", "null"] },
            "expiring_soon_seconds": reference("Warnings"),
            "epoch": reference("Seq"), "seq": reference("Seq"),
            "skus": { "type": "array", "items": reference("AdminSku") } })),
        "AdminDropPage": page("AdminDrop"),
    })
}

fn books() -> Value {
    let text = json!({ "type": ["string", "null"] });
    json!({
        "LedgerKinds": { "type": "string",
            "pattern": format!("^({0})(,({0}))*$", KINDS.join("|")),
            "description": "Kinds with commas between." },
        "LedgerOrder": { "type": "string", "enum": ["oldest", "newest"], "default": "oldest",
            "description": "Which end comes first; next_cursor is the after_seq of the next page, \
                or for the newest first its before_seq." },
        "LedgerRow": open(json!({
            "epoch": reference("Seq"), "seq": reference("Seq"),
            "kind": words(&KINDS),
            "reservation_id": text, "customer_id": text, "sku": text,
            "quantity": { "type": "integer" }, "order_id": text,
            "occurred_at": reference("Time"), "reference": text, "reason": text,
            "settings": {} })),
        "LedgerPage": page("LedgerRow"),
        "Erased": open(json!({ "drops": { "type": "array", "items": open(json!({
            "drop": reference("Name"), "reservations": reference("Count") })) } })),
        "AuditSku": open(json!({
            "sku": reference("Name"), "redis": or_null(&reference("Counts")),
            "ledger": or_null(&reference("Counts")) })),
        "Audit": open(json!({
            "drop": reference("Name"), "balanced": { "type": "boolean" },
            "epoch": reference("Seq"), "seq": reference("Seq"), "durable_seq": reference("Seq"),
            "skus": { "type": "array", "items": reference("AuditSku") },
            "violations": { "type": "array", "items": { "type": "string" } } })),
    })
}

fn sale() -> Value {
    let whole = || integer(0, i64::MAX);
    let maybe = |schema: Value, about: &str| {
        let mut either = or_null(&schema);
        either["description"] = json!(about);
        either
    };
    let number = || json!({ "type": "number", "minimum": 0 });
    let list = |of: Value| json!({ "type": "array", "items": of });
    let events: Map<String, Value> =
        KINDS.iter().map(|kind| ((*kind).to_owned(), whole())).collect();
    json!({
        "SaleSku": open(json!({
            "sku": reference("Name"), "name": { "type": "string" },
            "total": reference("Count"), "available": reference("Count"),
            "held": reference("Count"), "sold": reference("Count") })),
        "SaleFunnel": open(json!({
            "attempts": maybe(whole(), "Calls for a new hold, without repeats and without those \
                whose outcome nobody knows; null while Redis can't be read."),
            "holds": whole(), "confirms": whole() })),
        "SaleOutcome": open(json!({
            "verb": { "type": "string" },
            "outcome": { "type": "string", "description": "A problem's code, or one of the words \
                of dropgate_outcomes_total." },
            "calls": whole() })),
        "SaleUnheld": open(json!({
            "since": maybe(reference("Time"), "When the first of them was counted: they are \
                counted in Redis, and begin anew when it is wiped."),
            "outcomes": list(reference("SaleOutcome")) })),
        "SalePerSecond": open(json!({
            "until": reference("Time"), "holds": list(whole()), "confirms": list(whole()),
            "refusals": maybe(list(whole()), "New holds that were refused; null while Redis \
                can't be read.") })),
        "SaleRates": open(json!({
            "over_seconds": reference("Seconds"), "holds": number(), "confirms": number(),
            "refusals": or_null(&number()) })),
        "SaleToConfirm": open(json!({
            "confirms": whole(), "median_ms": or_null(&json!({ "type": "integer" })),
            "p95_ms": or_null(&json!({ "type": "integer" })) })),
        "SaleHoldsUnder": open(json!({
            "under_seconds": maybe(whole(), "0: due already; null: more than all others."),
            "holds": whole() })),
        "SaleExpiry": open(json!({
            "looked_at": reference("Time"), "due": whole(), "lag_seconds": number() })),
        "SaleWriteBehind": open(json!({ "events": whole(), "lag_seconds": number() })),
        "Sale": open(json!({
            "drop": reference("Name"), "name": { "type": "string" },
            "state": reference("DropState"), "at": reference("Time"),
            "epoch": reference("Seq"), "seq": reference("Seq"), "counts": reference("Counts"),
            "skus": list(reference("SaleSku")), "events": open(Value::Object(events)),
            "funnel": reference("SaleFunnel"),
            "unheld": maybe(reference("SaleUnheld"), "Calls that left nothing in the ledger; \
                null while Redis can't be read."),
            "per_second": reference("SalePerSecond"), "rates": reference("SaleRates"),
            "hold_to_confirm": reference("SaleToConfirm"),
            "remaining": maybe(list(reference("SaleHoldsUnder")), "null where there are too \
                many holds to look at."),
            "expiry": maybe(reference("SaleExpiry"), "null as remaining."),
            "write_behind": maybe(reference("SaleWriteBehind"), "What Redis has and the ledger \
                lacks; null while Redis does not have the drop as the ledger has it.") })),
    })
}

fn keys() -> Value {
    let time = or_null(&reference("Time"));
    let scopes = json!({ "type": "array", "minItems": 1, "maxItems": 3,
        "items": reference("Scope") });
    let drops = json!({ "type": "array", "minItems": 1, "maxItems": MAX_KEY_DROPS,
        "items": reference("Name"), "description": "The only drops that it opens." });
    let key = json!({
        "id": reference("ApiKeyId"), "name": reference("Title"), "scopes": scopes.clone(),
        "drops": or_null(&drops), "state": reference("ApiKeyState"),
        "created_at": reference("Time"), "expires_at": time.clone(), "rotated_at": time.clone(),
        "overlap_ends_at": time.clone(), "revoked_at": time.clone(), "last_used_at": time });
    let mut with_secret = key.clone();
    with_secret["secret"] = json!({ "type": "string", "description": "Kept nowhere: note it." });
    json!({
        "ApiKeyState": words(&["valid", "expired", "revoked"]),
        "ApiKeyId": { "type": "string", "format": "uuid" },
        "Scope": words(&["storefront", "admin", "read"]),
        "OwnKey": open(json!({
            "scopes": { "type": "array", "items": reference("Scope") },
            "drops": or_null(&drops) })),
        "ApiKey": open(key),
        "ApiKeyWithSecret": open(with_secret),
        "ApiKeyPage": page("ApiKey"),
        "NewApiKey": closed(&["name", "scopes"], json!({
            "name": reference("Title"), "scopes": scopes, "drops": or_null(&drops),
            "expires_at": or_null(&reference("GivenTime")) })),
        "RotateKey": closed(&[], json!({
            "overlap_seconds": { "type": "integer", "minimum": 0, "maximum": MAX_OVERLAP_SECONDS,
                "default": 0,
                "description": "For so long the secret before works too." } })),
    })
}

fn webhooks() -> Value {
    let time = or_null(&reference("Time"));
    let text = json!({ "type": ["string", "null"] });
    let drops = or_null(&json!({ "type": "array", "minItems": 1, "maxItems": MAX_WEBHOOK_DROPS,
        "items": reference("Name"), "description": "The only drops of which it is told." }));
    let types = or_null(&json!({ "type": "array", "minItems": 1, "maxItems": KINDS.len(),
        "items": reference("EventKind"), "description": "The only events of which it is told." }));
    let url = json!({ "type": "string", "format": "uri", "maxLength": MAX_URL,
        "pattern": "^https?://[^\\s]+$",
        "description": "A public https address, unless the engine allows others." });
    let given = json!({ "url": url, "drops": drops, "types": types,
        "description": reference("Reason"), "batch": integer(1, MAX_BATCH) });
    let mut new = given.clone();
    new["from"] = words(&["now", "start"]);
    new["from"]["default"] = json!("now");
    new["batch"]["default"] = json!(1);
    let mut patch = given.clone();
    patch["state"] = words(&["active", "paused"]);
    let mut webhook = given;
    for (name, schema) in [
        ("id", reference("WebhookId")),
        ("state", reference("WebhookState")),
        ("created_at", reference("Time")),
        ("failing_since", time.clone()),
        ("last_error", text.clone()),
        ("last_delivered_at", time.clone()),
        ("pending", reference("Seq")),
        ("dead", reference("Seq")),
    ] {
        webhook[name] = schema;
    }
    let mut with_secret = webhook.clone();
    with_secret["secret"] = json!({ "type": "string", "pattern": "^whsec_[A-Za-z0-9+/=]+$",
        "description": "What signs its requests (Standard Webhooks); never shown again." });
    let status = json!({ "type": ["integer", "null"] });
    let delivery = json!({
        "id": reference("DeliveryId"), "drop": reference("Name"),
        "event": { "type": "string", "description": "Of its first event: `{epoch}-{seq}`." },
        "type": { "type": "string" }, "state": reference("DeliveryState"),
        "attempts": { "type": "integer", "minimum": 1 }, "status": status.clone(),
        "error": text.clone(), "first_at": reference("Time"), "last_at": reference("Time"),
        "next_at": time });
    json!({
        "WebhookId": { "type": "string", "format": "uuid" },
        "DeliveryId": { "type": "string", "format": "uuid" },
        "EventKind": words(&KINDS),
        "WebhookState": words(&["active", "paused", "disabled"]),
        "DeliveryState": words(&["retrying", "delivered", "dead"]),
        "NewWebhook": closed(&["url"], new),
        "WebhookPatch": closed(&[], patch),
        "Webhook": open(webhook),
        "WebhookWithSecret": open(with_secret),
        "WebhookPage": page("Webhook"),
        "Delivery": open(delivery),
        "DeliveryPage": page("Delivery"),
        "Attempt": open(json!({
            "delivered": { "type": "boolean" }, "status": status, "error": text,
            "milliseconds": { "type": "integer", "minimum": 0 } })),
    })
}
