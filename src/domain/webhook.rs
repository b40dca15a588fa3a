//! Webhooks: whom they tell of what, and what became of that.

use std::{collections::BTreeSet, fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use uuid::Uuid;

use super::{DropId, InvalidId, KINDS, Millis, SECRET_BYTES};

/// The most drops that one webhook can be limited to.
pub const MAX_WEBHOOK_DROPS: usize = 100;
/// The most events of one request.
pub const MAX_BATCH: i64 = 100;
/// The most characters of an address.
pub const MAX_URL: usize = 2_000;
/// For how long the secret before a rotation signs too, in seconds.
pub const SECRETS_OVERLAP_SECONDS: i64 = 86_400;

/// Declares an id that is a UUID in 36 characters.
macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id, ordered by the time at which it was made.
            #[must_use]
            pub fn generate() -> $name {
                $name(Uuid::now_v7())
            }

            /// The id as the database driver takes it.
            #[must_use]
            pub fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> $name {
                $name(uuid)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<$name, InvalidId> {
                // Only the hyphenated form, as for reservations.
                let parsed = (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten();
                parsed.map($name).ok_or(InvalidId::new($kind, "a UUID of 36 characters"))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

uuid_id! {
    /// Names one webhook.
    WebhookId, "webhook id"
}
uuid_id! {
    /// Names one delivery that has failed at least once.
    DeliveryId, "delivery id"
}

/// A `kind` of the ledger's events that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct EventKind(&'static str);

impl EventKind {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl FromStr for EventKind {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<EventKind, InvalidId> {
        let known = KINDS.iter().find(|kind| **kind == text);
        known.map(|kind| EventKind(kind)).ok_or(InvalidId::new("type", "a kind of the ledger"))
    }
}

/// Whether a webhook is told of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookState {
    /// It is.
    Active,
    /// Not until somebody says so; then of everything that happened meanwhile.
    Paused,
    /// The same, because it answered that it is gone for good (410).
    Disabled,
}

impl WebhookState {
    /// The word in JSON and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            WebhookState::Active => "active",
            WebhookState::Paused => "paused",
            WebhookState::Disabled => "disabled",
        }
    }
}

impl FromStr for WebhookState {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<WebhookState, InvalidId> {
        [WebhookState::Active, WebhookState::Paused, WebhookState::Disabled]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or(InvalidId::new("webhook state", "active, paused or disabled"))
    }
}

/// From where on a new sink is told of drops that are there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Beginning {
    /// Of what happens from now on.
    #[default]
    Now,
    /// Of everything from the first event on.
    Start,
}

impl Beginning {
    /// The word in JSON and in settings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Beginning::Now => "now",
            Beginning::Start => "start",
        }
    }
}

impl FromStr for Beginning {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Beginning, InvalidId> {
        [Beginning::Now, Beginning::Start]
            .into_iter()
            .find(|from| from.as_str() == text)
            .ok_or(InvalidId::new("beginning", "now or start"))
    }
}

/// A webhook that somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewWebhook {
    /// Where requests go.
    pub url: String,
    /// The drops of which it is told; `None`: every drop.
    pub drops: Option<BTreeSet<DropId>>,
    /// The events of which it is told; `None`: all.
    pub types: Option<BTreeSet<EventKind>>,
    /// What people say about it.
    pub description: String,
    /// Events of one request at most, 1 to [`MAX_BATCH`].
    pub batch: i32,
    /// From where on.
    pub from: Beginning,
}

/// What is to be changed of a webhook; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebhookPatch {
    /// Where requests go.
    pub url: Option<String>,
    /// The drops of which it is told; of those that join, from now on.
    pub drops: Option<Option<BTreeSet<DropId>>>,
    /// The events of which it is told.
    pub types: Option<Option<BTreeSet<EventKind>>>,
    /// What people say about it.
    pub description: Option<String>,
    /// Events of one request at most.
    pub batch: Option<i32>,
    /// `Active` or `Paused`.
    pub state: Option<WebhookState>,
}

/// A webhook as it is listed: everything but its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// Where requests go.
    pub url: String,
    /// The drops of which it is told; `None`: every drop.
    pub drops: Option<BTreeSet<DropId>>,
    /// The events of which it is told; `None`: all.
    pub types: Option<BTreeSet<EventKind>>,
    /// What people say about it.
    pub description: String,
    /// Events of one request at most.
    pub batch: i32,
    /// Whether it is told at all.
    pub state: WebhookState,
    /// When it was made.
    pub created_at: Millis,
    /// Since when the oldest request that is repeated at present has failed.
    pub failing_since: Option<Millis>,
    /// Why the last request failed that did.
    pub last_error: Option<String>,
    /// When it last took something.
    pub last_delivered_at: Option<Millis>,
    /// Events of its drops that it has not got past yet, those of other types included.
    pub pending: i64,
    /// Dead letters.
    pub dead: i64,
}

/// A webhook with the secret that it has just got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WebhookWithSecret {
    #[serde(flatten)]
    webhook: Webhook,
    secret: String,
}

impl WebhookWithSecret {
    /// `webhook` as it is shown to whoever has made `secret`.
    #[must_use]
    pub fn of(webhook: Webhook, secret: &WebhookSecret) -> WebhookWithSecret {
        WebhookWithSecret { webhook, secret: secret.expose() }
    }

    /// The webhook.
    #[must_use]
    pub fn webhook(&self) -> &Webhook {
        &self.webhook
    }
}

/// What a webhook's requests are signed with: 256 random bits.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret([u8; SECRET_BYTES]);

impl WebhookSecret {
    /// A new secret.
    #[must_use]
    pub fn generate() -> WebhookSecret {
        WebhookSecret(rand::random())
    }

    /// The secret of these bytes.
    #[must_use]
    pub fn new(bytes: [u8; SECRET_BYTES]) -> WebhookSecret {
        WebhookSecret(bytes)
    }

    /// Its bytes, for the database.
    #[must_use]
    pub fn bytes(&self) -> &[u8; SECRET_BYTES] {
        &self.0
    }

    /// The secret as its receiver is told, in the form of Standard Webhooks.
    #[must_use]
    pub fn expose(&self) -> String {
        format!("whsec_{}", STANDARD.encode(self.0))
    }

    /// The signature of a request: HMAC-SHA-256 over `{id}.{timestamp}.{body}`, the timestamp in
    /// seconds since 1970 (Standard Webhooks 1.0.0).
    #[must_use]
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mut block = hmac::digest::Key::<Hmac<Sha256>>::default();
        // Zeros behind a key are what HMAC itself adds to one that is too short.
        block[..SECRET_BYTES].copy_from_slice(&self.0);
        let code = Hmac::<Sha256>::new(&block)
            .chain_update(id)
            .chain_update(".")
            .chain_update(timestamp.to_string())
            .chain_update(".")
            .chain_update(body)
            .finalize();
        format!("v1,{}", STANDARD.encode(code.into_bytes()))
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// What became of a request that has failed at least once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It will be sent again; what follows it in its drop waits.
    Retrying,
    /// It was taken in the end.
    Delivered,
    /// It was given up after a day, and what follows went on.
    Dead,
}

impl DeliveryState {
    /// The word in JSON and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            DeliveryState::Retrying => "retrying",
            DeliveryState::Delivered => "delivered",
            DeliveryState::Dead => "dead",
        }
    }
}

impl FromStr for DeliveryState {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<DeliveryState, InvalidId> {
        [DeliveryState::Retrying, DeliveryState::Delivered, DeliveryState::Dead]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or(InvalidId::new("delivery state", "retrying, delivered or dead"))
    }
}

/// A request that has failed at least once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// Of which drop it tells.
    pub drop: DropId,
    /// The id of its event, of the first where there are more.
    pub event: String,
    /// The type of that event.
    #[serde(rename = "type")]
    pub event_type: String,
    /// What became of it.
    pub state: DeliveryState,
    /// How often it was sent.
    pub attempts: i32,
    /// The status of the last answer, if there was one.
    pub status: Option<i32>,
    /// Why it failed last.
    pub error: Option<String>,
    /// When it was sent for the first time.
    pub first_at: Millis,
    /// When it was sent last.
    pub last_at: Millis,
    /// When it will be sent again, while it is retried.
    pub next_at: Option<Millis>,
}

/// What came of one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// Whether it was taken: a status of 200 to 299.
    pub delivered: bool,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// Why it was not taken.
    pub error: Option<String>,
    /// How long it took.
    pub milliseconds: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by the reference implementation's own example (standard-webhooks, README).
    #[test]
    fn a_signature_is_that_of_the_specification() {
        let mut bytes = [0; SECRET_BYTES];
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("base64");
        bytes[..key.len()].copy_from_slice(&key);
        // A shorter key is the same as one with zeros behind it.
        let signature = WebhookSecret::new(bytes).sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            b"{\"test\": 2432232314}",
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn secrets_differ_and_are_not_shown() {
        let (one, other) = (WebhookSecret::generate(), WebhookSecret::generate());
        assert_ne!(one.expose(), other.expose());
        assert!(one.expose().starts_with("whsec_") && one.expose().len() == 50);
        assert!(!format!("{one:?}").contains(&one.expose()[6..]));
    }

    #[test]
    fn words_are_read_as_they_are_written() {
        for kind in KINDS {
            assert_eq!(kind.parse::<EventKind>().map(EventKind::as_str), Ok(kind));
        }
        for state in [WebhookState::Active, WebhookState::Paused, WebhookState::Disabled] {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
        for state in [DeliveryState::Retrying, DeliveryState::Delivered, DeliveryState::Dead] {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
        assert!("sold".parse::<EventKind>().is_err() && "".parse::<Beginning>().is_err());
    }
}
