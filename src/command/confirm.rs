//! Turn held units into sold units for an order.

use super::{Handed, Operation, Verb, push_handed, push_key, read_reservation};
use crate::domain::{DropId, OrderId, RequestKey, Reservation, ReservationId};

/// The order was paid.
#[derive(Clone, Debug)]
pub struct Confirm {
    /// Which reservation.
    pub id: ReservationId,
    /// For which order.
    pub order_id: OrderId,
    /// Whether an expired hold is taken again if units and limits allow.
    pub reacquire: bool,
    /// The ledger's version, for a reservation that has left Redis.
    pub handed: Option<Handed>,
    /// The idempotency key, if one came along.
    pub key: Option<RequestKey>,
}

impl Operation for Confirm {
    const VERB: Verb = Verb::Confirm;
    const STATUSES: &'static [&'static str] = &[
        "REPLAYED",
        "KEY_REUSED",
        "UNKNOWN_RESERVATION",
        "ENDED",
        "UNKNOWN_SKU",
        "LIMIT_EXCEEDED",
        "RETRY",
        "SOLD_OUT",
        "STALLED",
        "ALREADY",
        "CONFIRMED",
    ];
    type Answer = Reservation;

    fn encode(&self, arguments: &mut Vec<String>) {
        arguments.push(self.id.short());
        arguments.push(self.order_id.to_string());
        arguments.push(u8::from(self.reacquire).to_string());
        push_handed(arguments, self.handed.as_ref());
        push_key(arguments, self.key.as_ref());
    }

    fn decode(&self, drop: &DropId, status: &str, facts: &str) -> Option<Reservation> {
        matches!(status, "CONFIRMED" | "ALREADY")
            .then(|| read_reservation(drop, self.id, facts))
            .flatten()
    }
}
