//! RabbitMQ: a durable topic exchange, persistent messages, publisher confirms.
//!
//! Messages are CloudEvents in structured mode, so that a queue holds the very documents that
//! webhooks get. (The CloudEvents binding for AMQP is about version 1.0 of that protocol; this is
//! 0-9-1, which every RabbitMQ speaks.)

use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, ExchangeKind};
use tokio::time::{Instant, timeout_at};

use super::broker::Published;
use crate::config::RabbitMqSettings;
use crate::domain::{CloudEvent, DropId};

/// What a message is.
const KIND: &str = "application/cloudevents+json";
/// A message that outlives the broker's restart.
const PERSISTENT: u8 = 2;

/// A connection with one channel.
pub(super) struct Link {
    channel: Channel,
    exchange: String,
    /// Held, for the channel ends with it.
    _connection: Connection,
}

impl Link {
    /// Connects, and makes the exchange if it is not there.
    pub(super) async fn connect(settings: &RabbitMqSettings) -> Result<Link, String> {
        let properties = ConnectionProperties::default().with_connection_name("dropgate".into());
        let connection = Connection::connect(settings.url.expose(), properties)
            .await
            .map_err(|error| error.to_string())?;
        let channel = connection.create_channel().await.map_err(|error| error.to_string())?;
        let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        channel
            .exchange_declare(
                settings.exchange.as_str().into(),
                ExchangeKind::Topic,
                options,
                FieldTable::default(),
            )
            .await
            .map_err(|error| error.to_string())?;
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await
            .map_err(|error| error.to_string())?;
        Ok(Link { channel, exchange: settings.exchange.clone(), _connection: connection })
    }

    /// Publishes events of a drop one behind the other, and waits until they are confirmed.
    pub(super) async fn publish(
        &self,
        drop: &DropId,
        events: &[CloudEvent],
        within: Duration,
    ) -> Published {
        let deadline = Instant::now() + within;
        let (mut confirms, mut error) = (Vec::with_capacity(events.len()), None);
        for event in events {
            match timeout_at(deadline, self.send(drop, event)).await {
                Ok(Ok(confirm)) => confirms.push(confirm),
                Ok(Err(failed)) => error = Some(failed),
                Err(_) => error = Some(format!("it takes no more for {within:?}")),
            }
            if error.is_some() {
                break;
            }
        }
        let mut confirmed = 0;
        for confirm in confirms {
            match timeout_at(deadline, confirm).await {
                Ok(Ok(answer)) if answer.is_ack() => confirmed += 1,
                Ok(Ok(_)) => error = Some("the broker could not keep a message".to_owned()),
                Ok(Err(failed)) => error = Some(failed.to_string()),
                Err(_) => error = Some(format!("no confirmation within {within:?}")),
            }
            // Those behind the first that is missing don't count: they come again, in order.
            if error.is_some() {
                break;
            }
        }
        Published { confirmed, error }
    }

    async fn send(
        &self,
        drop: &DropId,
        event: &CloudEvent,
    ) -> Result<lapin::PublisherConfirm, String> {
        let body = serde_json::to_vec(event).map_err(|error| error.to_string())?;
        let seconds = u64::try_from(event.time.0.div_euclid(1000)).unwrap_or_default();
        let properties = BasicProperties::default()
            .with_content_type(KIND.into())
            .with_delivery_mode(PERSISTENT)
            .with_message_id(event.id.as_str().into())
            .with_app_id("dropgate".into())
            .with_timestamp(seconds);
        let key = format!("{drop}.{}", event.data.kind);
        self.channel
            .basic_publish(
                self.exchange.as_str().into(),
                key.as_str().into(),
                BasicPublishOptions::default(),
                &body,
                properties,
            )
            .await
            .map_err(|error| error.to_string())
    }
}
