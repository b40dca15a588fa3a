//! Answers against the description: status, type, body, headers.

use std::collections::BTreeSet;

use jsonschema::Draft;
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

/// Headers that are of the connection, or that every description leaves out.
const OF_THE_CONNECTION: [&str; 5] =
    ["connection", "content-length", "content-type", "date", "transfer-encoding"];

/// An operation, a status, and the code of a problem; no code for a success.
pub(super) type Documented = (String, u16, String);

/// The description, and what of it has been seen.
pub(super) struct Checker {
    document: Value,
    pub(super) seen: BTreeSet<Documented>,
    headers: BTreeSet<String>,
}

/// One call that is described.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    pub(super) id: String,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) described: Value,
}

impl Checker {
    /// A checker to which objects have the members that are described and no others: what the
    /// description leaves to later versions, this one must not have.
    pub(super) fn new(mut document: Value) -> Checker {
        close(&mut document["components"]["schemas"]);
        Checker { document, seen: BTreeSet::new(), headers: BTreeSet::new() }
    }

    pub(super) fn operations(&self) -> Vec<Operation> {
        let mut operations = Vec::new();
        for (path, methods) in self.document["paths"].as_object().expect("paths") {
            for (method, described) in methods.as_object().expect("methods") {
                let id = described["operationId"].as_str().expect("an id").to_owned();
                let method =
                    Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method");
                operations.push(Operation {
                    id,
                    method,
                    path: path.clone(),
                    described: described.clone(),
                });
            }
        }
        operations
    }

    /// Everything that the description says may happen.
    pub(super) fn documented(&self) -> BTreeSet<Documented> {
        let mut all = BTreeSet::new();
        for Operation { id, described, .. } in self.operations() {
            for (status, response) in described["responses"].as_object().expect("responses") {
                let status: u16 = status.parse().expect("a status");
                let content = &self.resolved(response)["content"]["application/problem+json"];
                let codes = content["schema"]["properties"]["code"]["enum"].as_array();
                match codes {
                    None => _ = all.insert((id.clone(), status, String::new())),
                    Some(codes) => all.extend(codes.iter().map(|code| {
                        (id.clone(), status, code.as_str().expect("a word").to_owned())
                    })),
                }
            }
        }
        all
    }

    /// Headers that are described and that no answer had.
    pub(super) fn headers_never_seen(&self) -> BTreeSet<String> {
        let mut described = BTreeSet::new();
        for operation in self.operations() {
            for response in operation.described["responses"].as_object().expect("them").values() {
                let headers = self.resolved(response)["headers"].as_object().expect("headers");
                described.extend(headers.keys().map(|name| name.to_lowercase()));
            }
        }
        &described - &self.headers
    }

    /// Asserts that an answer to `method` at `path` is described, and notes it.
    pub(super) fn check(
        &mut self,
        (method, path): (Method, String),
        (status, headers, body): &(u16, HeaderMap, Vec<u8>),
    ) {
        let at_path: Vec<Operation> =
            self.operations().into_iter().filter(|known| fits(&known.path, &path)).collect();
        let asked: Vec<Operation> =
            at_path.iter().filter(|known| known.method == method).cloned().collect();
        // Of a method that the path doesn't have, each of those that it has may tell.
        let asked = if asked.is_empty() { at_path } else { asked };
        assert!(!asked.is_empty(), "nothing describes {path}");
        for operation in asked {
            let told = format!(
                "{} {status} {}\n{headers:?}",
                operation.id,
                String::from_utf8_lossy(body).chars().take(2000).collect::<String>()
            );
            let response = &operation.described["responses"][status.to_string()];
            assert!(response.is_object(), "a status that is not described: {told}");
            let response = self.resolved(response).clone();
            self.check_headers(&response, headers, &told);
            let code = self.check_body(&response, headers, body, &told);
            self.seen.insert((operation.id, *status, code));
            self.headers.extend(headers.keys().map(|name| name.as_str().to_owned()));
        }
    }

    fn check_headers(&self, response: &Value, headers: &HeaderMap, told: &str) {
        let described = response["headers"].as_object().expect("headers");
        for name in headers.keys() {
            let name = name.as_str();
            let known = described.keys().any(|known| known.eq_ignore_ascii_case(name))
                || OF_THE_CONNECTION.contains(&name);
            assert!(known, "a header that is not described, {name}: {told}");
        }
        for (name, header) in described {
            let header = self.resolved(header);
            let required = header["required"] == true;
            assert!(!required || headers.contains_key(name), "no header {name}: {told}");
            for value in headers.get_all(name) {
                let text = value.to_str().expect("ASCII");
                let value = match header["schema"]["type"].as_str() {
                    Some("integer") => json!(text.parse::<i64>().expect("a number")),
                    _ => json!(text),
                };
                self.validate(&header["schema"], &value, &format!("{name}: {told}"));
            }
        }
    }

    /// Asserts that a body is described; its code if it is a problem.
    fn check_body(&self, response: &Value, headers: &HeaderMap, body: &[u8], told: &str) -> String {
        let Some(content) = response["content"].as_object() else {
            assert!(body.is_empty(), "a body that is not described: {told}");
            return String::new();
        };
        let kind = headers["content-type"].to_str().expect("ASCII");
        let kind = kind.split(';').next().unwrap_or_default();
        let schema = &content.get(kind).unwrap_or_else(|| panic!("{kind}: {told}"))["schema"];
        let value = if kind.ends_with("json") {
            serde_json::from_slice(body).expect("JSON")
        } else {
            Value::from(String::from_utf8_lossy(body))
        };
        self.validate(schema, &value, told);
        value["code"].as_str().unwrap_or_default().to_owned()
    }

    fn validate(&self, schema: &Value, value: &Value, told: &str) {
        let mut whole = schema.clone();
        whole["components"] = json!({ "schemas": self.document["components"]["schemas"] });
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .should_validate_formats(true)
            .build(&whole)
            .expect("a schema");
        let wrong: Vec<String> =
            validator.iter_errors(value).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{wrong:?}: {told}");
    }

    /// What a `$ref` stands for.
    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(target) => {
                self.document.pointer(target.trim_start_matches('#')).expect("its target")
            }
            None => value,
        }
    }
}

/// Has every object with members allow no others.
fn close(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(close),
        Value::Object(members) => {
            let of_object = members.get("type").is_some_and(|kind| kind == "object");
            if of_object && members.contains_key("properties") {
                members.entry("additionalProperties").or_insert(json!(false));
            }
            members.values_mut().for_each(close);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn fits(template: &str, path: &str) -> bool {
    template.split('/').count() == path.split('/').count()
        && template
            .split('/')
            .zip(path.split('/'))
            .all(|(wanted, given)| wanted == given || wanted.starts_with('{'))
}
