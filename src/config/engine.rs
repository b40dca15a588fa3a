//! When and how fast the engine answers.

use std::ffi::OsString;
use std::time::Duration;

use super::error::{SettingError, number, text};
use crate::engine::HoldAck;

const HOLD_ACK: &str = "DROPGATE_HOLD_ACK";
const ANSWER_TIMEOUT: &str = "DROPGATE_ANSWER_TIMEOUT_MS";
const EVICT_AFTER: &str = "DROPGATE_EVICT_AFTER_SECONDS";
const DETAILS_TTL: &str = "DROPGATE_DETAILS_TTL_SECONDS";

/// Flags and variables of the engine.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Engine")]
pub struct EngineArgs {
    /// When a new hold is answered: `ledger`, once it is durable in Postgres; `redis`, as soon as
    /// Redis has it, and then it may vanish with Redis [default: ledger]
    #[arg(long, env = HOLD_ACK, value_name = "WHEN")]
    hold_ack: Option<OsString>,
    /// Longest time until an answer, in milliseconds from 100 to 60000 [default: 4500]
    #[arg(long, env = ANSWER_TIMEOUT, value_name = "MS")]
    answer_timeout_ms: Option<OsString>,
    /// How long a closed drop without holds stays in Redis behind its last event, in seconds from 1
    /// to 31536000; it comes back from the ledger when a call needs it [default: 86400]
    #[arg(long, env = EVICT_AFTER, value_name = "SECONDS")]
    evict_after_seconds: Option<OsString>,
    /// How long a copy of a SKU's details is kept in the process and in Redis, in seconds from 1 to
    /// 86400; a change is seen at once all the same [default: 600]
    #[arg(long, env = DETAILS_TTL, value_name = "SECONDS")]
    details_ttl_seconds: Option<OsString>,
}

/// When and how fast the engine answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineSettings {
    /// Default `ledger`. `redis` answers sooner, and a hold so answered may vanish with Redis;
    /// limits and stock hold all the same.
    pub hold_ack: HoldAck,
    /// Default 4.5 seconds, 0.1 to 60. Too long: clients wait for a system that can't answer, and
    /// give up first. Too short: a hiccup of Postgres turns calls that succeed into unknown ones.
    pub answer_timeout: Duration,
    /// Default a day, a second to a year. Too long: drops that are over take memory of Redis. Too
    /// short: each return or late confirm brings a drop back that has just left.
    pub evict_after: Duration,
    /// Default ten minutes, a second to a day. Too long: versions of before take room. Too short:
    /// Postgres is asked for details again and again.
    pub details_ttl: Duration,
}

impl EngineArgs {
    /// # Errors
    /// [`SettingError`] for a setting that is wrong.
    pub fn resolve(self) -> Result<EngineSettings, SettingError> {
        let hold_ack = match text(HOLD_ACK, self.hold_ack)?.as_deref() {
            None | Some("ledger") => HoldAck::Ledger,
            Some("redis") => HoldAck::Redis,
            Some(other) => {
                let problem = format!("is {other:?}");
                let remedy = "give ledger or redis, or leave it out for ledger";
                return Err(SettingError::wrong(HOLD_ACK, problem, remedy));
            }
        };
        let millis = number(ANSWER_TIMEOUT, self.answer_timeout_ms, 100..=60_000, 4500)?;
        let seconds = number(EVICT_AFTER, self.evict_after_seconds, 1..=31_536_000, 86_400)?;
        let details = number(DETAILS_TTL, self.details_ttl_seconds, 1..=86_400, 600)?;
        Ok(EngineSettings {
            hold_ack,
            answer_timeout: Duration::from_millis(millis),
            evict_after: Duration::from_secs(seconds),
            details_ttl: Duration::from_secs(details),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_two_words_say_when() {
        let of = |word: &str| {
            EngineArgs { hold_ack: Some(word.into()), ..EngineArgs::default() }.resolve()
        };
        assert_eq!(of("redis").expect("fine").hold_ack, HoldAck::Redis);
        assert_eq!(of("").expect("fine").hold_ack, HoldAck::Ledger);
        for bad in ["Redis", "postgres", "1"] {
            let line = of(bad).expect_err(bad).to_string();
            assert!(line.starts_with("DROPGATE_HOLD_ACK is "), "{line}");
        }
    }
}
