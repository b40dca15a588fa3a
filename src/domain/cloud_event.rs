//! An event of the ledger as other systems are told of it: a CloudEvent, version 1.0.
//!
//! The form is that of the CloudEvents JSON event format; a dozen members that are written and
//! never read need no library.

use serde::Serialize;
use serde_json::Value;

use super::{CustomerId, DropId, LedgerRow, Millis, OrderId, ReservationId, SkuId};

/// What stands in front of the ledger's `kind` in an event's type.
const TYPE: &str = "dropgate.";
/// The media type of an event's data.
const JSON: &str = "application/json";

/// One event: everything that the ledger has under one `seq`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CloudEvent {
    specversion: &'static str,
    /// `{epoch}-{seq}`: the same whenever and however often it is sent. Unique within the source.
    pub id: String,
    /// `/v1/drops/{drop}`.
    pub source: String,
    /// `dropgate.{kind}`.
    #[serde(rename = "type")]
    pub event_type: String,
    /// The reservation to which it happened, else the SKU; neither for the drop itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// When it happened, by the Redis server's clock.
    pub time: Millis,
    datacontenttype: &'static str,
    /// The generation in which it happened.
    #[serde(rename = "dropgateepoch")]
    pub epoch: i64,
    /// Its number in the drop: it only rises.
    #[serde(rename = "dropgateseq")]
    pub seq: i64,
    /// What happened.
    pub data: EventData,
}

/// What happened, with the names of the ledger's columns.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EventData {
    /// In which drop.
    pub drop: DropId,
    /// The generation.
    pub epoch: i64,
    /// The number.
    pub seq: i64,
    /// One of [`super::KINDS`].
    pub kind: String,
    /// To which reservation.
    pub reservation_id: Option<ReservationId>,
    /// Of which customer; a pseudonym, once the customer was erased.
    pub customer_id: Option<CustomerId>,
    /// For which order.
    pub order_id: Option<OrderId>,
    /// The units that moved; signed for `restocked` and `changed`, 0 for the settings of a SKU.
    pub lines: Vec<EventLine>,
    /// When.
    pub occurred_at: Millis,
    /// The merchant's own reference, for a restock.
    pub reference: Option<String>,
    /// Why, where somebody said so.
    pub reason: Option<String>,
    /// The settings that were given, for `configured`.
    pub settings: Option<Value>,
}

/// Units of one SKU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventLine {
    /// Which.
    pub sku: SkuId,
    /// How many.
    pub quantity: i64,
}

impl CloudEvent {
    /// The events of a drop that these rows of its ledger are, in their order.
    #[must_use]
    pub fn of(drop: &DropId, rows: Vec<LedgerRow>) -> Vec<CloudEvent> {
        let mut events: Vec<CloudEvent> = Vec::new();
        for row in rows {
            match events.last_mut().filter(|last| last.seq == row.seq) {
                Some(last) => last.data.lines.extend(line(&row)),
                None => events.push(CloudEvent::begin(drop, row)),
            }
        }
        events
    }

    fn begin(drop: &DropId, row: LedgerRow) -> CloudEvent {
        let reservation = row.reservation_id.map(|id| id.to_string());
        let sku = row.sku.as_ref().map(ToString::to_string);
        let lines = line(&row).into_iter().collect();
        CloudEvent {
            specversion: "1.0",
            id: event_id(row.epoch, row.seq),
            source: format!("/v1/drops/{drop}"),
            event_type: format!("{TYPE}{}", row.kind),
            subject: reservation.or(sku),
            time: row.occurred_at,
            datacontenttype: JSON,
            epoch: row.epoch,
            seq: row.seq,
            data: EventData {
                drop: drop.clone(),
                epoch: row.epoch,
                seq: row.seq,
                kind: row.kind,
                reservation_id: row.reservation_id,
                customer_id: row.customer_id,
                order_id: row.order_id,
                lines,
                occurred_at: row.occurred_at,
                reference: row.reference,
                reason: row.reason,
                settings: row.settings,
            },
        }
    }
}

fn line(row: &LedgerRow) -> Option<EventLine> {
    row.sku.clone().map(|sku| EventLine { sku, quantity: row.quantity })
}

/// The id of an event.
#[must_use]
pub fn event_id(epoch: i64, seq: i64) -> String {
    format!("{epoch}-{seq}")
}

/// What an event of this kind of the ledger is called elsewhere.
#[must_use]
pub fn event_type(kind: &str) -> String {
    format!("{TYPE}{kind}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(seq: i64, kind: &str, sku: Option<&str>, quantity: i64) -> LedgerRow {
        LedgerRow {
            epoch: 2,
            seq,
            kind: kind.to_owned(),
            reservation_id: None,
            customer_id: None,
            sku: sku.map(|sku| sku.parse().expect("an id")),
            quantity,
            order_id: None,
            occurred_at: Millis(0),
            reference: None,
            reason: None,
            settings: None,
        }
    }

    #[test]
    fn rows_of_one_seq_are_one_event() {
        let drop = "d".parse().expect("an id");
        let id = ReservationId::generate();
        let held = |sku| LedgerRow { reservation_id: Some(id), ..row(7, "held", Some(sku), 2) };
        let rows = vec![row(6, "restocked", Some("a"), -3), held("a"), held("b")];
        let events = CloudEvent::of(&drop, rows);
        let ids: Vec<&str> = events.iter().map(|event| event.id.as_str()).collect();
        assert_eq!(ids, ["2-6", "2-7"]);
        assert_eq!(events[0].subject.as_deref(), Some("a"));
        assert_eq!(events[1].data.lines.len(), 2);
        let shown = json!(events[1]);
        assert_eq!(shown["specversion"], "1.0");
        assert_eq!(shown["type"], "dropgate.held");
        assert_eq!(shown["source"], "/v1/drops/d");
        assert_eq!(shown["subject"], id.to_string());
        assert_eq!(shown["time"], "1970-01-01T00:00:00.000Z");
        assert_eq!((&shown["dropgateepoch"], &shown["dropgateseq"]), (&json!(2), &json!(7)));
        assert_eq!(shown["data"]["lines"][1], json!({ "sku": "b", "quantity": 2 }));
    }

    #[test]
    fn what_is_about_the_drop_has_no_subject() {
        let rows = vec![row(1, "configured", None, 0)];
        let events = CloudEvent::of(&"d".parse().expect("an id"), rows);
        assert!(events[0].data.lines.is_empty());
        assert!(json!(events[0]).get("subject").is_none());
    }
}
