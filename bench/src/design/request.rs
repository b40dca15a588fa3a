//! What a hold asks for, as the designs see it: one SKU for one customer.

use std::fmt::Display;

use chrono::{DateTime, Utc};
use dropgate::{
    api::front,
    clock,
    command::{Refusal, Shortage},
    domain::{Millis, Reservation, SkuId},
    engine::{Answer, CallError},
};

use super::{LIMIT, TTL};

/// A hold of one line, at the time at which it came in.
pub(super) struct Request {
    hold: front::Hold,
    pub(super) sku: SkuId,
    pub(super) quantity: i64,
    pub(super) now: Millis,
}

/// What a script or a function said.
pub(super) enum Outcome {
    Held,
    LimitExceeded { used: i64 },
    SoldOut { available: i64 },
    UnknownSku,
}

impl Outcome {
    /// Reads the code that scripts and functions answer, and the figure that comes with it.
    pub(super) fn read(code: i64, figure: i64) -> Result<Outcome, CallError> {
        match code {
            0 => Ok(Outcome::Held),
            1 => Ok(Outcome::LimitExceeded { used: figure }),
            2 => Ok(Outcome::SoldOut { available: figure }),
            3 => Ok(Outcome::UnknownSku),
            _ => Err(failed(format_args!("an unknown outcome: {code}"))),
        }
    }
}

impl Request {
    /// Takes a hold of one line: no load of the benchmark has more.
    pub(super) fn new(hold: front::Hold) -> Result<Request, CallError> {
        let [line] = hold.lines.as_slice() else {
            return Err(CallError::none("this design holds one SKU at a time"));
        };
        let (sku, quantity) = (line.sku.clone(), line.quantity);
        Ok(Request { hold, sku, quantity, now: clock::now() })
    }

    pub(super) fn drop(&self) -> &str {
        self.hold.drop.as_str()
    }

    pub(super) fn customer(&self) -> &str {
        self.hold.customer_id.as_str()
    }

    pub(super) fn id(&self) -> uuid::Uuid {
        self.hold.id.uuid()
    }

    /// The id as Redis is to store it.
    pub(super) fn short_id(&self) -> String {
        self.hold.id.short()
    }

    pub(super) fn created(&self) -> DateTime<Utc> {
        self.now.to_datetime()
    }

    pub(super) fn deadline(&self) -> Millis {
        self.now.plus(TTL)
    }

    pub(super) fn expires(&self) -> DateTime<Utc> {
        self.deadline().to_datetime()
    }

    /// The hold as Redis stores it.
    pub(super) fn packed(&self) -> String {
        let (customer, sku, created) = (self.customer(), &self.sku, self.now.0);
        format!("{customer} {sku} {} {created} {}", self.quantity, self.deadline().0)
    }

    pub(super) fn answer(self, outcome: Outcome) -> Answer<Reservation> {
        let (requested, sku) = (self.quantity, self.sku);
        let refusal = match outcome {
            Outcome::Held => return super::held(self.hold, self.now),
            Outcome::LimitExceeded { used } => Refusal::LimitExceeded {
                limit: LIMIT,
                used,
                requested,
                sku: Some(sku),
                reservations: Vec::new(),
            },
            Outcome::SoldOut { available } => {
                Refusal::SoldOut(vec![Shortage { sku, requested, available }])
            }
            Outcome::UnknownSku => Refusal::UnknownSku(sku),
        };
        Err(CallError::Refused(refusal))
    }
}

/// A server did not do what it was asked, or perhaps did.
pub(super) fn failed(error: impl Display) -> CallError {
    CallError::unknown(error.to_string())
}
