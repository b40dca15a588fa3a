//! The shapes of what goes in and what comes out (JSON Schema 2020-12).

use serde_json::{Map, Value, json};

use super::super::value::MAX_SECONDS;
use super::reference;
use crate::domain::{MAX_KEY_DROPS, MAX_LINES, MAX_OVERLAP_SECONDS, MAX_QUANTITY, MAX_STOCK};

/// Every shape by name.
pub(super) fn all() -> Value {
    let mut schemas = Map::new();
    for part in [values(), bodies(), reservations(), drops(), books(), keys()] {
        if let Value::Object(part) = part {
            schemas.extend(part);
        }
    }
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
        "Time": { "type": "string", "format": "date-time" },
        "Count": integer(0, MAX_STOCK),
        "Quantity": integer(1, MAX_QUANTITY),
        "Seconds": integer(1, MAX_SECONDS),
        "Seq": { "type": "integer", "minimum": 0, "maximum": i64::MAX },
        "Limit": { "type": "integer", "minimum": 1, "maximum": 500, "default": 50 },
        "LedgerLimit": { "type": "integer", "minimum": 1, "maximum": 1000, "default": 100 },
        "Cursor": { "type": "string", "description": "The next_cursor of the page before." },
        "Reason": { "type": "string", "maxLength": 500,
            "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*$" },
        "Title": { "type": "string", "minLength": 1, "maxLength": 200,
            "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*$" },
        "Status": open(json!({ "status": { "type": "string" } })),
        "Document": { "type": "object" },
        "Problem": {
            "type": "object",
            "required": ["type", "title", "status", "detail", "code"],
            "properties": {
                "type": { "type": "string", "format": "uri-reference" },
                "title": { "type": "string" },
                "status": { "type": "integer" },
                "detail": { "type": "string", "description": "What to do next." },
                "code": { "type": "string", "description": "Stable; build on this one." },
                "errors": { "type": "array", "items": open(json!({
                    "pointer": { "type": "string" }, "detail": { "type": "string" } })) },
                "outcome": { "enum": ["none", "unknown"] },
            },
        },
    })
}

fn bodies() -> Value {
    let limit = or_null(&integer(1, MAX_STOCK));
    let time = or_null(&reference("Time"));
    json!({
        "Line": closed(&["sku", "quantity"], json!({
            "sku": reference("Name"), "quantity": reference("Quantity") })),
        "Lines": { "type": "array", "minItems": 1, "maxItems": MAX_LINES,
            "items": reference("Line") },
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
        "Restock": closed(&["quantity"], json!({
            "quantity": { "type": "integer", "minimum": -MAX_STOCK, "maximum": MAX_STOCK,
                "not": { "const": 0 } },
            "reason": reference("Reason"), "reference": reference("Token") })),
        "DropSettings": closed(&[], json!({
            "name": reference("Title"), "state": reference("DropState"), "opens_at": time,
            "closes_at": time, "hold_ttl_seconds": reference("Seconds"),
            "max_hold_seconds": reference("Seconds"), "limit_per_customer": limit })),
        "SkuSettings": closed(&[], json!({
            "name": reference("Title"),
            "details": { "type": "object",
                "description": "At most 16 KB of JSON, its numbers at most 1e100." },
            "initial_stock": reference("Count"), "limit_per_customer": limit,
            "low_stock_threshold": reference("Count") })),
    })
}

fn reservations() -> Value {
    json!({
        "ReservationState": { "enum": ["held", "confirmed", "released", "expired", "returned"] },
        "Reservation": open(json!({
            "id": reference("ReservationId"), "drop": reference("Name"),
            "customer_id": reference("Token"), "state": reference("ReservationState"),
            "lines": { "type": "array", "items": reference("Line") },
            "order_id": or_null(&reference("Token")), "created_at": reference("Time"),
            "expires_at": reference("Time") })),
        "ReservationPage": page("Reservation"),
    })
}

fn drops() -> Value {
    let shown = json!({
        "sku": reference("Name"), "name": { "type": "string" }, "available": reference("Count"),
        "status": { "enum": ["in_stock", "low", "sold_out"] },
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
        "DropState": { "enum": ["scheduled", "open", "paused", "closed"] },
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
            "epoch": reference("Seq"), "seq": reference("Seq"),
            "skus": { "type": "array", "items": reference("AdminSku") } })),
        "AdminDropPage": page("AdminDrop"),
    })
}

fn books() -> Value {
    let text = json!({ "type": ["string", "null"] });
    json!({
        "LedgerRow": open(json!({
            "epoch": reference("Seq"), "seq": reference("Seq"),
            "kind": { "enum": ["restocked", "held", "changed", "extended", "confirmed",
                "released", "expired", "returned", "configured"] },
            "reservation_id": text, "customer_id": text, "sku": text,
            "quantity": { "type": "integer" }, "order_id": text,
            "occurred_at": reference("Time"), "reference": text, "reason": text,
            "settings": {} })),
        "LedgerPage": page("LedgerRow"),
        "Audit": open(json!({
            "drop": reference("Name"), "balanced": { "type": "boolean" },
            "epoch": reference("Seq"), "seq": reference("Seq"), "durable_seq": reference("Seq"),
            "skus": { "type": "array", "items": open(json!({
                "sku": reference("Name"), "redis": or_null(&reference("Counts")),
                "ledger": or_null(&reference("Counts")) })) },
            "violations": { "type": "array", "items": { "type": "string" } } })),
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
        "drops": or_null(&drops), "state": { "enum": ["valid", "expired", "revoked"] },
        "created_at": reference("Time"), "expires_at": time.clone(), "rotated_at": time.clone(),
        "overlap_ends_at": time.clone(), "revoked_at": time.clone(),
        "last_used_at": time.clone() });
    let mut with_secret = key.clone();
    with_secret["secret"] = json!({ "type": "string", "description": "Kept nowhere: note it." });
    json!({
        "ApiKeyId": { "type": "string", "format": "uuid" },
        "Scope": { "enum": ["storefront", "admin", "read"] },
        "ApiKey": open(key),
        "ApiKeyWithSecret": open(with_secret),
        "ApiKeyPage": page("ApiKey"),
        "NewApiKey": closed(&["name", "scopes"], json!({
            "name": reference("Title"), "scopes": scopes, "drops": or_null(&drops),
            "expires_at": time })),
        "RotateKey": closed(&[], json!({
            "overlap_seconds": { "type": "integer", "minimum": 0, "maximum": MAX_OVERLAP_SECONDS,
                "default": 0,
                "description": "For so long the secret before works too." } })),
    })
}
