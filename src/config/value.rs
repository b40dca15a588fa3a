//! What single values on the command line must look like.

use std::str::FromStr;

use chrono::DateTime;

use crate::domain::{MAX_STOCK, MAX_WARNINGS, Millis, SkuId};

/// The longest hold, in seconds: 30 days, as in the API.
pub(super) const MAX_SECONDS: i64 = 86_400 * 30;
/// What clears a value that may be absent.
const NONE: &str = "none";

/// What people call something.
pub(super) fn name(text: &str) -> Result<String, String> {
    let fine = (1..=200).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    let wanted = || "give 1 to 200 characters without control characters".to_owned();
    fine.then(|| text.to_owned()).ok_or_else(wanted)
}

/// Why something is done.
pub(super) fn reason(text: &str) -> Result<String, String> {
    let fine = text.chars().count() <= 500 && !text.chars().any(char::is_control);
    let wanted = || "give at most 500 characters without control characters".to_owned();
    fine.then(|| text.to_owned()).ok_or_else(wanted)
}

/// An instant.
pub(super) fn time(text: &str) -> Result<Millis, String> {
    let at = DateTime::parse_from_rfc3339(text).map(|at| Millis(at.timestamp_millis()));
    let at = at.ok().filter(|at| (Millis(0)..=Millis::MAX).contains(at));
    at.ok_or_else(|| "give a time like 2030-01-01T00:00:00Z".to_owned())
}

/// An instant, or `none`.
pub(super) fn optional_time(text: &str) -> Result<Clearable<Millis>, String> {
    clearable(text, time)
}

/// The most units of one customer, or `none`.
pub(super) fn optional_limit(text: &str) -> Result<Clearable<i64>, String> {
    clearable(text, limit)
}

/// A value that may also be taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clearable<T> {
    /// It is this from now on.
    Value(T),
    /// There is none from now on.
    None,
}

impl<T> Clearable<T> {
    /// As patches of the domain have it.
    pub(super) fn into_option(self) -> Option<T> {
        match self {
            Clearable::Value(value) => Some(value),
            Clearable::None => None,
        }
    }
}

fn clearable<T>(
    text: &str,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<Clearable<T>, String> {
    if text == NONE {
        return Ok(Clearable::None);
    }
    parse(text).map(Clearable::Value).map_err(|wrong| format!("{wrong}, or {NONE}"))
}

fn limit(text: &str) -> Result<i64, String> {
    let units = text.parse().ok().filter(|units| (1..=MAX_STOCK).contains(units));
    units.ok_or_else(|| format!("give a whole number of units from 1 to {MAX_STOCK}"))
}

/// How many seconds before a hold's deadline whoever watches it is warned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Warnings(pub(super) Vec<i64>);

/// Seconds with commas between, or `none`.
pub(super) fn warnings(text: &str) -> Result<Warnings, String> {
    if text == NONE {
        return Ok(Warnings(Vec::new()));
    }
    let one = |part: &str| part.trim().parse().ok().filter(|s| (1..=MAX_SECONDS).contains(s));
    let seconds: Option<Vec<i64>> = text.split(',').map(one).collect();
    let seconds = seconds.filter(|seconds| seconds.len() <= MAX_WARNINGS);
    seconds.map(Warnings).ok_or_else(|| {
        format!(
            "give at most {MAX_WARNINGS} whole numbers of seconds from 1 to {MAX_SECONDS} with \
             commas between, like 60,10, or {NONE}"
        )
    })
}

/// One SKU of a new drop: `ID=UNITS`, or `ID=UNITS/LIMIT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSku {
    /// Which.
    pub id: SkuId,
    /// Units that it begins with.
    pub initial_stock: i64,
    /// Most units of it one customer may hold and own; `None` where nothing is said.
    pub limit_per_customer: Option<i64>,
}

impl FromStr for NewSku {
    type Err = String;

    fn from_str(text: &str) -> Result<NewSku, String> {
        let wanted = || {
            format!("give ID=UNITS or ID=UNITS/LIMIT, like shoe-42=100/2, units up to {MAX_STOCK}")
        };
        let (id, units) = text.split_once('=').ok_or_else(wanted)?;
        let (units, most) = match units.split_once('/') {
            None => (units, None),
            Some((units, most)) => (units, Some(limit(most)?)),
        };
        let initial_stock = units.parse().ok().filter(|units| (0..=MAX_STOCK).contains(units));
        Ok(NewSku {
            id: id.parse().map_err(|error| format!("{error}"))?,
            initial_stock: initial_stock.ok_or_else(wanted)?,
            limit_per_customer: most,
        })
    }
}

/// How many units join a total, or leave it.
pub(super) fn change(text: &str) -> Result<i64, String> {
    let change = text
        .parse()
        .ok()
        .filter(|change: &i64| *change != 0 && (-MAX_STOCK..=MAX_STOCK).contains(change));
    change.ok_or_else(|| {
        format!("give a whole number of units up to {MAX_STOCK}, negative to take away, not 0")
    })
}

/// What stands in an `Idempotency-Key`.
pub(super) fn idempotency_key(text: &str) -> Result<String, String> {
    let printable = |byte: u8| (0x20..=0x7e).contains(&byte);
    let fine = (1..=255).contains(&text.len()) && text.bytes().all(printable);
    // A header loses the spaces around it.
    let fine = fine && text.trim() == text;
    let wanted = || "give 1 to 255 printable ASCII characters, no space at the ends".to_owned();
    fine.then(|| text.to_owned()).ok_or_else(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sku_is_told_with_its_units() {
        let sku = |text: &str| {
            let NewSku { id, initial_stock, limit_per_customer } = text.parse()?;
            Ok::<_, String>((id.to_string(), initial_stock, limit_per_customer))
        };
        assert_eq!(sku("shoe-42=100"), Ok(("shoe-42".to_owned(), 100, None)));
        assert_eq!(sku("a=0/2"), Ok(("a".to_owned(), 0, Some(2))));
        for bad in ["", "a", "a=", "=1", "a=-1", "a=1/0", "a=1/", "a=1000000001", "{}=1", "a=1.5"] {
            assert!(sku(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_value_can_be_taken_away() {
        assert_eq!(optional_limit("none"), Ok(Clearable::None));
        assert_eq!(optional_limit("3"), Ok(Clearable::Value(3)));
        assert_eq!(optional_time("1970-01-01T00:00:01Z"), Ok(Clearable::Value(Millis(1000))));
        for bad in ["", "0", "None", "-1"] {
            assert!(optional_limit(bad).is_err(), "{bad}");
            assert!(optional_time(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn warnings_are_seconds_with_commas_between() {
        let of = |text: &str| warnings(text).map(|Warnings(seconds)| seconds);
        assert_eq!(of("60,10"), Ok(vec![60, 10]));
        assert_eq!((of(" 5 "), of("none")), (Ok(vec![5]), Ok(Vec::new())));
        for bad in ["", "0", "-1", "60,", "60;10", "1.5", "2592001", "1,2,3,4,5,6"] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_change_moves_something() {
        assert_eq!((change("5"), change("-5")), (Ok(5), Ok(-5)));
        for bad in ["0", "", "x", "1000000001", "-1000000001", "1e3"] {
            assert!(change(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_key_is_what_a_header_carries() {
        assert!(idempotency_key("delivery 1").is_ok());
        for bad in ["", " a", "a ", "ü", "a\nb", &"x".repeat(256)] {
            assert!(idempotency_key(bad).is_err(), "{bad}");
        }
    }
}
