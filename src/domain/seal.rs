//! Seals: what makes the ledger tell whether anything of it was changed afterwards.
//!
//! Each entry has a seal, the SHA-256 of the seal before and of the entry's own digest, so the last
//! one vouches for everything. Unlike the `chain`, which is made in Redis and only tells
//! histories apart, a seal can be reckoned again from the ledger's rows alone.
//!
//! The digest of an entry is the SHA-256 of lines of JSON: `[drop, epoch, seq, milliseconds]`, then
//! one for each of its rows in the ledger. A customer's id is in none of them. Where a hold is made,
//! the row has a tag instead: the SHA-256 of 128 random bits, the salt, and the id. The salt stands
//! with the reservation. Who the customer is can't be changed unnoticed while it is there; once it
//! is gone the tag still fits the seals, and says nothing about the id any more.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Number, Value};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{CustomerId, DropId, Event, LedgerRow, Line, Millis, ReservationId};

/// A SHA-256.
pub type Seal = [u8; 32];

/// What stands for a customer in the seals.
#[must_use]
pub fn customer_tag(salt: Uuid, customer: &CustomerId) -> Seal {
    Sha256::new().chain_update(salt.as_bytes()).chain_update(customer.as_str()).finalize().into()
}

/// The seal of an entry with this digest behind the seal `previous`, which is empty for the first.
#[must_use]
pub fn next_seal(previous: &[u8], digest: &Seal) -> Seal {
    Sha256::new().chain_update(previous).chain_update(digest).finalize().into()
}

/// Collects one entry for its digest.
#[derive(Debug)]
pub struct EntryDigest {
    digest: Sha256,
    line: Vec<u8>,
}

/// A row of the ledger as far as seals know it, in the order in which it is digested: `seq`, line,
/// kind, reservation, SKU, quantity, order, reference, reason, settings, customer's tag.
type Row<'a> = (
    i64,
    i64,
    &'a str,
    Option<ReservationId>,
    Option<&'a str>,
    i64,
    Option<&'a str>,
    Option<&'a str>,
    Option<&'a str>,
    Option<Value>,
    Option<String>,
);

impl EntryDigest {
    /// An entry of which nothing is known but its place.
    #[must_use]
    pub fn new(drop: &DropId, epoch: i64, seq: i64, at: Millis) -> EntryDigest {
        let mut digest = EntryDigest { digest: Sha256::new(), line: Vec::with_capacity(256) };
        digest.put(&(drop, epoch, seq, at.0));
        digest
    }

    /// Takes in an event, row by row as the ledger will have it. `salt` is that of the hold that it
    /// makes, if it makes one.
    pub fn event(&mut self, seq: i64, event: &Event, salt: Option<Uuid>) {
        let kind = event.kind();
        match event {
            Event::Configured { sku, patch } => {
                let sku = sku.as_ref().map(super::SkuId::as_str);
                let patch = Some(plain(patch));
                self.row(&(seq, 0, kind, None, sku, 0, None, None, None, patch, None));
            }
            Event::Restocked { sku, quantity, reference, reason, .. } => {
                let reference = reference.as_ref().map(super::Reference::as_str);
                let (sku, reason) = (Some(sku.as_str()), reason.as_deref());
                self.row(&(
                    seq, 0, kind, None, sku, *quantity, None, reference, reason, None, None,
                ));
            }
            Event::Reservation { after, moved, reason, .. } => {
                let id = Some(after.id);
                let order = after.order_id.as_ref().map(super::OrderId::as_str);
                let reason = reason.as_deref();
                let mut tag = salt.map(|salt| shown(&customer_tag(salt, &after.customer_id)));
                if moved.is_empty() {
                    self.row(&(seq, 0, kind, id, None, 0, order, None, reason, None, tag.take()));
                }
                for (line, Line { sku, quantity }) in (0..).zip(moved) {
                    let (sku, tag) = (Some(sku.as_str()), tag.take());
                    self.row(&(
                        seq, line, kind, id, sku, *quantity, order, None, reason, None, tag,
                    ));
                }
            }
        }
    }

    /// Takes in a row of the ledger, line `line` of its event. `tag` is that of the customer, in
    /// the first row of a hold that was made.
    pub fn ledger_row(&mut self, row: &LedgerRow, line: i64, tag: Option<&Seal>) {
        self.row(&(
            row.seq,
            line,
            &row.kind,
            row.reservation_id,
            row.sku.as_ref().map(super::SkuId::as_str),
            row.quantity,
            row.order_id.as_ref().map(super::OrderId::as_str),
            row.reference.as_deref(),
            row.reason.as_deref(),
            row.settings.as_ref().map(plain),
            tag.map(shown),
        ));
    }

    /// The digest of all that was taken in.
    #[must_use]
    pub fn finish(self) -> Seal {
        self.digest.finalize().into()
    }

    fn row(&mut self, row: &Row<'_>) {
        self.put(row);
    }

    fn put(&mut self, line: &impl serde::Serialize) {
        self.line.clear();
        // Numbers, texts and values can always be written into memory.
        let _ = serde_json::to_writer(&mut self.line, line);
        self.line.push(b'\n');
        self.digest.update(&self.line);
    }
}

/// A seal, or a tag, as text: 43 characters of base64url.
#[must_use]
pub fn shown(seal: &Seal) -> String {
    URL_SAFE_NO_PAD.encode(seal)
}

/// Reads what [`shown`] wrote; `None` for anything else.
#[must_use]
pub fn read_seal(text: &str) -> Option<Seal> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

/// A value with its numbers in the one form that they have after a visit to the database, where
/// 1e3, 1000.0 and 1000 are equal, and zero has no sign.
fn plain(value: &Value) -> Value {
    match value {
        Value::Number(number) => Value::Number(plain_number(number)),
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), plain(value))).collect()
        }
        Value::Null | Value::Bool(_) | Value::String(_) => value.clone(),
    }
}

/// The first float that no longer fits 64 bits.
const TOO_BIG: f64 = 18_446_744_073_709_551_616.0;

fn plain_number(number: &Number) -> Number {
    let float = match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() == 0.0 => float,
        Some(_) | None => return number.clone(),
    };
    if (0.0..TOO_BIG).contains(&float) {
        return Number::from(float as u64);
    }
    if (i64::MIN as f64..0.0).contains(&float) {
        return Number::from(float as i64);
    }
    number.clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
        text.parse().expect("an id")
    }

    #[test]
    fn a_tag_depends_on_salt_and_customer() {
        let tag = |salt, customer| customer_tag(Uuid::from_u128(salt), &parse(customer));
        assert_eq!(tag(1, "c"), tag(1, "c"));
        assert_ne!(tag(1, "c"), tag(2, "c"));
        assert_ne!(tag(1, "c"), tag(1, "d"));
        assert_eq!(read_seal(&shown(&tag(1, "c"))), Some(tag(1, "c")));
        assert_eq!(read_seal("no seal"), None);
    }

    #[test]
    fn numbers_have_one_form() {
        let same = |one: &str, other: &str| {
            let read = |text: &str| plain(&serde_json::from_str(text).expect("JSON")).to_string();
            assert_eq!(read(one), read(other), "{one} {other}");
        };
        same("1e3", "1000");
        same("1000.0", "1000");
        same("-0.0", "0");
        same("-2e2", "-200");
        same("1e19", "10000000000000000000");
        same("1e20", "100000000000000000000");
        same("[{\"a\":1e16}]", "[{\"a\":10000000000000000}]");
        assert_ne!(plain(&json!(1.5)), plain(&json!(1)));
    }

    #[test]
    fn a_digest_is_that_of_everything_but_the_customer() {
        let drop: DropId = parse("d");
        let (id, sku) = (ReservationId::generate(), parse::<super::super::SkuId>("a"));
        let row = |customer: &str, quantity| LedgerRow {
            epoch: 1,
            seq: 5,
            kind: "held".to_owned(),
            reservation_id: Some(id),
            customer_id: Some(parse(customer)),
            sku: Some(sku.clone()),
            quantity,
            order_id: None,
            occurred_at: Millis(7),
            reference: None,
            reason: None,
            settings: None,
        };
        let of = |row: LedgerRow, tag: Option<&Seal>| {
            let mut digest = EntryDigest::new(&drop, 1, 5, Millis(7));
            digest.ledger_row(&row, 0, tag);
            digest.finish()
        };
        let (one, other) = ([1; 32], [2; 32]);
        assert_eq!(of(row("c", 1), Some(&one)), of(row("erased", 1), Some(&one)));
        assert_ne!(of(row("c", 1), Some(&one)), of(row("c", 1), Some(&other)));
        assert_ne!(of(row("c", 1), Some(&one)), of(row("c", 2), Some(&one)));
        assert_ne!(of(row("c", 1), Some(&one)), of(row("c", 1), None));
    }
}
