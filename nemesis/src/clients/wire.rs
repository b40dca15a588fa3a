//! A request on the wire: path, body, and what its answer comes to.

use reqwest::{Client, Method, Response};
use serde_json::{Map, Value, json};

use crate::{
    books::{Ask, Lines, NOT_SENT, Told, Verb},
    cluster::{ADMIN, STOREFRONT},
};

/// Sends one try of a request.
pub(super) async fn send(http: &Client, url: &str, ask: &Ask) -> Told {
    let (method, path) = address(ask);
    let bearer = if path.contains("/admin/") { ADMIN } else { STOREFRONT };
    let mut request = http.request(method.clone(), format!("{url}{path}")).bearer_auth(bearer);
    if let Some(key) = &ask.key {
        request = request.header("Idempotency-Key", key);
    }
    if method != Method::GET {
        request = request.json(&body(ask));
    }
    match request.send().await {
        Ok(response) => read(response).await,
        Err(error) if error.is_connect() => lost(NOT_SENT),
        Err(error) if error.is_timeout() => lost("timeout"),
        Err(_) => lost("connection lost"),
    }
}

fn lost(code: &str) -> Told {
    Told { code: code.to_owned(), ..Told::default() }
}

async fn read(response: Response) -> Told {
    let status = response.status();
    let replayed = response.headers().get("idempotency-replayed").is_some();
    let Ok(bytes) = response.bytes().await else { return lost("half an answer") };
    let body: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    let text = |name: &str| {
        let told = body[name].as_str().filter(|_| !status.is_success());
        told.unwrap_or_default().to_owned()
    };
    let (code, outcome) = (text("code"), text("outcome"));
    Told { status: Some(status.as_u16()), code, outcome, replayed, body }
}

fn address(ask: &Ask) -> (Method, String) {
    let drop = &ask.drop;
    let id = ask.reservation.as_deref().unwrap_or_default();
    let sku = ask.sku.as_deref().unwrap_or_default();
    let customer = ask.customer.as_deref().unwrap_or_default();
    let shop = format!("/v1/drops/{drop}");
    let admin = format!("/v1/admin/drops/{drop}");
    let one = format!("{shop}/reservations/{id}");
    match ask.verb {
        Verb::Reserve => (Method::POST, format!("{shop}/reservations")),
        Verb::Change => (Method::PUT, format!("{one}/lines")),
        Verb::Extend => (Method::POST, format!("{one}/extend")),
        Verb::Confirm => (Method::POST, format!("{one}/confirm")),
        Verb::Release => (Method::POST, format!("{one}/release")),
        Verb::Return => (Method::POST, format!("{admin}/reservations/{id}/return")),
        Verb::Restock => (Method::POST, format!("{admin}/skus/{sku}/restock")),
        Verb::PutDrop => (Method::PUT, admin),
        Verb::PutSku => (Method::PUT, format!("{admin}/skus/{sku}")),
        Verb::Open => (Method::POST, format!("{admin}/open")),
        Verb::Pause => (Method::POST, format!("{admin}/pause")),
        Verb::Close => (Method::POST, format!("{admin}/close")),
        Verb::Read => (Method::GET, one),
        Verb::ReadCart => (Method::GET, format!("{shop}/reservations?customer_id={customer}")),
        Verb::ReadSku => (Method::GET, format!("{shop}/skus/{sku}")),
    }
}

fn lines(lines: &Lines) -> Value {
    lines.iter().map(|(sku, quantity)| json!({ "sku": sku, "quantity": quantity })).collect()
}

/// The body: the same for every try, down to the order of its members.
fn body(ask: &Ask) -> Value {
    let mut body = Map::new();
    let mut set = |name: &str, value: Value| {
        if !value.is_null() {
            body.insert(name.to_owned(), value);
        }
    };
    match ask.verb {
        Verb::Reserve => {
            set("customer_id", json!(ask.customer));
            set("lines", lines(&ask.lines));
            set("ttl_seconds", json!(ask.ttl));
        }
        Verb::Change => set("lines", lines(&ask.lines)),
        Verb::Extend => set("ttl_seconds", json!(ask.ttl)),
        Verb::Confirm => {
            set("order_id", json!(ask.order));
            set("reacquire", if ask.again { json!(true) } else { Value::Null });
        }
        Verb::Return => {
            set("lines", if ask.lines.is_empty() { Value::Null } else { lines(&ask.lines) });
            set("reason", json!(ask.mark));
            set("restock", json!(ask.again));
        }
        Verb::Restock => {
            set("quantity", json!(ask.quantity));
            set("reference", json!(ask.mark));
        }
        Verb::PutDrop | Verb::PutSku => {
            body = ask.settings.as_object().cloned().unwrap_or_default();
            body.insert("name".to_owned(), json!(ask.mark));
        }
        Verb::Release
        | Verb::Open
        | Verb::Pause
        | Verb::Close
        | Verb::Read
        | Verb::ReadCart
        | Verb::ReadSku => {}
    }
    Value::Object(body)
}
