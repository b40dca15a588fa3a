//! The calls themselves.

use std::time::Duration;

use hyper::Method;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::transport::{Call, Transport};
use super::{Counts, Drop, Failure, Shown};
use crate::config::{ClientSettings, NewSku, Secret};
use crate::domain::{DropId, DropPatch, Reference, SkuId};

/// How long a call may take: an engine answers within 5 seconds, a proxy may add some.
const CALL: Duration = Duration::from_secs(10);
/// Drops on a page of the list.
const PAGE: usize = 100;

/// What opens, pauses or closes a drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropChange {
    /// Open it now.
    Open,
    /// Take no new holds until it is opened again.
    Pause,
    /// End the sale.
    Close,
}

/// A restock as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestockCall<'a> {
    /// In which drop.
    pub drop: &'a DropId,
    /// Which SKU.
    pub sku: &'a SkuId,
    /// How many units join its total, or leave it.
    pub quantity: i64,
    /// Why.
    pub reason: Option<&'a str>,
    /// The merchant's own reference.
    pub reference: Option<&'a Reference>,
    /// The idempotency key, printable ASCII.
    pub key: &'a str,
}

/// One engine, and the key that opens it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    transport: Transport,
    key: Secret,
}

impl Client {
    /// Prepares calls; none is made yet.
    ///
    /// # Errors
    /// When the address can't be understood, or the system's certificates can't be read.
    pub fn new(settings: &ClientSettings) -> Result<Client, Failure> {
        Client::with_limit(settings, CALL)
    }

    /// The same with another time limit of each call.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn with_limit(settings: &ClientSettings, limit: Duration) -> Result<Client, Failure> {
        let transport = Transport::new(&settings.url, limit)?;
        Ok(Client { transport, key: settings.key.clone() })
    }

    /// Where the engine is.
    #[must_use]
    pub fn url(&self) -> &str {
        self.transport.url()
    }

    /// One drop, as the ledger has it now.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn drop(&self, drop: &DropId) -> Result<Shown<Drop>, Failure> {
        let path = format!("/v1/admin/drops/{drop}");
        self.ask(Call::new(Method::GET, &path)).await
    }

    /// One page of the drops, `cursor` being where it begins, and where the next one begins.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn drops(
        &self,
        cursor: Option<&str>,
    ) -> Result<(Vec<Shown<Drop>>, Option<String>), Failure> {
        let cursor = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let path = format!("/v1/admin/drops?limit={PAGE}{cursor}");
        let mut page: Shown<Value> = self.ask(Call::new(Method::GET, &path)).await?;
        let Value::Array(items) = page.document["items"].take() else {
            return Err(Failure::Stranger("a list without items".to_owned()));
        };
        let items: Result<_, _> = items.into_iter().map(|item| understood(item, false)).collect();
        Ok((items?, page.document["next_cursor"].as_str().map(str::to_owned)))
    }

    /// Creates a drop, or changes what is given.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn put_drop(&self, id: &DropId, patch: &DropPatch) -> Result<Shown<Drop>, Failure> {
        let path = format!("/v1/admin/drops/{id}");
        let call = Call::new(Method::PUT, &path);
        self.ask(Call { body: Some(drop_body(patch)), ..call }).await
    }

    /// Creates a SKU, or sets its limit if there is one.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn put_sku(&self, drop: &DropId, sku: &NewSku) -> Result<Shown<Value>, Failure> {
        let mut body = json!({ "initial_stock": sku.initial_stock });
        if let Some(limit) = sku.limit_per_customer {
            body["limit_per_customer"] = limit.into();
        }
        let path = format!("/v1/admin/drops/{drop}/skus/{}", sku.id);
        self.ask(Call { body: Some(body), ..Call::new(Method::PUT, &path) }).await
    }

    /// Opens, pauses or closes a drop.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn act(&self, drop: &DropId, change: DropChange) -> Result<Shown<Drop>, Failure> {
        let verb = match change {
            DropChange::Open => "open",
            DropChange::Pause => "pause",
            DropChange::Close => "close",
        };
        let path = format!("/v1/admin/drops/{drop}/{verb}");
        self.ask(Call::new(Method::POST, &path)).await
    }

    /// Adds units to a SKU, or takes some away; once for one key.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn restock(&self, restock: &RestockCall<'_>) -> Result<Shown<Counts>, Failure> {
        let RestockCall { drop, sku, quantity, reason, reference, key } = restock;
        let mut body = json!({ "quantity": quantity });
        if let Some(reason) = reason {
            body["reason"] = (*reason).into();
        }
        if let Some(reference) = reference {
            body["reference"] = reference.as_str().into();
        }
        let path = format!("/v1/admin/drops/{drop}/skus/{sku}/restock");
        let call = Call::new(Method::POST, &path);
        self.ask(Call { body: Some(body), idempotency_key: Some(key), ..call }).await
    }

    /// The metrics of the process that answers, as Prometheus reads them.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn metrics(&self) -> Result<String, Failure> {
        // It needs no key, so it gets none.
        let (_, body) = self.transport.send(Call::new(Method::GET, "/metrics")).await?;
        let text = String::from_utf8(body.into());
        text.map_err(|_| Failure::Stranger("metrics that are no text".to_owned()))
    }

    /// Sends a call with the key, and understands its answer.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        call: Call<'_>,
    ) -> Result<Shown<T>, Failure> {
        let call = Call { bearer: Some(self.key.expose()), ..call };
        let (headers, body) = self.transport.send(call).await?;
        let replayed = headers.get("idempotency-replayed").is_some_and(|value| value == "true");
        let document = serde_json::from_slice(&body)
            .map_err(|error| Failure::Stranger(format!("no JSON in its answer: {error}")))?;
        understood(document, replayed)
    }
}

/// A patch as the API takes it: what is absent keeps its value, null clears it.
fn drop_body(patch: &DropPatch) -> Value {
    let DropPatch {
        name,
        state,
        opens_at,
        closes_at,
        hold_ttl_seconds,
        max_hold_seconds,
        limit_per_customer,
        expiring_soon_seconds,
    } = patch;
    let members = [
        ("name", name.as_ref().map(|name| json!(name))),
        ("state", state.map(|state| json!(state))),
        ("opens_at", opens_at.map(|at| json!(at))),
        ("closes_at", closes_at.map(|at| json!(at))),
        ("hold_ttl_seconds", hold_ttl_seconds.map(Value::from)),
        ("max_hold_seconds", max_hold_seconds.map(Value::from)),
        ("limit_per_customer", limit_per_customer.map(|limit| json!(limit))),
        ("expiring_soon_seconds", expiring_soon_seconds.as_ref().map(|all| json!(all))),
    ];
    let given = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(given.collect::<Map<_, _>>())
}

fn understood<T: DeserializeOwned>(document: Value, replayed: bool) -> Result<Shown<T>, Failure> {
    let read = T::deserialize(&document)
        .map_err(|error| Failure::Stranger(format!("an answer of another form: {error}")))?;
    Ok(Shown { document, read, replayed })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{DropState, Millis};

    #[test]
    fn a_patch_says_only_what_was_given() {
        assert_eq!(drop_body(&DropPatch::default()), json!({}));
        let patch = DropPatch {
            state: Some(DropState::Scheduled),
            opens_at: Some(Some(Millis(1000))),
            limit_per_customer: Some(None),
            ..DropPatch::default()
        };
        assert_eq!(
            drop_body(&patch),
            json!({ "state": "scheduled", "opens_at": "1970-01-01T00:00:01.000Z",
                "limit_per_customer": null })
        );
    }
}
