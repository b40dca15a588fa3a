//! Webhooks: made, listed, changed, ended.

use std::collections::BTreeSet;

use tokio_postgres::{Row, Transaction};

use super::{
    Ledger, LedgerError,
    read::{millis, optional_millis, page, parse},
    sinks::{begin_at, pass_over},
};
use crate::domain::{
    DropId, EventKind, NewWebhook, Page, SECRETS_OVERLAP_SECONDS, Webhook, WebhookId, WebhookPatch,
    WebhookSecret, WebhookState,
};

/// Where a webhook's requests go, and how: what is needed to send them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The webhook.
    pub id: WebhookId,
    /// Where requests go.
    pub url: String,
    /// The drops of which it is told; `None`: every drop.
    pub drops: Option<BTreeSet<DropId>>,
    /// The events of which it is told; `None`: all.
    pub types: Option<BTreeSet<EventKind>>,
    /// Events of one request at most.
    pub batch: usize,
    /// What requests are signed with: the present secret, and the one before while that counts.
    pub secrets: Vec<WebhookSecret>,
}

/// The columns of a [`Webhook`], of `webhooks w JOIN sinks s`.
const WEBHOOK: &str = "w.sink, w.url, w.drops, w.types, w.description, w.batch, s.state,
    s.created_at, w.last_delivered_at,
    (SELECT min(first_at) FROM deliveries r WHERE r.sink = w.sink AND r.state = 'retrying'),
    (SELECT error FROM deliveries r WHERE r.sink = w.sink AND r.error IS NOT NULL
        ORDER BY last_at DESC LIMIT 1),
    (SELECT COALESCE(sum(d.last_seq - COALESCE(p.seq, 0)), 0)::bigint
        FROM drops d LEFT JOIN sink_progress p ON p.sink = w.sink AND p.drop_id = d.id
        WHERE d.last_seq > COALESCE(p.seq, 0) AND (w.drops IS NULL OR d.id = ANY(w.drops))),
    (SELECT count(*) FROM deliveries r WHERE r.sink = w.sink AND r.state = 'dead')";

impl Ledger {
    /// Keeps a new webhook.
    ///
    /// # Errors
    /// [`LedgerError`]; without an answer it may be there.
    pub async fn create_webhook(
        &self,
        new: &NewWebhook,
        secret: &WebhookSecret,
    ) -> Result<Webhook, LedgerError> {
        let id = WebhookId::generate();
        let sink = id.to_string();
        let (drops, types) = (drop_words(new.drops.as_ref()), kind_words(new.types.as_ref()));
        let mut connection = self.reader().await?;
        let transaction = connection.transaction().await?;
        let sql = "INSERT INTO sinks (id, kind) VALUES ($1, 'webhook')";
        transaction.execute(sql, &[&sink]).await?;
        let sql = "INSERT INTO webhooks (sink, url, drops, types, description, batch, secret)
            VALUES ($1, $2, $3, $4, $5, $6, $7)";
        transaction
            .execute(
                sql,
                &[
                    &sink,
                    &new.url,
                    &drops,
                    &types,
                    &new.description,
                    &new.batch,
                    &secret.bytes().as_slice(),
                ],
            )
            .await?;
        begin_at(&transaction, &sink, new.from).await?;
        let made = webhook_in(&transaction, &sink).await?;
        transaction.commit().await?;
        made.ok_or_else(|| LedgerError::Unreadable("a new webhook is not there".to_owned()))
    }

    /// Webhooks in the order in which they were made, a page at a time.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn webhooks(
        &self,
        cursor: Option<&str>,
        limit: i64,
    ) -> Result<Page<Webhook>, LedgerError> {
        let sql = format!(
            "SELECT {WEBHOOK} FROM webhooks w JOIN sinks s ON s.id = w.sink
            WHERE $1::text IS NULL OR w.sink > $1 ORDER BY w.sink LIMIT $2"
        );
        let rows = self.reader().await?.query(&sql, &[&cursor, &(limit + 1)]).await?;
        let items = rows.iter().map(read_webhook).collect::<Result<Vec<_>, _>>()?;
        Ok(page(items, limit, |webhook| webhook.id.to_string()))
    }

    /// One webhook.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn webhook(&self, id: WebhookId) -> Result<Option<Webhook>, LedgerError> {
        let mut connection = self.reader().await?;
        let transaction = connection.transaction().await?;
        webhook_in(&transaction, &id.to_string()).await
    }

    /// What is needed to send requests to a webhook.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn endpoint(&self, id: WebhookId) -> Result<Option<Endpoint>, LedgerError> {
        let sql = "SELECT url, drops, types, batch, secret,
                CASE WHEN previous_until > clock_timestamp() THEN previous_secret END
            FROM webhooks WHERE sink = $1";
        let connection = self.sinks().await?;
        let statement = connection.prepare_cached(sql).await?;
        let row = connection.query_opt(&statement, &[&id.to_string()]).await?;
        row.map(|row| {
            let batch: i32 = row.try_get(3)?;
            let mut secrets = vec![secret(row.try_get(4)?)?];
            if let Some(previous) = row.try_get::<_, Option<&[u8]>>(5)? {
                secrets.push(secret(previous)?);
            }
            Ok(Endpoint {
                id,
                url: row.try_get(0)?,
                drops: drops(&row, 1)?,
                types: kinds(&row, 2)?,
                batch: usize::try_from(batch).unwrap_or(1),
                secrets,
            })
        })
        .transpose()
    }

    /// Changes what is given of a webhook. Of drops that join it is told from now on; one that
    /// becomes active again, or goes elsewhere, begins its patience anew. `None` when there is
    /// none.
    ///
    /// # Errors
    /// [`LedgerError`]; without an answer it may be done.
    pub async fn change_webhook(
        &self,
        id: WebhookId,
        patch: &WebhookPatch,
    ) -> Result<Option<Webhook>, LedgerError> {
        let sink = id.to_string();
        let mut connection = self.reader().await?;
        let transaction = connection.transaction().await?;
        // Nobody delivers meanwhile, so nothing passes by what is changed.
        let sql = "SELECT FROM sinks WHERE id = $1 FOR UPDATE";
        transaction.query_opt(sql, &[&sink]).await?;
        let Some(before) = webhook_in(&transaction, &sink).await? else { return Ok(None) };
        let state = patch.state.unwrap_or(before.state);
        if let Some(after) = &patch.drops {
            change_drops(&transaction, &sink, before.drops.as_ref(), after.as_ref()).await?;
        }
        let url = patch.url.as_ref().unwrap_or(&before.url);
        let drops = patch.drops.as_ref().unwrap_or(&before.drops).as_ref();
        let types = patch.types.as_ref().unwrap_or(&before.types).as_ref();
        let description = patch.description.as_ref().unwrap_or(&before.description);
        let batch = patch.batch.unwrap_or(before.batch);
        let sql = "UPDATE webhooks SET url = $2, drops = $3, types = $4, description = $5,
            batch = $6 WHERE sink = $1";
        transaction
            .execute(
                sql,
                &[&sink, url, &drop_words(drops), &kind_words(types), description, &batch],
            )
            .await?;
        if state != before.state || *url != before.url {
            let sql = "UPDATE sinks SET state = $2 WHERE id = $1";
            transaction.execute(sql, &[&sink, &state.as_str()]).await?;
            let sql = "UPDATE deliveries SET since = clock_timestamp(), next_at = clock_timestamp()
                WHERE sink = $1 AND state = 'retrying'";
            transaction.execute(sql, &[&sink]).await?;
        }
        let after = webhook_in(&transaction, &sink).await?;
        transaction.commit().await?;
        Ok(after)
    }

    /// Ends a webhook and forgets everything about it: as it was. `None` when there is none.
    ///
    /// # Errors
    /// [`LedgerError`]; without an answer it may be done.
    pub async fn delete_webhook(&self, id: WebhookId) -> Result<Option<Webhook>, LedgerError> {
        let sink = id.to_string();
        let mut connection = self.reader().await?;
        let transaction = connection.transaction().await?;
        let before = webhook_in(&transaction, &sink).await?;
        if before.is_some() {
            transaction.execute("DELETE FROM sinks WHERE id = $1", &[&sink]).await?;
        }
        transaction.commit().await?;
        Ok(before)
    }

    /// Gives a webhook another secret; the one before signs for [`SECRETS_OVERLAP_SECONDS`] more.
    /// `None` when there is no such webhook.
    ///
    /// # Errors
    /// [`LedgerError`]; without an answer it may be done.
    pub async fn rotate_webhook(
        &self,
        id: WebhookId,
        secret: &WebhookSecret,
    ) -> Result<Option<Webhook>, LedgerError> {
        let sink = id.to_string();
        let mut connection = self.reader().await?;
        let transaction = connection.transaction().await?;
        let sql = "UPDATE webhooks SET secret = $2, previous_secret = secret,
                previous_until = clock_timestamp() + $3::bigint * interval '1 second'
            WHERE sink = $1";
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
            [&sink, &secret.bytes().as_slice(), &SECRETS_OVERLAP_SECONDS];
        transaction.execute(sql, &parameters).await?;
        let after = webhook_in(&transaction, &sink).await?;
        transaction.commit().await?;
        Ok(after)
    }
}

/// What other drops mean to the progress: those that join begin now, and nothing of those that
/// leave is tried any more.
async fn change_drops(
    transaction: &Transaction<'_>,
    sink: &str,
    before: Option<&BTreeSet<DropId>>,
    after: Option<&BTreeSet<DropId>>,
) -> Result<(), LedgerError> {
    let has =
        |drops: Option<&BTreeSet<DropId>>, id: &str| drops.is_none_or(|drops| drops.contains(id));
    let rows = transaction.query("SELECT id FROM drops", &[]).await?;
    let all: Vec<&str> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    let joining: Vec<&str> =
        all.into_iter().filter(|id| has(after, id) && !has(before, id)).collect();
    pass_over(transaction, sink, Some(&joining)).await?;
    if let Some(after) = drop_words(after) {
        let sql = "DELETE FROM deliveries
            WHERE sink = $1 AND state = 'retrying' AND drop_id <> ALL($2)";
        transaction.execute(sql, &[&sink, &after]).await?;
    }
    Ok(())
}

async fn webhook_in(
    transaction: &Transaction<'_>,
    sink: &str,
) -> Result<Option<Webhook>, LedgerError> {
    let sql =
        format!("SELECT {WEBHOOK} FROM webhooks w JOIN sinks s ON s.id = w.sink WHERE w.sink = $1");
    let row = transaction.query_opt(&sql, &[&sink]).await?;
    row.map(|row| read_webhook(&row)).transpose()
}

fn read_webhook(row: &Row) -> Result<Webhook, LedgerError> {
    Ok(Webhook {
        id: parse(row, 0)?,
        url: row.try_get(1)?,
        drops: drops(row, 2)?,
        types: kinds(row, 3)?,
        description: row.try_get(4)?,
        batch: row.try_get(5)?,
        state: parse::<WebhookState>(row, 6)?,
        created_at: millis(row, 7)?,
        last_delivered_at: optional_millis(row, 8)?,
        failing_since: optional_millis(row, 9)?,
        last_error: row.try_get(10)?,
        pending: row.try_get(11)?,
        dead: row.try_get(12)?,
    })
}

fn secret(bytes: &[u8]) -> Result<WebhookSecret, LedgerError> {
    let unreadable = |_| LedgerError::Unreadable("a webhook's secret".to_owned());
    bytes.try_into().map(WebhookSecret::new).map_err(unreadable)
}

fn drop_words(drops: Option<&BTreeSet<DropId>>) -> Option<Vec<&str>> {
    drops.map(|drops| drops.iter().map(DropId::as_str).collect())
}

fn kind_words(kinds: Option<&BTreeSet<EventKind>>) -> Option<Vec<&'static str>> {
    kinds.map(|kinds| kinds.iter().map(|kind| kind.as_str()).collect())
}

fn drops(row: &Row, column: usize) -> Result<Option<BTreeSet<DropId>>, LedgerError> {
    let ids: Option<Vec<&str>> = row.try_get(column)?;
    Ok(ids.map(|ids| ids.into_iter().filter_map(|id| id.parse().ok()).collect()))
}

/// A kind that this version doesn't know is left out.
fn kinds(row: &Row, column: usize) -> Result<Option<BTreeSet<EventKind>>, LedgerError> {
    let words: Option<Vec<&str>> = row.try_get(column)?;
    Ok(words.map(|words| words.into_iter().filter_map(|word| word.parse().ok()).collect()))
}
