//! Which faults come when: everything random about them comes from the seed.

use std::time::Duration;

use clap::ValueEnum;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};
use serde::{Deserialize, Serialize};

use crate::proxy::Way;

/// A kind of fault.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Redis is killed and comes back.
    KillRedis,
    /// Postgres is killed and comes back.
    KillPostgres,
    /// An engine is killed and comes back.
    KillEngine,
    /// Everything is killed at once.
    KillAll,
    /// Redis stands still.
    FreezeRedis,
    /// Postgres stands still, all of its processes.
    FreezePostgres,
    /// An engine stands still.
    FreezeEngine,
    /// Redis is emptied.
    Wipe,
    /// Redis is put back to an older copy of its files.
    RollBack,
    /// A replica that has fallen behind takes over, one engine after the other.
    Promote,
    /// Connections to Redis are reset, new ones too.
    CutRedis,
    /// What goes to or comes from Redis is kept back.
    HoldRedis,
    /// What goes to or comes from Redis is late.
    DelayRedis,
    /// Connections to Postgres are reset, new ones too.
    CutPostgres,
    /// What goes to or comes from Postgres is kept back.
    HoldPostgres,
    /// What goes to or comes from Postgres is late.
    DelayPostgres,
    /// A connection to Redis is reset in the middle of an answer.
    ResetRedis,
    /// A connection to Postgres is reset in the middle of an answer.
    ResetPostgres,
    /// An engine's clock is an hour off.
    EngineClock,
    /// A drop's clock is some seconds off.
    DropClock,
    /// Redis forgets its scripts, again and again.
    ScriptFlush,
    /// One key of a drop is deleted.
    DeleteKey,
    /// Redis drops all of its clients.
    ClientKill,
    /// An engine is stopped in good order and comes back.
    Terminate,
    /// An engine dies at a place in the protocol, and comes back.
    Abort,
    /// An engine stands still at a place in the protocol.
    Halt,
    /// An engine dies or stands still at a place of a rebuild.
    Rebuild,
    /// Many tries of one key at once.
    Storm,
}

impl Kind {
    /// All kinds.
    #[must_use]
    pub fn all() -> &'static [Kind] {
        Kind::value_variants()
    }

    /// Its name in options and reports.
    #[must_use]
    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// Whether Redis may have lost something: what a rebuild is for. A killed one may have, too:
    /// while a sync of its file is slow, it answers before it has written.
    #[must_use]
    pub fn damages(self) -> bool {
        matches!(
            self,
            Kind::KillRedis
                | Kind::KillAll
                | Kind::Wipe
                | Kind::RollBack
                | Kind::Promote
                | Kind::DeleteKey
                | Kind::Rebuild
        )
    }

    /// What two faults at once must not both work on.
    fn target(self) -> Target {
        match self {
            Kind::KillRedis
            | Kind::FreezeRedis
            | Kind::RollBack
            | Kind::Promote
            | Kind::KillAll => Target::Redis,
            Kind::KillPostgres | Kind::FreezePostgres => Target::Postgres,
            Kind::KillEngine
            | Kind::FreezeEngine
            | Kind::Terminate
            | Kind::Abort
            | Kind::Halt
            | Kind::Rebuild => Target::Engine,
            Kind::CutRedis | Kind::HoldRedis | Kind::DelayRedis | Kind::ResetRedis => {
                Target::RedisLink
            }
            Kind::CutPostgres | Kind::HoldPostgres | Kind::DelayPostgres | Kind::ResetPostgres => {
                Target::PostgresLink
            }
            Kind::Wipe
            | Kind::EngineClock
            | Kind::DropClock
            | Kind::ScriptFlush
            | Kind::DeleteKey
            | Kind::ClientKill
            | Kind::Storm => Target::Content,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    Redis,
    Postgres,
    Engine,
    RedisLink,
    PostgresLink,
    Content,
}

/// One fault with everything that was decided about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// What happens.
    pub kind: Kind,
    /// So long behind the beginning of its group.
    pub after: Duration,
    /// So long it lasts, or the victim stays away.
    pub lasts: Duration,
    /// Which engine, where it is about one.
    pub engine: usize,
    /// Whether it is about all engines.
    pub all: bool,
    /// Which direction, where it is about one.
    pub way: Way,
    /// Decides what else there is to decide: a key, a place, a number of bytes.
    pub dice: u64,
}

/// Faults that come together; recovery is measured behind all of them.
pub type Group = Vec<Fault>;

/// The faults of a run, one group after the other, without end.
#[derive(Debug)]
pub struct Schedule {
    rng: StdRng,
    kinds: Vec<Kind>,
    /// Kinds that have not come yet.
    fresh: Vec<Kind>,
    engines: usize,
}

impl Schedule {
    /// The schedule of a seed.
    #[must_use]
    pub fn new(seed: u64, kinds: &[Kind], engines: usize) -> Schedule {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut fresh = kinds.to_vec();
        fresh.shuffle(&mut rng);
        Schedule { rng, kinds: kinds.to_vec(), fresh, engines }
    }

    /// Whether every kind has come.
    #[must_use]
    pub fn had_all(&self) -> bool {
        self.fresh.is_empty()
    }

    /// The next group: one fault, or two that overlap.
    pub fn next_group(&mut self) -> Group {
        let first = self.next_kind(None);
        let mut group = vec![self.fault(first, Duration::ZERO)];
        if self.kinds.len() > 1 && self.rng.random_bool(0.4) {
            let second = self.next_kind(Some(first));
            let after = Duration::from_millis(self.rng.random_range(0..1200));
            group.push(self.fault(second, after));
        }
        group
    }

    fn next_kind(&mut self, beside: Option<Kind>) -> Kind {
        let fits = |kind: &Kind| {
            beside.is_none_or(|other| {
                other.target() != kind.target() && ![other, *kind].contains(&Kind::KillAll)
            })
        };
        if let Some(at) = self.fresh.iter().rposition(fits) {
            return self.fresh.remove(at);
        }
        let fitting: Vec<Kind> = self.kinds.iter().copied().filter(fits).collect();
        if fitting.is_empty() {
            return Kind::Storm;
        }
        fitting[self.rng.random_range(0..fitting.len())]
    }

    fn fault(&mut self, kind: Kind, after: Duration) -> Fault {
        let ways = [Way::Both, Way::ToServer, Way::ToClient];
        Fault {
            kind,
            after,
            lasts: Duration::from_millis(self.rng.random_range(0..2000)),
            engine: self.rng.random_range(0..self.engines),
            all: self.rng.random_bool(0.3),
            way: ways[self.rng.random_range(0..ways.len())],
            dice: self.rng.random(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_one_schedule_and_every_kind_comes() {
        let mut one = Schedule::new(7, Kind::all(), 2);
        let mut same = Schedule::new(7, Kind::all(), 2);
        let mut seen = Vec::new();
        while !one.had_all() {
            let group = one.next_group();
            assert_eq!(group, same.next_group());
            seen.extend(group.iter().map(|fault| fault.kind));
        }
        for kind in Kind::all() {
            assert!(seen.contains(kind), "{}", kind.name());
        }
        assert_ne!(Schedule::new(8, Kind::all(), 2).next_group(), same.next_group());
    }

    #[test]
    fn faults_at_once_don_t_share_a_target() {
        let mut schedule = Schedule::new(1, Kind::all(), 2);
        for _ in 0..500 {
            if let [one, two] = schedule.next_group().as_slice() {
                assert!(one.kind.target() != two.kind.target(), "{one:?} {two:?}");
            }
        }
    }
}
