//! What stops a start: one line that names a setting and says how to mend it.

use std::borrow::Cow;
use std::ffi::OsString;
use std::ops::RangeInclusive;

/// A setting that is missing or wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} {problem}: {remedy}")]
pub struct SettingError {
    name: Cow<'static, str>,
    problem: String,
    remedy: String,
}

impl SettingError {
    /// `name` is wrong in the way that `problem` says; `remedy` says how to mend it.
    #[must_use]
    pub fn wrong(
        name: impl Into<Cow<'static, str>>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> SettingError {
        let one_line = |text: String| text.replace(['\r', '\n'], " ");
        SettingError {
            name: name.into(),
            problem: one_line(problem.into()),
            remedy: one_line(remedy.into()),
        }
    }

    /// `name` has no value, and there is no default.
    #[must_use]
    pub fn missing(name: &'static str, remedy: impl Into<String>) -> SettingError {
        SettingError::wrong(name, "is not set", remedy)
    }
}

/// The text of a setting. An empty one is none: that is how a compose file leaves it out.
pub(super) fn text(
    name: &'static str,
    given: Option<OsString>,
) -> Result<Option<String>, SettingError> {
    given
        .filter(|text| !text.is_empty())
        .map(OsString::into_string)
        .transpose()
        .map_err(|_| SettingError::wrong(name, "is not UTF-8", "write it in UTF-8"))
}

/// A whole number in `range`, or `default` when none is given.
pub(super) fn number<T>(
    name: &'static str,
    given: Option<OsString>,
    range: RangeInclusive<T>,
    default: T,
) -> Result<T, SettingError>
where
    T: std::str::FromStr + PartialOrd + std::fmt::Display,
{
    let Some(text) = text(name, given)? else { return Ok(default) };
    let number = text.trim().parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| {
        let (least, most) = (range.start(), range.end());
        SettingError::wrong(
            name,
            format!("is {text:?}"),
            format!("give a whole number from {least} to {most}, or leave it out for {default}"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_number_is_one_line_with_name_and_remedy() {
        for given in ["x", "1.5", "-1", "11", "3\n4"] {
            let error = number("DROPGATE_X", Some(given.into()), 1..=10, 5_u32).expect_err(given);
            let line = error.to_string();
            assert!(
                line.starts_with("DROPGATE_X is \"") && line.contains("from 1 to 10"),
                "{line}"
            );
            assert!(!line.contains('\n'), "{line}");
        }
        assert_eq!(number("DROPGATE_X", Some("".into()), 1..=10, 5), Ok(5));
        assert_eq!(number("DROPGATE_X", None, 1..=10, 5), Ok(5));
        assert_eq!(number("DROPGATE_X", Some(" 7 ".into()), 1..=10, 5), Ok(7));
    }
}
