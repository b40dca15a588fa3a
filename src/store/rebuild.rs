//! The three steps of a rebuild, as Redis sees them.

use redis::Value;

use super::{DropKeys, Script, Store, StoreError, client::Invocation, reply::texts};
use crate::domain::Millis;

/// Values for one key of the drop: field and value of a hash, score and member of a set.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<'a> {
    /// The key's name in the catalogue.
    pub name: &'static str,
    /// Pairs, one behind the other; none only shows that the rebuilder lives.
    pub values: &'a [String],
}

/// What must be there before a rebuilt drop opens.
#[derive(Clone, Copy, Debug, Default)]
pub struct Expected {
    /// SKUs.
    pub skus: usize,
    /// Reservations.
    pub reservations: usize,
    /// Customers who use units.
    pub customers: usize,
    /// Remembered idempotency keys.
    pub keys: usize,
    /// Groups of deadlines.
    pub deadlines: usize,
    /// Groups of ended reservations.
    pub ended: usize,
    /// Marks of when keys may be forgotten.
    pub key_ages: usize,
    /// Units held, over all SKUs.
    pub held: i64,
    /// Units sold, over all SKUs.
    pub sold: i64,
}

impl Expected {
    /// Counts so many more pairs of the key `name`.
    pub fn count(&mut self, name: &str, pairs: usize) {
        let counted = match name {
            "stock" => &mut self.skus,
            "reservations" => &mut self.reservations,
            "customers" => &mut self.customers,
            "keys" => &mut self.keys,
            "deadlines" => &mut self.deadlines,
            "ended" => &mut self.ended,
            "key_ages" => &mut self.key_ages,
            // The others have no count of their own.
            _ => return,
        };
        *counted += pairs;
    }
}

impl Store {
    /// Begins a rebuild. `None` when Redis has this generation or a later one already.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rebuild_begin(
        &self,
        keys: &DropKeys,
        epoch: i64,
        token: &str,
    ) -> Result<Option<Millis>, StoreError> {
        let shared = [epoch.to_string(), token.to_owned()];
        self.rebuild_step(keys, "rebuild_begin", &shared, &[]).await
    }

    /// Brings chunks back. `None` when this rebuild is no longer the one under way.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rebuild_chunks(
        &self,
        keys: &DropKeys,
        epoch: i64,
        token: &str,
        chunks: &[Chunk<'_>],
    ) -> Result<Option<()>, StoreError> {
        let shared: Vec<[String; 3]> = chunks
            .iter()
            .map(|chunk| [epoch.to_string(), token.to_owned(), chunk.name.to_owned()])
            .collect();
        let invocations: Vec<Invocation<'_>> = chunks
            .iter()
            .zip(&shared)
            .map(|(chunk, shared)| Invocation {
                script: Script::named("rebuild_chunk"),
                keys: &keys.all,
                shared,
                arguments: chunk.values,
            })
            .collect();
        for value in self.invoke(&invocations).await {
            let reply = texts(value?).unwrap_or_default();
            if reply.first().map(String::as_str) != Some("OK") {
                return Ok(None);
            }
        }
        Ok(Some(()))
    }

    /// Opens the drop, if everything is there. `None` when this rebuild is no longer the one
    /// under way.
    ///
    /// # Errors
    /// [`StoreError::Invariant`] when something is missing.
    pub async fn rebuild_finish(
        &self,
        keys: &DropKeys,
        epoch: i64,
        token: &str,
        expected: Expected,
    ) -> Result<Option<Millis>, StoreError> {
        let shared = [epoch.to_string(), token.to_owned()];
        let arguments = [
            expected.skus.to_string(),
            expected.reservations.to_string(),
            expected.customers.to_string(),
            expected.keys.to_string(),
            expected.deadlines.to_string(),
            expected.ended.to_string(),
            expected.key_ages.to_string(),
            expected.held.to_string(),
            expected.sold.to_string(),
        ];
        self.rebuild_step(keys, "rebuild_finish", &shared, &arguments).await
    }

    /// Takes a drop out of Redis that the ledger has in `epoch`, in which it is not here. One that
    /// is here in that epoch or a later one stays.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn evict(&self, keys: &DropKeys, epoch: i64) -> Result<(), StoreError> {
        let shared = [epoch.to_string()];
        let script = Script::named("evict");
        let call = Invocation { script, keys: &keys.all, shared: &shared, arguments: &[] };
        self.invoke(std::slice::from_ref(&call)).await.remove(0).map(|_| ())
    }

    async fn rebuild_step(
        &self,
        keys: &DropKeys,
        script: &'static str,
        shared: &[String],
        arguments: &[String],
    ) -> Result<Option<Millis>, StoreError> {
        let call = Invocation { script: Script::named(script), keys: &keys.all, shared, arguments };
        let value: Value = self.invoke(std::slice::from_ref(&call)).await.remove(0)?;
        let reply = texts(value).unwrap_or_default();
        let words: Vec<&str> = reply.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["OK", at] => at
                .parse()
                .map(|at| Some(Millis(at)))
                .map_err(|_| StoreError::Unreadable(format!("{script}: {at}"))),
            ["OTHER_EPOCH", ..] => Ok(None),
            ["INCOMPLETE", name, found] => Err(StoreError::Invariant(format!(
                "INVARIANT the rebuild is incomplete: {name} came to {found}, not {expected:?}",
                expected = arguments
            ))),
            _ => Err(StoreError::Unreadable(format!("{script}: {words:?}"))),
        }
    }
}
