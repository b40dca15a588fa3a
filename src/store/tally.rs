//! What calls came to that left nothing in the ledger, counted by all engines together.
//!
//! Each engine adds what it has counted once a second, and no call waits for it. The counts stand
//! beside the drops' keys and nothing depends on them: they end with Redis, and a week after the
//! last of them.

use std::collections::HashMap;

use redis::{Pipeline, Value};

use super::{
    DropKeys, Store, StoreError,
    journal::{self, MetaRead},
    keys,
};
use crate::domain::{DropId, Millis};

/// For how many seconds it is told how many holds were refused in each of them.
pub const TALLY_SECONDS: i64 = 300;
/// For so long, in seconds, the counts of a drop are kept behind the last of them.
const KEPT: i64 = 7 * 86_400;
/// The same for those of one minute: longer than anybody is shown them.
const MINUTE_KEPT: i64 = TALLY_SECONDS + 120;
/// Since when the counts count.
const SINCE: &str = "since";

/// Calls of one verb that came to one outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TallyCount {
    /// The script's name.
    pub verb: String,
    /// The outcome's word.
    pub outcome: String,
    /// How many.
    pub calls: u64,
}

/// What there is to add to a drop's tally.
#[derive(Clone, Debug)]
pub struct TallyNews {
    /// Which drop.
    pub drop: DropId,
    /// By verb and outcome.
    pub counts: Vec<TallyCount>,
    /// How many of these calls were new holds that were refused.
    pub refused_holds: u64,
}

/// What all engines have counted of a drop.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// When the first of it was counted; `None` while there is nothing.
    pub since: Option<Millis>,
    /// By verb and outcome.
    pub counts: Vec<TallyCount>,
    /// New holds that were refused, in each of the [`TALLY_SECONDS`] that were asked for.
    pub refused_holds: Vec<u64>,
}

/// What Redis shows of a sale, at one instant.
#[derive(Debug)]
pub struct SaleRead {
    /// What was counted.
    pub tally: Tally,
    /// Where the drop stands; `None` when Redis has nothing of it.
    pub meta: Option<MetaRead>,
    /// When the oldest change happened that is behind the asked place.
    pub oldest: Option<Millis>,
    /// The Redis server's clock.
    pub now: Millis,
}

impl Store {
    /// Adds to the tallies what was counted during `second` (since 1970).
    ///
    /// # Errors
    /// [`StoreError`]; some of it may count.
    pub async fn add_to_tallies(&self, second: i64, news: &[TallyNews]) -> Result<(), StoreError> {
        let mut pipeline = redis::pipe();
        for TallyNews { drop, counts, refused_holds } in news {
            let all = keys::tally(drop);
            pipeline.cmd("HSETNX").arg(&all).arg(SINCE).arg(second * 1000);
            for TallyCount { verb, outcome, calls } in counts {
                let field = format!("{verb} {outcome}");
                pipeline.cmd("HINCRBY").arg(&all).arg(field).arg(*calls);
            }
            pipeline.cmd("EXPIRE").arg(&all).arg(KEPT);
            if *refused_holds > 0 {
                let minute = keys::tally_of_minute(drop, second.div_euclid(60));
                pipeline.cmd("HINCRBY").arg(&minute).arg(second.rem_euclid(60)).arg(*refused_holds);
                pipeline.cmd("EXPIRE").arg(&minute).arg(MINUTE_KEPT);
            }
        }
        self.run(&mut pipeline).await?.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(())
    }

    /// Shows the tally of a drop, with the [`TALLY_SECONDS`] before `until` (in seconds since
    /// 1970), and how far its journal goes behind (epoch, `seq`).
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sale(
        &self,
        drop: &DropId,
        keys: &DropKeys,
        after: (i64, i64),
        until: i64,
    ) -> Result<SaleRead, StoreError> {
        let minutes = (until - TALLY_SECONDS).div_euclid(60)..=until.div_euclid(60);
        let mut pipeline = redis::pipe();
        pipeline.cmd("TIME");
        journal::push_meta(&mut pipeline, keys);
        pipeline.add_command(journal::range(keys, after, 1));
        hash(&mut pipeline, &keys::tally(drop));
        for minute in minutes.clone() {
            hash(&mut pipeline, &keys::tally_of_minute(drop, minute));
        }
        let mut values = self.run(&mut pipeline).await?.into_iter();
        let mut next = || values.next().unwrap_or(Ok(Value::Nil)).map_err(StoreError::from);
        let now = read_time(next()?)?;
        let meta = journal::read_meta(next()?)?;
        let oldest = journal::read_entries(drop, next()?)?.first().map(|entry| entry.at);
        let mut tally = read_tally(next()?)?;
        let mut refused = vec![0; usize::try_from(TALLY_SECONDS).unwrap_or_default()];
        for minute in minutes {
            for (second, calls) in pairs(next()?)? {
                let (Ok(second), Ok(calls)) = (second.parse::<i64>(), calls.parse()) else {
                    continue;
                };
                let place = minute * 60 + second - (until - TALLY_SECONDS);
                let place = usize::try_from(place).ok();
                if let Some(known) = place.and_then(|place| refused.get_mut(place)) {
                    *known = calls;
                }
            }
        }
        tally.refused_holds = refused;
        Ok(SaleRead { tally, meta, oldest, now })
    }
}

fn hash(pipeline: &mut Pipeline, key: &str) {
    pipeline.cmd("HGETALL").arg(key);
}

/// Fields and values of a hash.
fn pairs(value: Value) -> Result<HashMap<String, String>, StoreError> {
    redis::from_redis_value(value).map_err(|_| StoreError::Unreadable("a tally".to_owned()))
}

fn read_tally(value: Value) -> Result<Tally, StoreError> {
    let mut tally = Tally::default();
    for (field, value) in pairs(value)? {
        if field == SINCE {
            tally.since = value.parse().ok().map(Millis);
        } else if let (Some((verb, outcome)), Ok(calls)) = (field.split_once(' '), value.parse()) {
            let (verb, outcome) = (verb.to_owned(), outcome.to_owned());
            tally.counts.push(TallyCount { verb, outcome, calls });
        }
    }
    tally.counts.sort_by(|a, b| (&a.verb, &a.outcome).cmp(&(&b.verb, &b.outcome)));
    Ok(tally)
}

fn read_time(value: Value) -> Result<Millis, StoreError> {
    let unreadable = || StoreError::Unreadable("the time".to_owned());
    let (seconds, micros): (i64, i64) = redis::from_redis_value(value).map_err(|_| unreadable())?;
    Ok(Millis(seconds * 1000 + micros / 1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    #[test]
    fn a_tally_is_read_in_order() {
        let fields = ["reserve sold_out", "7", "since", "5000", "change limit_exceeded", "2"];
        let tally = read_tally(Value::Array(fields.map(bulk).into())).expect("a tally");
        assert_eq!(tally.since, Some(Millis(5000)));
        let counts: Vec<(&str, &str, u64)> = tally
            .counts
            .iter()
            .map(|count| (count.verb.as_str(), count.outcome.as_str(), count.calls))
            .collect();
        assert_eq!(counts, [("change", "limit_exceeded", 2), ("reserve", "sold_out", 7)]);
        assert_eq!(read_tally(Value::Array(Vec::new())).expect("none").since, None);
    }
}
