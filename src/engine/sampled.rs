//! What is read off when somebody asks for the metrics: nothing of it costs a call anything.

use std::collections::HashMap;
use std::time::Duration;

use metrics::SharedString;

use super::{DropHandle, Engine};
use crate::{domain::Millis, ledger::PoolState, measure};

/// What is shown of a drop, or of all that share a label: then the worst of each.
#[derive(Clone, Copy, Debug)]
struct Sample {
    balanced: Option<bool>,
    halted: bool,
    epoch: i64,
    backlog: i64,
    lag: Duration,
    waiting: usize,
    overdue: Duration,
}

impl Sample {
    fn of(drop: &DropHandle, now: Millis) -> Sample {
        let progress = &drop.progress;
        Sample {
            balanced: drop.balanced(),
            halted: progress.halted().is_some(),
            epoch: progress.durable().epoch,
            backlog: progress.backlog().max(0),
            lag: progress.lag(),
            waiting: progress.waiting(),
            overdue: progress.overdue(now),
        }
    }

    fn join(self, other: Sample) -> Sample {
        Sample {
            balanced: match (self.balanced, other.balanced) {
                (Some(one), Some(two)) => Some(one && two),
                (known, None) | (None, known) => known,
            },
            halted: self.halted || other.halted,
            epoch: self.epoch.max(other.epoch),
            backlog: self.backlog + other.backlog,
            lag: self.lag.max(other.lag),
            waiting: self.waiting + other.waiting,
            overdue: self.overdue.max(other.overdue),
        }
    }

    fn show(self, drop: &SharedString) {
        // A gauge is a float; these counts are far below where that loses digits.
        let show = |name: &'static str, value: f64| {
            metrics::gauge!(name, "drop" => drop.clone()).set(value);
        };
        if let Some(balanced) = self.balanced {
            show("dropgate_reconcile_balanced", f64::from(u8::from(balanced)));
        }
        show("dropgate_halted", f64::from(u8::from(self.halted)));
        show("dropgate_epoch", self.epoch as f64);
        show("dropgate_backlog_events", self.backlog as f64);
        show("dropgate_backlog_seconds", self.lag.as_secs_f64());
        show("dropgate_waiting_calls", self.waiting as f64);
        show("dropgate_expiry_lag_seconds", self.overdue.as_secs_f64());
    }
}

impl Engine {
    /// Sets what is not counted where it happens: how far each drop is, how old each task's last
    /// turn is, how many connections to Postgres are in use.
    pub fn sample(&self) {
        let mut drops: HashMap<SharedString, Sample> = HashMap::new();
        let (mut write_behind, mut expire) = (None, None);
        let now = self.now();
        for drop in self.known_drops() {
            let label = drop.counted.known_label().unwrap_or_else(measure::other_drops);
            let sample = Sample::of(&drop, now);
            drops.entry(label).and_modify(|known| *known = known.join(sample)).or_insert(sample);
            write_behind = write_behind.max(drop.counted.write_behind.age());
            expire = expire.max(drop.counted.expire.age());
        }
        let in_redis = self.known_drops().iter().filter(|drop| !drop.progress.is_evicted()).count();
        metrics::gauge!("dropgate_drops_in_redis").set(in_redis as f64);
        metrics::gauge!("dropgate_details_bytes").set(self.details_bytes() as f64);
        for (label, sample) in drops {
            sample.show(&label);
        }
        for (task, age) in [
            ("write_behind", write_behind),
            ("expire", expire),
            ("reconcile", measure::RECONCILE.age()),
            ("keep_up", measure::KEEP_UP.age()),
            ("keys", measure::KEYS.age()),
            ("presence", measure::PRESENCE.age()),
            ("tally", measure::TALLY.age()),
            ("warm", measure::WARM.age()),
        ] {
            if let Some(age) = age {
                metrics::gauge!("dropgate_task_age_seconds", "task" => task).set(age.as_secs_f64());
            }
        }
        for (pool, PoolState { most, open, idle, waiting }) in self.ledger.pools() {
            let show = |name: &'static str, value: usize| {
                metrics::gauge!(name, "pool" => pool).set(value as f64);
            };
            show("dropgate_postgres_connections_max", most);
            show("dropgate_postgres_connections_used", open.saturating_sub(idle));
            show("dropgate_postgres_connections_idle", idle);
            show("dropgate_postgres_waiting", waiting);
        }
    }
}
