//! Who may call: a picture of the keys in memory, so that recognising one asks nobody.
//!
//! The picture is as old as the last look at the database, well below a second where that answers
//! (`task/keys.rs`). While it doesn't, known keys stay valid, their times go on counting, and no
//! key becomes valid.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use super::{CallError, Engine, admin::unavailable};
use crate::{
    clock,
    domain::{
        ApiKeyId, ApiSecret, DropId, KeyChange, KeyDigest, Millis, NewApiKey, Page, Scope,
        ShownApiKey,
    },
    ledger::{LedgerError, StoredKey},
};

/// At most so often it is noted of a key that it was used.
const NOTE_EVERY: Duration = Duration::from_secs(60);

/// A key that opens something.
#[derive(Debug)]
pub struct KnownKey {
    /// Its id.
    pub id: ApiKeyId,
    /// What it opens.
    pub scopes: BTreeSet<Scope>,
    /// The drops that it is limited to; `None`: every drop.
    pub drops: Option<BTreeSet<DropId>>,
    expires_at: Option<Millis>,
    uses: Arc<Uses>,
}

/// When a key was used, and how much of that is noted; milliseconds since 1970, 0 for never.
#[derive(Debug, Default)]
struct Uses {
    last: AtomicI64,
    noted: AtomicI64,
}

/// What one secret opens, and until when.
#[derive(Debug)]
struct Entry {
    digest: KeyDigest,
    until: Option<Millis>,
    key: Arc<KnownKey>,
}

#[derive(Debug, Default)]
struct Picture {
    stamp: Option<Uuid>,
    /// By the first bytes of the digest. Whoever measures how long a look takes learns nothing of
    /// use from that: digests can't be chosen, and the whole is compared in constant time.
    entries: HashMap<[u8; 8], Vec<Entry>>,
    keys: HashMap<ApiKeyId, Arc<KnownKey>>,
}

/// The keys that this process knows.
#[derive(Debug, Default)]
pub struct Keyring(RwLock<Arc<Picture>>);

impl Keyring {
    /// The key with a secret of this digest, if it opens anything now. Notes that it was used.
    #[must_use]
    pub fn find(&self, digest: &KeyDigest) -> Option<Arc<KnownKey>> {
        self.find_at(digest, clock::now())
    }

    fn find_at(&self, digest: &KeyDigest, now: Millis) -> Option<Arc<KnownKey>> {
        let picture = self.picture();
        let entries = picture.entries.get(&start_of(digest))?;
        let entry = entries.iter().find(|entry| entry.digest.0.ct_eq(&digest.0).into())?;
        let passed = |until: Option<Millis>| until.is_some_and(|until| until <= now);
        if passed(entry.until) || passed(entry.key.expires_at) {
            return None;
        }
        entry.key.uses.last.store(now.0, Ordering::Relaxed);
        Some(Arc::clone(&entry.key))
    }

    fn picture(&self) -> Arc<Picture> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes `keys` for all there are, as of the change with this stamp.
    fn take(&self, stamp: Uuid, keys: Vec<StoredKey>) {
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let mut picture = Picture { stamp: Some(stamp), ..Picture::default() };
        for stored in keys {
            let known = current.keys.get(&stored.id);
            let uses = known.map(|known| Arc::clone(&known.uses)).unwrap_or_default();
            let StoredKey { id, scopes, drops, expires_at, digest, previous } = stored;
            let key = Arc::new(KnownKey { id, scopes, drops, expires_at, uses });
            let present = Entry { digest, until: None, key: Arc::clone(&key) };
            let previous = previous.map(|(digest, until)| Entry {
                digest,
                until: Some(until),
                key: Arc::clone(&key),
            });
            for entry in [Some(present), previous].into_iter().flatten() {
                picture.entries.entry(start_of(&entry.digest)).or_default().push(entry);
            }
            picture.keys.insert(id, key);
        }
        *current = Arc::new(picture);
    }

    /// The uses that are to be noted now.
    fn unnoted(&self) -> Vec<(ApiKeyId, Millis)> {
        let every = i64::try_from(NOTE_EVERY.as_millis()).unwrap_or(i64::MAX);
        let due = |key: &Arc<KnownKey>| {
            let last = key.uses.last.load(Ordering::Relaxed);
            let noted = key.uses.noted.load(Ordering::Relaxed);
            (last.saturating_sub(noted) >= every).then_some((key.id, Millis(last)))
        };
        self.picture().keys.values().filter_map(due).collect()
    }

    fn mark_noted(&self, uses: &[(ApiKeyId, Millis)]) {
        let picture = self.picture();
        for (id, at) in uses {
            if let Some(key) = picture.keys.get(id) {
                key.uses.noted.store(at.0, Ordering::Relaxed);
            }
        }
    }
}

fn start_of(digest: &KeyDigest) -> [u8; 8] {
    let mut start = [0; 8];
    start.copy_from_slice(&digest.0[..8]);
    start
}

impl Engine {
    /// The keys that this process knows.
    #[must_use]
    pub fn keyring(&self) -> Arc<Keyring> {
        Arc::clone(&self.keyring)
    }

    /// Looks whether keys have changed.
    ///
    /// # Errors
    /// [`LedgerError`]; what is known stays.
    pub async fn refresh_keys(&self) -> Result<(), LedgerError> {
        // One look at a time, so that an older one can't overtake a newer one.
        let _turn = self.key_looks.lock().await;
        let seen = self.keyring.picture().stamp;
        if let Some((stamp, keys)) = self.ledger.stored_keys(seen).await? {
            self.keyring.take(stamp, keys);
        }
        Ok(())
    }

    /// Notes in the database which keys were used, each at most once a minute.
    ///
    /// # Errors
    /// [`LedgerError`]; the uses are noted another time.
    pub async fn note_key_uses(&self) -> Result<(), LedgerError> {
        let uses = self.keyring.unnoted();
        if !uses.is_empty() {
            self.ledger.note_key_uses(&uses).await?;
            self.keyring.mark_noted(&uses);
        }
        Ok(())
    }

    /// Makes a key, which opens at once here and within a second elsewhere.
    ///
    /// # Errors
    /// [`CallError::Unavailable`].
    pub async fn create_key(&self, key: &NewApiKey) -> Result<ShownApiKey, CallError> {
        let secret = ApiSecret::generate();
        let made = self.ledger.create_key(key, &secret.digest()).await.map_err(in_doubt)?;
        self.hear_of_own_change().await;
        Ok(ShownApiKey::of(made, self.now()).with(&secret))
    }

    /// All keys, a page at a time.
    ///
    /// # Errors
    /// [`CallError::Unavailable`].
    pub async fn keys(
        &self,
        cursor: Option<String>,
        limit: i64,
    ) -> Result<Page<ShownApiKey>, CallError> {
        let Page { items, next_cursor } =
            self.ledger.keys(cursor.as_deref(), limit).await.map_err(unavailable)?;
        let now = self.now();
        let items = items.into_iter().map(|key| ShownApiKey::of(key, now)).collect();
        Ok(Page { items, next_cursor })
    }

    /// Gives a key another secret; the one before works for `overlap_seconds` more. The secret
    /// counts only where the change is [`KeyChange::Done`].
    ///
    /// # Errors
    /// [`CallError::Unavailable`].
    pub async fn rotate_key(
        &self,
        id: ApiKeyId,
        overlap_seconds: i64,
    ) -> Result<(KeyChange, ApiSecret), CallError> {
        let secret = ApiSecret::generate();
        let change = self.ledger.rotate_key(id, &secret.digest(), overlap_seconds).await;
        let change = change.map_err(in_doubt)?;
        self.hear_of_own_change().await;
        Ok((change, secret))
    }

    /// Ends a key: at once here, within a second elsewhere.
    ///
    /// # Errors
    /// [`CallError::Unavailable`].
    pub async fn revoke_key(&self, id: ApiKeyId) -> Result<KeyChange, CallError> {
        let change = self.ledger.revoke_key(id).await.map_err(in_doubt)?;
        self.hear_of_own_change().await;
        Ok(change)
    }

    /// Whoever made a change finds it in force when they have the answer.
    async fn hear_of_own_change(&self) {
        if let Err(error) = self.refresh_keys().await {
            tracing::debug!(%error, "a changed key is heard of later");
        }
    }
}

/// What a change comes to that has no answer: it may have been made.
pub(super) fn in_doubt(error: LedgerError) -> CallError {
    CallError::unknown(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(secret: &str) -> StoredKey {
        StoredKey {
            id: ApiKeyId::generate(),
            scopes: BTreeSet::from([Scope::Storefront]),
            drops: None,
            expires_at: None,
            digest: KeyDigest::of(secret),
            previous: None,
        }
    }

    fn ring(keys: Vec<StoredKey>) -> Keyring {
        let ring = Keyring::default();
        ring.take(Uuid::now_v7(), keys);
        ring
    }

    fn opens(ring: &Keyring, secret: &str, now: i64) -> bool {
        ring.find_at(&KeyDigest::of(secret), Millis(now)).is_some()
    }

    #[test]
    fn only_a_secret_that_is_known_opens() {
        assert!(!opens(&Keyring::default(), "a", 1));
        let ring = ring(vec![stored("a"), stored("b")]);
        for (secret, expected) in [("a", true), ("b", true), ("c", false), ("", false)] {
            assert_eq!(opens(&ring, secret, 1), expected, "{secret}");
        }
        ring.take(Uuid::now_v7(), vec![stored("b")]);
        assert!(!opens(&ring, "a", 1) && opens(&ring, "b", 1));
    }

    #[test]
    fn a_digest_counts_as_a_whole() {
        let ring = ring(vec![stored("a")]);
        for byte in 0..32 {
            let mut other = KeyDigest::of("a");
            other.0[byte] ^= 1;
            assert!(ring.find_at(&other, Millis(1)).is_none(), "{byte}");
        }
    }

    #[test]
    fn times_count_without_a_look() {
        let mut rotated = stored("new");
        rotated.previous = Some((KeyDigest::of("old"), Millis(5)));
        rotated.expires_at = Some(Millis(8));
        let ring = ring(vec![rotated]);
        for (now, old, new) in [(4, true, true), (5, false, true), (7, false, true)] {
            assert_eq!((opens(&ring, "old", now), opens(&ring, "new", now)), (old, new), "{now}");
        }
        assert!(!opens(&ring, "new", 8));
    }

    #[test]
    fn a_use_is_noted_at_most_once_a_minute() {
        let (key, other) = (stored("a"), stored("b"));
        let (id, all) = (key.id, vec![key, other]);
        let ring = ring(all.clone());
        let begin = 1_700_000_000_000;
        assert!(ring.unnoted().is_empty());
        assert!(opens(&ring, "a", begin));
        assert_eq!(ring.unnoted(), [(id, Millis(begin))]);
        ring.mark_noted(&[(id, Millis(begin))]);
        assert!(opens(&ring, "a", begin + 59_999) && ring.unnoted().is_empty());
        // A change of keys forgets nothing of that.
        ring.take(Uuid::now_v7(), all);
        assert!(ring.unnoted().is_empty());
        assert!(opens(&ring, "a", begin + 60_000));
        assert_eq!(ring.unnoted(), [(id, Millis(begin + 60_000))]);
    }
}
