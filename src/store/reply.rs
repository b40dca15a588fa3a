//! What a script call replies.

use redis::Value;

use super::StoreError;
use crate::domain::Millis;

/// Where a drop's journal stood behind a call that ran, and one outcome an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The drop's generation.
    pub epoch: i64,
    /// The `seq` of the drop's last event.
    pub seq: i64,
    /// The chain of the drop's last entry.
    pub chain: String,
    /// The drop's time.
    pub now: Millis,
    /// One text an operation.
    pub outcomes: Vec<String>,
}

/// What came of one script call. Only `Done` did anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallReply {
    /// It ran.
    Done(Reply),
    /// Redis has nothing of this drop.
    Missing,
    /// Redis has the drop in another generation.
    OtherEpoch(i64),
    /// The drop was built by scripts of this protocol, with which these don't share drops.
    OtherProtocol(i64),
    /// The drop is being rebuilt; the last progress is so many milliseconds old.
    Rebuilding {
        /// In which generation.
        epoch: i64,
        /// Milliseconds since the last progress.
        age_ms: i64,
    },
    /// Redis is behind what is known to be durable: it went back in time.
    Behind {
        /// In which generation.
        epoch: i64,
        /// Where Redis stands.
        seq: i64,
    },
    /// One of the drop's keys is gone or of another generation.
    LostKey(String),
}

/// Texts of an array reply; integers are taken as their digits.
pub(super) fn texts(value: Value) -> Option<Vec<String>> {
    let Value::Array(items) = value else { return None };
    items.into_iter().map(text).collect()
}

pub(super) fn text(value: Value) -> Option<String> {
    redis::from_redis_value(value).ok()
}

impl CallReply {
    /// Reads a script's reply.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] for a reply that no script of this version gives.
    pub fn read(value: Value) -> Result<CallReply, StoreError> {
        let unreadable = |shown: String| StoreError::Unreadable(shown.chars().take(200).collect());
        let Some(texts) = texts(value) else {
            return Err(unreadable("not a list of texts".to_owned()));
        };
        // Only for the error; a reply has an outcome for each of hundreds of calls.
        let first = texts.iter().take(6).cloned().collect::<Vec<_>>();
        Self::parse(texts).ok_or_else(|| unreadable(first.join(" ")))
    }

    fn parse(texts: Vec<String>) -> Option<CallReply> {
        let mut part = texts.into_iter();
        let status = part.next()?;
        let mut number = || part.next()?.parse::<i64>().ok();
        Some(match status.as_str() {
            "OK" => {
                let (epoch, seq) = (number()?, number()?);
                let chain = part.next()?;
                let now = Millis(part.next()?.parse().ok()?);
                CallReply::Done(Reply { epoch, seq, chain, now, outcomes: part.collect() })
            }
            "MISSING" => CallReply::Missing,
            "OTHER_EPOCH" => CallReply::OtherEpoch(number()?),
            "OTHER_PROTOCOL" => CallReply::OtherProtocol(number()?),
            "REBUILDING" => CallReply::Rebuilding { epoch: number()?, age_ms: number()? },
            "BEHIND" => CallReply::Behind { epoch: number()?, seq: number()? },
            "LOST_KEY" => CallReply::LostKey(part.next()?),
            _ => return None,
        })
    }
}
