//! Calls that are made again when the engine asks for it, or when repeating can do no harm.

use std::time::{Duration, Instant};

use super::Failure;

/// How long a command goes on trying. Past the few seconds for which a drop is fenced while it is
/// rebuilt; longer, and a person would rather know.
const PATIENCE: Duration = Duration::from_secs(15);
/// The least time between two tries.
const LEAST: Duration = Duration::from_millis(100);

/// Whether a call may be made again when nobody knows whether it has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// A second one changes nothing: it reads, sets what is set, or has an idempotency key.
    Safe,
    /// A second one might undo what somebody did in between.
    Unsafe,
}

/// Makes a call until it is settled, for at most so long as a person would wait. `note` hears of
/// each try that is followed by another.
///
/// # Errors
/// [`Failure`] of the last try; [`Failure::Unknown`] if an earlier one may have happened and none
/// behind it has told.
pub async fn patiently<T>(
    repeat: Repeat,
    note: impl FnMut(&Failure),
    call: impl AsyncFnMut() -> Result<T, Failure>,
) -> Result<T, Failure> {
    patiently_for(PATIENCE, repeat, note, call).await
}

async fn patiently_for<T>(
    patience: Duration,
    repeat: Repeat,
    mut note: impl FnMut(&Failure),
    mut call: impl AsyncFnMut() -> Result<T, Failure>,
) -> Result<T, Failure> {
    let until = Instant::now() + patience;
    let mut doubt: Option<Failure> = None;
    loop {
        let failure = match call().await {
            Ok(value) => return Ok(value),
            Err(failure) => failure,
        };
        let wait = match &failure {
            Failure::NotNow { wait, .. } => Some(*wait),
            Failure::Unknown { wait, .. } if repeat == Repeat::Safe => Some(*wait),
            // What has been sent once must be learned; what never was is told at once.
            Failure::Unreachable(_) if doubt.is_some() => Some(LEAST * 5),
            Failure::Unknown { .. }
            | Failure::Unreachable(_)
            | Failure::Refused(_)
            | Failure::Stranger(_) => None,
        };
        if matches!(failure, Failure::Unknown { .. }) {
            doubt = Some(failure.clone());
        }
        let wait = wait.map(|wait| wait.max(LEAST)).filter(|wait| Instant::now() + *wait < until);
        let Some(wait) = wait else {
            return Err(match doubt {
                Some(doubt) if !settles(&failure) => doubt,
                Some(_) | None => failure,
            });
        };
        note(&failure);
        tokio::time::sleep(wait).await;
    }
}

/// Whether a failure says that the tries before it did nothing either. One that stops before the
/// call is looked at, for its key or its form, does not.
fn settles(failure: &Failure) -> bool {
    match failure {
        Failure::Refused(refusal) => {
            !matches!(refusal.code.as_str(), "unauthenticated" | "forbidden")
        }
        Failure::NotNow { .. }
        | Failure::Unreachable(_)
        | Failure::Unknown { .. }
        | Failure::Stranger(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use serde_json::json;

    use super::super::Refusal;
    use super::*;

    fn unknown() -> Failure {
        Failure::Unknown { why: "lost".to_owned(), wait: Duration::ZERO }
    }

    fn not_now() -> Failure {
        Failure::NotNow { why: "later".to_owned(), wait: Duration::ZERO }
    }

    fn unreachable() -> Failure {
        Failure::Unreachable("refused".to_owned())
    }

    fn refused(code: &str) -> Failure {
        Failure::Refused(Refusal { code: code.to_owned(), document: json!({}) })
    }

    /// What comes of these tries, and how many of them were made.
    async fn run(
        repeat: Repeat,
        tries: impl IntoIterator<Item = Result<u8, Failure>>,
    ) -> (Result<u8, Failure>, usize) {
        let mut tries: VecDeque<_> = tries.into_iter().collect();
        let (all, mut noted) = (tries.len(), 0);
        let patience = Duration::from_secs(60);
        let came = patiently_for(
            patience,
            repeat,
            |_| noted += 1,
            async || tries.pop_front().expect("no more tries than these"),
        )
        .await;
        assert_eq!(noted + 1, all - tries.len(), "every try but the last is told");
        (came, all - tries.len())
    }

    #[tokio::test]
    async fn what_is_safe_is_repeated_until_it_is_settled() {
        let safe = Repeat::Safe;
        assert_eq!(run(safe, [Err(unknown()), Err(unreachable()), Ok(1)]).await, (Ok(1), 3));
        assert_eq!(run(safe, [Err(not_now()), Ok(1)]).await, (Ok(1), 2));
        let over = refused("insufficient_available");
        let tries = [Err(unknown()), Err(over.clone())];
        assert_eq!(run(safe, tries).await, (Err(over), 2));
    }

    #[tokio::test]
    async fn what_is_not_safe_is_made_once() {
        let tries = [Err(unknown()), Ok(1)];
        assert_eq!(run(Repeat::Unsafe, tries).await, (Err(unknown()), 1));
        assert_eq!(run(Repeat::Unsafe, [Err(not_now()), Ok(1)]).await, (Ok(1), 2));
    }

    #[tokio::test]
    async fn nobody_home_is_told_at_once() {
        let tries = [Err(unreachable()), Ok(1)];
        assert_eq!(run(Repeat::Safe, tries).await, (Err(unreachable()), 1));
    }

    #[tokio::test]
    async fn a_doubt_is_not_taken_away_by_a_refusal_of_the_key() {
        let tries = [Err(unknown()), Err(refused("unauthenticated"))];
        assert_eq!(run(Repeat::Safe, tries).await, (Err(unknown()), 2));
    }

    #[tokio::test]
    async fn patience_ends_with_the_doubt() {
        let came: Result<u8, Failure> = patiently_for(
            Duration::from_millis(250),
            Repeat::Safe,
            |_| {},
            async || Err(unknown()),
        )
        .await;
        assert_eq!(came, Err(unknown()));
    }
}
