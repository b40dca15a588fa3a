//! What a command says when a call to the engine came to nothing: why, and what to do next.

use super::output::{REFUSED, UNKNOWN, WRONG_USE};
use crate::client::Failure;
use crate::config::SettingError;

/// Says that a setting is wrong; the status to end with.
pub(super) fn wrong_use(error: &SettingError) -> u8 {
    eprintln!("dropgate: {error}");
    WRONG_USE
}

/// Says what came of a call and what to do next; the status to end with. `unknown` is what to do
/// where nobody knows whether it happened.
pub(super) fn failed(failure: &Failure, url: &str, unknown: &str) -> u8 {
    let (status, next) = match failure {
        Failure::Refused(refusal) => (REFUSED, after_refusal(&refusal.code)),
        Failure::NotNow { .. } => (UNKNOWN, "Nothing was changed; try again later.".to_owned()),
        Failure::Unreachable(_) => (
            UNKNOWN,
            format!(
                "Nothing was changed. Is the engine at {url} running? --url or DROPGATE_URL names \
                 another."
            ),
        ),
        Failure::Unknown { .. } => (UNKNOWN, unknown.to_owned()),
        Failure::Stranger(_) => (
            UNKNOWN,
            format!("Is {url} the address of an engine? --url or DROPGATE_URL names another."),
        ),
    };
    let failure = failure.to_string();
    eprintln!("dropgate: {}", format!("{}\n{next}", one_line(&failure)).trim_end());
    status
}

/// Where the engine's own `detail`, which speaks to programs, leaves a person without a next step.
fn after_refusal(code: &str) -> String {
    match code {
        "unauthenticated" => {
            "DROPGATE_ADMIN_KEY, or the file that DROPGATE_ADMIN_KEY_FILE names, must hold a key \
             that this engine knows; `dropgate keys list` shows whether it has ended."
        }
        "forbidden" => {
            "What changes something needs a key of the scope admin, for this drop; to look, read \
             is enough."
        }
        "not_found" => {
            "Does --url or DROPGATE_URL have a path that it shouldn't have? The API begins at /v1."
        }
        "unknown_drop" => "`dropgate drop list` shows the drops that there are.",
        "unknown_sku" => "`dropgate drop show DROP` shows the SKUs that it sells.",
        "drop_closed" => {
            "A drop whose time is over opens again with a later one: `dropgate drop create DROP \
             --update --closes-at TIME`."
        }
        _ => "",
    }
    .to_owned()
}

/// Text of others, without what would move the cursor.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
