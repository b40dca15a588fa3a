//! What calls came to, counted per drop, verb and outcome.

use std::sync::OnceLock;

use metrics::{Counter, SharedString};

use super::{Answer, CallError, Effect, tallied::Tallied};
use crate::{
    caller::Caller,
    command::{Refusal, Verb},
    domain::DropId,
    measure::{self, Mark},
};

/// What a call came to, as far as it is told apart in counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Done,
    Replayed,
    KeyReused,
    UnknownDrop,
    UnknownReservation,
    Ended,
    MaxHoldReached,
    NotOpen,
    Paused,
    Closed,
    UnknownSku,
    LimitExceeded,
    SoldOut,
    Insufficient,
    Invalid,
    Stalled,
    NothingHappened,
    OutcomeUnknown,
}

impl Kind {
    pub(super) const COUNT: usize = Kind::ALL.len();
    pub(super) const ALL: [Kind; 18] = [
        Kind::Done,
        Kind::Replayed,
        Kind::KeyReused,
        Kind::UnknownDrop,
        Kind::UnknownReservation,
        Kind::Ended,
        Kind::MaxHoldReached,
        Kind::NotOpen,
        Kind::Paused,
        Kind::Closed,
        Kind::UnknownSku,
        Kind::LimitExceeded,
        Kind::SoldOut,
        Kind::Insufficient,
        Kind::Invalid,
        Kind::Stalled,
        Kind::NothingHappened,
        Kind::OutcomeUnknown,
    ];

    fn of<T>(answer: &Answer<T>) -> Kind {
        match answer {
            Ok(success) if success.replayed => Kind::Replayed,
            Ok(_) => Kind::Done,
            Err(CallError::UnknownDrop) => Kind::UnknownDrop,
            Err(CallError::Unavailable { effect: Effect::None, .. }) => Kind::NothingHappened,
            Err(CallError::Unavailable { effect: Effect::Unknown, .. }) => Kind::OutcomeUnknown,
            Err(CallError::Refused(refusal)) => Kind::of_refusal(refusal),
        }
    }

    fn of_refusal(refusal: &Refusal) -> Kind {
        match refusal {
            Refusal::KeyReused => Kind::KeyReused,
            Refusal::UnknownDrop => Kind::UnknownDrop,
            Refusal::UnknownReservation => Kind::UnknownReservation,
            Refusal::Ended(_) => Kind::Ended,
            Refusal::MaxHoldReached(_) => Kind::MaxHoldReached,
            Refusal::NotOpen(_) => Kind::NotOpen,
            Refusal::Paused(_) => Kind::Paused,
            Refusal::Closed(_) => Kind::Closed,
            Refusal::UnknownSku(_) => Kind::UnknownSku,
            Refusal::LimitExceeded { .. } => Kind::LimitExceeded,
            Refusal::SoldOut(_) => Kind::SoldOut,
            Refusal::Insufficient(_) => Kind::Insufficient,
            Refusal::TtlTooLong(_)
            | Refusal::TooLarge(_)
            | Refusal::NotOwned(..)
            | Refusal::ClosesFirst(..) => Kind::Invalid,
            Refusal::Stalled => Kind::Stalled,
        }
    }

    /// Whether the ledger tells of it by itself.
    fn is_in_ledger(self) -> bool {
        matches!(self, Kind::Done | Kind::Replayed)
    }

    /// Whether the caller was given an answer, and it was no.
    pub(super) fn is_refusal(self) -> bool {
        let unanswered =
            matches!(self, Kind::Stalled | Kind::NothingHappened | Kind::OutcomeUnknown);
        !self.is_in_ledger() && !unanswered
    }

    /// The words of the API's `code`, where there is one.
    pub(super) fn word(self) -> &'static str {
        match self {
            Kind::Done => "done",
            Kind::Replayed => "replayed",
            Kind::KeyReused => "idempotency_key_reused",
            Kind::UnknownDrop => "unknown_drop",
            Kind::UnknownReservation => "unknown_reservation",
            Kind::Ended => "ended",
            Kind::MaxHoldReached => "max_hold_reached",
            Kind::NotOpen => "drop_not_open",
            Kind::Paused => "drop_paused",
            Kind::Closed => "drop_closed",
            Kind::UnknownSku => "unknown_sku",
            Kind::LimitExceeded => "limit_exceeded",
            Kind::SoldOut => "sold_out",
            Kind::Insufficient => "insufficient_available",
            Kind::Invalid => "invalid_request",
            Kind::Stalled => "stalled",
            Kind::NothingHappened => "unavailable",
            Kind::OutcomeUnknown => "unknown",
        }
    }
}

/// The counts of one drop in this process. A counter is made when it first counts.
#[derive(Debug, Default)]
pub struct Counted {
    label: OnceLock<SharedString>,
    outcomes: [[OnceLock<Counter>; Kind::COUNT]; Verb::ALL.len()],
    events: OnceLock<Counter>,
    /// The same of calls that left nothing in the ledger, for all engines together.
    pub(super) tallied: Tallied,
    /// When the write-behind ended its last turn.
    pub write_behind: Mark,
    /// When the drop's time was last kept.
    pub expire: Mark,
}

impl Counted {
    /// The drop's label, given at its first call.
    pub fn label(&self, drop: &DropId) -> SharedString {
        self.label.get_or_init(|| measure::drop_label(drop)).clone()
    }

    /// The drop's label, if it has one.
    pub(super) fn known_label(&self) -> Option<SharedString> {
        self.label.get().cloned()
    }

    /// Counts what a call came to, and notes it for traces.
    pub(super) fn answered<T>(&self, drop: &DropId, verb: Verb, answer: &Answer<T>) {
        let kind = Kind::of(answer);
        if let Some(call) = Caller::traced() {
            call.came_to(drop, verb.script(), kind.word());
        }
        let counter = self.outcomes[verb as usize][kind as usize].get_or_init(|| {
            metrics::counter!("dropgate_outcomes_total", "drop" => self.label(drop),
                "verb" => verb.script(), "outcome" => kind.word())
        });
        counter.increment(1);
        if !kind.is_in_ledger() {
            self.tallied.count(verb, kind);
        }
    }

    /// Counts events that this process has committed.
    pub fn committed(&self, drop: &DropId, events: u64) {
        let counter = self.events.get_or_init(
            || metrics::counter!("dropgate_durable_events_total", "drop" => self.label(drop)),
        );
        counter.increment(events);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_have_places_of_their_own() {
        let places: Vec<usize> = Verb::ALL.iter().map(|verb| *verb as usize).collect();
        assert_eq!(places, (0..Verb::ALL.len()).collect::<Vec<_>>());
        let places: Vec<usize> = Kind::ALL.iter().map(|kind| *kind as usize).collect();
        assert_eq!(places, (0..Kind::COUNT).collect::<Vec<_>>());
    }
}
