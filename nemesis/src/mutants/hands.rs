//! Clients that are led by the hand.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use dropgate::store::DropKeys;
use rand::{SeedableRng as _, rngs::StdRng};
use tokio::task::JoinHandle;

use crate::{
    books::{Ask, Meaning, Told, Verb, now},
    proxy::Link,
    replica::{copy_redis, restore_redis},
    stage::Stage,
};

/// Something that a scene waits for has come by then.
const SOON: Duration = Duration::from_secs(10);

/// What a scene does, step by step, to its one drop.
pub(super) struct Hands<'a> {
    pub(super) stage: &'a Arc<Stage>,
    drop: &'a str,
}

pub(super) async fn pause(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

impl<'a> Hands<'a> {
    pub(super) fn of(stage: &'a Arc<Stage>) -> Hands<'a> {
        Hands { stage, drop: &stage.stalls[0].drop }
    }

    pub(super) fn ask(&self, verb: Verb) -> Ask {
        let request = self.stage.field.request();
        let (client, drop) = ("hand".to_owned(), self.drop.to_owned());
        Ask { request, client, verb, drop, ..Ask::default() }
    }

    /// A hold of so many units, without a key.
    pub(super) fn hold(&self, customer: &str, units: i64) -> Ask {
        let lines = [("s".to_owned(), units)].into();
        Ask { customer: Some(customer.to_owned()), lines, ..self.ask(Verb::Reserve) }
    }

    /// A hold with a key.
    pub(super) fn keyed_hold(&self, customer: &str, units: i64) -> Ask {
        let ask = self.hold(customer, units);
        Ask { key: Some(format!("k-{}", ask.request)), ..ask }
    }

    /// One try at one engine.
    pub(super) async fn once(&self, engine: usize, ask: &Ask) -> Told {
        self.stage.field.try_at(engine, ask).await
    }

    /// One try at one engine, not waited for.
    pub(super) fn begin(&self, engine: usize, ask: &Ask) -> JoinHandle<Told> {
        let (field, ask) = (Arc::clone(&self.stage.field), ask.clone());
        tokio::spawn(async move { field.try_at(engine, &ask).await })
    }

    /// As [`Hands::begin`], again and again for a while until it says yes.
    pub(super) fn insist(&self, engine: usize, ask: &Ask) -> JoinHandle<()> {
        let (field, ask, since) = (Arc::clone(&self.stage.field), ask.clone(), Instant::now());
        tokio::spawn(async move {
            while since.elapsed() < SOON
                && field.try_at(engine, &ask).await.meaning() != Meaning::Done
            {
                pause(20).await;
            }
        })
    }

    /// Asks one engine until it says yes; gives up soon.
    pub(super) async fn granted(&self, engine: usize, ask: &Ask) -> anyhow::Result<Told> {
        let since = Instant::now();
        loop {
            let told = self.once(engine, ask).await;
            if told.meaning() == Meaning::Done {
                return Ok(told);
            }
            ensure!(since.elapsed() < SOON, "{ask:?} is not granted: {told:?}");
            pause(20).await;
        }
    }

    /// Asks again and again what became of it, for a while.
    pub(super) async fn resolve(&self, ask: &Ask) {
        let mut rng = StdRng::seed_from_u64(ask.request);
        let known = self.stage.field.until_known(ask, &mut rng);
        // One that is never told is for the checker to find.
        let _ = tokio::time::timeout(Duration::from_secs(3), known).await;
    }

    /// Waits until engine `engine` grants holds again.
    pub(super) async fn recovered(&self, engine: usize) -> anyhow::Result<()> {
        let since = Instant::now();
        while since.elapsed() < SOON {
            // Without a key, so each of them is a customer of its own.
            let name = format!("probe-{}", self.stage.field.request());
            if self.once(engine, &self.hold(&name, 1)).await.meaning() == Meaning::Done {
                return Ok(());
            }
            pause(20).await;
        }
        bail!("engine {engine} grants nothing");
    }

    pub(super) async fn wipe(&self) -> anyhow::Result<()> {
        let from = now();
        self.stage.tell_redis(&["FLUSHALL"]).await?;
        self.stage.was_damaged(from);
        Ok(())
    }

    /// Copies Redis as it is, for [`Hands::roll_back`].
    pub(super) fn copy(&self) -> anyhow::Result<()> {
        let redis = self.stage.cluster.servers.redis();
        copy_redis(redis, &self.stage.file("copy")).context("the copy")
    }

    /// Puts Redis back to the copy.
    pub(super) async fn roll_back(&self) -> anyhow::Result<()> {
        let from = now();
        let redis = self.stage.cluster.servers.redis();
        restore_redis(redis, &self.stage.file("copy")).await?;
        self.stage.was_damaged(from);
        Ok(())
    }

    /// The network between these engines and Postgres.
    pub(super) fn postgres(&self, engines: &[usize], link: Link) {
        for engine in engines {
            self.stage.cluster.postgres_proxies[*engine].set(link);
        }
    }

    pub(super) fn key(&self, at: impl Fn(&DropKeys) -> String) -> anyhow::Result<String> {
        Ok(at(&DropKeys::new(&self.drop.parse()?)))
    }

    /// How far Redis is.
    pub(super) async fn seq(&self) -> anyhow::Result<i64> {
        let meta = self.key(|keys| keys.meta().to_owned())?;
        let value = self.stage.tell_redis(&["HGET", &meta, "seq"]).await?;
        let text: String = ::redis::from_redis_value(value)?;
        Ok(text.parse()?)
    }

    /// Waits until Redis has the drop, open.
    pub(super) async fn until_open(&self) -> anyhow::Result<()> {
        let (meta, since) = (self.key(|keys| keys.meta().to_owned())?, Instant::now());
        let open = ::redis::Value::BulkString(b"open".to_vec());
        while self.stage.tell_redis(&["HGET", &meta, "phase"]).await? != open {
            ensure!(since.elapsed() < SOON, "the drop is not open");
            pause(5).await;
        }
        Ok(())
    }

    /// Waits until Redis is further than `seq`.
    pub(super) async fn until_beyond(&self, seq: i64) -> anyhow::Result<()> {
        let since = Instant::now();
        while self.seq().await? <= seq {
            ensure!(since.elapsed() < SOON, "Redis stays at {seq}");
            pause(5).await;
        }
        Ok(())
    }
}

/// The reservation in an answer.
pub(super) fn id(told: &Told) -> anyhow::Result<String> {
    let id = told.body["id"].as_str();
    Ok(id.with_context(|| format!("no reservation: {told:?}"))?.to_owned())
}
