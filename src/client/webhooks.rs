//! The calls about webhooks.

use hyper::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::transport::Call;
use super::{Client, Failure, Shown};
use crate::domain::{DeliveryId, DeliveryState, Millis, NewWebhook, WebhookId, WebhookPatch};

/// Webhooks on a page of the list.
const PAGE: usize = 100;
const WEBHOOKS: &str = "/v1/admin/webhooks";

/// A webhook as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Webhook {
    /// Its id.
    pub id: String,
    /// Where requests go.
    pub url: String,
    /// The drops of which it is told; `None`: every drop.
    pub drops: Option<Vec<String>>,
    /// The events of which it is told; `None`: all.
    pub types: Option<Vec<String>>,
    /// What it is for.
    pub description: String,
    /// Most events of one request.
    pub batch: i32,
    /// Whether it is told at all.
    pub state: String,
    /// When it was made.
    pub created_at: Millis,
    /// Since when it takes something not.
    pub failing_since: Option<Millis>,
    /// Why the last request failed that did.
    pub last_error: Option<String>,
    /// When it last took something.
    pub last_delivered_at: Option<Millis>,
    /// Events that it has not got past.
    pub pending: i64,
    /// Dead letters.
    pub dead: i64,
    /// What signs its requests, where that is new.
    pub secret: Option<String>,
}

/// A request that has failed at least once.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Delivery {
    /// Its id.
    pub id: String,
    /// Of which drop it tells.
    pub drop: String,
    /// Of which event.
    pub event: String,
    /// The type of that.
    #[serde(rename = "type")]
    pub event_type: String,
    /// What became of it.
    pub state: DeliveryState,
    /// How often it was sent.
    pub attempts: i32,
    /// Why it failed last.
    pub error: Option<String>,
    /// When it was sent last.
    pub last_at: Millis,
    /// When it will be sent again.
    pub next_at: Option<Millis>,
}

/// What came of one request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Attempt {
    /// Whether it was taken.
    pub delivered: bool,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// Why it was not taken.
    pub error: Option<String>,
    /// How long it took.
    pub milliseconds: u64,
}

/// The items of a page.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Items<T> {
    /// What is on it.
    pub items: Vec<T>,
}

impl Client {
    /// One page of the webhooks, `cursor` being where it begins, and where the next one begins.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn webhooks(
        &self,
        cursor: Option<&str>,
    ) -> Result<(Shown<Items<Webhook>>, Option<String>), Failure> {
        let cursor = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let path = format!("{WEBHOOKS}?limit={PAGE}{cursor}");
        let page: Shown<Items<Webhook>> = self.ask(Call::new(Method::GET, &path)).await?;
        let next = page.document["next_cursor"].as_str().map(str::to_owned);
        Ok((page, next))
    }

    /// One webhook.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn webhook(&self, id: WebhookId) -> Result<Shown<Webhook>, Failure> {
        self.ask(Call::new(Method::GET, &format!("{WEBHOOKS}/{id}"))).await
    }

    /// Makes a webhook.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn create_webhook(&self, new: &NewWebhook) -> Result<Shown<Webhook>, Failure> {
        let body = json!({ "url": new.url, "drops": new.drops, "types": new.types,
            "description": new.description, "batch": new.batch, "from": new.from });
        self.ask(Call { body: Some(body), ..Call::new(Method::POST, WEBHOOKS) }).await
    }

    /// Changes what is given of a webhook.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn change_webhook(
        &self,
        id: WebhookId,
        patch: &WebhookPatch,
    ) -> Result<Shown<Webhook>, Failure> {
        let path = format!("{WEBHOOKS}/{id}");
        self.ask(Call { body: Some(patch_body(patch)), ..Call::new(Method::PATCH, &path) }).await
    }

    /// Ends a webhook.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn delete_webhook(&self, id: WebhookId) -> Result<Shown<Webhook>, Failure> {
        self.ask(Call::new(Method::DELETE, &format!("{WEBHOOKS}/{id}"))).await
    }

    /// Gives a webhook a new secret.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn rotate_webhook(&self, id: WebhookId) -> Result<Shown<Webhook>, Failure> {
        self.ask(Call::new(Method::POST, &format!("{WEBHOOKS}/{id}/rotate"))).await
    }

    /// Sends a webhook a test event.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn test_webhook(&self, id: WebhookId) -> Result<Shown<Attempt>, Failure> {
        self.ask(Call::new(Method::POST, &format!("{WEBHOOKS}/{id}/test"))).await
    }

    /// What a webhook did not take at once, the newest first.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn deliveries(
        &self,
        id: WebhookId,
        state: Option<DeliveryState>,
        limit: u16,
    ) -> Result<Shown<Items<Delivery>>, Failure> {
        let state = state.map(|state| format!("&state={}", state.as_str())).unwrap_or_default();
        let path = format!("{WEBHOOKS}/{id}/deliveries?limit={limit}{state}");
        self.ask(Call::new(Method::GET, &path)).await
    }

    /// Has a delivery sent once more.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn resend(
        &self,
        id: WebhookId,
        delivery: DeliveryId,
    ) -> Result<Shown<Delivery>, Failure> {
        let path = format!("{WEBHOOKS}/{id}/deliveries/{delivery}/resend");
        self.ask(Call::new(Method::POST, &path)).await
    }
}

/// A patch as the API takes it: what is absent keeps its value, null takes the list away.
fn patch_body(patch: &WebhookPatch) -> Value {
    let WebhookPatch { url, drops, types, description, batch, state } = patch;
    let members = [
        ("url", url.as_ref().map(|url| json!(url))),
        ("drops", drops.as_ref().map(|drops| json!(drops))),
        ("types", types.as_ref().map(|types| json!(types))),
        ("description", description.as_ref().map(|text| json!(text))),
        ("batch", batch.map(Value::from)),
        ("state", state.map(|state| json!(state))),
    ];
    let given = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(given.collect::<Map<_, _>>())
}
