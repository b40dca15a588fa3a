//! The API's own description (OpenAPI 3.1), and the page that shows it.
//!
//! `operations` lists every call, `schemas` every shape, `headers` every header of an answer;
//! `meanings` says what the names mean; `problems` are those of the one error table, and `examples` are written by the types that
//! handlers answer with. A test walks the description and the router in both directions, and
//! `tests/it/described.rs` holds the answers of every call against it.

mod examples;
mod headers;
mod links;
mod meanings;
mod operations;
mod page;
mod problems;
mod schemas;

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use self::operations::{Body, Key, OPERATIONS, Operation, Scope};
use super::problem::Code;

pub(super) use self::page::policy;

/// The description as JSON.
pub(super) static DOCUMENT: LazyLock<String> = LazyLock::new(|| document().to_string());

/// The description as a page for people.
pub(super) static PAGE: LazyLock<String> = LazyLock::new(|| page::render(&document()));

const ABOUT: &str = "Holds units of a drop for customers until they have paid. A customer gets \
    what was promised: nothing is sold twice, and what was acknowledged is durable. Errors are \
    problem documents (RFC 9457) with a stable `code`; a refused call changes nothing. A POST or \
    PUT that takes an `Idempotency-Key` can be repeated with the same key as often as it takes to \
    get an answer: it has one effect. What can't be read as HTTP at all is answered 400, 414 or \
    431 without a body. HEAD works wherever GET does. People run a sale at `/console`, which signs in \
    with an admin key, and see a drop at `/shop/{drop}`. The `type` of a problem is a name, not an address.";

/// The path of every call, with the names of its parameters in braces.
pub(super) fn paths() -> impl Iterator<Item = &'static str> {
    OPERATIONS.iter().map(|operation| operation.path)
}

fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in OPERATIONS {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method] = describe(operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Dropgate",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "A flash-sale reservation engine",
            "description": ABOUT,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": schemas::all(),
            "parameters": shared_parameters(),
            "headers": headers::all(),
            "responses": problems::shared(OPERATIONS),
            "securitySchemes": security(),
        },
        "tags": [
            { "name": "storefront", "description": "What a shop does for its customers." },
            { "name": "public", "description": "What everybody may read, without a key." },
            { "name": "admin", "description": "What a merchant does." },
            { "name": "operations", "description": "What whoever runs the process asks." },
        ],
    })
}

/// The scopes of keys. One scheme is one scope, so that an operation lists those that open it; the
/// least of them comes first.
fn security() -> Value {
    let scope = |about: &str| json!({ "type": "http", "scheme": "bearer", "description": about });
    json!({
        "storefront": scope("A key of scope `storefront`: opens the storefront's calls."),
        "admin": scope("A key of scope `admin`: opens everything; keys only if it is limited to \
            no drop."),
        "read": scope("A key of scope `read`: opens every GET, but for keys."),
    })
}

/// What every call may carry.
fn shared_parameters() -> Value {
    let header = |name: &str, description: &str| {
        json!({ "name": name, "in": "header", "required": false, "description": description,
            "schema": { "type": "string" }, "example": examples::parameter(name, false) })
    };
    json!({
        "RequestId": header("X-Request-Id", "Names the call in the engine's log, if it has at \
            most 128 characters of `[A-Za-z0-9._~:+/=@-]`; else it gets a new name."),
        "TraceParent": header("traceparent", "The trace that the call belongs to (W3C Trace \
            Context); what can't be read is left alone."),
    })
}

fn describe(operation: &Operation) -> Value {
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [operation.scope.tag()],
        "parameters": parameters(operation),
        "responses": responses(operation),
    });
    if let Some(about) = meanings::of_call(operation.id) {
        described["description"] = json!(about);
    }
    let scopes = operation.scope.keys(operation.method == "get");
    if !scopes.is_empty() {
        let one = |scope: &&str| json!({ *scope: [] });
        described["security"] = scopes.iter().map(one).collect();
    }
    if let Body::Required(schema) | Body::Optional(schema) = operation.body {
        described["requestBody"] = json!({
            "required": matches!(operation.body, Body::Required(_)),
            "content": { "application/json": {
                "schema": reference(schema), "example": examples::body(schema) } },
        });
    }
    described
}

fn parameters(operation: &Operation) -> Vec<Value> {
    let of_keys = operation.scope == Scope::Keys;
    let in_path = operation.path.split('/').filter_map(|part| {
        let name = part.strip_prefix('{')?.strip_suffix('}')?;
        let schema = match name {
            "id" if of_keys => "ApiKeyId",
            "id" => "ReservationId",
            "webhook" => "WebhookId",
            "delivery" => "DeliveryId",
            _ => "Name",
        };
        Some(json!({ "name": name, "in": "path", "required": true,
            "description": meanings::of_part(name, of_keys),
            "schema": reference(schema), "example": examples::parameter(name, of_keys) }))
    });
    let in_query = operation.query.iter().map(|(name, required, schema)| {
        // An empty value is no value; only what must be given can't be empty.
        let mut parameter = json!({ "name": name, "in": "query", "required": required,
            "description": meanings::of_parameter(operation.id, name),
            "allowEmptyValue": !required, "schema": reference(schema) });
        if let Some(example) = examples::parameter(name, of_keys) {
            parameter["example"] = json!(example);
        }
        parameter
    });
    let header = |name: &str, required: bool, description: &str, schema: Value| {
        json!({ "name": name, "in": "header", "required": required, "description": description,
            "schema": schema, "example": examples::parameter(name, of_keys) })
    };
    let key = |required: bool| {
        let about = "Repeats of the same request with the same key have one effect.";
        header("Idempotency-Key", required, about, reference("IdempotencyKey"))
    };
    let tag = || {
        let about = "The `ETag` of the version that the reader has, or a list of them.";
        header("If-None-Match", false, about, json!({ "type": "string" }))
    };
    let in_header = match operation.key {
        Key::None => None,
        Key::Optional => Some(key(false)),
        Key::Required => Some(key(true)),
    };
    let tag = (operation.scope == Scope::Public).then(tag);
    let shared = ["RequestId", "TraceParent"]
        .map(|name| json!({ "$ref": format!("#/components/parameters/{name}") }));
    in_path.chain(in_query).chain(in_header).chain(tag).chain(shared).collect()
}

fn responses(operation: &Operation) -> Value {
    let mut responses = problems::of(operation);
    for (status, schema) in operation.success {
        let mut response = json!({
            "description": meaning(*status),
            "headers": headers::of_success(operation, *status),
        });
        match *schema {
            "" => {}
            kind @ ("text/plain" | "text/html" | "text/event-stream" | "text/csv") => {
                response["content"] = json!({ kind: {
                    "schema": { "type": "string" }, "example": examples::answer(kind) } });
            }
            schema => {
                response["content"] = json!({ "application/json": {
                    "schema": reference(schema), "example": examples::answer(schema) } });
            }
        }
        if let Some(links) = links::of(operation, *status) {
            response["links"] = links;
        }
        responses.insert(status.to_string(), response);
    }
    Value::Object(responses)
}

fn meaning(status: u16) -> &'static str {
    match status {
        201 => "It was created.",
        202 => "It will be done.",
        304 => "The reader has the newest version.",
        _ => "It is done, or shown.",
    }
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

impl Operation {
    /// Whether its answer goes on for as long as somebody reads.
    fn streams(&self) -> bool {
        self.success.contains(&(200, "text/event-stream"))
    }

    /// What any call of this kind may be refused for.
    fn common_codes(&self) -> impl Iterator<Item = &'static Code> {
        // A connection too many is told so whatever it asks.
        let always: &[Code] = &[Code::MethodNotAllowed, Code::Unavailable];
        let keyed: &[Code] = match self.scope {
            Scope::Operations | Scope::Public => &[],
            Scope::Storefront | Scope::Admin | Scope::Keys => {
                &[Code::Unauthenticated, Code::Forbidden, Code::RateLimited, Code::Overloaded]
            }
        };
        let public: &[Code] = match self.scope {
            Scope::Public => &[Code::RateLimited, Code::Overloaded],
            Scope::Storefront | Scope::Admin | Scope::Keys | Scope::Operations => &[],
        };
        let body: &[Code] = match self.body {
            Body::None => &[],
            Body::Required(_) | Body::Optional(_) => &[
                Code::MalformedRequest,
                Code::TooLarge,
                Code::UnsupportedMediaType,
                Code::InvalidRequest,
            ],
        };
        let key: &[Code] = match self.key {
            Key::None => &[],
            Key::Optional | Key::Required => &[Code::InvalidRequest, Code::IdempotencyKeyReused],
        };
        let query: &[Code] = if self.query.is_empty() { &[] } else { &[Code::InvalidRequest] };
        always.iter().chain(keyed).chain(public).chain(body).chain(key).chain(query)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every `$ref` in a value.
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            Value::Object(members) => {
                if let Some(Value::String(target)) = members.get("$ref") {
                    found.push(target.clone());
                }
                members.values().for_each(|value| references(value, found));
            }
        }
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_schema_is_used() {
        let document = document();
        let mut found = Vec::new();
        references(&document, &mut found);
        for target in &found {
            let pointer = target.trim_start_matches('#');
            assert!(document.pointer(pointer).is_some(), "{target}");
        }
        for name in document["components"]["schemas"].as_object().expect("schemas").keys() {
            let target = format!("#/components/schemas/{name}");
            assert!(found.contains(&target), "nothing refers to {name}");
        }
    }

    #[test]
    fn operations_have_names_of_their_own_and_sound_answers() {
        let mut names: Vec<&str> = OPERATIONS.iter().map(|operation| operation.id).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), OPERATIONS.len());
        for operation in OPERATIONS {
            let described = describe(operation);
            for (status, response) in described["responses"].as_object().expect("responses") {
                let told = response["description"].is_string() || response["$ref"].is_string();
                assert!(status.len() == 3 && told, "{status}");
            }
        }
    }

    #[test]
    fn every_body_and_every_answer_has_an_example_that_fits() {
        let document = document();
        let check = |schema: &Value, example: &Value, of: &str| {
            let mut whole = schema.clone();
            whole["components"] = document["components"].clone();
            let validator = jsonschema::options()
                .with_draft(jsonschema::Draft::Draft202012)
                .should_validate_formats(true)
                .build(&whole)
                .expect("a schema");
            let wrong: Vec<String> =
                validator.iter_errors(example).map(|error| error.to_string()).collect();
            assert!(wrong.is_empty(), "{of}: {wrong:?}");
        };
        for operation in OPERATIONS {
            let described = &document["paths"][operation.path][operation.method];
            let bodies = described["requestBody"]["content"].as_object().into_iter().flatten();
            let responses = described["responses"].as_object().expect("responses").values();
            let responses = responses.map(|response| match response["$ref"].as_str() {
                Some(target) => document.pointer(target.trim_start_matches('#')).expect("it"),
                None => response,
            });
            let answers = responses.flat_map(|response| response["content"].as_object()).flatten();
            for (kind, content) in bodies.chain(answers) {
                let of = format!("{} {kind}", operation.id);
                let one = content.get("example");
                let many = content["examples"].as_object().into_iter().flatten();
                let examples: Vec<&Value> =
                    one.into_iter().chain(many.map(|(_, example)| &example["value"])).collect();
                assert!(!examples.is_empty(), "{of}");
                for example in examples {
                    check(&content["schema"], example, &of);
                }
            }
        }
    }

    #[test]
    fn links_lead_somewhere() {
        for end in links::ends() {
            assert!(OPERATIONS.iter().any(|operation| operation.id == end), "{end}");
        }
    }

    #[test]
    fn the_page_names_every_operation_and_reads_without_its_script() {
        let (before, rest) = PAGE.split_once("<script>").expect("a script");
        let (_, after) = rest.split_once("</script>").expect("its end");
        for operation in OPERATIONS {
            assert!(before.contains(operation.summary), "{}", operation.id);
        }
        assert!(!before.contains("<script") && !after.contains("<script"), "one script");
        // Nothing is loaded from anywhere else; an example's address is only shown.
        let page = PAGE.replace(examples::RECEIVER, "");
        for elsewhere in ["http://", "https://", "src=", "@import", ": url("] {
            assert!(!page.contains(elsewhere), "{elsewhere}");
        }
    }

    #[test]
    fn the_router_has_every_path_that_is_described() {
        let router = include_str!("../router.rs");
        for operation in OPERATIONS {
            // Routes are written with their common beginnings left out.
            let short = operation
                .path
                .replace("/v1/admin/drops/{drop}", "")
                .replace("/v1/drops/{drop}/reservations/{id}", "");
            let written = format!("{short}\"");
            let whole = format!("\"{}\"", operation.path);
            assert!(router.contains(&written) || router.contains(&whole), "{}", operation.path);
        }
        let routes = router.matches(".route(").count();
        let mut paths: Vec<&str> = OPERATIONS.iter().map(|operation| operation.path).collect();
        paths.dedup();
        assert_eq!(routes, paths.len(), "routes and described paths");
    }
}
