//! How each fault is done. When one of these functions returns, the fault is over.

use std::{sync::Arc, time::Duration};

use dropgate::{failpoint::Place, store::DropKeys};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use crate::{
    books::now,
    clients::storm,
    cluster::local,
    proxy::{Link, Proxy},
    replica::{Replica, copy_redis, restore_redis},
    schedule::{Fault, Kind},
    stage::{BACK, Stage},
};

/// How long a failpoint may take to be reached before the fault is given up.
const REACHED: Duration = Duration::from_secs(2);
/// Places that are passed all the time.
const BUSY: [Place; 7] = [
    Place::LaneBeforeScript,
    Place::LaneAfterScript,
    Place::WriteAfterRead,
    Place::WriteAfterCommit,
    Place::WriteBeforeTrim,
    Place::SweepBefore,
    Place::AnswerBefore,
];
/// Places of a rebuild.
const REBUILD: [Place; 6] = [
    Place::RebuildAfterFence,
    Place::RebuildAfterBegin,
    Place::RebuildAfterSnapshot,
    Place::RebuildAfterChunk,
    Place::RebuildBeforeFinish,
    Place::RebuildAfterFinish,
];

impl Stage {
    /// Lets a fault happen from beginning to end.
    ///
    /// # Errors
    /// When a server or an engine did not do as it was told; what is left is mended later.
    pub async fn cause(&self, fault: &Fault) -> anyhow::Result<()> {
        tokio::time::sleep(fault.after).await;
        let from = now();
        let engines: Vec<usize> =
            if fault.all { (0..self.engines()).collect() } else { vec![fault.engine] };
        let done = match fault.kind {
            Kind::KillRedis | Kind::KillPostgres | Kind::KillEngine | Kind::KillAll => {
                self.kill(fault).await
            }
            Kind::FreezeRedis | Kind::FreezePostgres | Kind::FreezeEngine => {
                self.freeze(fault).await;
                Ok(())
            }
            Kind::Wipe => self.tell_redis(&["FLUSHALL"]).await.map(drop),
            Kind::RollBack => self.roll_back(fault).await,
            Kind::Promote => self.promote(fault).await,
            Kind::CutRedis | Kind::CutPostgres => {
                self.part(fault, &engines, Link::Cut).await;
                Ok(())
            }
            Kind::HoldRedis | Kind::HoldPostgres => {
                self.part(fault, &engines, Link::Held(fault.way)).await;
                Ok(())
            }
            Kind::DelayRedis | Kind::DelayPostgres => {
                let late = Duration::from_millis(5 + fault.dice % 300);
                self.part(fault, &engines, Link::Delayed(fault.way, late)).await;
                Ok(())
            }
            Kind::ResetRedis | Kind::ResetPostgres => {
                self.reset(fault, &engines).await;
                Ok(())
            }
            Kind::EngineClock | Kind::DropClock => self.clocks(fault, &engines).await,
            Kind::ScriptFlush => self.flush_scripts(fault).await,
            Kind::DeleteKey => self.delete_key(fault).await,
            Kind::ClientKill => self.kill_clients().await,
            Kind::Terminate => self.terminate(fault).await,
            Kind::Abort | Kind::Halt => self.at_place(fault).await,
            Kind::Rebuild => self.at_rebuild(fault).await,
            Kind::Storm => {
                self.storms(fault).await;
                Ok(())
            }
        };
        if fault.kind.damages() {
            self.was_damaged(from);
        }
        done
    }

    async fn kill(&self, fault: &Fault) -> anyhow::Result<()> {
        let all = fault.kind == Kind::KillAll;
        if all || fault.kind == Kind::KillEngine {
            let victims = if all { 0..self.engines() } else { fault.engine..fault.engine + 1 };
            for engine in victims.clone() {
                self.cluster.engines[engine].kill();
            }
            let from = now();
            if all {
                let redis = self.redis();
                let postgres = self.cluster.servers.postgres();
                tokio::try_join!(redis.server().kill(), postgres.kill())?;
            }
            tokio::time::sleep(fault.lasts).await;
            if all {
                tokio::try_join!(self.start_redis(), self.start_postgres())?;
            }
            for engine in victims {
                self.start_engine(engine)?;
                self.is_out(engine, from);
            }
            return Ok(());
        }
        if fault.kind == Kind::KillRedis {
            self.redis().server().kill().await?;
            tokio::time::sleep(fault.lasts).await;
            return self.start_redis().await;
        }
        self.cluster.servers.postgres().kill().await?;
        tokio::time::sleep(fault.lasts).await;
        self.start_postgres().await
    }

    async fn start_postgres(&self) -> anyhow::Result<()> {
        Ok(self.cluster.servers.postgres().restart().await?)
    }

    async fn freeze(&self, fault: &Fault) {
        // Long enough, some times, for every bound to be passed.
        let lasts = fault.lasts * if fault.dice.is_multiple_of(3) { 3 } else { 1 };
        if fault.kind == Kind::FreezeRedis {
            self.redis().server().freeze();
            tokio::time::sleep(lasts).await;
            self.redis().server().thaw();
        } else if fault.kind == Kind::FreezePostgres {
            self.cluster.servers.postgres().freeze();
            tokio::time::sleep(lasts).await;
            self.cluster.servers.postgres().thaw();
        } else {
            let from = now();
            self.cluster.engines[fault.engine].freeze();
            tokio::time::sleep(lasts).await;
            self.cluster.engines[fault.engine].thaw();
            self.was_out(fault.engine, from);
        }
    }

    async fn roll_back(&self, fault: &Fault) -> anyhow::Result<()> {
        let copy = self.file("older");
        copy_redis(self.redis().server(), &copy)?;
        tokio::time::sleep(fault.lasts.max(Duration::from_millis(300))).await;
        restore_redis(self.redis().server(), &copy).await?;
        // A replica that took over starts as a replica again.
        if let crate::stage::Present::Replica(replica) = self.redis() {
            replica.promote().await?;
        }
        Ok(())
    }

    /// A replica falls behind and takes over: first for one engine, later for the others. For
    /// a while both sides take writes.
    async fn promote(&self, fault: &Fault) -> anyhow::Result<()> {
        let replica = Arc::new(Replica::start(self.redis().server()).await?);
        replica.await_sync(BACK).await?;
        replica.cut_link().await?;
        tokio::time::sleep(fault.lasts / 2).await;
        replica.promote().await?;
        let address = local(replica.server().port());
        let follow = |engine: usize| {
            let proxy = &self.cluster.redis_proxies[engine];
            proxy.retarget(address);
            proxy.reset_all();
        };
        follow(fault.engine);
        tokio::time::sleep(fault.lasts).await;
        (0..self.engines()).filter(|engine| *engine != fault.engine).for_each(follow);
        self.took_over(replica);
        self.bury().await;
        Ok(())
    }

    /// The proxies that a fault of the network is done to.
    fn proxies(&self, kind: Kind) -> &[Proxy] {
        let redis = [Kind::CutRedis, Kind::HoldRedis, Kind::DelayRedis, Kind::ResetRedis];
        if redis.contains(&kind) {
            &self.cluster.redis_proxies
        } else {
            &self.cluster.postgres_proxies
        }
    }

    async fn part(&self, fault: &Fault, engines: &[usize], link: Link) {
        let proxies = self.proxies(fault.kind);
        for engine in engines {
            proxies[*engine].set(link);
        }
        tokio::time::sleep(fault.lasts * 2).await;
        for engine in engines {
            proxies[*engine].set(Link::Fine);
        }
    }

    async fn reset(&self, fault: &Fault, engines: &[usize]) {
        let proxies = self.proxies(fault.kind);
        let mut rng = StdRng::seed_from_u64(fault.dice);
        for _ in 0..rng.random_range(1..4) {
            for engine in engines {
                if rng.random_bool(0.5) {
                    proxies[*engine].reset_after(rng.random_range(1..3000));
                } else {
                    proxies[*engine].drop_answers(rng.random_range(1..4));
                }
            }
            tokio::time::sleep(fault.lasts / 3).await;
        }
        for engine in engines {
            proxies[*engine].forget_plots();
        }
    }

    async fn clocks(&self, fault: &Fault, engines: &[usize]) -> anyhow::Result<()> {
        let ahead = fault.dice.is_multiple_of(2);
        if fault.kind == Kind::EngineClock {
            let hour = 3_600_000;
            for engine in engines {
                self.set_clock(*engine, Some(if ahead { hour } else { -hour }));
            }
            tokio::time::sleep(fault.lasts * 2).await;
            for engine in engines {
                self.set_clock(*engine, None);
            }
            return Ok(());
        }
        let drop = &self.stalls[usize::try_from(fault.dice % 2)?].drop;
        let skew = if ahead { "3000" } else { "-3000" };
        self.set_skew(drop, skew).await?;
        tokio::time::sleep(fault.lasts * 2).await;
        self.set_skew(drop, "0").await
    }

    /// Moves a drop's clock, if Redis has the drop.
    pub(crate) async fn set_skew(&self, drop: &str, millis: &str) -> anyhow::Result<()> {
        let script = "if redis.call('HEXISTS', KEYS[1], 'epoch') == 1 then \
            redis.call('HSET', KEYS[1], 'skew_ms', ARGV[1]) end return 1";
        let keys = DropKeys::new(&drop.parse()?);
        self.tell_redis(&["EVAL", script, "1", keys.meta(), millis]).await?;
        Ok(())
    }

    async fn flush_scripts(&self, fault: &Fault) -> anyhow::Result<()> {
        let until = std::time::Instant::now() + fault.lasts;
        loop {
            self.tell_redis(&["SCRIPT", "FLUSH"]).await?;
            if std::time::Instant::now() >= until {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn delete_key(&self, fault: &Fault) -> anyhow::Result<()> {
        let mut rng = StdRng::seed_from_u64(fault.dice);
        let drop = &self.stalls[rng.random_range(0..self.stalls.len())].drop;
        let keys = DropKeys::new(&drop.parse()?);
        let key = &keys.all[rng.random_range(0..keys.all.len())];
        self.tell_redis(&["DEL", key]).await?;
        Ok(())
    }

    async fn kill_clients(&self) -> anyhow::Result<()> {
        for kind in ["normal", "pubsub"] {
            self.tell_redis(&["CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes"]).await?;
        }
        Ok(())
    }

    async fn terminate(&self, fault: &Fault) -> anyhow::Result<()> {
        let engine = &self.cluster.engines[fault.engine];
        let from = now();
        engine.terminate();
        let ended = engine.await_end(Duration::from_secs(20)).await;
        tokio::time::sleep(fault.lasts / 2).await;
        self.start_engine(fault.engine)?;
        self.is_out(fault.engine, from);
        ended.map(drop)
    }

    async fn at_place(&self, fault: &Fault) -> anyhow::Result<()> {
        let mut rng = StdRng::seed_from_u64(fault.dice);
        let place = BUSY[rng.random_range(0..BUSY.len())];
        let nth = rng.random_range(1..20);
        let word = if fault.kind == Kind::Abort { "abort" } else { "stop" };
        let from = now();
        self.set_failpoint(fault.engine, Some(&format!("{} {word} {nth}", place.name())));
        self.until_struck(&[fault.engine]).await;
        self.set_failpoint(fault.engine, None);
        self.bring_back(fault, &[fault.engine], from).await
    }

    /// Redis is wiped, and whoever rebuilds does not get to the end.
    async fn at_rebuild(&self, fault: &Fault) -> anyhow::Result<()> {
        let mut rng = StdRng::seed_from_u64(fault.dice);
        let place = REBUILD[rng.random_range(0..REBUILD.len())];
        let word = if rng.random_bool(0.5) { "abort" } else { "stop" };
        let engines: Vec<usize> = (0..self.engines()).collect();
        let from = now();
        for engine in &engines {
            self.set_failpoint(*engine, Some(&format!("{} {word}", place.name())));
        }
        let wiped = self.tell_redis(&["FLUSHALL"]).await;
        self.until_struck(&engines).await;
        for engine in &engines {
            self.set_failpoint(*engine, None);
        }
        self.bring_back(fault, &engines, from).await?;
        wiped.map(drop)
    }

    /// Waits until one of these engines has ended or stands still.
    async fn until_struck(&self, engines: &[usize]) {
        let since = std::time::Instant::now();
        let struck = |engine: &usize| {
            let process = &self.cluster.engines[*engine];
            process.pid().is_none() || process.is_stopped()
        };
        while !engines.iter().any(struck) && since.elapsed() < REACHED {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn bring_back(&self, fault: &Fault, engines: &[usize], from: i64) -> anyhow::Result<()> {
        tokio::time::sleep(fault.lasts).await;
        for engine in engines {
            let process = &self.cluster.engines[*engine];
            if process.pid().is_none() {
                self.start_engine(*engine)?;
                self.is_out(*engine, from);
            } else if process.is_stopped() {
                process.thaw();
                self.was_out(*engine, from);
            }
        }
        Ok(())
    }

    async fn storms(&self, fault: &Fault) {
        let storms = (0..3).map(|number| async move {
            let mut rng = StdRng::seed_from_u64(fault.dice.wrapping_add(number));
            let stall = &self.stalls[rng.random_range(0..self.stalls.len())];
            storm(&self.field, stall, &mut rng).await;
        });
        futures_util::future::join_all(storms).await;
    }
}
