//! Rate limits that all processes share.

use std::{sync::Arc, time::Duration};

use super::{Script, Store, StoreError, client::Invocation, keys};
use crate::domain::RateLimit;

/// The calls that ask one bucket at a time.
#[derive(Clone, Debug)]
pub struct BucketCalls {
    /// What is limited.
    pub what: &'static str,
    /// Whose bucket it is.
    pub whose: Arc<str>,
    /// How fast they may call.
    pub limit: RateLimit,
    /// How many ask.
    pub calls: u64,
}

/// What a bucket gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BucketGave {
    /// So many of the calls pass.
    pub passed: u64,
    /// So many more could follow at once.
    pub left: u64,
    /// So long until the burst is whole again.
    pub full_in: Duration,
    /// So long until one that has to wait may pass.
    pub wait: Duration,
}

impl Store {
    /// Asks buckets, each of them once, in one round trip.
    ///
    /// # Errors
    /// [`StoreError`]; some of the calls may count.
    pub async fn rate(&self, asked: &[BucketCalls]) -> Result<Vec<BucketGave>, StoreError> {
        let keys: Vec<String> =
            asked.iter().map(|bucket| keys::bucket(bucket.what, &bucket.whose)).collect();
        let argument = |BucketCalls { limit, calls, .. }: &BucketCalls| {
            format!("{} {} {calls}", limit.interval().as_nanos(), limit.shared_burst())
        };
        let arguments: Vec<String> = asked.iter().map(argument).collect();
        let script = Script::named("rate");
        let call = Invocation { script, keys: &keys, shared: &[], arguments: &arguments };
        let reply = self.invoke(&[call]).await.pop();
        let reply = reply.ok_or_else(|| StoreError::NoAnswer("no reply".to_owned()))??;
        let texts: Vec<String> = redis::from_redis_value(reply)
            .map_err(|error| StoreError::Unreadable(error.to_string()))?;
        let gave: Option<Vec<BucketGave>> = texts.iter().map(|text| read(text)).collect();
        let unreadable = || StoreError::Unreadable(texts.join("; "));
        gave.filter(|gave| gave.len() == asked.len()).ok_or_else(unreadable)
    }
}

impl Store {
    /// Forgets a bucket, and with it whose it was.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_bucket(&self, what: &str, whose: &str) -> Result<(), StoreError> {
        let mut pipeline = redis::pipe();
        pipeline.cmd("UNLINK").arg(keys::bucket(what, whose));
        self.run(&mut pipeline).await?.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(())
    }
}

fn read(text: &str) -> Option<BucketGave> {
    let mut numbers = text.split(' ').map(|word| word.parse::<u64>().ok());
    let mut next = || numbers.next().flatten();
    Some(BucketGave {
        passed: next()?,
        left: next()?,
        full_in: Duration::from_millis(next()?),
        wait: Duration::from_millis(next()?),
    })
}
