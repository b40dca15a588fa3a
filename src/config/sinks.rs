//! How other systems are told of events.

use std::ffi::OsString;
use std::fmt;
use std::time::Duration;

use super::error::{SettingError, number, text};
use super::{Secret, url};
use crate::domain::Beginning;

const ALLOW_PRIVATE: &str = "DROPGATE_WEBHOOKS_ALLOW_PRIVATE";
const TIMEOUT: &str = "DROPGATE_WEBHOOK_TIMEOUT_MS";
const RETRY: &str = "DROPGATE_WEBHOOK_RETRY_SECONDS";
const RABBITMQ_URL: &str = "DROPGATE_RABBITMQ_URL";
const RABBITMQ_EXCHANGE: &str = "DROPGATE_RABBITMQ_EXCHANGE";
const RABBITMQ_FROM: &str = "DROPGATE_RABBITMQ_FROM";
const RABBITMQ_EXAMPLE: &str = "amqp://user:password@127.0.0.1:5672/%2f";
const KAFKA_BROKERS: &str = "DROPGATE_KAFKA_BROKERS";
const KAFKA_TOPIC: &str = "DROPGATE_KAFKA_TOPIC";
const KAFKA_FROM: &str = "DROPGATE_KAFKA_FROM";
/// The default of the exchange and of the topic.
const NAME: &str = "dropgate";
/// What leaves a list empty.
const NONE: &str = "none";

/// Flags and variables of webhooks and brokers.
#[derive(Clone, Default, clap::Args)]
#[command(next_help_heading = "Events to systems")]
pub struct SinkArgs {
    /// Whether webhooks may go to private addresses (this machine, its network, the cloud's
    /// metadata) and by http: `true` or `false` [default: false]
    #[arg(long, env = ALLOW_PRIVATE, value_name = "BOOL")]
    webhooks_allow_private: Option<OsString>,
    /// Longest time until a webhook's answer, in milliseconds from 100 to 60000 [default: 10000]
    #[arg(long, env = TIMEOUT, value_name = "MS")]
    webhook_timeout_ms: Option<OsString>,
    /// For how long a webhook is sent again what it did not take, in seconds from 1 to 604800;
    /// behind that it is a dead letter [default: 86400]
    #[arg(long, env = RETRY, value_name = "SECONDS")]
    webhook_retry_seconds: Option<OsString>,
    /// Address of a RabbitMQ that is told of every event: amqp:// or amqps://, with user, password
    /// and virtual host; none is told if left out
    #[arg(long, env = RABBITMQ_URL, hide_env_values = true, value_name = "URL")]
    rabbitmq_url: Option<OsString>,
    /// Topic exchange there, which is made if need be [default: dropgate]
    #[arg(long, env = RABBITMQ_EXCHANGE, value_name = "NAME")]
    rabbitmq_exchange: Option<OsString>,
    /// Where it begins the first time: `now`, or `start` for everything that ever happened
    /// [default: now]
    #[arg(long, env = RABBITMQ_FROM, value_name = "WHEN")]
    rabbitmq_from: Option<OsString>,
    /// Addresses of Kafka brokers that are told of every event, `host:port` with commas between, or
    /// `none`; without TLS and password, so within a network of one's own [default: none]
    #[arg(long, env = KAFKA_BROKERS, value_name = "BROKERS")]
    kafka_brokers: Option<OsString>,
    /// Topic there, which must exist [default: dropgate]
    #[arg(long, env = KAFKA_TOPIC, value_name = "NAME")]
    kafka_topic: Option<OsString>,
    /// Where it begins the first time: `now`, or `start` for everything that ever happened
    /// [default: now]
    #[arg(long, env = KAFKA_FROM, value_name = "WHEN")]
    kafka_from: Option<OsString>,
}

/// A RabbitMQ that is told of every event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RabbitMqSettings {
    /// No default. It holds a password, so it is not shown.
    pub url: Secret,
    /// Default `dropgate`: a topic exchange. Another one gets what has not been told yet.
    pub exchange: String,
    /// Default now. Only the first time that there is a RabbitMQ: later it goes on where it was.
    pub from: Beginning,
}

/// A Kafka that is told of every event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaSettings {
    /// No default. Some brokers of the cluster, which name the others.
    pub brokers: Vec<String>,
    /// Default `dropgate`. Another one gets what has not been told yet.
    pub topic: String,
    /// Default now. Only the first time that there is a Kafka: later it goes on where it was.
    pub from: Beginning,
}

/// How other systems are told of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkSettings {
    /// Default no, under `dev` yes. Where it is yes, whoever may make a webhook reaches whatever
    /// this engine reaches.
    pub allow_private: bool,
    /// Default 10 seconds, 0.1 to 60. Too long: a receiver that hangs holds up its drop's events.
    /// Too short: what it took is sent again.
    pub timeout: Duration,
    /// Default a day, a second to a week. Too long: events that a receiver can't understand hold up
    /// their drop. Too short: an outage over night loses them to the dead letters.
    pub retry_for: Duration,
    /// Default none.
    pub rabbitmq: Option<RabbitMqSettings>,
    /// Default none.
    pub kafka: Option<KafkaSettings>,
}

impl SinkArgs {
    /// `private` is whether private addresses are allowed if nothing is said of them.
    ///
    /// # Errors
    /// [`SettingError`] for a setting that is wrong.
    pub fn resolve(self, private: bool) -> Result<SinkSettings, SettingError> {
        let millis = number(TIMEOUT, self.webhook_timeout_ms, 100..=60_000, 10_000)?;
        let seconds = number(RETRY, self.webhook_retry_seconds, 1..=604_800, 86_400)?;
        Ok(SinkSettings {
            allow_private: yes_or_no(ALLOW_PRIVATE, self.webhooks_allow_private, private)?,
            timeout: Duration::from_millis(millis),
            retry_for: Duration::from_secs(seconds),
            rabbitmq: rabbitmq(self.rabbitmq_url, self.rabbitmq_exchange, self.rabbitmq_from)?,
            kafka: kafka(self.kafka_brokers, self.kafka_topic, self.kafka_from)?,
        })
    }
}

fn rabbitmq(
    address: Option<OsString>,
    exchange: Option<OsString>,
    from: Option<OsString>,
) -> Result<Option<RabbitMqSettings>, SettingError> {
    let exchange = name(RABBITMQ_EXCHANGE, exchange)?;
    let from = beginning(RABBITMQ_FROM, from)?;
    let Some(address) = text(RABBITMQ_URL, address)? else { return Ok(None) };
    url::check(RABBITMQ_URL, &address, &["amqp", "amqps"], RABBITMQ_EXAMPLE)?;
    Ok(Some(RabbitMqSettings { url: Secret::new(address), exchange, from }))
}

fn kafka(
    brokers: Option<OsString>,
    topic: Option<OsString>,
    from: Option<OsString>,
) -> Result<Option<KafkaSettings>, SettingError> {
    let topic = name(KAFKA_TOPIC, topic)?;
    let from = beginning(KAFKA_FROM, from)?;
    let Some(given) = text(KAFKA_BROKERS, brokers)?.filter(|given| given != NONE) else {
        return Ok(None);
    };
    let brokers: Vec<String> = given.split(',').map(|part| part.trim().to_owned()).collect();
    let fine = |broker: &&String| {
        let port = broker.rsplit_once(':').filter(|(host, _)| !host.is_empty());
        port.is_some_and(|(_, port)| port.parse::<u16>().is_ok_and(|port| port > 0))
    };
    if let Some(wrong) = brokers.iter().find(|broker| !fine(broker)) {
        let remedy = "give host:port, several with commas between, or none";
        return Err(SettingError::wrong(KAFKA_BROKERS, format!("has {wrong:?} in it"), remedy));
    }
    Ok(Some(KafkaSettings { brokers, topic, from }))
}

/// What exchanges and topics may both be called.
fn name(name: &'static str, given: Option<OsString>) -> Result<String, SettingError> {
    let text = text(name, given)?.unwrap_or_else(|| NAME.to_owned());
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if (1..=200).contains(&text.len()) && text.chars().all(letter) {
        return Ok(text);
    }
    let remedy = "give 1 to 200 letters, digits, dots, `_` and `-`, or leave it out for dropgate";
    Err(SettingError::wrong(name, format!("is {text:?}"), remedy))
}

/// `now` or `start`; now when nothing is said.
fn beginning(name: &'static str, given: Option<OsString>) -> Result<Beginning, SettingError> {
    let Some(text) = text(name, given)? else { return Ok(Beginning::Now) };
    let wrong = |_| {
        let remedy = "give now or start, or leave it out for now";
        SettingError::wrong(name, format!("is {text:?}"), remedy)
    };
    text.parse().map_err(wrong)
}

impl fmt::Debug for SinkArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SinkArgs").finish_non_exhaustive()
    }
}

/// `true` or `false`; no when nothing is said.
fn yes_or_no(
    name: &'static str,
    given: Option<OsString>,
    default: bool,
) -> Result<bool, SettingError> {
    match text(name, given)?.as_deref() {
        None => Ok(default),
        Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => {
            let remedy = format!("give true or false, or leave it out for {default}");
            Err(SettingError::wrong(name, format!("is {other:?}"), remedy))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brokers_are_told_only_if_they_are_set() {
        let none = SinkArgs::default().resolve(false).expect("fine");
        assert_eq!((none.rabbitmq, none.kafka), (None, None));
        let args = SinkArgs {
            rabbitmq_url: Some("amqp://u:pa55@h:1/%2f".into()),
            rabbitmq_from: Some("start".into()),
            kafka_brokers: Some("a:9092, b:9093".into()),
            kafka_topic: Some("shop.events".into()),
            ..SinkArgs::default()
        };
        let set = args.resolve(false).expect("fine");
        assert!(!format!("{set:?}").contains("pa55"));
        let rabbitmq = set.rabbitmq.expect("a RabbitMQ");
        assert_eq!((rabbitmq.exchange.as_str(), rabbitmq.from), ("dropgate", Beginning::Start));
        let kafka = set.kafka.expect("a Kafka");
        assert_eq!(kafka.brokers, ["a:9092", "b:9093"]);
        assert_eq!((kafka.topic.as_str(), kafka.from), ("shop.events", Beginning::Now));
    }

    #[test]
    fn a_wrong_setting_is_named_without_its_password() {
        let some = |text: &str| Some(OsString::from(text));
        let plain = SinkArgs::default;
        for (name, args) in [
            (RABBITMQ_URL, SinkArgs { rabbitmq_url: some("http://u:pa55@h"), ..plain() }),
            (RABBITMQ_EXCHANGE, SinkArgs { rabbitmq_exchange: some("a b"), ..plain() }),
            (RABBITMQ_FROM, SinkArgs { rabbitmq_from: some("later"), ..plain() }),
            (KAFKA_BROKERS, SinkArgs { kafka_brokers: some("h"), ..plain() }),
            (KAFKA_BROKERS, SinkArgs { kafka_brokers: some("h:1,"), ..plain() }),
            (KAFKA_TOPIC, SinkArgs { kafka_topic: some("a/b"), ..plain() }),
            (RETRY, SinkArgs { webhook_retry_seconds: some("0"), ..plain() }),
            (TIMEOUT, SinkArgs { webhook_timeout_ms: some("1"), ..plain() }),
        ] {
            let line = args.resolve(false).expect_err(name).to_string();
            assert!(line.starts_with(name) && !line.contains("pa55"), "{line}");
        }
    }

    #[test]
    fn only_the_two_words_say_whether() {
        let of = |word: &str, default| {
            SinkArgs { webhooks_allow_private: Some(word.into()), ..SinkArgs::default() }
                .resolve(default)
                .map(|settings| settings.allow_private)
        };
        for default in [false, true] {
            let all = ["true", "false", ""].map(|word| of(word, default));
            assert_eq!(all, [Ok(true), Ok(false), Ok(default)]);
        }
        for bad in ["yes", "1", "True"] {
            let line = of(bad, true).expect_err(bad).to_string();
            assert!(line.starts_with("DROPGATE_WEBHOOKS_ALLOW_PRIVATE is "), "{line}");
        }
    }
}
