//! Why an operation is refused. A refusal is a fact about the drop, not a failure.

use serde::Serialize;

use crate::domain::{Millis, ReservationId, ReservationState, SkuId};

/// One line that the stock does not cover.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shortage {
    /// Which SKU.
    pub sku: SkuId,
    /// Units that were asked for; for a change, the new quantity.
    pub requested: i64,
    /// Units that could be had; for a change, with what the reservation has already.
    pub available: i64,
}

/// Every refusal, in the order in which the scripts decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The idempotency key was used for another request.
    KeyReused,
    /// The drop has never been configured.
    UnknownDrop,
    /// No such reservation in this drop.
    UnknownReservation,
    /// The reservation is in a state that does not allow it.
    Ended(ReservationState),
    /// Longer than the drop's own TTL, which is so many milliseconds.
    TtlTooLong(i64),
    /// The deadline can't move any further.
    MaxHoldReached(ReservationState),
    /// The drop has not opened yet; when it will, if that is set.
    NotOpen(Option<Millis>),
    /// The drop is paused; when it opened or opens, if that is set.
    Paused(Option<Millis>),
    /// The drop is closed; when it opened, if that was set.
    Closed(Option<Millis>),
    /// The drop doesn't sell it.
    UnknownSku(SkuId),
    /// The customer would hold and own more than a limit allows.
    LimitExceeded {
        /// The limit in units.
        limit: i64,
        /// Units that count against it already.
        used: i64,
        /// Units that were asked for.
        requested: i64,
        /// The SKU whose limit it is; `None` for the drop's own.
        sku: Option<SkuId>,
        /// The customer's reservations in this drop, at most 20.
        reservations: Vec<ReservationId>,
    },
    /// There are not enough units; only the lines that fall short.
    SoldOut(Vec<Shortage>),
    /// More was to be taken out of the total than is free.
    Insufficient(i64),
    /// The total would pass so many units.
    TooLarge(i64),
    /// More was to be returned of a SKU than the reservation still owns.
    NotOwned(SkuId, i64),
    /// The drop would close at or before it opens.
    ClosesFirst(Millis, Millis),
    /// The ledger stands still, so nothing is taken that could not be promised.
    Stalled,
}

impl Refusal {
    /// Reads a refusal as scripts write it; `None` for anything else.
    #[must_use]
    pub fn read(status: &str, facts: &str) -> Option<Refusal> {
        let state = || ReservationState::from_letter(facts);
        let optional = |text: &str| match text {
            "*" => Some(None),
            text => text.parse().ok().map(|at| Some(Millis(at))),
        };
        Some(match status {
            "KEY_REUSED" => Refusal::KeyReused,
            "UNKNOWN_DROP" => Refusal::UnknownDrop,
            "UNKNOWN_RESERVATION" => Refusal::UnknownReservation,
            "ENDED" => Refusal::Ended(state()?),
            "TTL_TOO_LONG" => Refusal::TtlTooLong(facts.parse().ok()?),
            "MAX_HOLD" => Refusal::MaxHoldReached(state()?),
            "NOT_OPEN" => Refusal::NotOpen(optional(facts)?),
            "PAUSED" => Refusal::Paused(optional(facts)?),
            "CLOSED" => Refusal::Closed(optional(facts)?),
            "UNKNOWN_SKU" => Refusal::UnknownSku(facts.parse().ok()?),
            "LIMIT_EXCEEDED" => read_limit(facts)?,
            "SOLD_OUT" => {
                Refusal::SoldOut(facts.split(',').map(read_shortage).collect::<Option<_>>()?)
            }
            "INSUFFICIENT" => Refusal::Insufficient(facts.parse().ok()?),
            "TOO_LARGE" => Refusal::TooLarge(facts.parse().ok()?),
            "NOT_OWNED" => {
                let (sku, owned) = facts.split_once(' ')?;
                Refusal::NotOwned(sku.parse().ok()?, owned.parse().ok()?)
            }
            "CLOSES_FIRST" => {
                let (opens, closes) = facts.split_once(' ')?;
                Refusal::ClosesFirst(Millis(opens.parse().ok()?), Millis(closes.parse().ok()?))
            }
            "STALLED" => Refusal::Stalled,
            _ => return None,
        })
    }

    /// Whether it says something about a reservation or a key that only the ledger may
    /// vouch for: such a refusal is not sent before the ledger has what it rests on.
    #[must_use]
    pub fn rests_on_ledger(&self) -> bool {
        match self {
            Refusal::Ended(_)
            | Refusal::MaxHoldReached(_)
            | Refusal::UnknownReservation
            | Refusal::NotOwned(..)
            | Refusal::Insufficient(_)
            | Refusal::ClosesFirst(..)
            | Refusal::KeyReused => true,
            Refusal::UnknownDrop
            | Refusal::TtlTooLong(_)
            | Refusal::NotOpen(_)
            | Refusal::Paused(_)
            | Refusal::Closed(_)
            | Refusal::UnknownSku(_)
            | Refusal::LimitExceeded { .. }
            | Refusal::SoldOut(_)
            | Refusal::TooLarge(_)
            | Refusal::Stalled => false,
        }
    }
}

fn read_shortage(text: &str) -> Option<Shortage> {
    let mut part = text.split(':');
    Some(Shortage {
        sku: part.next()?.parse().ok()?,
        requested: part.next()?.parse().ok()?,
        available: part.next()?.parse().ok()?,
    })
}

fn read_limit(facts: &str) -> Option<Refusal> {
    let mut part = facts.split(' ');
    Some(Refusal::LimitExceeded {
        limit: part.next()?.parse().ok()?,
        used: part.next()?.parse().ok()?,
        requested: part.next()?.parse().ok()?,
        sku: match part.next()? {
            "*" => None,
            sku => Some(sku.parse().ok()?),
        },
        reservations: match part.next()? {
            "*" => Vec::new(),
            ids => ids.split(',').map(ReservationId::from_short).collect::<Option<_>>()?,
        },
    })
}
