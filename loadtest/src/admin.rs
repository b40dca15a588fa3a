//! The merchant's side: makes the drop, opens it, and reads everything back afterwards.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use chrono::{DateTime, SecondsFormat, Utc};
use reqwest::{Client, Method};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::wire::Reservation;

/// For how long a call is repeated while the engine says 503, or nothing.
const PATIENCE: Duration = Duration::from_secs(60);
/// For how long one answer is waited for.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The four counts of a SKU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stock {
    pub(crate) total: i64,
    pub(crate) available: i64,
    pub(crate) held: i64,
    pub(crate) sold: i64,
}

/// A SKU in the merchant's view of a drop.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct SkuStock {
    pub(crate) sku: String,
    #[serde(flatten)]
    pub(crate) stock: Stock,
}

/// The merchant's view of a drop.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct DropView {
    pub(crate) opens_at: Option<DateTime<Utc>>,
    pub(crate) skus: Vec<SkuStock>,
}

impl DropView {
    /// Units that are held.
    pub(crate) fn held(&self) -> i64 {
        self.skus.iter().map(|sku| sku.stock.held).sum()
    }
}

/// One row of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct LedgerRow {
    pub(crate) epoch: i64,
    pub(crate) seq: i64,
    pub(crate) kind: String,
    pub(crate) reservation_id: Option<String>,
    pub(crate) customer_id: Option<String>,
    pub(crate) sku: Option<String>,
    pub(crate) quantity: i64,
    pub(crate) order_id: Option<String>,
    pub(crate) occurred_at: DateTime<Utc>,
}

/// The counts of a SKU as an audit has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AuditSku {
    pub(crate) sku: String,
    pub(crate) redis: Option<Stock>,
    pub(crate) ledger: Option<Stock>,
}

/// The engine's own audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Audit {
    pub(crate) balanced: bool,
    pub(crate) epoch: i64,
    pub(crate) seq: i64,
    pub(crate) durable_seq: i64,
    pub(crate) skus: Vec<AuditSku>,
    pub(crate) violations: Vec<Value>,
}

#[derive(Deserialize)]
struct Page<T> {
    items: Vec<T>,
    next_cursor: Option<String>,
}

/// The admin API of one drop.
#[derive(Clone, Debug)]
pub(crate) struct Admin {
    client: Client,
    base: String,
    key: String,
}

impl Admin {
    /// For the drop `drop` of the engine at `url`.
    pub(crate) fn new(url: &str, key: &str, drop: &str) -> Result<Admin> {
        let client = Client::builder().timeout(TIMEOUT).build()?;
        let base = format!("{}/v1/admin/drops/{drop}", url.trim_end_matches('/'));
        Ok(Admin { client, base, key: key.to_owned() })
    }

    /// Changes the drop's settings, or makes it.
    pub(crate) async fn put(&self, settings: &Value) -> Result<DropView> {
        self.call(Method::PUT, "", Some(settings)).await
    }

    /// Makes a SKU.
    pub(crate) async fn put_sku(&self, sku: &str, units: i64) -> Result<()> {
        let body = json!({ "name": format!("Simulated {sku}"), "initial_stock": units });
        self.call::<Value>(Method::PUT, &format!("/skus/{sku}"), Some(&body)).await?;
        Ok(())
    }

    /// Sets when the drop opens.
    pub(crate) async fn opens_at(&self, at: DateTime<Utc>) -> Result<DropView> {
        self.put(&json!({ "opens_at": at.to_rfc3339_opts(SecondsFormat::Millis, true) })).await
    }

    /// Ends the sale.
    pub(crate) async fn close(&self) -> Result<()> {
        self.call::<Value>(Method::POST, "/close", None).await?;
        Ok(())
    }

    /// The drop with its stock.
    pub(crate) async fn view(&self) -> Result<DropView> {
        self.call(Method::GET, "", None).await
    }

    /// The engine's audit.
    pub(crate) async fn audit(&self) -> Result<Audit> {
        self.call(Method::GET, "/audit", None).await
    }

    /// The whole ledger.
    pub(crate) async fn ledger(&self) -> Result<Vec<LedgerRow>> {
        let mut rows: Vec<LedgerRow> = Vec::new();
        loop {
            let after = rows.last().map_or(0, |row| row.seq);
            let path = format!("/ledger?after_seq={after}&limit=1000");
            let page: Page<LedgerRow> = self.call(Method::GET, &path, None).await?;
            if page.items.is_empty() {
                return Ok(rows);
            }
            if page.items.iter().any(|row| row.seq <= after) {
                bail!("the ledger's page behind seq {after} begins again before it");
            }
            rows.extend(page.items);
            if page.next_cursor.is_none() {
                return Ok(rows);
            }
        }
    }

    /// Every reservation.
    pub(crate) async fn reservations(&self) -> Result<Vec<Reservation>> {
        let mut reservations = Vec::new();
        let mut path = "/reservations?limit=500".to_owned();
        loop {
            let page: Page<Reservation> = self.call(Method::GET, &path, None).await?;
            reservations.extend(page.items);
            let Some(cursor) = page.next_cursor else { return Ok(reservations) };
            path = format!("/reservations?limit=500&cursor={cursor}");
        }
    }

    /// Makes a call, again and again while there is no answer: each of these may be repeated.
    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T> {
        let until = Instant::now() + PATIENCE;
        loop {
            let error = match self.once(&method, path, body).await {
                Ok(Some(text)) => {
                    return serde_json::from_str(&text)
                        .with_context(|| format!("{method} {}{path} answered {text}", self.base));
                }
                Ok(None) => anyhow::anyhow!("the engine answers 503"),
                Err(error) if error.is::<reqwest::Error>() => error,
                Err(error) => return Err(error),
            };
            if Instant::now() >= until {
                return Err(error.context(format!("{method} {}{path}", self.base)));
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// One try: the body of a success, or nothing for a 503.
    async fn once(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Option<String>> {
        let url = format!("{}{path}", self.base);
        let mut request = self.client.request(method.clone(), &url).bearer_auth(&self.key);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await?;
        let status = response.status();
        let text = response.text().await?;
        match status.as_u16() {
            200..300 => Ok(Some(text)),
            503 => Ok(None),
            401 | 403 => bail!(
                "the engine refuses the admin key (give the right one with --admin-key, \
                 DROPGATE_ADMIN_KEY or --data-dir)"
            ),
            _ => bail!("{method} {url} answered {status}: {text}"),
        }
    }
}
