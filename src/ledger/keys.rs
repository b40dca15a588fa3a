//! The keys of the API: what is kept of each, and how a process hears of changes.

use std::{collections::BTreeSet, time::Duration};

use chrono::{DateTime, Utc};
use deadpool_postgres::Object;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    Ledger, LedgerError,
    read::{millis, optional_millis, page},
};
use crate::domain::{
    ApiKey, ApiKeyId, ApiKeyState, DropId, KeyChange, KeyDigest, Millis, NewApiKey, Page, Scope,
};

/// How long a look at the keys may take. Behind that the connection counts as lost: another look
/// over a new one may well succeed, and a revocation must not wait.
const LOOK_WITHIN: Duration = Duration::from_millis(500);

/// A key as processes need it to recognise who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredKey {
    /// Its id.
    pub id: ApiKeyId,
    /// What it opens. A scope that this version doesn't know is left out.
    pub scopes: BTreeSet<Scope>,
    /// The drops that it is limited to; `None`: every drop.
    pub drops: Option<BTreeSet<DropId>>,
    /// From when on it opens nothing any more.
    pub expires_at: Option<Millis>,
    /// Of its secret.
    pub digest: KeyDigest,
    /// Of the secret before, and until when that one works too.
    pub previous: Option<(KeyDigest, Millis)>,
}

/// The columns of an [`ApiKey`].
const KEY: &str = "id, name, scopes, drops, created_at, expires_at, rotated_at, previous_until,
    revoked_at, last_used_at";

impl Ledger {
    /// The keys that are not revoked, with the stamp of their last change; `None` when that is
    /// still `seen`.
    ///
    /// # Errors
    /// [`LedgerError`], also when there is no answer within half a second.
    pub async fn stored_keys(
        &self,
        seen: Option<Uuid>,
    ) -> Result<Option<(Uuid, Vec<StoredKey>)>, LedgerError> {
        // One statement, so one snapshot: the stamp belongs to the keys.
        let sql = "SELECT c.stamp, k.id, k.scopes, k.drops, k.expires_at, k.digest,
                k.previous_digest, k.previous_until
            FROM api_key_changes c LEFT JOIN api_keys k
                ON c.stamp IS DISTINCT FROM $1 AND k.revoked_at IS NULL";
        let connection = self.watcher().await?;
        let look = async {
            let statement = connection.prepare_cached(sql).await?;
            connection.query(&statement, &[&seen]).await
        };
        let Ok(rows) = tokio::time::timeout(LOOK_WITHIN, look).await else {
            drop(Object::take(connection));
            return Err(LedgerError::Unavailable(format!("no keys within {LOOK_WITHIN:?}")));
        };
        let rows = rows?;
        let Some(first) = rows.first() else {
            return Err(LedgerError::Unreadable("api_key_changes has no row".to_owned()));
        };
        let stamp: Uuid = first.try_get(0)?;
        if Some(stamp) == seen {
            return Ok(None);
        }
        let mut keys = Vec::new();
        for row in &rows {
            if row.try_get::<_, Option<Uuid>>(1)?.is_some() {
                keys.push(stored_key(row)?);
            }
        }
        Ok(Some((stamp, keys)))
    }

    /// Notes when keys were used; never an earlier time than is noted already.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn note_key_uses(&self, uses: &[(ApiKeyId, Millis)]) -> Result<(), LedgerError> {
        let sql = "UPDATE api_keys k SET last_used_at = GREATEST(k.last_used_at, u.at)
            FROM UNNEST($1::uuid[], $2::timestamptz[]) AS u (id, at) WHERE k.id = u.id";
        let (ids, times): (Vec<Uuid>, Vec<DateTime<Utc>>) =
            uses.iter().map(|(id, at)| (id.uuid(), at.to_datetime())).unzip();
        let connection = self.reader().await?;
        let statement = connection.prepare_cached(sql).await?;
        connection.execute(&statement, &[&ids, &times]).await?;
        Ok(())
    }

    /// Keeps a new key.
    ///
    /// # Errors
    /// [`LedgerError`]; without an answer it may be there.
    pub async fn create_key(
        &self,
        key: &NewApiKey,
        digest: &KeyDigest,
    ) -> Result<ApiKey, LedgerError> {
        let sql = format!(
            "INSERT INTO api_keys (id, name, scopes, drops, expires_at, digest)
            VALUES ($1, $2, $3, $4, $5, $6) RETURNING {KEY}"
        );
        let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
        let drops = key.drops.as_ref();
        let drops: Option<Vec<&str>> =
            drops.map(|drops| drops.iter().map(DropId::as_str).collect());
        let expires = key.expires_at.map(Millis::to_datetime);
        let id = ApiKeyId::generate().uuid();
        let connection = self.reader().await?;
        let row = connection
            .query_one(&sql, &[&id, &key.name, &scopes, &drops, &expires, &digest.0.as_slice()])
            .await?;
        read_key(&row)
    }

    /// Keys in the order in which they were made, a page at a time.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn keys(
        &self,
        cursor: Option<&str>,
        limit: i64,
    ) -> Result<Page<ApiKey>, LedgerError> {
        let sql = format!(
            "SELECT {KEY} FROM api_keys WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT $2"
        );
        let after = cursor.and_then(|cursor| Uuid::try_parse(cursor).ok());
        let rows = self.reader().await?.query(&sql, &[&after, &(limit + 1)]).await?;
        let items = rows.iter().map(read_key).collect::<Result<Vec<_>, _>>()?;
        Ok(page(items, limit, |key| key.id.to_string()))
    }

    /// Gives a key another secret; the one before works for `overlap_seconds` more.
    ///
    /// # Errors
    /// [`LedgerError`]; without an answer it may be done.
    pub async fn rotate_key(
        &self,
        id: ApiKeyId,
        digest: &KeyDigest,
        overlap_seconds: i64,
    ) -> Result<KeyChange, LedgerError> {
        // Of two secrets before, only the last one can overlap.
        let sql = format!(
            "UPDATE api_keys SET digest = $2, rotated_at = now(),
                previous_digest = CASE WHEN $3::bigint > 0 THEN digest END,
                previous_until = CASE WHEN $3 > 0 THEN now() + $3 * interval '1 second' END
            WHERE id = $1 AND revoked_at IS NULL AND COALESCE(expires_at > now(), true)
            RETURNING {KEY}"
        );
        let connection = self.reader().await?;
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
            [&id.uuid(), &digest.0.as_slice(), &overlap_seconds];
        if let Some(row) = connection.query_opt(&sql, &parameters).await? {
            return Ok(KeyChange::Done(read_key(&row)?));
        }
        let sql = "SELECT revoked_at IS NOT NULL FROM api_keys WHERE id = $1";
        Ok(match connection.query_opt(sql, &[&id.uuid()]).await? {
            None => KeyChange::Unknown,
            Some(row) if row.try_get(0)? => KeyChange::Ended(ApiKeyState::Revoked),
            Some(_) => KeyChange::Ended(ApiKeyState::Expired),
        })
    }

    /// Ends a key for good. One that is revoked stays as it is.
    ///
    /// # Errors
    /// [`LedgerError`]; without an answer it may be done.
    pub async fn revoke_key(&self, id: ApiKeyId) -> Result<KeyChange, LedgerError> {
        let sql = format!(
            "UPDATE api_keys SET revoked_at = COALESCE(revoked_at, now()),
                previous_digest = NULL, previous_until = NULL
            WHERE id = $1 RETURNING {KEY}"
        );
        let row = self.reader().await?.query_opt(&sql, &[&id.uuid()]).await?;
        row.map_or(Ok(KeyChange::Unknown), |row| Ok(KeyChange::Done(read_key(&row)?)))
    }
}

fn stored_key(row: &Row) -> Result<StoredKey, LedgerError> {
    let previous: Option<&[u8]> = row.try_get(6)?;
    let until = optional_millis(row, 7)?;
    Ok(StoredKey {
        id: row.try_get::<_, Uuid>(1)?.into(),
        scopes: scopes(row, 2)?,
        drops: drops(row, 3)?,
        expires_at: optional_millis(row, 4)?,
        digest: digest(row.try_get(5)?)?,
        previous: previous.map(digest).transpose()?.zip(until),
    })
}

fn read_key(row: &Row) -> Result<ApiKey, LedgerError> {
    Ok(ApiKey {
        id: row.try_get::<_, Uuid>(0)?.into(),
        name: row.try_get(1)?,
        scopes: scopes(row, 2)?,
        drops: drops(row, 3)?,
        created_at: millis(row, 4)?,
        expires_at: optional_millis(row, 5)?,
        rotated_at: optional_millis(row, 6)?,
        overlap_ends_at: optional_millis(row, 7)?,
        revoked_at: optional_millis(row, 8)?,
        last_used_at: optional_millis(row, 9)?,
    })
}

/// What can't be read opens nothing, and does not keep other keys from being read.
fn scopes(row: &Row, column: usize) -> Result<BTreeSet<Scope>, LedgerError> {
    let words: Vec<&str> = row.try_get(column)?;
    Ok(words.into_iter().filter_map(|word| word.parse().ok()).collect())
}

fn drops(row: &Row, column: usize) -> Result<Option<BTreeSet<DropId>>, LedgerError> {
    let ids: Option<Vec<&str>> = row.try_get(column)?;
    Ok(ids.map(|ids| ids.into_iter().filter_map(|id| id.parse().ok()).collect()))
}

fn digest(bytes: &[u8]) -> Result<KeyDigest, LedgerError> {
    let unreadable = |_| LedgerError::Unreadable("a key's digest".to_owned());
    bytes.try_into().map(KeyDigest).map_err(unreadable)
}
