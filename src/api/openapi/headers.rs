//! The headers that answers carry: what each says, and which answers have which.

use serde_json::{Map, Value, json};

use super::operations::{Key, Operation, Scope};

/// On every answer, whatever it answers.
const ALWAYS: &[&str] = &[
    "X-Request-Id",
    "X-Content-Type-Options",
    "Referrer-Policy",
    "Content-Security-Policy",
    "traceresponse",
    "Strict-Transport-Security",
    "Vary",
    "Access-Control-Allow-Origin",
    "Access-Control-Expose-Headers",
];
/// On every answer to a path under `/v1`, where a limit is set.
const LIMITED: &[&str] = &["RateLimit-Policy", "RateLimit"];

/// Every header: the name of its component, whether it is always there, what it says, an example.
const HEADERS: &[(&str, bool, &str, &str)] = &[
    (
        "X-Request-Id",
        true,
        "Names the call in the engine's log; the request's own if it has one.",
        "5f0c2a7d19e4b8630000000000000007",
    ),
    ("X-Content-Type-Options", true, "For browsers.", "nosniff"),
    ("Referrer-Policy", true, "For browsers.", "no-referrer"),
    ("Content-Security-Policy", true, "For browsers.", "default-src 'none'"),
    (
        "traceresponse",
        false,
        "The call's own place in the trace of its `traceparent`, or in its own if it is traced.",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-a2fb4a1d1a96d312-01",
    ),
    (
        "Strict-Transport-Security",
        false,
        "For browsers, where `DROPGATE_HSTS_SECONDS` is set.",
        "max-age=31536000",
    ),
    ("Vary", false, "For caches, where `DROPGATE_CORS_ORIGINS` is set.", "origin"),
    (
        "Access-Control-Allow-Origin",
        false,
        "For browsers: the page's own origin, where `DROPGATE_CORS_ORIGINS` has it.",
        "https://shop.example",
    ),
    (
        "Access-Control-Expose-Headers",
        false,
        "For browsers: what such a page may read.",
        "etag,location",
    ),
    (
        "RateLimit-Policy",
        false,
        "The limits in force, by name: `q` calls in `w` seconds.",
        "\"key\";q=100;w=1",
    ),
    (
        "RateLimit",
        false,
        "How many calls may follow at once (`r`), and the seconds until all may (`t`).",
        "\"key\";r=49;t=1",
    ),
    ("X-Accel-Buffering", true, "For proxies: events are passed on at once.", "no"),
    ("Retry-After", true, "Seconds to wait before the next try.", "1"),
    ("NoStore", true, "No cache keeps it.", "no-store"),
    ("Cacheable", true, "A copy may be shown for a second.", "public, max-age=1"),
    ("ETag", true, "The version; send it back as `If-None-Match`.", "\"42\""),
    ("Location", true, "Where to read what was created.", "/v1/drops/summer"),
    (
        "Content-Disposition",
        true,
        "For browsers: the name of the file.",
        "attachment; filename=\"summer-ledger.csv\"",
    ),
    ("Idempotency-Replayed", false, "On the repeated answer of an earlier request.", "true"),
    ("Allow", true, "The methods that the address has.", "GET,HEAD"),
    ("WWW-Authenticate", true, "How to send a key.", "Bearer realm=\"dropgate\""),
];

/// Every header by the name of its component.
pub(super) fn all() -> Value {
    let header = |(name, required, description, example): &(&str, bool, &str, &str)| {
        let schema = schema(name, example);
        let example = match *name {
            "Retry-After" => json!(1),
            _ => json!(example),
        };
        let header = json!({ "description": description, "required": required, "schema": schema,
            "example": example });
        ((*name).to_owned(), header)
    };
    Value::Object(HEADERS.iter().map(header).collect())
}

fn schema(name: &str, example: &str) -> Value {
    let pattern = |pattern: &str| json!({ "type": "string", "pattern": pattern });
    match name {
        "X-Request-Id" => pattern("^[A-Za-z0-9._~:+/=@-]{1,128}$"),
        "traceresponse" => pattern("^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"),
        "RateLimit-Policy" => pattern("^\"[a-z]+\";q=[0-9]+;w=[0-9]+"),
        "RateLimit" => pattern("^\"[a-z]+\";r=[0-9]+;t=[0-9]+"),
        "Retry-After" => json!({ "type": "integer", "minimum": 1 }),
        "ETag" => pattern("^\"[a-z0-9-]+\"$"),
        "Location" => json!({ "type": "string", "format": "uri-reference" }),
        "Strict-Transport-Security" => pattern("^max-age=[0-9]+$"),
        "Allow"
        | "Content-Security-Policy"
        | "Content-Disposition"
        | "Vary"
        | "Access-Control-Allow-Origin"
        | "Access-Control-Expose-Headers" => json!({ "type": "string" }),
        "WWW-Authenticate" => pattern("^Bearer "),
        // The others say one thing only.
        _ => json!({ "type": "string", "const": example }),
    }
}

/// Those of a success with this status.
pub(super) fn of_success(operation: &Operation, status: u16) -> Value {
    let mut headers = common(operation.scope != Scope::Operations);
    match operation.scope {
        Scope::Operations => {}
        Scope::Public if operation.streams() => {
            add(&mut headers, "Cache-Control", "NoStore");
            add(&mut headers, "X-Accel-Buffering", "X-Accel-Buffering");
        }
        Scope::Public => {
            add(&mut headers, "ETag", "ETag");
            add(&mut headers, "Cache-Control", "Cacheable");
        }
        Scope::Storefront | Scope::Admin | Scope::Keys => {
            add(&mut headers, "Cache-Control", "NoStore");
        }
    }
    if operation.success.contains(&(200, "text/csv")) {
        add(&mut headers, "Content-Disposition", "Content-Disposition");
    }
    if operation.key != Key::None {
        add(&mut headers, "Idempotency-Replayed", "Idempotency-Replayed");
    }
    // A key can't be read one by one: it has no address.
    if status == 201 && operation.id != "createKey" {
        add(&mut headers, "Location", "Location");
    }
    Value::Object(headers)
}

/// Those of a problem with this status.
pub(super) fn of_problem(status: u16) -> Value {
    let mut headers = common(true);
    add(&mut headers, "Cache-Control", "NoStore");
    let more = match status {
        401 => "WWW-Authenticate",
        405 => "Allow",
        429 | 503 => "Retry-After",
        _ => return Value::Object(headers),
    };
    add(&mut headers, more, more);
    Value::Object(headers)
}

fn common(limited: bool) -> Map<String, Value> {
    let mut headers = Map::new();
    let limits = if limited { LIMITED } else { &[] };
    for name in ALWAYS.iter().chain(limits) {
        add(&mut headers, name, name);
    }
    headers
}

fn add(headers: &mut Map<String, Value>, name: &str, component: &str) {
    let reference = json!({ "$ref": format!("#/components/headers/{component}") });
    headers.insert(name.to_owned(), reference);
}
