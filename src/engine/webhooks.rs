//! Webhooks as the API manages them.

use super::{CallError, Engine, admin::unavailable, keyring::in_doubt};
use crate::{
    domain::{
        Delivery, DeliveryId, DeliveryState, NewWebhook, Page, Webhook, WebhookId, WebhookPatch,
        WebhookSecret, WebhookWithSecret,
    },
    ledger::Endpoint,
};

impl Engine {
    /// Makes a webhook; its secret is told this once.
    ///
    /// # Errors
    /// [`CallError::Unavailable`].
    pub async fn create_webhook(&self, new: &NewWebhook) -> Result<WebhookWithSecret, CallError> {
        let secret = WebhookSecret::generate();
        let made = self.ledger.create_webhook(new, &secret).await.map_err(in_doubt)?;
        Ok(WebhookWithSecret::of(made, &secret))
    }

    /// All webhooks, a page at a time.
    ///
    /// # Errors
    /// [`CallError::Unavailable`].
    pub async fn webhooks(
        &self,
        cursor: Option<String>,
        limit: i64,
    ) -> Result<Page<Webhook>, CallError> {
        self.ledger.webhooks(cursor.as_deref(), limit).await.map_err(unavailable)
    }

    /// One webhook; `None` when there is none.
    ///
    /// # Errors
    /// [`CallError::Unavailable`].
    pub async fn webhook(&self, id: WebhookId) -> Result<Option<Webhook>, CallError> {
        self.ledger.webhook(id).await.map_err(unavailable)
    }

    /// Changes a webhook, for whoever works it within a second or so; `None` when there is none.
    ///
    /// # Errors
    /// [`CallError::Unavailable`].
    pub async fn change_webhook(
        &self,
        id: WebhookId,
        patch: &WebhookPatch,
    ) -> Result<Option<Webhook>, CallError> {
        self.ledger.change_webhook(id, patch).await.map_err(in_doubt)
    }

    /// Ends a webhook: as it was; `None` when there is none.
    ///
    /// # Errors
    /// [`CallError::Unavailable`].
    pub async fn delete_webhook(&self, id: WebhookId) -> Result<Option<Webhook>, CallError> {
        self.ledger.delete_webhook(id).await.map_err(in_doubt)
    }

    /// Gives a webhook another secret, told this once; the one before signs for a day more. `None`
    /// when there is no such webhook.
    ///
    /// # Errors
    /// [`CallError::Unavailable`].
    pub async fn rotate_webhook(
        &self,
        id: WebhookId,
    ) -> Result<Option<WebhookWithSecret>, CallError> {
        let secret = WebhookSecret::generate();
        let rotated = self.ledger.rotate_webhook(id, &secret).await.map_err(in_doubt)?;
        Ok(rotated.map(|webhook| WebhookWithSecret::of(webhook, &secret)))
    }

    /// What is needed to send a webhook something; `None` when there is none.
    ///
    /// # Errors
    /// [`CallError::Unavailable`].
    pub async fn endpoint(&self, id: WebhookId) -> Result<Option<Endpoint>, CallError> {
        self.ledger.endpoint(id).await.map_err(unavailable)
    }

    /// Requests to a webhook that have failed at least once, a page at a time; `None` when there is
    /// no such webhook.
    ///
    /// # Errors
    /// [`CallError::Unavailable`].
    pub async fn deliveries(
        &self,
        id: WebhookId,
        state: Option<DeliveryState>,
        cursor: Option<String>,
        limit: i64,
    ) -> Result<Option<Page<Delivery>>, CallError> {
        self.ledger.deliveries(id, state, cursor.as_deref(), limit).await.map_err(unavailable)
    }

    /// Has a delivery sent once more, by whoever works the webhook; `None` when there is none.
    ///
    /// # Errors
    /// [`CallError::Unavailable`].
    pub async fn resend(
        &self,
        webhook: WebhookId,
        id: DeliveryId,
    ) -> Result<Option<Delivery>, CallError> {
        self.ledger.ask_for_resend(webhook, id).await.map_err(in_doubt)
    }
}
