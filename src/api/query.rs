//! Query parameters, read one by one; a wrong or unknown one is an error of the request.

use std::str::FromStr;

use axum::extract::{FromRequestParts, Query as AxumQuery};
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::body::Wrong;
use super::problem::{InvalidField, Problem};

/// The parameters of one request. An empty value is no value.
pub(super) struct Query {
    pairs: Vec<(String, String)>,
    errors: Vec<InvalidField>,
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let pairs = AxumQuery::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|_| Problem::invalid_field("/query", "can't be read"))?;
        Ok(Query::new(pairs.0))
    }
}

impl Query {
    fn new(pairs: Vec<(String, String)>) -> Query {
        Query { pairs, errors: Vec::new() }
    }

    /// A parameter that may be absent.
    pub(super) fn optional<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        let mut values: Vec<_> = self.pairs.extract_if(.., |(known, _)| known == name).collect();
        let value = values.pop();
        if !values.is_empty() {
            self.wrong(name, "must be given once");
            return None;
        }
        let text = value.map(|(_, value)| value).filter(|value| !value.is_empty())?;
        read(&text).map_err(|wrong| self.wrong(name, wrong)).ok()
    }

    /// A parameter that must be there.
    pub(super) fn required<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        let before = self.errors.len();
        let value = self.optional(name, read);
        if value.is_none() && self.errors.len() == before {
            self.wrong(name, "is missing");
        }
        value
    }

    /// How many items a page has: 1 to `most`, `usual` when not given.
    pub(super) fn limit(&mut self, most: i64, usual: i64) -> i64 {
        let wanted = || format!("must be a whole number from 1 to {most}");
        let read = |text: &str| {
            let number = text.parse().ok().filter(|number| (1..=most).contains(number));
            number.ok_or_else(wanted)
        };
        self.optional("limit", read).unwrap_or(usual)
    }

    /// The engine's own text behind the `cursor` that a client was given; it must be a `T`.
    pub(super) fn cursor<T: FromStr>(&mut self) -> Option<String> {
        self.optional("cursor", |text| {
            let bytes = URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
            let plain = String::from_utf8(bytes).ok().filter(|plain| plain.parse::<T>().is_ok());
            plain.ok_or_else(|| "must be the next_cursor of an earlier page".to_owned())
        })
    }

    /// Whether everything was right, and known.
    pub(super) fn finish(mut self) -> Result<(), Problem> {
        for (name, _) in std::mem::take(&mut self.pairs) {
            self.wrong(&name, "is not a known query parameter");
        }
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::invalid(self.errors)) }
    }

    fn wrong(&mut self, name: &str, detail: impl Into<String>) {
        let name = name.replace('~', "~0").replace('/', "~1");
        self.errors.push(InvalidField::new(format!("/query/{name}"), detail));
    }
}

/// What a client is given to ask for the next page: opaque, so that nobody builds on it.
pub(super) fn opaque(cursor: Option<String>) -> Option<String> {
    cursor.map(|plain| URL_SAFE_NO_PAD.encode(plain))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::DropId;

    fn query(pairs: &[(&str, &str)]) -> Query {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Query::new(pairs.iter().map(owned).collect())
    }

    #[test]
    fn a_limit_is_bounded() {
        for (text, expected) in [("", 50), ("1", 1), ("500", 500)] {
            let mut query = query(&[("limit", text)]);
            assert_eq!(query.limit(500, 50), expected);
            assert!(query.finish().is_ok());
        }
        for text in ["0", "501", "-1", "1.5", "x", "99999999999999999999"] {
            let mut query = query(&[("limit", text)]);
            query.limit(500, 50);
            assert!(query.finish().is_err(), "{text}");
        }
    }

    #[test]
    fn a_cursor_comes_back_as_it_was() {
        let shown = opaque(Some("summer".to_owned())).expect("a cursor");
        let mut known = query(&[("cursor", &shown)]);
        assert_eq!(known.cursor::<DropId>().as_deref(), Some("summer"));
        for text in ["summer", "e30", "!"] {
            let mut query = query(&[("cursor", text)]);
            assert_eq!(query.cursor::<DropId>(), None);
            assert!(query.finish().is_err(), "{text}");
        }
    }

    #[test]
    fn unknown_twice_and_missing_are_errors() {
        assert!(query(&[("stat", "held")]).finish().is_err());
        let mut twice = query(&[("limit", "1"), ("limit", "2"), ("limit", "3")]);
        twice.limit(500, 50);
        assert_eq!(twice.errors.len(), 1);
        assert!(twice.finish().is_err());
        let mut missing = query(&[("customer_id", "")]);
        let value: Option<String> = missing.required("customer_id", |text| Ok(text.to_owned()));
        assert_eq!(value, None);
        assert!(missing.finish().is_err());
    }
}
