//! Tokens with which a browser may watch one reservation: the storefront key must never reach it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use uuid::Uuid;

use super::{DropId, ReservationId};

/// Bytes of a secret.
pub const SECRET_BYTES: usize = 32;
/// Bytes of an id in a token, and of the code behind it: half of HMAC-SHA-256, which may be cut so
/// (RFC 2104, section 5).
const HALF: usize = 16;

/// What tokens are made and read with. All processes must have the same.
#[derive(Clone)]
pub struct WatchKey(Hmac<Sha256>);

impl std::fmt::Debug for WatchKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WatchKey")
    }
}

impl WatchKey {
    /// The key of a secret.
    #[must_use]
    pub fn new(secret: &[u8; SECRET_BYTES]) -> WatchKey {
        let mut block = hmac::digest::Key::<Hmac<Sha256>>::default();
        block[..SECRET_BYTES].copy_from_slice(secret);
        // Zeros behind a key are what HMAC itself adds to one that is too short.
        WatchKey(Hmac::new(&block))
    }

    /// The token for one reservation of a drop: always the same, 43 characters of base64url.
    #[must_use]
    pub fn token(&self, drop: &DropId, id: ReservationId) -> String {
        let mut token = [0; 2 * HALF];
        token[..HALF].copy_from_slice(id.uuid().as_bytes());
        token[HALF..].copy_from_slice(&self.code(drop, id).finalize().into_bytes()[..HALF]);
        URL_SAFE_NO_PAD.encode(token)
    }

    /// The reservation of `drop` that a token is for; `None` for what was never given out.
    #[must_use]
    pub fn read(&self, drop: &DropId, token: &str) -> Option<ReservationId> {
        let mut bytes = [0; 2 * HALF + 2];
        let length = URL_SAFE_NO_PAD.decode_slice(token, &mut bytes).ok()?;
        let (id, code) = bytes[..length].split_at_checked(HALF)?;
        let id = ReservationId::from(Uuid::from_slice(id).ok()?);
        let whole = code.len() == HALF;
        (whole && self.code(drop, id).verify_truncated_left(code).is_ok()).then_some(id)
    }

    /// An id has a fixed length, so what follows it can't be taken for a part of it.
    fn code(&self, drop: &DropId, id: ReservationId) -> Hmac<Sha256> {
        self.0.clone().chain_update(id.uuid()).chain_update(drop.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_its_own_reservation_and_nothing_else() {
        let key = WatchKey::new(&[7; SECRET_BYTES]);
        let (summer, winter): (DropId, DropId) =
            ("summer".parse().expect("an id"), "winter".parse().expect("an id"));
        let id = ReservationId::generate();
        let token = key.token(&summer, id);
        assert_eq!(token.len(), 43);
        assert_eq!(key.read(&summer, &token), Some(id));
        assert_eq!(key.read(&winter, &token), None);
        assert_eq!(WatchKey::new(&[8; SECRET_BYTES]).read(&summer, &token), None);
        let other = key.token(&summer, ReservationId::generate());
        let mixed = format!("{}{}", &other[..21], &token[21..]);
        let longer = format!("{token}A");
        for wrong in [&mixed, &longer, &token[..42], &token[..20], "", "?", &"A".repeat(500)] {
            assert_eq!(key.read(&summer, wrong), None, "{wrong}");
        }
    }
}
