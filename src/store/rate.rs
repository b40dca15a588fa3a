//! Rate limits that all processes share.

use std::{iter, sync::Arc, time::Duration};

use super::{Script, Store, StoreError, client::Invocation, keys};
use crate::domain::RateLimit;

/// The shortest slice, and how much longer each further one is. Few lengths, so that a limit that is
/// changed a little, perhaps not yet in all processes, keeps its buckets; and few keys in which
/// somebody's may stand.
const SHORTEST: Duration = Duration::from_secs(10);
const LONGER: u32 = 8;
/// No limit has a longer one.
const SLICES: usize = 13;

/// The calls that ask one bucket at a time.
#[derive(Clone, Debug)]
pub struct BucketCalls {
    /// Whose bucket it is.
    pub whose: Arc<str>,
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
    /// Asks buckets of a limit, each of them once, in one round trip. `what` is limited; so many
    /// calls of the burst, not all, are kept back for those that Redis has not heard of.
    ///
    /// # Errors
    /// [`StoreError`]; some of the calls may count.
    pub async fn rate(
        &self,
        what: &str,
        limit: RateLimit,
        kept_back: u32,
        asked: &[BucketCalls],
    ) -> Result<Vec<BucketGave>, StoreError> {
        let slice_ms = slice_ms(limit);
        let keys = keys::buckets(what, slice_ms);
        let (interval_ns, burst) = (limit.interval().as_nanos(), limit.burst());
        let words = [slice_ms, u64::from(burst), u64::from(kept_back)].map(|word| word.to_string());
        let [slice_ms, burst, kept_back] = words;
        let shared = [slice_ms, interval_ns.to_string(), burst, kept_back];
        let words = |BucketCalls { whose, calls }: &BucketCalls| {
            [whose.as_ref().to_owned(), calls.to_string()]
        };
        let arguments: Vec<String> = asked.iter().flat_map(words).collect();
        let script = Script::named("rate");
        let call = Invocation { script, keys: &keys, shared: &shared, arguments: &arguments };
        let reply = self.invoke(&[call]).await.pop();
        let reply = reply.ok_or_else(|| StoreError::NoAnswer("no reply".to_owned()))??;
        let texts: Vec<String> = redis::from_redis_value(reply)
            .map_err(|error| StoreError::Unreadable(error.to_string()))?;
        let gave: Option<Vec<BucketGave>> = texts.iter().map(|text| read(text)).collect();
        let unreadable = || StoreError::Unreadable(texts.join("; "));
        gave.filter(|gave| gave.len() == asked.len()).ok_or_else(unreadable)
    }

    /// Forgets a bucket, and with it whose it was, however long its slice is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_bucket(&self, what: &str, whose: &str) -> Result<(), StoreError> {
        let mut pipeline = redis::pipe();
        for slice_ms in slices().filter_map(millis) {
            for key in keys::buckets(what, slice_ms) {
                pipeline.cmd("HDEL").arg(key).arg(whose);
            }
        }
        self.run(&mut pipeline).await?.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(())
    }
}

/// The lengths that slices may have.
fn slices() -> impl Iterator<Item = Duration> {
    iter::successors(Some(SHORTEST), |slice| slice.checked_mul(LONGER)).take(SLICES)
}

/// How long the slices of a limit are: no shorter than its burst.
fn slice_ms(limit: RateLimit) -> u64 {
    let burst = limit.interval().saturating_mul(limit.burst());
    slices().find(|slice| *slice >= burst).and_then(millis).unwrap_or(u64::MAX)
}

fn millis(time: Duration) -> Option<u64> {
    u64::try_from(time.as_millis()).ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_is_no_shorter_than_the_burst() {
        for (text, seconds) in [
            ("100000/s", 10),
            ("10/s", 10),
            ("1/m", 80),
            ("5/m burst 5", 80),
            ("1/h", 5_120),
            // The longest burst that a limit can have.
            ("1/24h burst 1000000", 10 * 8_u64.pow(12)),
        ] {
            let limit: RateLimit = text.parse().expect(text);
            assert_eq!(slice_ms(limit), seconds * 1000, "{text}");
        }
    }
}
