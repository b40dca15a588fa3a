//! The promises, checked behind a run: what clients were told against what the ledger says.
//!
//! Pure: [`check`] is a function of the evidence, so its tests can tamper with that.

mod acknowledged;
mod answers;
mod effects;
mod finding;
mod history;
mod limits;
mod records;
mod requests;
mod rest;
#[cfg(test)]
mod sale;
#[cfg(test)]
mod tests;

pub use finding::{Finding, Rule};
pub use records::{
    Counts, DropRecords, Entry, Kept, LedgerRow, Records, Remembered, read as read_records,
};
pub use rest::{Audit, Damage, EpochSeen, Outage, Recovery};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::books::{Meaning, Try};
use finding::Notes;
use requests::Requests;

/// Everything that is known when a run is over.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// The clients' books.
    pub tries: Vec<Try>,
    /// The ledger's tables.
    pub records: Records,
    /// What each engine's audit said of each drop.
    pub audits: Vec<Audit>,
    /// When an engine or what it needs was not itself.
    pub outages: Vec<Outage>,
    /// How long holds were missing behind faults.
    pub recoveries: Vec<Recovery>,
    /// Epochs as they were seen to rise.
    pub epochs: Vec<EpochSeen>,
    /// Faults that a rebuild mends.
    pub damages: Vec<Damage>,
}

/// How the outcomes of requests became known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcomes {
    /// Calls that were sent.
    pub calls: u64,
    /// Calls of verbs that write which were answered with a success.
    pub acknowledged: u64,
    /// Requests that write.
    pub requests: u64,
    /// Calls whose outcome was unknown.
    pub unknown_calls: u64,
    /// Requests with at least one such call.
    pub unknown_requests: u64,
    /// Of those: another try told.
    pub told_by_retry: u64,
    /// Of those: the ledger has the effect.
    pub found_in_ledger: u64,
    /// Of those: the ledger shows that there is none.
    pub found_not_there: u64,
}

/// What the checker came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The broken promises.
    pub findings: Vec<Finding>,
    /// How outcomes became known.
    pub outcomes: Outcomes,
}

impl Verdict {
    /// How many findings there are of each rule.
    #[must_use]
    pub fn by_rule(&self) -> BTreeMap<Rule, usize> {
        let mut rules = BTreeMap::new();
        for finding in &self.findings {
            *rules.entry(finding.rule).or_default() += 1;
        }
        rules
    }
}

/// Judges a run by its evidence.
#[must_use]
pub fn check(evidence: &Evidence) -> Verdict {
    let mut verdict = Verdict::default();
    let drops: std::collections::BTreeSet<&str> = evidence
        .tries
        .iter()
        .map(|t| t.ask.drop.as_str())
        .chain(evidence.records.keys().map(String::as_str))
        .collect();
    let nothing = DropRecords::default();
    for drop in drops {
        let records = evidence.records.get(drop).unwrap_or(&nothing);
        let mut notes = Notes::of(drop);
        let history = history::replay(records, &mut notes);
        let requests = Requests::of(drop, &evidence.tries);
        let effects = effects::explain(records, &history, &requests, &mut notes);
        acknowledged::check(drop, records, &history, &requests, &effects, &mut notes);
        answers::keys(&requests, &mut notes);
        answers::reads(drop, &evidence.tries, &history, &mut notes);
        answers::versions(drop, &evidence.tries, &mut notes);
        rest::audits(drop, &evidence.audits, records, &mut notes);
        rest::rebuilds(drop, evidence, &mut notes);
        verdict.findings.append(&mut notes.findings);
        count(&requests, &effects, &mut verdict.outcomes);
    }
    rest::answers_in_time(evidence, &mut verdict.findings);
    rest::recoveries(evidence, &mut verdict.findings);
    verdict.outcomes.calls = evidence.tries.len() as u64;
    verdict
}

fn count(requests: &Requests<'_>, effects: &effects::Effects, outcomes: &mut Outcomes) {
    for (id, request) in &requests.all {
        outcomes.requests += 1;
        let done = request.tries.iter().filter(|t| t.done().is_some()).count();
        outcomes.acknowledged += done as u64;
        let unknown = |t: &&&Try| matches!(t.meaning(), Meaning::Unknown | Meaning::Absurd);
        let unknown = request.tries.iter().filter(unknown).count();
        if unknown == 0 {
            continue;
        }
        outcomes.unknown_calls += unknown as u64;
        outcomes.unknown_requests += 1;
        if done > 0 {
            outcomes.told_by_retry += 1;
        } else if effects.contains_key(id) {
            outcomes.found_in_ledger += 1;
        } else {
            outcomes.found_not_there += 1;
        }
    }
}
