//! What can go wrong between the engine and Redis, by what it means for the caller.

use redis::{ErrorKind, RedisError, ServerErrorKind};

/// Why a call to Redis has no reply.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The server answered that it did not run it: nothing happened.
    #[error("Redis refused the call: {0}")]
    Refused(String),
    /// No answer: the call may have run.
    #[error("Redis did not answer: {0}")]
    NoAnswer(String),
    /// Nothing was sent, for there is no connection: nothing happened.
    #[error("Redis can't be reached: {0}")]
    NotSent(String),
    /// A script found counts that can't be: it changed nothing, and the drop needs a look.
    #[error("a script found a violated invariant: {0}")]
    Invariant(String),
    /// What Redis keeps of the drop is not what the scripts write: the call may have run, and
    /// the drop has to be rebuilt.
    #[error("what Redis has of the drop is damaged: {0}")]
    Damaged(String),
    /// A reply that no script of this version gives.
    #[error("Redis gave a reply that this version does not know: {0}")]
    Unreadable(String),
}

impl StoreError {
    /// Whether it is sure that the call did nothing.
    #[must_use]
    pub fn nothing_happened(&self) -> bool {
        match self {
            StoreError::Refused(_) | StoreError::NotSent(_) | StoreError::Invariant(_) => true,
            StoreError::NoAnswer(_) | StoreError::Damaged(_) | StoreError::Unreadable(_) => false,
        }
    }
}

/// Whether the server lacks the script and should be given it.
pub(super) fn is_missing_script(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(ServerErrorKind::NoScript))
}

/// Whether a script failed over what it found: an engine's arguments are never at fault, so a
/// key has another type than it should, or holds what no script has written.
fn is_damage(error: &RedisError, text: &str) -> bool {
    match error.code() {
        Some("WRONGTYPE") => true,
        Some("ERR") => text.contains("user_script:"),
        Some(_) | None => false,
    }
}

impl From<RedisError> for StoreError {
    fn from(error: RedisError) -> StoreError {
        let text = error.to_string();
        if text.contains("INVARIANT") {
            return StoreError::Invariant(text);
        }
        if is_damage(&error, &text) {
            return StoreError::Damaged(text);
        }
        if error.is_connection_refusal() {
            return StoreError::NotSent(text);
        }
        if matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension) {
            StoreError::Refused(text)
        } else if matches!(error.kind(), ErrorKind::Parse | ErrorKind::UnexpectedReturnType) {
            StoreError::Unreadable(text)
        } else {
            StoreError::NoAnswer(text)
        }
    }
}
