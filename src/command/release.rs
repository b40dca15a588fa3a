//! Give held units back before their deadline.

use super::{Handed, Operation, Verb, push_handed, push_key, read_reservation};
use crate::domain::{DropId, RequestKey, Reservation, ReservationId};

/// The cart was emptied, or the payment failed.
#[derive(Clone, Debug)]
pub struct Release {
    /// Which reservation.
    pub id: ReservationId,
    /// The ledger's version, for a reservation that has left Redis.
    pub handed: Option<Handed>,
    /// The idempotency key, if one came along.
    pub key: Option<RequestKey>,
}

impl Operation for Release {
    const VERB: Verb = Verb::Release;
    const STATUSES: &'static [&'static str] =
        &["REPLAYED", "KEY_REUSED", "UNKNOWN_RESERVATION", "ENDED", "ALREADY", "RELEASED"];
    type Answer = Reservation;

    fn encode(&self, arguments: &mut Vec<String>) {
        arguments.push(self.id.short());
        push_handed(arguments, self.handed.as_ref());
        push_key(arguments, self.key.as_ref());
    }

    fn decode(&self, drop: &DropId, status: &str, facts: &str) -> Option<Reservation> {
        matches!(status, "RELEASED" | "ALREADY")
            .then(|| read_reservation(drop, self.id, facts))
            .flatten()
    }
}
