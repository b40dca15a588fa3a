//! The API's own description (OpenAPI 3.1), and the page that shows it.
//!
//! `operations` lists every call, `schemas` every shape; the error answers come from the one
//! error table, so a status can't be documented that the table does not have. A test walks
//! the description and the router in both directions.

mod operations;
mod page;
mod schemas;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use self::operations::{Body, Key, OPERATIONS, Operation, Scope};
use super::problem::Code;

/// The description as JSON.
pub(super) static DOCUMENT: LazyLock<String> = LazyLock::new(|| document().to_string());

/// The description as a page for people.
pub(super) static PAGE: LazyLock<String> = LazyLock::new(|| page::render(&document()));

const ABOUT: &str = "Holds units of a drop for customers until they have paid. A customer gets \
    what was promised: nothing is sold twice, and what was acknowledged is durable. Errors are \
    problem documents (RFC 9457) with a stable `code`; a refused call changes nothing.";

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
            "securitySchemes": {
                "storefront": { "type": "http", "scheme": "bearer",
                    "description": "A key that may do what a shop does for its customers." },
                "admin": { "type": "http", "scheme": "bearer",
                    "description": "A key that may do everything." },
                "read": { "type": "http", "scheme": "bearer",
                    "description": "A key that may read and change nothing." },
            },
        },
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
    let scopes = operation.scope.keys(operation.method == "get");
    if !scopes.is_empty() {
        let one = |scope: &&str| json!({ *scope: [] });
        described["security"] = scopes.iter().map(one).collect();
    }
    if let Body::Required(schema) | Body::Optional(schema) = operation.body {
        described["requestBody"] = json!({
            "required": matches!(operation.body, Body::Required(_)),
            "content": { "application/json": { "schema": reference(schema) } },
        });
    }
    described
}

fn parameters(operation: &Operation) -> Vec<Value> {
    let in_path = operation.path.split('/').filter_map(|part| {
        let name = part.strip_prefix('{')?.strip_suffix('}')?;
        let schema = match name {
            "id" if operation.scope == Scope::Keys => "ApiKeyId",
            "id" => "ReservationId",
            _ => "Name",
        };
        Some(json!({ "name": name, "in": "path", "required": true,
            "schema": reference(schema) }))
    });
    let in_query = operation.query.iter().map(|(name, required, schema)| {
        // An empty value is no value; only what must be given can't be empty.
        json!({ "name": name, "in": "query", "required": required,
            "allowEmptyValue": !required, "schema": reference(schema) })
    });
    let key = |required: bool| {
        json!({ "name": "Idempotency-Key", "in": "header", "required": required,
            "description": "Repeats of the same request with the same key have one effect.",
            "schema": reference("IdempotencyKey") })
    };
    let in_header = match operation.key {
        Key::None => None,
        Key::Optional => Some(key(false)),
        Key::Required => Some(key(true)),
    };
    in_path.chain(in_query).chain(in_header).collect()
}

fn responses(operation: &Operation) -> Value {
    let mut responses: Map<String, Value> = Map::new();
    for (status, schema) in operation.success {
        let mut response = json!({ "description": meaning(*status) });
        match *schema {
            "" => {}
            "text/plain" => response["content"] = json!({ "text/plain": {} }),
            "text/html" => response["content"] = json!({ "text/html": {} }),
            schema => {
                response["content"] =
                    json!({ "application/json": { "schema": reference(schema) } });
            }
        }
        if operation.key != Key::None {
            response["headers"] = json!({ "Idempotency-Replayed": {
                "description": "true on the repeated answer of an earlier request",
                "schema": { "const": "true" } } });
        }
        responses.insert(status.to_string(), response);
    }
    let mut by_status: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    for code in operation.codes.iter().chain(operation.common_codes()) {
        by_status.entry(code.status().as_u16()).or_default().push(code.as_str());
    }
    for (status, mut codes) in by_status {
        codes.dedup();
        let mut response = json!({
            "description": format!("`{}`", codes.join("`, `")),
            "content": { "application/problem+json": { "schema": reference("Problem") } },
        });
        if codes.contains(&Code::RateLimited.as_str()) {
            response["headers"] = json!({
                "Retry-After": { "description": "Seconds", "schema": { "type": "integer" } },
                "RateLimit-Policy": { "description": "The limits: calls `q` in `w` seconds",
                    "schema": { "type": "string" } },
                "RateLimit": { "description": "What is left (`r`), and seconds until all is (`t`)",
                    "schema": { "type": "string" } },
            });
        }
        responses.insert(status.to_string(), response);
    }
    for response in responses.values_mut() {
        response["headers"]["X-Request-Id"] = json!({
            "description": "names the call in the engine's log; the request's own if it has one",
            "schema": { "type": "string", "pattern": "^[A-Za-z0-9._~:+/=@-]{1,128}$" } });
    }
    Value::Object(responses)
}

fn meaning(status: u16) -> &'static str {
    match status {
        201 => "It was created.",
        304 => "The reader has the newest version.",
        _ => "It is done, or shown.",
    }
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

impl Operation {
    /// What any call of this kind may be refused for.
    fn common_codes(&self) -> impl Iterator<Item = &'static Code> {
        let always: &[Code] = &[Code::MethodNotAllowed];
        let keyed: &[Code] = match self.scope {
            Scope::Operations | Scope::Public => &[],
            Scope::Storefront | Scope::Admin | Scope::Keys => {
                &[Code::Unauthenticated, Code::Forbidden, Code::RateLimited, Code::Unavailable]
            }
        };
        let public: &[Code] = match self.scope {
            Scope::Public => &[Code::RateLimited, Code::Unavailable],
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
                assert!(status.len() == 3 && response["description"].is_string(), "{status}");
            }
        }
    }

    #[test]
    fn the_page_names_every_operation_and_needs_no_script() {
        for operation in OPERATIONS {
            assert!(PAGE.contains(operation.summary), "{}", operation.id);
        }
        assert!(!PAGE.contains("<script") && !PAGE.contains("http://"));
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
