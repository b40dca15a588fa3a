//! Brokers that are told of every event, and killed in the middle of that: nothing is missing, and
//! each event of a drop comes for the first time in its order.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use lapin::options::{
    BasicGetOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, ExchangeKind};
use nix::sys::signal::Signal;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Headers as _, Message as _};
use rdkafka::mocking::MockCluster;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::metrics::scrape;
use crate::support::{
    Apart, Certificate, EngineProcess, RabbitMq, TAKE_OVER, Terminator, firsts, lines, within,
};

/// Holds units of each of the drops, one behind the other, until it is told to stop.
async fn buy(apart: Arc<Apart>, urls: Vec<String>, drops: Vec<String>, stop: Arc<AtomicUsize>) {
    let mut number = 0;
    while stop.load(Ordering::SeqCst) == 0 {
        number += 1;
        let (url, drop) = (&urls[number % urls.len()], &drops[number % drops.len()]);
        let body = json!({ "customer_id": "c-1", "lines": lines(&[("a", 1)]) });
        apart.try_shop(url, drop, "", &body).await;
    }
}

/// How many events an engine has told a broker.
async fn told(engine: &EngineProcess, kind: &str) -> f64 {
    let wanted = [format!("sink=\"{kind}\""), "outcome=\"delivered\"".to_owned()];
    let of = |line: &&String| {
        line.starts_with("dropgate_sink_events_total")
            && wanted.iter().all(|label| line.contains(label))
    };
    let lines = scrape(engine.url()).await;
    let line = lines.iter().find(of);
    line.and_then(|line| line.rsplit_once(' ')?.1.parse().ok()).unwrap_or_default()
}

/// Sells through two engines, has `broken` break the broker and mend it, kills the engine that told
/// it, and comes back when all is quiet: the engine that is left, and the drops.
async fn sell(
    apart: &Arc<Apart>,
    settings: &[(&str, &str)],
    kind: &str,
    broken: impl AsyncFnOnce(),
) -> (EngineProcess, Vec<String>) {
    let mut engines = vec![apart.engine(settings), apart.engine(settings)];
    let mut drops = Vec::new();
    for _ in 0..3 {
        drops.push(apart.new_drop(&engines[0], 100_000).await);
    }
    let urls = engines.iter().map(|engine| engine.url().to_owned()).collect();
    let stop = Arc::new(AtomicUsize::new(0));
    let buyer = tokio::spawn(buy(Arc::clone(apart), urls, drops.clone(), Arc::clone(&stop)));
    let teller = within(TAKE_OVER, "somebody tells it", || async {
        for (place, engine) in engines.iter().enumerate() {
            if told(engine, kind).await > 40.0 {
                return Some(place);
            }
        }
        None
    })
    .await;
    broken().await;
    let before = told(&engines[teller], kind).await;
    within(TAKE_OVER, "it is told again", || async {
        (told(&engines[teller], kind).await > before + 20.0).then_some(())
    })
    .await;
    engines[teller].signal(Signal::SIGKILL);
    engines.remove(teller);
    let heir = engines.remove(0);
    within(TAKE_OVER, "the other one takes over", || async {
        (told(&heir, kind).await > 20.0).then_some(())
    })
    .await;
    stop.store(1, Ordering::SeqCst);
    buyer.await.expect("it ends");
    for drop in &drops {
        apart.settled(&heir, drop).await;
    }
    (heir, drops)
}

/// Asserts that the ledger of each drop came, in its order but for repeats; false while some lacks.
async fn is_complete(
    apart: &Apart,
    engine: &EngineProcess,
    drops: &[String],
    came: &[Value],
) -> bool {
    for drop in drops {
        let (known, told) = (apart.events(engine, drop).await, firsts(came, drop));
        assert!(known.starts_with(&told), "{drop}: in order");
        if known.len() > told.len() {
            return false;
        }
        assert!(known.len() > 20, "{}", known.len());
    }
    true
}

#[tokio::test]
async fn rabbitmq_misses_nothing() {
    if !RabbitMq::is_there() {
        return;
    }
    let mut broker = RabbitMq::start().await;
    // The engines speak TLS with it.
    let certificate = Certificate::of("localhost");
    let tls = Terminator::start(broker.address(), &certificate).await;
    let url = format!("amqps://guest:guest@localhost:{}/%2f", tls.port());
    let (connection, channel) = broker.channel().await;
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    let none = FieldTable::default;
    channel
        .exchange_declare("shop".into(), ExchangeKind::Topic, durable, none())
        .await
        .expect("an exchange");
    channel
        .queue_declare("all".into(), QueueDeclareOptions::durable(), none())
        .await
        .expect("a queue");
    let bind = QueueBindOptions::default();
    channel
        .queue_bind("all".into(), "shop".into(), "#".into(), bind, none())
        .await
        .expect("a binding");
    drop(connection);
    let apart = Arc::new(Apart::new("rabbitmq").await);
    let settings = [
        ("DROPGATE_RABBITMQ_URL", url.as_str()),
        ("SSL_CERT_FILE", certificate.file()),
        ("DROPGATE_RABBITMQ_EXCHANGE", "shop"),
        ("DROPGATE_RABBITMQ_FROM", "start"),
    ];
    let (heir, drops) = sell(&apart, &settings, "rabbitmq", async || {
        broker.kill();
        tokio::time::sleep(Duration::from_secs(1)).await;
        broker.up().await;
    })
    .await;
    let (_connection, channel) = broker.channel().await;
    let (mut came, deadline) = (Vec::new(), Instant::now() + TAKE_OVER);
    loop {
        came.extend(drain(&channel).await);
        if is_complete(&apart, &heir, &drops, &came).await {
            break;
        }
        assert!(Instant::now() < deadline, "something is missing");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Takes everything out of the queue.
async fn drain(channel: &Channel) -> Vec<Value> {
    let text = |text: &Option<ShortString>| text.as_ref().map(|text| text.as_str().to_owned());
    let mut came = Vec::new();
    loop {
        let get = channel.basic_get("all".into(), BasicGetOptions { no_ack: true });
        let Some(message) = get.await.expect("the queue") else { return came };
        let event: Value = serde_json::from_slice(&message.data).expect("JSON");
        let properties = &message.properties;
        assert_eq!(text(properties.message_id()).as_deref(), event["id"].as_str());
        let kind = text(properties.content_type());
        assert_eq!(kind.as_deref(), Some("application/cloudevents+json"));
        assert_eq!(*properties.delivery_mode(), Some(2));
        let data = &event["data"];
        let key = [&data["drop"], &data["kind"]].map(|part| part.as_str().expect("a word"));
        assert_eq!(message.routing_key.as_str(), key.join("."));
        came.push(event);
    }
}

/// Everything that is in a topic, and in which partition it lies.
fn read(servers: &str, topic: &str, partitions: i32) -> Vec<(i32, Value)> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("group.id", "test")
        .set("enable.partition.eof", "true")
        .create()
        .expect("a consumer");
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        list.add_partition_offset(topic, partition, Offset::Beginning).expect("an offset");
    }
    consumer.assign(&list).expect("assigned");
    let (mut came, mut ends) = (Vec::new(), BTreeSet::new());
    while ends.len() < usize::try_from(partitions).expect("some") {
        match consumer.poll(Duration::from_secs(20)).expect("a record in time") {
            Err(rdkafka::error::KafkaError::PartitionEOF(partition)) => {
                ends.insert(partition);
            }
            Err(error) => eprintln!("the consumer goes on: {error}"),
            Ok(record) => {
                let event: Value =
                    serde_json::from_slice(record.payload().expect("a value")).expect("JSON");
                assert_eq!(record.key(), event["data"]["drop"].as_str().map(str::as_bytes));
                let header = record.headers().expect("headers").get(0);
                assert_eq!(header.key, "content-type");
                assert_eq!(header.value, Some(b"application/cloudevents+json".as_slice()));
                came.push((record.partition(), event));
            }
        }
    }
    came
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kafka_misses_nothing_and_keeps_a_drop_in_its_partition() {
    const PARTITIONS: i32 = 4;
    // The cluster of the C library: another implementation of the protocol than the engine's.
    let cluster = MockCluster::new(1).expect("a cluster");
    cluster.create_topic("shop", PARTITIONS, 1).expect("a topic");
    let servers = cluster.bootstrap_servers();
    let apart = Arc::new(Apart::new("kafka").await);
    let settings = [
        ("DROPGATE_KAFKA_BROKERS", servers.as_str()),
        ("DROPGATE_KAFKA_TOPIC", "shop"),
        ("DROPGATE_KAFKA_FROM", "start"),
    ];
    let (heir, drops) = sell(&apart, &settings, "kafka", async || {
        cluster.broker_down(1).expect("it goes down");
        tokio::time::sleep(Duration::from_secs(2)).await;
        cluster.broker_up(1).expect("it comes back");
    })
    .await;
    let came = within(TAKE_OVER, "everything is in the topic", || async {
        let came = read(&servers, "shop", PARTITIONS);
        let events: Vec<Value> = came.iter().map(|(_, event)| event.clone()).collect();
        is_complete(&apart, &heir, &drops, &events).await.then_some(came)
    })
    .await;
    for drop in &drops {
        let of = |(_, event): &&(i32, Value)| event["data"]["drop"] == *drop;
        let places: BTreeSet<i32> = came.iter().filter(of).map(|(place, _)| *place).collect();
        assert_eq!(places.len(), 1, "{drop} lies in one partition");
    }
}
