//! Reading a drop's journal, letting go of what is durable, and telling others.

use std::time::Duration;

use redis::{Cmd, Pipeline, RedisError, Value};

use super::{
    DropKeys, Script, Store, StoreError,
    client::Invocation,
    error::is_missing_script,
    reply::{text, texts},
    scripts::protocol,
};
use crate::domain::{DropId, Entry, EventError, Protocol, SkuId, Stock};

/// Entries that are read at once, at most.
pub const ENTRIES: usize = 128;

/// Where a drop stands in Redis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetaRead {
    /// Its generation.
    pub epoch: i64,
    /// Whether it is open to scripts; a drop under rebuild is not.
    pub open: bool,
    /// The `seq` of its last event.
    pub seq: i64,
    /// The chain of its last entry.
    pub chain: String,
    /// The highest `seq` that Redis was told to be durable.
    pub durable_seq: i64,
    /// When the last rebuild made progress, by the Redis server's clock.
    pub progress_ms: i64,
    /// The protocol of whoever built it.
    pub built_by: Protocol,
}

/// What one look at the journal shows.
#[derive(Debug)]
pub struct JournalRead {
    /// Where the drop stands; `None` when Redis has nothing of it.
    pub meta: Option<MetaRead>,
    /// Entries behind the asked place, in order, at most as many as asked for.
    pub entries: Vec<Entry>,
    /// Whether this engine is the drop's usual writer.
    pub is_writer: bool,
}

/// What there is to tell of one drop.
#[derive(Debug)]
pub struct Tell<'a> {
    /// Its keys.
    pub keys: &'a DropKeys,
    /// What became durable, in words.
    pub news: Option<String>,
    /// Up to which (epoch, `seq`) the journal goes; `None` while it stays as it is.
    pub trim: Option<(i64, i64)>,
}

/// Journal entries as Redis gave them, not yet looked at.
#[derive(Debug)]
pub struct RawEntries(pub(super) Value);

impl RawEntries {
    /// Reads them, in order.
    ///
    /// # Errors
    /// As [`Store::read_journal`].
    pub fn parse(self, drop: &DropId) -> Result<Vec<Entry>, StoreError> {
        read_entries(drop, self.0)
    }
}

/// A drop's counts and the rest of its journal, at one instant.
#[derive(Debug)]
pub struct Inspection {
    /// Where the drop stands; `None` when Redis has nothing of it.
    pub meta: Option<MetaRead>,
    /// The counts per SKU.
    pub stock: Vec<(SkuId, Stock)>,
    /// What the ledger lacks.
    pub entries: Vec<Entry>,
}

impl From<EventError> for StoreError {
    fn from(error: EventError) -> StoreError {
        if error.other_version {
            return StoreError::Unreadable(error.to_string());
        }
        StoreError::Damaged(error.to_string())
    }
}

impl Store {
    /// Reads the journal behind (`epoch`, `seq`), and takes the lease of the usual writer for
    /// `engine`, for so long, if nobody has it.
    ///
    /// # Errors
    /// [`StoreError`]; an entry that can't be read is [`StoreError::Damaged`], one of another
    /// version [`StoreError::Unreadable`].
    pub async fn read_journal(
        &self,
        drop: &DropId,
        keys: &DropKeys,
        (engine, lease): (&str, Duration),
        after: (i64, i64),
    ) -> Result<JournalRead, StoreError> {
        let mut pipeline = redis::pipe();
        push_meta(&mut pipeline, keys);
        pipeline.add_command(range(keys, after, ENTRIES));
        pipeline.cmd("SET").arg(&keys.writer).arg(engine).arg("NX");
        pipeline.arg("PX").arg(millis(lease));
        pipeline.cmd("GET").arg(&keys.writer);
        let mut values = self.run(&mut pipeline).await?.into_iter();
        let mut next = || values.next().unwrap_or(Ok(Value::Nil)).map_err(StoreError::from);
        let meta = read_meta(next()?)?;
        let entries = next()?;
        // What others have built this engine may not be able to read.
        let known = meta.as_ref().is_none_or(|meta| protocol().shares_with(meta.built_by));
        let entries = if known { read_entries(drop, entries)? } else { Vec::new() };
        // A server without memory refuses the lease, which must hold nobody up. Where nobody has
        // it, everybody writes: only the fence in the ledger decides.
        let _ = next();
        let is_writer = text(next()?).is_none_or(|writer| writer == engine);
        Ok(JournalRead { meta, entries, is_writer })
    }

    /// Where drops stand in Redis, in one round trip; `None` of those that Redis has nothing of.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn stands(&self, drops: &[&DropKeys]) -> Result<Vec<Option<MetaRead>>, StoreError> {
        let mut pipeline = redis::pipe();
        for keys in drops {
            push_meta(&mut pipeline, keys);
        }
        let values = self.run(&mut pipeline).await?;
        values.into_iter().map(|value| read_meta(value.map_err(StoreError::from)?)).collect()
    }

    /// Tells everybody what became durable, and where it is time for that lets the journal go up to
    /// there and takes the lease for `engine`, for so long: whoever has committed is the usual writer, also in the
    /// stead of one that died. Nothing depends on its arrival.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn tell_durable(
        &self,
        engine: &str,
        lease: Duration,
        drops: &[Tell<'_>],
    ) -> Result<(), StoreError> {
        let trims: Vec<([String; 2], [String; 2])> = drops
            .iter()
            .filter_map(|tell| tell.trim.map(|reached| (tell.keys, reached)))
            .map(|(keys, (epoch, seq))| {
                let keys = [keys.meta().to_owned(), keys.journal().to_owned()];
                (keys, [epoch.to_string(), seq.to_string()])
            })
            .collect();
        let script = Script::named("trim");
        let trims: Vec<Invocation<'_>> = trims
            .iter()
            .map(|(keys, arguments)| Invocation { script, keys, shared: &[], arguments })
            .collect();
        let mut pipeline = redis::pipe();
        for tell in drops {
            if let Some(news) = &tell.news {
                pipeline.cmd("PUBLISH").arg(&tell.keys.durable).arg(news);
            }
            if tell.trim.is_some() {
                pipeline.cmd("SET").arg(&tell.keys.writer).arg(engine);
                pipeline.arg("PX").arg(millis(lease));
            }
        }
        trims.iter().for_each(|trim| trim.push(&mut pipeline));
        if self.run(&mut pipeline).await?.last().is_some_and(is_missing) {
            self.invoke(&trims).await.into_iter().collect::<Result<Vec<_>, _>>()?;
        }
        Ok(())
    }

    /// Shows counts and the journal behind (`epoch`, `seq`) as of one instant.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn inspect(
        &self,
        drop: &DropId,
        keys: &DropKeys,
        after: (i64, i64),
    ) -> Result<Inspection, StoreError> {
        let inspect = Invocation {
            script: Script::named("inspect"),
            keys: &[keys.meta().to_owned(), keys.stock().to_owned(), keys.journal().to_owned()],
            shared: &[],
            arguments: &[format!("{}-{}", after.0, after.1)],
        };
        let value = self.invoke(std::slice::from_ref(&inspect)).await.remove(0)?;
        let unreadable = || StoreError::Unreadable("the reply of inspect".to_owned());
        let damaged = || StoreError::Damaged("stock".to_owned());
        let Value::Array(parts) = value else { return Err(unreadable()) };
        let [meta, stock, entries]: [Value; 3] = parts.try_into().map_err(|_| unreadable())?;
        let fields = texts(stock).ok_or_else(unreadable)?;
        let stock = fields
            .chunks_exact(2)
            .filter(|pair| pair[0] != "!")
            .map(|pair| Some((pair[0].parse().ok()?, read_counts(&pair[1])?)))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(damaged)?;
        Ok(Inspection { meta: read_meta(meta)?, stock, entries: read_entries(drop, entries)? })
    }
}

const META: [&str; 8] =
    ["epoch", "phase", "seq", "chain", "durable_seq", "progress_ms", "protocol", "shares_from"];

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn is_missing(value: &Result<Value, RedisError>) -> bool {
    value.as_ref().is_err_and(is_missing_script)
}

/// Asks where a drop stands.
pub(super) fn push_meta(pipeline: &mut Pipeline, keys: &DropKeys) {
    pipeline.cmd("HMGET").arg(keys.meta()).arg(&META);
}

/// Asks for at most `most` entries behind (`epoch`, `seq`).
pub(super) fn range(keys: &DropKeys, after: (i64, i64), most: usize) -> Cmd {
    let mut command = redis::cmd("XRANGE");
    command.arg(keys.journal()).arg(format!("({}-{}", after.0, after.1));
    command.arg("+").arg("COUNT").arg(most);
    command
}

pub(super) fn read_meta(value: Value) -> Result<Option<MetaRead>, StoreError> {
    let damaged = || StoreError::Damaged("meta".to_owned());
    let fields: Vec<Option<String>> = redis::from_redis_value(value).map_err(|_| damaged())?;
    let [epoch, phase, seq, chain, durable, progress, built @ ..] = fields.as_slice() else {
        return Err(damaged());
    };
    let Some(epoch) = epoch else { return Ok(None) };
    let number = |text: &Option<String>| text.as_deref().unwrap_or("0").parse::<i64>().ok();
    // Those from before there were numbers are of the first.
    let first = |text: Option<&Option<String>>| {
        text.and_then(Option::as_deref).unwrap_or("1").parse::<i64>().ok()
    };
    let read = || {
        Some(MetaRead {
            epoch: epoch.parse().ok()?,
            open: phase.as_deref() == Some("open"),
            seq: number(seq)?,
            chain: chain.clone().unwrap_or_default(),
            durable_seq: number(durable)?,
            progress_ms: number(progress)?,
            built_by: Protocol { number: first(built.first())?, shares_from: first(built.get(1))? },
        })
    };
    read().map(Some).ok_or_else(damaged)
}

pub(super) fn read_entries(drop: &DropId, value: Value) -> Result<Vec<Entry>, StoreError> {
    let entries: Vec<(String, Vec<String>)> = redis::from_redis_value(value)
        .map_err(|error| StoreError::Unreadable(format!("journal: {error}")))?;
    entries
        .iter()
        .map(|(id, fields)| {
            let field = |name: &str| {
                fields.chunks_exact(2).find(|pair| pair[0] == name).map(|pair| pair[1].as_str())
            };
            Entry::parse(drop, id, field).map_err(StoreError::from)
        })
        .collect()
}

fn read_counts(packed: &str) -> Option<Stock> {
    let mut part = packed.split(' ').map(|text| text.parse::<i64>().ok());
    let mut next = || part.next().flatten();
    let (available, held, sold) = (next()?, next()?, next()?);
    Some(Stock { total: available + held + sold, available, held, sold })
}
