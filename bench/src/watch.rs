//! Looks into Redis beside the engine: how far a drop is, what it takes, what Redis works.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context as _;
use redis::{AsyncConnectionConfig, aio::MultiplexedConnection};

/// Measuring a key of a million fields takes its time.
const ANSWER_WITHIN: Duration = Duration::from_secs(120);

/// A connection of its own.
#[derive(Clone)]
pub struct Watch {
    connection: MultiplexedConnection,
}

impl Watch {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens.
    pub async fn connect(url: &str) -> anyhow::Result<Watch> {
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(ANSWER_WITHIN));
        let client = redis::Client::open(url)?;
        let connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        Ok(Watch { connection })
    }

    /// The connection, for a part that asks for something else.
    pub fn connection(&mut self) -> &mut MultiplexedConnection {
        &mut self.connection
    }

    /// The last `seq` of the drop; 0 when Redis has nothing of it.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn seq(&mut self, drop: &str) -> anyhow::Result<u64> {
        self.meta(drop, "seq").await
    }

    /// The last `seq` up to which the journal was trimmed.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn trimmed_seq(&mut self, drop: &str) -> anyhow::Result<u64> {
        self.meta(drop, "durable_seq").await
    }

    async fn meta(&mut self, drop: &str, field: &str) -> anyhow::Result<u64> {
        let key = format!("dg:{{{drop}}}:meta");
        let value: Option<u64> =
            redis::cmd("HGET").arg(key).arg(field).query_async(&mut self.connection).await?;
        Ok(value.unwrap_or(0))
    }

    /// Processor time of Redis' main thread so far, in microseconds: that which runs commands.
    ///
    /// # Errors
    /// When Redis does not answer, or is one that does not tell.
    pub async fn cpu_micros(&mut self) -> anyhow::Result<f64> {
        let info = self.info("cpu").await?;
        let seconds = |name: &str| {
            anyhow::Ok(info.get(name).with_context(|| format!("no {name}"))?.parse::<f64>()?)
        };
        let user = seconds("used_cpu_user_main_thread")?;
        Ok((user + seconds("used_cpu_sys_main_thread")?) * 1e6)
    }

    /// What Redis tells of itself in one section.
    async fn info(&mut self, section: &str) -> anyhow::Result<BTreeMap<String, String>> {
        let text: String =
            redis::cmd("INFO").arg(section).query_async(&mut self.connection).await?;
        let fields = text.lines().filter_map(|line| line.trim().split_once(':'));
        Ok(fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// Whether Redis is writing its file anew.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn rewrites(&mut self) -> anyhow::Result<bool> {
        let info = self.info("persistence").await?;
        let is_busy = |name: &str| info.get(name).is_some_and(|value| value != "0");
        Ok(["aof_rewrite_in_progress", "rdb_bgsave_in_progress"].into_iter().any(is_busy))
    }

    /// The keys of a drop.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn keys(&mut self, drop: &str) -> anyhow::Result<Vec<String>> {
        let pattern = format!("dg:{{{drop}}}:*");
        let (mut cursor, mut keys) = (0_u64, Vec::new());
        loop {
            let (next, some): (u64, Vec<String>) = redis::cmd("SCAN")
                .arg(cursor)
                .arg("MATCH")
                .arg(&pattern)
                .arg("COUNT")
                .arg(1000)
                .query_async(&mut self.connection)
                .await?;
            keys.extend(some);
            cursor = next;
            if cursor == 0 {
                keys.sort();
                keys.dedup();
                return Ok(keys);
            }
        }
    }

    /// Bytes of every key of a drop, by the key's name, each element counted.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn memory(&mut self, drop: &str) -> anyhow::Result<BTreeMap<String, f64>> {
        let mut bytes = BTreeMap::new();
        for key in self.keys(drop).await? {
            let taken: Option<f64> = redis::cmd("MEMORY")
                .arg("USAGE")
                .arg(&key)
                .arg("SAMPLES")
                .arg(0)
                .query_async(&mut self.connection)
                .await?;
            let name = key.rsplit(':').next().unwrap_or(&key).to_owned();
            bytes.insert(name, taken.unwrap_or(0.0));
        }
        Ok(bytes)
    }

    /// Deletes everything of a drop, as a Redis that lost it.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn lose(&mut self, drop: &str) -> anyhow::Result<()> {
        let keys = self.keys(drop).await?;
        let _: u64 = redis::cmd("UNLINK").arg(keys).query_async(&mut self.connection).await?;
        Ok(())
    }
}
