//! Keys of the API: who they are for, what they open, and how they are recognised.

use std::{collections::BTreeSet, fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{DropId, InvalidId, Millis};

/// The most drops that one key can be limited to.
pub const MAX_KEY_DROPS: usize = 100;
/// The longest overlap of a rotation, in seconds: 30 days.
pub const MAX_OVERLAP_SECONDS: i64 = 86_400 * 30;

/// Names one key; it opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ApiKeyId(Uuid);

impl ApiKeyId {
    /// A new id, ordered by the time at which it was made.
    #[must_use]
    pub fn generate() -> ApiKeyId {
        ApiKeyId(Uuid::now_v7())
    }

    /// The id as the database driver takes it.
    #[must_use]
    pub fn uuid(self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for ApiKeyId {
    fn from(uuid: Uuid) -> ApiKeyId {
        ApiKeyId(uuid)
    }
}

impl FromStr for ApiKeyId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<ApiKeyId, InvalidId> {
        // Only the hyphenated form, as for reservations.
        let parsed = (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten();
        parsed.map(ApiKeyId).ok_or(InvalidId::new("key id", "a UUID of 36 characters"))
    }
}

impl fmt::Display for ApiKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a key opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// What a shop does for its customers.
    Storefront,
    /// Everything.
    Admin,
    /// Every read of the two others, and nothing that changes something.
    Read,
}

impl Scope {
    /// The word in JSON and in the ledger's database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Storefront => "storefront",
            Scope::Admin => "admin",
            Scope::Read => "read",
        }
    }
}

impl FromStr for Scope {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Scope, InvalidId> {
        [Scope::Storefront, Scope::Admin, Scope::Read]
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or(InvalidId::new("scope", "storefront, admin or read"))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a key is recognised by: the SHA-256 of its secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyDigest(pub [u8; 32]);

impl KeyDigest {
    /// The digest of a secret.
    #[must_use]
    pub fn of(secret: &str) -> KeyDigest {
        KeyDigest(Sha256::digest(secret.as_bytes()).into())
    }
}

/// A new key's secret: `dgk_` and 256 random bits. It is shown once and kept nowhere.
#[derive(Clone)]
pub struct ApiSecret(String);

impl ApiSecret {
    /// A new secret.
    #[must_use]
    pub fn generate() -> ApiSecret {
        ApiSecret(format!("dgk_{}", URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())))
    }

    /// What is kept of it.
    #[must_use]
    pub fn digest(&self) -> KeyDigest {
        KeyDigest::of(&self.0)
    }

    /// The secret itself, for whoever asked for it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// A key that somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewApiKey {
    /// What people call it.
    pub name: String,
    /// What it opens; at least one.
    pub scopes: BTreeSet<Scope>,
    /// The drops that it is limited to; `None`: every drop.
    pub drops: Option<BTreeSet<DropId>>,
    /// From when on it opens nothing any more.
    pub expires_at: Option<Millis>,
}

/// Whether a key opens anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ApiKeyState {
    /// It does.
    Valid,
    /// It doesn't since its time has come.
    Expired,
    /// It doesn't since somebody said so.
    Revoked,
}

impl ApiKeyState {
    /// The word in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ApiKeyState::Valid => "valid",
            ApiKeyState::Expired => "expired",
            ApiKeyState::Revoked => "revoked",
        }
    }
}

/// A key as it is listed: everything but what opens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// What people call it.
    pub name: String,
    /// What it opens.
    pub scopes: BTreeSet<Scope>,
    /// The drops that it is limited to; `None`: every drop.
    pub drops: Option<BTreeSet<DropId>>,
    /// When it was made.
    pub created_at: Millis,
    /// From when on it opens nothing any more.
    pub expires_at: Option<Millis>,
    /// When it got its present secret, if that is not its first.
    pub rotated_at: Option<Millis>,
    /// Until when the secret before that one works too.
    pub overlap_ends_at: Option<Millis>,
    /// When it was revoked.
    pub revoked_at: Option<Millis>,
    /// When it was used last, to the minute or so.
    pub last_used_at: Option<Millis>,
}

impl ApiKey {
    /// Whether it opens anything at `now`.
    #[must_use]
    pub fn state_at(&self, now: Millis) -> ApiKeyState {
        if self.revoked_at.is_some() {
            ApiKeyState::Revoked
        } else if self.expires_at.is_some_and(|at| at <= now) {
            ApiKeyState::Expired
        } else {
            ApiKeyState::Valid
        }
    }
}

/// A key as it is shown in JSON, with its secret where that is new.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShownApiKey {
    #[serde(flatten)]
    key: ApiKey,
    state: ApiKeyState,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl ShownApiKey {
    /// A key as it stands at `now`.
    #[must_use]
    pub fn of(key: ApiKey, now: Millis) -> ShownApiKey {
        let state = key.state_at(now);
        ShownApiKey { key, state, secret: None }
    }

    /// The same with the secret that it has just got.
    #[must_use]
    pub fn with(mut self, secret: &ApiSecret) -> ShownApiKey {
        self.secret = Some(secret.expose().to_owned());
        self
    }

    /// The key that is shown.
    #[must_use]
    pub fn key(&self) -> &ApiKey {
        &self.key
    }

    /// Its secret, where that is new.
    #[must_use]
    pub fn secret(&self) -> Option<&str> {
        self.secret.as_deref()
    }

    /// Whether it opens anything.
    #[must_use]
    pub fn state(&self) -> ApiKeyState {
        self.state
    }
}

/// What becomes of a change to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyChange {
    /// It is done; the key as it is now.
    Done(ApiKey),
    /// There is no such key.
    Unknown,
    /// The key opens nothing any more, so there is nothing to change.
    Ended(ApiKeyState),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_are_not_shown() {
        let (one, other) = (ApiSecret::generate(), ApiSecret::generate());
        assert_eq!(one.expose().len(), 47);
        assert!(one.expose().bytes().all(|byte| byte.is_ascii_graphic()));
        assert_ne!(one.digest(), other.digest());
        assert_eq!(one.digest(), KeyDigest::of(one.expose()));
        assert!(!format!("{one:?}").contains(one.expose()));
    }

    #[test]
    fn revoked_comes_before_expired() {
        let key = |expires_at, revoked_at| ApiKey {
            id: ApiKeyId::generate(),
            name: "n".to_owned(),
            scopes: BTreeSet::from([Scope::Read]),
            drops: None,
            created_at: Millis(0),
            expires_at,
            rotated_at: None,
            overlap_ends_at: None,
            revoked_at,
            last_used_at: None,
        };
        for (expires, revoked, expected) in [
            (None, None, ApiKeyState::Valid),
            (Some(Millis(6)), None, ApiKeyState::Valid),
            (Some(Millis(5)), None, ApiKeyState::Expired),
            (Some(Millis(5)), Some(Millis(1)), ApiKeyState::Revoked),
            (None, Some(Millis(9)), ApiKeyState::Revoked),
        ] {
            assert_eq!(key(expires, revoked).state_at(Millis(5)), expected);
        }
    }
}
