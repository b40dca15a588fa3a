//! Give sold units back.

use super::{Handed, Operation, Verb, push_handed, push_key, read_reservation};
use crate::domain::{DropId, Lines, RequestKey, Reservation, ReservationId};

/// A refund: units of a confirmed reservation come back.
#[derive(Clone, Debug)]
pub struct Return {
    /// Which reservation.
    pub id: ReservationId,
    /// What comes back; `None` for all of it.
    pub lines: Option<Lines>,
    /// Why.
    pub reason: Option<String>,
    /// Whether the units can be sold again; damaged ones leave the total.
    pub restock: bool,
    /// The ledger's version, for a reservation that has left Redis.
    pub handed: Option<Handed>,
    /// The idempotency key, if one came along.
    pub key: Option<RequestKey>,
}

impl Operation for Return {
    const VERB: Verb = Verb::Return;
    const STATUSES: &'static [&'static str] =
        &["REPLAYED", "KEY_REUSED", "UNKNOWN_RESERVATION", "ENDED", "NOT_OWNED", "RETURNED"];
    type Answer = Reservation;

    fn encode(&self, arguments: &mut Vec<String>) {
        arguments.push(self.id.short());
        arguments.push(self.lines.as_ref().map_or_else(|| "*".to_owned(), Lines::pack));
        arguments.push(serde_json::json!(self.reason).to_string());
        arguments.push(u8::from(self.restock).to_string());
        push_handed(arguments, self.handed.as_ref());
        push_key(arguments, self.key.as_ref());
    }

    fn decode(&self, drop: &DropId, status: &str, facts: &str) -> Option<Reservation> {
        (status == "RETURNED").then(|| read_reservation(drop, self.id, facts)).flatten()
    }
}
