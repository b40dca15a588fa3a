//! What the engine answers to whoever asks: a value, a refusal, or that it can't say.

use crate::{
    command::Refusal,
    domain::RequestKey,
    failpoint::{self, Mutant},
};

/// A success, and whether it is the repeated answer of an earlier request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Success<T> {
    /// What was asked for.
    pub value: T,
    /// Whether an idempotency key brought back the first answer.
    pub replayed: bool,
}

/// What a call without an answer may have done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing happened.
    None,
    /// It may have happened; the same key tells.
    Unknown,
}

/// Why a call has no success to show.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// There is no such drop.
    #[error("there is no such drop")]
    UnknownDrop,
    /// The drop's state does not allow it.
    #[error("refused: {0:?}")]
    Refused(Refusal),
    /// The engine can't say, or can't do it now.
    #[error("unavailable ({effect:?}): {reason}")]
    Unavailable {
        /// What the call may have done.
        effect: Effect,
        /// For the log and, shortened, for the caller.
        reason: String,
    },
}

impl CallError {
    /// An answer that nothing happened, and why.
    #[must_use]
    pub fn none(reason: impl Into<String>) -> CallError {
        CallError::Unavailable { effect: Effect::None, reason: reason.into() }
    }

    /// A call that did nothing. With a key it can't be said that nothing happened: an earlier
    /// try may have got through, or still may.
    #[must_use]
    pub fn undone(key: Option<&RequestKey>, reason: impl Into<String>) -> CallError {
        if key.is_some() && !failpoint::without(Mutant::NoneWithKey) {
            return CallError::unknown(reason);
        }
        CallError::none(reason)
    }

    /// An answer that the outcome is unknown, and why.
    #[must_use]
    pub fn unknown(reason: impl Into<String>) -> CallError {
        CallError::Unavailable { effect: Effect::Unknown, reason: reason.into() }
    }
}

/// What a call comes to.
pub type Answer<T> = Result<Success<T>, CallError>;
