//! What single values of bodies, headers and queries must look like.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::body::{Fields, Wrong};
use super::problem::InvalidField;
use crate::domain::{Line, Lines, LinesError, MAX_QUANTITY, MAX_URL, Millis};

/// The longest hold or TTL, in seconds: 30 days.
pub(super) const MAX_SECONDS: i64 = 86_400 * 30;
/// The most characters of a name.
const MAX_NAME: usize = 200;
/// The most characters of a reason.
const MAX_REASON: usize = 500;
/// The most bytes of a SKU's details, written without spaces.
const MAX_DETAILS: usize = 16 * 1024;

/// A whole number written without fraction or exponent, in `range`.
pub(super) fn integer(range: RangeInclusive<i64>) -> impl FnOnce(&Value) -> Result<i64, Wrong> {
    move |value| {
        let (least, most) = (range.start(), range.end());
        let wanted = || format!("must be a whole number from {least} to {most}");
        value.as_i64().filter(|number| range.contains(number)).ok_or_else(wanted)
    }
}

/// A number of seconds that a hold may last.
pub(super) fn seconds(value: &Value) -> Result<i64, Wrong> {
    integer(1..=MAX_SECONDS)(value)
}

/// `true` or `false`.
pub(super) fn boolean(value: &Value) -> Result<bool, Wrong> {
    value.as_bool().ok_or_else(|| "must be true or false".to_owned())
}

/// An id, or a word out of a list.
pub(super) fn parsed<T: FromStr<Err: Display>>(value: &Value) -> Result<T, Wrong> {
    let text = value.as_str().ok_or_else(|| "must be a string".to_owned())?;
    text.parse().map_err(|error: T::Err| format!("is not valid: {error}"))
}

/// A list of 1 to `most` ids or words; what stands in it twice counts once.
pub(super) fn list<T>(most: usize) -> impl FnOnce(&Value) -> Result<BTreeSet<T>, Wrong>
where
    T: FromStr<Err: Display> + Ord,
{
    move |value| {
        let items = value.as_array().filter(|items| (1..=most).contains(&items.len()));
        let items = items.ok_or_else(|| format!("must be a list of 1 to {most} strings"))?;
        items.iter().map(parsed).collect()
    }
}

/// An instant.
pub(super) fn time(value: &Value) -> Result<Millis, Wrong> {
    Millis::deserialize(value)
        .map_err(|_| "must be a time from 1970 to 9999 like 2026-01-01T10:00:00Z".to_owned())
}

/// What people call something.
pub(super) fn name(value: &Value) -> Result<String, Wrong> {
    let wanted =
        || format!("must be a string of 1 to {MAX_NAME} characters without control characters");
    let text = value.as_str().ok_or_else(wanted)?;
    let fine = (1..=MAX_NAME).contains(&text.chars().count());
    (fine && !text.chars().any(char::is_control)).then(|| text.to_owned()).ok_or_else(wanted)
}

/// Where requests go. What may be reached is looked at by whoever sends them.
pub(super) fn address(value: &Value) -> Result<String, Wrong> {
    let wanted = || format!("must be a string of 1 to {MAX_URL} characters without spaces");
    let text = value.as_str().ok_or_else(wanted)?;
    let fine = (1..=MAX_URL).contains(&text.chars().count());
    let plain = !text.chars().any(|c| c.is_control() || c.is_whitespace());
    (fine && plain).then(|| text.to_owned()).ok_or_else(wanted)
}

/// Why something was done.
pub(super) fn reason(value: &Value) -> Result<String, Wrong> {
    let wanted = || {
        format!("must be a string of at most {MAX_REASON} characters without control characters")
    };
    let text = value.as_str().ok_or_else(wanted)?;
    let fine = text.chars().count() <= MAX_REASON && !text.chars().any(char::is_control);
    fine.then(|| text.to_owned()).ok_or_else(wanted)
}

/// Whatever a page needs to show of a SKU.
pub(super) fn details(value: &Value) -> Result<Map<String, Value>, Wrong> {
    let members = value.as_object().ok_or_else(|| "must be a JSON object".to_owned())?;
    let size = value.to_string().len();
    if size > MAX_DETAILS {
        return Err(format!("must be at most {MAX_DETAILS} bytes of JSON, not {size}"));
    }
    match unstorable(value) {
        Some(wrong) => Err(wrong.to_owned()),
        None => Ok(members.clone()),
    }
}

/// What in a value the ledger would not give back as it was. Postgres stores no U+0000, and
/// writes a number out in all its digits: 309 of them for the largest, which not every reader
/// takes for a number again.
fn unstorable(value: &Value) -> Option<&'static str> {
    const NUL: &str = "must not contain the character U+0000";
    const NUMBER: &str = "must not contain a number beyond 1e100, or closer to 0 than 1e-100";
    match value {
        Value::Null | Value::Bool(_) => None,
        Value::Number(number) => {
            let size = number.as_f64().map_or(f64::INFINITY, f64::abs);
            (size != 0.0 && !(1e-100..=1e100).contains(&size)).then_some(NUMBER)
        }
        Value::String(text) => text.contains('\0').then_some(NUL),
        Value::Array(items) => items.iter().find_map(unstorable),
        Value::Object(members) => {
            members.iter().find_map(
                |(name, value)| {
                    if name.contains('\0') { Some(NUL) } else { unstorable(value) }
                },
            )
        }
    }
}

/// The lines of a reservation. `at` is the pointer to them.
pub(super) fn lines(value: &Value, at: &str) -> Result<Lines, Vec<InvalidField>> {
    let one = |detail: &str| vec![InvalidField::new(at, detail)];
    let items = value.as_array().ok_or_else(|| one("must be a list of lines"))?;
    let (mut given, mut errors) = (Vec::with_capacity(items.len().min(20)), Vec::new());
    for (index, item) in items.iter().enumerate() {
        let mut fields = Fields::at(item, format!("{at}/{index}"));
        let sku = fields.required("sku", parsed);
        let quantity = fields.required("quantity", integer(1..=MAX_QUANTITY));
        match fields.finish(|| Some(Line { sku: sku?, quantity: quantity? })) {
            Ok(line) => given.push(line),
            Err(wrong) => errors.extend(wrong),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    Lines::new(given).map_err(|error| match error {
        LinesError::Count(_) => one("must have 1 to 20 lines"),
        LinesError::Quantity { index } => vec![InvalidField::new(
            format!("{at}/{index}/quantity"),
            format!("takes its sku above {MAX_QUANTITY} units, lines of one sku added up"),
        )],
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn json(text: &str) -> Value {
        serde_json::from_str(text).expect("JSON")
    }

    #[test]
    fn only_whole_numbers_in_range_are_integers() {
        for good in ["1", "10000"] {
            assert!(integer(1..=10_000)(&json(good)).is_ok(), "{good}");
        }
        for bad in [
            "0",
            "-1",
            "-0",
            "1.5",
            "1.0",
            "1e3",
            "\"1\"",
            "null",
            "true",
            "[1]",
            "10001",
            "9007199254740993",
            "9223372036854775808",
            "18446744073709551616",
            "1e308",
        ] {
            assert!(integer(1..=10_000)(&json(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_and_reasons_are_bounded_by_characters() {
        assert!(name(&json!("ü".repeat(200))).is_ok());
        for bad in [json!(""), json!("ü".repeat(201)), json!("a\nb"), json!("\0"), json!(null)] {
            assert!(name(&bad).is_err(), "{bad}");
        }
        assert!(reason(&json!("x".repeat(500))).is_ok());
        assert!(reason(&json!("x".repeat(501))).is_err());
    }

    #[test]
    fn details_are_bounded_by_bytes() {
        let of = |length: usize| json!({ "a": "x".repeat(length) });
        // {"a":""} takes 8 bytes.
        assert!(details(&of(16_384 - 8)).is_ok());
        assert!(details(&of(16_384 - 7)).is_err());
        for bad in [json!([]), json!(null), json!({ "a": [{ "b\0": 1 }] }), json!({"a": "\0"})] {
            assert!(details(&bad).is_err(), "{bad}");
        }
        for number in [0.0, -0.0, 0.1, -1e100, 1e-100, 9_007_199_254_740_993.0] {
            assert!(details(&json!({ "a": [number] })).is_ok(), "{number}");
        }
        for number in [f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324, 1.1e100] {
            assert!(details(&json!({ "a": [number] })).is_err(), "{number}");
        }
    }

    #[test]
    fn times_need_an_offset() {
        assert_eq!(time(&json!("1970-01-01T01:00:00.001+01:00")), Ok(Millis(1)));
        for bad in [json!("2026-01-01"), json!("2026-01-01T10:00:00"), json!(0), json!("")] {
            assert!(time(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_bad_line_is_named() {
        let value = json!([
            { "sku": "a", "quantity": 1 },
            { "sku": "{}", "quantity": 0 },
            { "sku": "b", "quantity": "1", "qty": 1 },
            7,
        ]);
        let errors = lines(&value, "/lines").expect_err("bad lines");
        let found: Vec<&str> = errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(
            found,
            ["/lines/1/sku", "/lines/1/quantity", "/lines/2/quantity", "/lines/2/qty", "/lines/3"]
        );
    }

    #[test]
    fn lines_of_one_sku_are_added_up() {
        let line = |quantity: i64| json!({ "sku": "a", "quantity": quantity });
        let sum = lines(&json!([line(2), line(3)]), "/lines").expect("fine");
        assert_eq!(sum.pack(), "a:5");
        let errors = lines(&json!([line(10_000), line(1)]), "/lines").expect_err("too many");
        assert_eq!(errors[0].pointer, "/lines/1/quantity");
        for bad in [json!([]), json!({}), json!(null)] {
            assert_eq!(lines(&bad, "/lines").expect_err("bad")[0].pointer, "/lines");
        }
    }
}
