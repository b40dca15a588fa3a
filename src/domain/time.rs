//! Instants as whole milliseconds, the one unit of time that crosses every border.

use std::fmt;

use chrono::{DateTime, SecondsFormat, TimeZone, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An instant: milliseconds since 1970-01-01T00:00:00Z.
///
/// In JSON it is RFC 3339 in UTC with three digits of fraction; in Redis and in the
/// journal it is the decimal number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub i64);

impl Millis {
    /// The latest instant taken from outside: the end of the year 9999, where RFC 3339 ends.
    pub const MAX: Millis = Millis(253_402_300_799_999);

    /// This instant moved by `millis` milliseconds.
    #[must_use]
    pub fn plus(self, millis: i64) -> Millis {
        Millis(self.0.saturating_add(millis))
    }

    /// Milliseconds from `earlier` to this instant; negative if it lies before.
    #[must_use]
    pub fn since(self, earlier: Millis) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The same instant for the database driver.
    #[must_use]
    pub fn to_datetime(self) -> DateTime<Utc> {
        Utc.timestamp_millis_opt(self.0).single().unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

impl From<DateTime<Utc>> for Millis {
    fn from(at: DateTime<Utc>) -> Millis {
        Millis(at.timestamp_millis())
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_datetime().to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl Serialize for Millis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Millis, D::Error> {
        let text = String::deserialize(deserializer)?;
        let at = DateTime::parse_from_rfc3339(&text).map_err(|_| {
            de::Error::custom("expected a time like 2026-01-01T10:00:00.000Z (RFC 3339)")
        })?;
        let at = Millis(at.timestamp_millis());
        if at < Millis(0) || at > Millis::MAX {
            return Err(de::Error::custom("expected a time from 1970 to 9999"));
        }
        Ok(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_milliseconds_and_utc() {
        let at: Millis = serde_json::from_str("\"2026-01-01T11:00:00+01:00\"").expect("parses");
        assert_eq!(serde_json::to_string(&at).expect("prints"), "\"2026-01-01T10:00:00.000Z\"");
    }

    #[test]
    fn times_outside_rfc_3339_are_refused() {
        for text in ["\"1969-12-31T23:59:59Z\"", "\"yesterday\"", "\"\"", "12"] {
            assert!(serde_json::from_str::<Millis>(text).is_err(), "{text}");
        }
    }
}
