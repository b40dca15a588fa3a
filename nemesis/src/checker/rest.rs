//! What is checked without the single request: both sides at rest, times, rebuilds.

use serde::{Deserialize, Serialize};

use super::{
    Evidence,
    finding::{Finding, Notes, Rule},
    records::DropRecords,
};
use crate::books::Try;

/// What an engine's audit said of a drop when everything was at rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// Which drop.
    pub drop: String,
    /// Which engine said it.
    pub engine: usize,
    /// Whether Redis and the ledger agree; `None` when it could not be had.
    pub balanced: Option<bool>,
    /// Where Redis stands.
    pub seq: i64,
    /// Where the ledger stands.
    pub durable_seq: i64,
    /// What disagrees, or why there is no answer.
    pub violations: String,
}

/// A time in which an engine could not be expected to answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    /// Which engine.
    pub engine: usize,
    /// From when, in microseconds.
    pub from: i64,
    /// Until when.
    pub until: i64,
}

/// How long it took behind a fault until an engine granted a hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// The fault's kind.
    pub kind: String,
    /// The engine that was asked.
    pub engine: usize,
    /// Milliseconds from the end of the fault to the grant.
    pub millis: u64,
}

/// An epoch, when it was first seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochSeen {
    /// Of which drop.
    pub drop: String,
    /// The epoch.
    pub epoch: i64,
    /// When, in microseconds.
    pub at: i64,
}

/// A fault that makes a rebuild needful.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Damage {
    /// Of which drop; none: of all.
    pub drop: Option<String>,
    /// From when, in microseconds.
    pub from: i64,
    /// Until when.
    pub until: i64,
}

/// Whoever asks gets an answer within 5 seconds; a busy machine is allowed two more.
const ANSWER: i64 = 7_000_000;
/// Behind a fault, holds are granted again within so many milliseconds.
const RECOVERY: u64 = 15_000;
/// A rebuild belongs to a damage that ended at most so long before it, in microseconds.
const AFTERMATH: i64 = 15_000_000;

/// Redis and the ledger agree, and everything is durable.
pub(super) fn audits(drop: &str, audits: &[Audit], records: &DropRecords, notes: &mut Notes<'_>) {
    for audit in audits.iter().filter(|audit| audit.drop == drop) {
        // Holds that were left may have expired since.
        let fine = audit.balanced == Some(true)
            && audit.seq == audit.durable_seq
            && audit.durable_seq <= records.last_seq;
        notes.unless(fine, Rule::Unbalanced, || {
            format!("the ledger ends at {}: {audit:?}", records.last_seq)
        });
        notes.unless(audit.balanced.is_some(), Rule::Unresolved, || {
            "what is not in the ledger yet can't be told".to_owned()
        });
    }
}

/// Epochs rise only where something was done to Redis.
pub(super) fn rebuilds(drop: &str, evidence: &Evidence, notes: &mut Notes<'_>) {
    for pair in needless(drop, evidence) {
        notes.note(
            Rule::NeedlessRebuild,
            format!("epoch {} at {} without a damage before it", pair.epoch, pair.at),
        );
    }
}

fn needless<'a>(drop: &'a str, evidence: &'a Evidence) -> impl Iterator<Item = &'a EpochSeen> {
    let seen = evidence.epochs.iter().filter(move |seen| seen.drop == drop);
    // The first is where the drop was when the run began.
    seen.skip(1).filter(move |seen| {
        !evidence.damages.iter().any(|damage| {
            damage.drop.as_deref().is_none_or(|of| of == drop)
                && (damage.from..damage.until + AFTERMATH).contains(&seen.at)
        })
    })
}

/// Every answer came in time, except from an engine that was stopped meanwhile.
pub(super) fn answers_in_time(evidence: &Evidence, findings: &mut Vec<Finding>) {
    for t in &evidence.tries {
        if t.told_at == 0 || t.told_at - t.asked_at <= ANSWER || excused(t, evidence) {
            continue;
        }
        let text = format!(
            "call {} ({:?}) to engine {} took {} ms: {:?}",
            t.call,
            t.ask.verb,
            t.engine,
            (t.told_at - t.asked_at) / 1000,
            t.told.as_ref().map(|told| (told.status, &told.code)),
        );
        findings.push(Finding { rule: Rule::SlowAnswer, drop: t.ask.drop.clone(), text });
    }
}

fn excused(t: &Try, evidence: &Evidence) -> bool {
    let outage = |outage: &Outage| {
        outage.engine == t.engine && outage.from < t.told_at && outage.until > t.asked_at
    };
    evidence.outages.iter().any(outage)
}

/// Behind every fault holds are granted again soon.
pub(super) fn recoveries(evidence: &Evidence, findings: &mut Vec<Finding>) {
    for recovery in evidence.recoveries.iter().filter(|recovery| recovery.millis > RECOVERY) {
        let Recovery { kind, engine, millis } = recovery;
        let text = format!("{millis} ms behind {kind} until engine {engine} granted a hold");
        findings.push(Finding { rule: Rule::SlowRecovery, drop: String::new(), text });
    }
}
