//! The description as one page: made on the server, so that it needs no script, and nothing
//! from anywhere else.

use std::fmt::Write as _;

use serde_json::Value;

const STYLE: &str = "
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: #1c2024; background: #fdfdfc; }
h2 { margin-top: 2.5rem; text-transform: capitalize; }
details { border: 1px solid #d5d9dd; border-radius: 6px; margin: .4rem 0; padding: .4rem .8rem; }
summary { cursor: pointer; }
code, pre { font: 14px/1.4 ui-monospace, monospace; }
pre { background: #f1f3f4; padding: .8rem; overflow: auto; border-radius: 4px; }
.method { display: inline-block; min-width: 3.5rem; font-weight: 700; text-transform: uppercase; }
.why { color: #5b6570; }
table { border-collapse: collapse; } td { padding: .2rem 1rem .2rem 0; vertical-align: top; }
@media (prefers-color-scheme: dark) { body { color: #e6e9ec; background: #16191d; }
  pre { background: #22272d; } details { border-color: #3a424b; } .why { color: #9aa5b1; } }
";

/// The page that shows `document`.
pub(super) fn render(document: &Value) -> String {
    let mut page = String::new();
    let info = &document["info"];
    // Writing to a String cannot fail.
    let _ = write!(
        page,
        "<!doctype html><html lang=en><meta charset=utf-8>\
         <meta name=viewport content=\"width=device-width\"><title>{title}</title>\
         <style>{STYLE}</style><h1>{title} {version}</h1><p>{about}</p>\
         <p>The same for machines: <a href=/openapi.json>openapi.json</a>.</p>",
        title = text(&info["title"]),
        version = text(&info["version"]),
        about = text(&info["description"]),
    );
    for tag in ["storefront", "public", "admin", "operations"] {
        let _ = write!(page, "<h2>{tag}</h2>");
        for (path, methods) in document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in methods.as_object().into_iter().flatten() {
                if operation["tags"][0] == tag {
                    write_operation(&mut page, path, method, operation);
                }
            }
        }
    }
    page.push_str("<h2>Shapes</h2>");
    for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
        let _ = write!(
            page,
            "<details id={name}><summary><code>{name}</code></summary>{}</details>",
            pretty(schema)
        );
    }
    page.push_str("</html>");
    page
}

fn write_operation(page: &mut String, path: &str, method: &str, operation: &Value) {
    let _ = write!(
        page,
        "<details><summary><code><span class=method>{method}</span> {}</code> \
         <span class=why>{}</span></summary><table>",
        escape(path),
        text(&operation["summary"]),
    );
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let needed = if parameter["required"] == true { "" } else { "optional " };
        let _ = write!(
            page,
            "<tr><td><code>{}</code><td>{needed}{}, {}",
            text(&parameter["name"]),
            text(&parameter["in"]),
            link(&parameter["schema"]),
        );
    }
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    if body.is_object() {
        let _ = write!(page, "<tr><td>body<td>{}", link(body));
    }
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let shape = &response["content"]["application/json"]["schema"];
        let shape = if shape.is_object() { link(shape) } else { String::new() };
        let about = text(&response["description"]);
        let _ = write!(page, "<tr><td>{status}<td>{about} {shape}");
    }
    page.push_str("</table></details>");
}

/// A link to the shape that a `$ref` names.
fn link(schema: &Value) -> String {
    let target = schema["$ref"].as_str().unwrap_or_default();
    let name = target.rsplit('/').next().unwrap_or_default();
    format!("<a href=#{name}>{name}</a>")
}

fn pretty(schema: &Value) -> String {
    let text = serde_json::to_string_pretty(schema).unwrap_or_default();
    format!("<pre>{}</pre>", escape(&text))
}

fn text(value: &Value) -> String {
    escape(value.as_str().unwrap_or_default())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
