//! Hold units for a customer until a deadline.

use super::{Operation, Verb, push_key};
use crate::domain::{
    CustomerId, DropId, Lines, Millis, RequestKey, Reservation, ReservationId, ReservationState,
};

/// Hold these lines, all or none.
#[derive(Clone, Debug)]
pub struct Reserve {
    /// The id that the reservation gets.
    pub id: ReservationId,
    /// For whom.
    pub customer_id: CustomerId,
    /// What.
    pub lines: Lines,
    /// For how long, in seconds; `None` for the drop's TTL.
    pub ttl_seconds: Option<i64>,
    /// The idempotency key, if one came along.
    pub key: Option<RequestKey>,
}

impl Operation for Reserve {
    const VERB: Verb = Verb::Reserve;
    const STATUSES: &'static [&'static str] = &[
        "REPLAYED",
        "KEY_REUSED",
        "UNKNOWN_DROP",
        "TTL_TOO_LONG",
        "NOT_OPEN",
        "PAUSED",
        "CLOSED",
        "UNKNOWN_SKU",
        "LIMIT_EXCEEDED",
        "RETRY",
        "SOLD_OUT",
        "STALLED",
        "HELD",
    ];
    const TAKES: bool = true;
    type Answer = Reservation;

    fn encode(&self, arguments: &mut Vec<String>) {
        arguments.push(self.id.short());
        arguments.push(self.customer_id.to_string());
        arguments.push(self.lines.pack());
        arguments.push(self.ttl_seconds.map(|s| (s * 1000).to_string()).unwrap_or_default());
        push_key(arguments, self.key.as_ref());
    }

    fn decode(&self, drop: &DropId, status: &str, facts: &str) -> Option<Reservation> {
        let (created, expires) = facts.split_once(' ').filter(|_| status == "HELD")?;
        Some(Reservation {
            id: self.id,
            drop: drop.clone(),
            customer_id: self.customer_id.clone(),
            state: ReservationState::Held,
            lines: self.lines.as_slice().to_vec(),
            order_id: None,
            created_at: Millis(created.parse().ok()?),
            expires_at: Millis(expires.parse().ok()?),
        })
    }
}
