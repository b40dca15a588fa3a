//! Move the deadline of a held reservation.

use super::{Operation, Verb, push_key, read_reservation};
use crate::domain::{DropId, RequestKey, Reservation, ReservationId};

/// How far a deadline moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtendTo {
    /// To the drop's TTL from now.
    DropTtl,
    /// To so many seconds from now.
    Seconds(i64),
    /// To where a rebuild has moved it: the ledger learns of it by this.
    Grace,
}

/// Move the deadline to the later of the present one and the earlier of the asked one and
/// the end of the drop's longest hold.
#[derive(Clone, Debug)]
pub struct Extend {
    /// Which reservation.
    pub id: ReservationId,
    /// How far.
    pub to: ExtendTo,
    /// The idempotency key, if one came along.
    pub key: Option<RequestKey>,
}

impl Operation for Extend {
    const VERB: Verb = Verb::Extend;
    const STATUSES: &'static [&'static str] = &[
        "REPLAYED",
        "KEY_REUSED",
        "UNKNOWN_RESERVATION",
        "ENDED",
        "TTL_TOO_LONG",
        "MAX_HOLD",
        "EXTENDED",
    ];
    type Answer = Reservation;

    fn encode(&self, arguments: &mut Vec<String>) {
        arguments.push(self.id.short());
        arguments.push(match self.to {
            ExtendTo::DropTtl => String::new(),
            ExtendTo::Seconds(seconds) => (seconds * 1000).to_string(),
            ExtendTo::Grace => "grace".to_owned(),
        });
        push_key(arguments, self.key.as_ref());
    }

    fn decode(&self, drop: &DropId, status: &str, facts: &str) -> Option<Reservation> {
        (status == "EXTENDED").then(|| read_reservation(drop, self.id, facts)).flatten()
    }
}
