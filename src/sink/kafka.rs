//! Kafka: one topic, whose records have the drop as key, so that a drop's events lie in one
//! partition and keep their order there. Each request waits until all replicas in sync have it.
//!
//! Records are CloudEvents in structured mode (CloudEvents Kafka protocol binding, 3.3).

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use rskafka::BackoffConfig;
use rskafka::client::partition::{Compression, PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder};
use rskafka::record::Record;
use tokio::time::{Instant, timeout_at};

use super::broker::Published;
use crate::config::KafkaSettings;
use crate::domain::{CloudEvent, DropId};

/// What a record is.
const KIND: &[u8] = b"application/cloudevents+json";
/// The most bytes of one request: half of what brokers take unless they are told otherwise.
const BYTES: usize = 500_000;
/// How long the client itself tries again before it gives up.
const GIVE_UP: Duration = Duration::from_secs(5);

/// A connection to a cluster.
pub(super) struct Link {
    client: Client,
    topic: String,
    /// The topic's partitions, in order.
    partitions: Vec<i32>,
    open: HashMap<i32, PartitionClient>,
}

impl Link {
    /// Connects, and looks for the topic.
    pub(super) async fn connect(settings: &KafkaSettings) -> Result<Link, String> {
        let backoff = BackoffConfig {
            init_backoff: Duration::from_millis(50),
            max_backoff: Duration::from_secs(1),
            base: 2.0,
            deadline: Some(GIVE_UP),
        };
        let client = ClientBuilder::new(settings.brokers.clone())
            .client_id("dropgate")
            .backoff_config(backoff)
            .build()
            .await
            .map_err(|error| error.to_string())?;
        let topics = client.list_topics().await.map_err(|error| error.to_string())?;
        let topic = topics.into_iter().find(|topic| topic.name == settings.topic);
        let partitions: Vec<i32> = topic.into_iter().flat_map(|topic| topic.partitions).collect();
        if partitions.is_empty() {
            return Err(format!("there is no topic {}: create it", settings.topic));
        }
        Ok(Link { client, topic: settings.topic.clone(), partitions, open: HashMap::new() })
    }

    /// Writes events of a drop, some at a time, and waits until they are kept.
    pub(super) async fn publish(
        &mut self,
        drop: &DropId,
        events: &[CloudEvent],
        within: Duration,
    ) -> Published {
        let deadline = Instant::now() + within;
        let mut confirmed = 0;
        while let Some(rest) = events.get(confirmed..).filter(|rest| !rest.is_empty()) {
            let records = match records(drop, rest) {
                Ok(records) => records,
                Err(error) => return Published { confirmed, error: Some(error) },
            };
            let count = records.len();
            let written = timeout_at(deadline, self.write(drop, records)).await;
            match written.unwrap_or_else(|_| Err(format!("not kept within {within:?}"))) {
                Ok(()) => confirmed += count,
                Err(error) => return Published { confirmed, error: Some(error) },
            }
        }
        Published { confirmed, error: None }
    }

    async fn write(&mut self, drop: &DropId, records: Vec<Record>) -> Result<(), String> {
        let place = partition(drop.as_str().as_bytes(), self.partitions.len());
        let number = self.partitions.get(place).copied().unwrap_or_default();
        let client = match self.open.entry(number) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(new) => {
                let unknown = UnknownTopicHandling::Error;
                let opened = self.client.partition_client(&*self.topic, number, unknown).await;
                new.insert(opened.map_err(|error| error.to_string())?)
            }
        };
        let kept = client.produce(records, Compression::NoCompression).await;
        kept.map(|_| ()).map_err(|error| error.to_string())
    }
}

/// The first events as records: as many as fit into a request, at least one.
fn records(drop: &DropId, events: &[CloudEvent]) -> Result<Vec<Record>, String> {
    let (mut records, mut bytes) = (Vec::new(), 0);
    for event in events {
        let value = serde_json::to_vec(event).map_err(|error| error.to_string())?;
        bytes += value.len();
        if bytes > BYTES && !records.is_empty() {
            break;
        }
        records.push(Record {
            key: Some(drop.as_str().as_bytes().to_vec()),
            value: Some(value),
            headers: BTreeMap::from([("content-type".to_owned(), KIND.to_vec())]),
            timestamp: event.time.to_datetime(),
        });
    }
    Ok(records)
}

/// Which of so many partitions a key goes to: where every client goes that does as Kafka's own (its
/// `BuiltInPartitioner`), so that other records of a drop lie beside these.
fn partition(key: &[u8], partitions: usize) -> usize {
    let hash = usize::try_from(murmur2(key) & 0x7fff_ffff).unwrap_or_default();
    hash % partitions.max(1)
}

/// MurmurHash2 by Austin Appleby, with the seed that Kafka takes.
fn murmur2(bytes: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    const SEED: u32 = 0x9747_b28c;
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let mut hash = SEED ^ length;
    let chunks = bytes.chunks_exact(4);
    let rest = chunks.remainder();
    for chunk in chunks {
        let word = chunk.iter().rev().fold(0_u32, |word, byte| (word << 8) | u32::from(*byte));
        let word = word.wrapping_mul(M);
        let word = (word ^ (word >> 24)).wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ word;
    }
    if !rest.is_empty() {
        let word = rest.iter().rev().fold(0_u32, |word, byte| (word << 8) | u32::from(*byte));
        hash = (hash ^ word).wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the tests of Apache Kafka (`UtilsTest.testMurmur2`).
    #[test]
    fn keys_go_where_kafkas_own_clients_send_them() {
        for (key, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key}");
        }
        assert!((1..50).all(|count| partition(b"summer", count) < count));
    }
}
