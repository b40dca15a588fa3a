//! Replace the lines of a held reservation.

use super::{Operation, Verb, push_key, read_reservation};
use crate::domain::{DropId, Lines, RequestKey, Reservation, ReservationId};

/// Replace the lines; only the difference is taken or given back, the deadline stays.
#[derive(Clone, Debug)]
pub struct Change {
    /// Which reservation.
    pub id: ReservationId,
    /// The new whole.
    pub lines: Lines,
    /// The idempotency key, if one came along.
    pub key: Option<RequestKey>,
}

impl Operation for Change {
    const VERB: Verb = Verb::Change;
    const STATUSES: &'static [&'static str] = &[
        "REPLAYED",
        "KEY_REUSED",
        "UNKNOWN_RESERVATION",
        "ENDED",
        "NOT_OPEN",
        "PAUSED",
        "CLOSED",
        "UNKNOWN_SKU",
        "LIMIT_EXCEEDED",
        "RETRY",
        "SOLD_OUT",
        "STALLED",
        "CHANGED",
    ];
    type Answer = Reservation;

    fn encode(&self, arguments: &mut Vec<String>) {
        arguments.push(self.id.short());
        arguments.push(self.lines.pack());
        push_key(arguments, self.key.as_ref());
    }

    fn decode(&self, drop: &DropId, status: &str, facts: &str) -> Option<Reservation> {
        (status == "CHANGED").then(|| read_reservation(drop, self.id, facts)).flatten()
    }
}
