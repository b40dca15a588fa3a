//! The description as one page: made on the server, so that it reads without a script and loads
//! nothing from anywhere. Its one script lets readers send the calls.

use std::fmt::Write as _;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// What browsers let the page do: its own style, its own script and no other, and calls to where it
/// came from.
pub(in crate::api) fn policy() -> &'static str {
    static POLICY: LazyLock<String> = LazyLock::new(|| {
        let script = STANDARD.encode(Sha256::digest(SCRIPT));
        format!(
            "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{script}'; \
             connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
        )
    });
    POLICY.as_str()
}

/// The page that shows `document`.
pub(super) fn render(document: &Value) -> String {
    let mut page = Page { document, text: String::new() };
    page.head();
    for tag in document["tags"].as_array().into_iter().flatten() {
        page.tag(tag);
    }
    page.shapes();
    page.text.push_str("</main>");
    page.text + "<script>" + SCRIPT + "</script></html>"
}

struct Page<'a> {
    document: &'a Value,
    text: String,
}

/// Adds to the page. Writing to a String can't fail.
macro_rules! add {
    ($page:expr, $($part:tt)*) => {{ let _ = write!($page.text, $($part)*); }};
}

impl<'a> Page<'a> {
    fn head(&mut self) {
        let info = &self.document["info"];
        add!(
            self,
            "<!doctype html><html lang=en><meta charset=utf-8>\
             <meta name=viewport content=\"width=device-width\"><title>{title}</title>\
             <style>{STYLE}</style><header><h1>{title} <small>{version}</small></h1>\
             <p>{about}</p><p>The same for machines: <a href=/openapi.json>openapi.json</a>.</p>\
             </header><main><div id=with-key hidden><b>Key</b>\
             <input id=key type=password autocomplete=off aria-label=Key \
             placeholder=\"for trying calls from this page; it is kept nowhere\"></div>",
            title = text(&info["title"]),
            version = text(&info["version"]),
            about = prose(&info["description"]),
        );
    }

    fn tag(&mut self, tag: &Value) {
        add!(self, "<h2>{}</h2><p class=why>{}</p>", text(&tag["name"]), text(&tag["description"]));
        for (path, methods) in self.document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in methods.as_object().into_iter().flatten() {
                if operation["tags"][0] == tag["name"] {
                    self.operation(path, method, operation);
                }
            }
        }
    }

    fn operation(&mut self, path: &str, method: &str, operation: &'a Value) {
        add!(
            self,
            "<details id={}><summary><code><span class=\"method {method}\">{method}</span> {}\
             </code> <span class=why>{}</span></summary>",
            text(&operation["operationId"]),
            escape(path),
            text(&operation["summary"]),
        );
        if operation["description"].is_string() {
            add!(self, "<p>{}</p>", prose(&operation["description"]));
        }
        let scopes: Vec<&str> = operation["security"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|scope| scope.as_object()?.keys().next().map(String::as_str))
            .collect();
        if !scopes.is_empty() {
            add!(self, "<p>Opened by a key of scope {}.</p>", scopes.join(", "));
        }
        self.request(operation);
        self.form(path, method, operation);
        self.answers(operation);
        self.text.push_str("</details>");
    }

    fn request(&mut self, operation: &'a Value) {
        self.text.push_str("<h3>Request</h3><table>");
        for parameter in self.parameters(operation) {
            let needed = if parameter["required"] == true { "" } else { "optional " };
            add!(
                self,
                "<tr><td><code>{}</code><td>{needed}{} {}<td>{}",
                text(&parameter["name"]),
                text(&parameter["in"]),
                link(&parameter["schema"]),
                prose(&parameter["description"]),
            );
        }
        let body = &operation["requestBody"];
        let content = &body["content"]["application/json"];
        if content.is_object() {
            let needed = if body["required"] == true { "" } else { "optional " };
            let schema = link(&content["schema"]);
            let example = pretty(&content["example"]);
            add!(self, "<tr><td>body<td>{needed}JSON {schema}<td>{example}");
        }
        self.text.push_str("</table>");
    }

    /// The fields with which the call can be sent, for the script to show.
    fn form(&mut self, path: &str, method: &str, operation: &'a Value) {
        let keyed = if operation["security"].is_array() { " data-keyed=1" } else { "" };
        add!(
            self,
            "<form class=try hidden data-method={method} data-path=\"{}\"{keyed}><h3>Try it</h3>",
            escape(path)
        );
        for parameter in self.parameters(operation) {
            let (name, example) = (text(&parameter["name"]), text(&parameter["example"]));
            let needed = parameter["required"] == true;
            // What may be left out is left out, until somebody fills it in.
            let (given, required) =
                if needed { ("value", " required") } else { ("placeholder", "") };
            add!(
                self,
                "<label><code>{name}</code><input {given}=\"{example}\"{required} \
                 data-where={} data-name=\"{name}\"></label>",
                text(&parameter["in"]),
            );
        }
        let content = &operation["requestBody"]["content"]["application/json"];
        if content.is_object() {
            let example = plain(&content["example"]);
            let rows = example.lines().count().clamp(2, 16);
            add!(
                self,
                "<label class=body><code>body</code><textarea rows={rows}>{}</textarea></label>",
                escape(&example)
            );
        }
        self.text.push_str("<button>Send</button><output></output></form>");
    }

    fn answers(&mut self, operation: &'a Value) {
        self.text.push_str("<h3>Answers</h3><table>");
        for (status, response) in operation["responses"].as_object().into_iter().flatten() {
            let response = self.resolved(response);
            add!(self, "<tr><td>{status}<td>{}", prose(&response["description"]));
            let names = response["headers"].as_object().into_iter().flatten();
            let names: Vec<&str> = names.map(|(name, _)| name.as_str()).collect();
            add!(self, "<details><summary class=why>headers, example</summary>");
            add!(self, "<p><code>{}</code></p>", names.join("</code>, <code>"));
            for (kind, content) in response["content"].as_object().into_iter().flatten() {
                add!(self, "<p><code>{kind}</code> {}</p>", link(&content["schema"]));
                let many = content["examples"].as_object().into_iter().flatten();
                let one = content.get("example");
                for example in one.into_iter().chain(many.map(|(_, example)| &example["value"])) {
                    self.text.push_str(&pretty(example));
                }
            }
            self.text.push_str("</details>");
        }
        self.text.push_str("</table>");
    }

    fn shapes(&mut self) {
        self.text.push_str("<h2>Shapes</h2>");
        let schemas = self.document["components"]["schemas"].as_object();
        for (name, schema) in schemas.into_iter().flatten() {
            add!(self, "<details id={name}><summary><code>{name}</code></summary>");
            if schema["description"].is_string() {
                add!(self, "<p>{}</p>", prose(&schema["description"]));
            }
            self.members(schema);
            let schema = pretty(schema);
            add!(
                self,
                "<details><summary class=why>as JSON Schema</summary>{schema}</details></details>"
            );
        }
    }

    /// The members of a shape, each with its type and its meaning.
    fn members(&mut self, schema: &Value) {
        let Some(members) = schema["properties"].as_object() else { return };
        let required = |name: &str| {
            schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name))
        };
        self.text.push_str("<table>");
        for (name, member) in members {
            let needed = if required(name) { "" } else { "optional " };
            add!(
                self,
                "<tr><td><code>{name}</code><td>{needed}{}<td>{}",
                kind(member),
                prose(&member["description"]),
            );
        }
        self.text.push_str("</table>");
    }

    fn parameters(&self, operation: &'a Value) -> Vec<&'a Value> {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        parameters.map(|parameter| self.resolved(parameter)).collect()
    }

    /// What a `$ref` stands for.
    fn resolved(&self, value: &'a Value) -> &'a Value {
        let document: &'a Value = self.document;
        let target = value["$ref"].as_str().and_then(|target| target.strip_prefix('#'));
        target.and_then(|target| document.pointer(target)).unwrap_or(value)
    }
}

/// A link to the shape that a `$ref` names.
fn link(schema: &Value) -> String {
    let Some(target) = schema["$ref"].as_str() else { return text(&schema["type"]) };
    let name = target.rsplit('/').next().unwrap_or_default();
    format!("<a href=#{name}>{name}</a>")
}

/// What a member is: the shape that it names, a type, a list of either, or one of two.
fn kind(schema: &Value) -> String {
    if let Some(either) = schema["anyOf"].as_array() {
        return either.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    if schema["type"] == "array" {
        return format!("list of {}", kind(&schema["items"]));
    }
    match schema["type"].as_array() {
        Some(types) => types.iter().map(text).collect::<Vec<_>>().join(" or "),
        None => link(schema),
    }
}

fn pretty(value: &Value) -> String {
    format!("<pre>{}</pre>", escape(&plain(value)))
}

/// Text as it is, all else as JSON.
fn plain(value: &Value) -> String {
    match value.as_str() {
        Some(text) => text.to_owned(),
        None => serde_json::to_string_pretty(value).unwrap_or_default(),
    }
}

fn text(value: &Value) -> String {
    escape(value.as_str().unwrap_or_default())
}

/// Text in which words between backticks are code.
fn prose(value: &Value) -> String {
    let text = text(value);
    let mark = |(at, part): (usize, &str)| match at % 2 {
        0 => part.to_owned(),
        _ => format!("<code>{part}</code>"),
    };
    text.split('`').enumerate().map(mark).collect()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
