//! What can be done next with what an answer names: the links of the description, which also lead
//! testers from one call to the next.

use serde_json::{Map, Value, json};

use super::operations::Operation;

/// Names the drop of the request.
const DROP: (&str, &str) = ("drop", "$request.path.drop");
/// Names what the answer shows.
const ID: (&str, &str) = ("id", "$response.body#/id");

/// Names the webhook that the answer shows.
const WEBHOOK: (&str, &str) = ("webhook", "$response.body#/id");

/// From which call, by which answer, to which call, with which parameters.
type Link = (&'static str, u16, &'static str, &'static [(&'static str, &'static str)]);

const LINKS: &[Link] = &[
    ("reserve", 201, "readReservation", &[DROP, ID]),
    ("reserve", 201, "change", &[DROP, ID]),
    ("reserve", 201, "extend", &[DROP, ID]),
    ("reserve", 201, "confirm", &[DROP, ID]),
    ("reserve", 201, "release", &[DROP, ID]),
    ("confirm", 200, "readReservation", &[DROP, ID]),
    ("confirm", 200, "returnUnits", &[DROP, ID]),
    ("putDrop", 201, "readDrop", &[DROP]),
    ("putDrop", 201, "readAdminDrop", &[DROP]),
    ("putDrop", 201, "putSku", &[DROP]),
    ("putDrop", 201, "open", &[DROP]),
    ("putDrop", 201, "pause", &[DROP]),
    ("putDrop", 201, "close", &[DROP]),
    ("putDrop", 201, "audit", &[DROP]),
    ("putSku", 201, "readSku", &[DROP, ("sku", "$request.path.sku")]),
    ("putSku", 201, "restock", &[DROP, ("sku", "$request.path.sku")]),
    ("putSku", 201, "reserve", &[DROP]),
    ("createKey", 201, "rotateKey", &[ID]),
    ("createKey", 201, "revokeKey", &[ID]),
    ("createWebhook", 201, "readWebhook", &[WEBHOOK]),
    ("createWebhook", 201, "changeWebhook", &[WEBHOOK]),
    ("createWebhook", 201, "testWebhook", &[WEBHOOK]),
    ("createWebhook", 201, "listDeliveries", &[WEBHOOK]),
    ("createWebhook", 201, "rotateWebhook", &[WEBHOOK]),
    ("createWebhook", 201, "deleteWebhook", &[WEBHOOK]),
];

/// The links of an operation's answer with this status; `None` without any.
pub(super) fn of(operation: &Operation, status: u16) -> Option<Value> {
    let these = LINKS.iter().filter(|(from, by, ..)| *from == operation.id && *by == status);
    let links: Map<String, Value> = these
        .map(|(_, _, to, parameters)| {
            let parameters: Map<String, Value> =
                parameters.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
            ((*to).to_owned(), json!({ "operationId": to, "parameters": parameters }))
        })
        .collect();
    (!links.is_empty()).then_some(Value::Object(links))
}

/// The calls that links come from and lead to.
#[cfg(test)]
pub(super) fn ends() -> impl Iterator<Item = &'static str> {
    LINKS.iter().flat_map(|(from, _, to, _)| [*from, *to])
}
