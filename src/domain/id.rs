//! Identifiers, parsed once at the border.
//!
//! The alphabets matter beyond taste: none contains a brace, so an id can never move a
//! drop's keys to another hash slot, and none contains a space, a comma or a newline,
//! so ids stand unescaped in packed values and journal events.

use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

/// Why a text is not an id: names the kind and the pattern it must match.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a {kind} must match {pattern}")]
pub struct InvalidId {
    kind: &'static str,
    pattern: &'static str,
}

impl InvalidId {
    pub(super) fn new(kind: &'static str, pattern: &'static str) -> InvalidId {
        InvalidId { kind, pattern }
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn is_token(byte: u8) -> bool {
    is_name(byte) || matches!(byte, b'.' | b':' | b'@')
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $allowed:ident, $max:literal, $pattern:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id as it was given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        /// So that a map can be asked by the text alone. Hash and order are those of the text.
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                if text.is_empty() || text.len() > $max || !text.bytes().all($allowed) {
                    return Err(InvalidId { kind: $kind, pattern: $pattern });
                }
                Ok($name(text.into()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

id! {
    /// Names one sale event.
    DropId, "drop id", is_name, 64, "[A-Za-z0-9_-]{1,64}"
}
id! {
    /// Names one sellable item of a drop.
    SkuId, "sku", is_name, 64, "[A-Za-z0-9_-]{1,64}"
}
id! {
    /// Names who reserves; the merchant's own id for a shopper.
    CustomerId, "customer id", is_token, 128, "[A-Za-z0-9._:@-]{1,128}"
}
id! {
    /// Names the merchant's order for which units were sold.
    OrderId, "order id", is_token, 128, "[A-Za-z0-9._:@-]{1,128}"
}
id! {
    /// The merchant's own reference for a restock.
    Reference, "reference", is_token, 128, "[A-Za-z0-9._:@-]{1,128}"
}

/// Names one reservation: a UUIDv7 made by the server.
///
/// Outside it is the usual 36 characters. In Redis it is the unpadded base64url of the
/// 16 bytes: 22 characters that fit the smallest allocation such a field can have.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ReservationId(Uuid);

impl ReservationId {
    /// A new id, ordered by the time at which it was made.
    #[must_use]
    pub fn generate() -> ReservationId {
        ReservationId(Uuid::now_v7())
    }

    /// The id as the database driver takes it.
    #[must_use]
    pub fn uuid(self) -> Uuid {
        self.0
    }

    /// The millisecond in which the id was made, by the clock of the engine that made it: its
    /// first 48 bits (RFC 9562).
    #[must_use]
    pub fn made_ms(self) -> i64 {
        self.0.as_bytes()[..6].iter().fold(0, |ms, byte| (ms << 8) | i64::from(*byte))
    }

    /// The 22 characters under which Redis knows this reservation.
    #[must_use]
    pub fn short(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.as_bytes())
    }

    /// Reads what [`ReservationId::short`] wrote; `None` for anything else.
    #[must_use]
    pub fn from_short(text: &str) -> Option<ReservationId> {
        let bytes: [u8; 16] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        Some(ReservationId(Uuid::from_bytes(bytes)))
    }
}

impl From<Uuid> for ReservationId {
    fn from(uuid: Uuid) -> ReservationId {
        ReservationId(uuid)
    }
}

impl FromStr for ReservationId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<ReservationId, InvalidId> {
        // Only the hyphenated form: one reservation has one spelling in a URL.
        let parsed = (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten();
        parsed
            .map(ReservationId)
            .ok_or(InvalidId { kind: "reservation id", pattern: "a UUID of 36 characters" })
    }
}

impl<'de> Deserialize<'de> for ReservationId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ReservationId, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl fmt::Display for ReservationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for ReservationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_ids_are_refused() {
        let long = "x".repeat(65);
        for text in ["", "a b", "{a}", "a\r\nb", "a\0", "ü", "a,b", "a:b", long.as_str()] {
            assert!(text.parse::<DropId>().is_err(), "{text:?}");
            assert!(text.parse::<SkuId>().is_err(), "{text:?}");
        }
        for text in ["", "a b", "{a}", "a\n", "a,b", "*", "a=b", "a;b"] {
            assert!(text.parse::<CustomerId>().is_err(), "{text:?}");
        }
        assert!("A.b:c@d-e_1".parse::<CustomerId>().is_ok());
    }

    #[test]
    fn a_short_reservation_id_comes_back() {
        let id = ReservationId::generate();
        assert_eq!(id.short().len(), 22);
        assert_eq!(ReservationId::from_short(&id.short()), Some(id));
        assert_eq!(ReservationId::from_short("no"), None);
    }
}
