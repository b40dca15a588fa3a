//! What a run came to: for eyes, and as one line of JSON that can be added to others.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    checker::{Evidence, Finding, Outcomes, Rule, Verdict},
    run::RunOptions,
    schedule::{Group, Kind},
};

/// Findings that are kept in a report; their number is always whole.
const SHOWN: usize = 60;

/// One run, or several added up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The seeds.
    pub seeds: Vec<u64>,
    /// The rule that was taken out, if any.
    pub mutant: Option<String>,
    /// Of what source.
    pub commit: String,
    /// On what machine, built how.
    pub machine: String,
    /// How long it took.
    pub seconds: f64,
    /// Faults by kind.
    pub faults: BTreeMap<Kind, u64>,
    /// Calls, acknowledgements, and how unknown outcomes became known.
    pub outcomes: Outcomes,
    /// Events in the ledger.
    pub events: u64,
    /// Epochs that were seen to rise.
    pub rebuilds: u64,
    /// Milliseconds from the end of a fault until a hold was granted, by kind.
    pub recoveries: BTreeMap<String, Vec<u64>>,
    /// How many findings there are of each rule.
    pub by_rule: BTreeMap<Rule, usize>,
    /// Findings, the first of them.
    pub findings: Vec<Finding>,
    /// Where books and logs were left.
    pub kept: Option<String>,
}

impl Report {
    /// A report without anything yet.
    #[must_use]
    pub fn new(options: &RunOptions) -> Report {
        Report {
            seeds: vec![options.seed],
            mutant: options.mutant.clone(),
            commit: commit(),
            machine: machine(),
            ..Report::default()
        }
    }

    /// Notes the faults of a group.
    pub(crate) fn had(&mut self, group: &Group) {
        for fault in group {
            *self.faults.entry(fault.kind).or_default() += 1;
        }
    }

    /// Takes the judgement in.
    pub(crate) fn conclude(&mut self, evidence: &Evidence, verdict: Verdict, took: Duration) {
        self.seconds = took.as_secs_f64();
        self.by_rule = verdict.by_rule();
        self.outcomes = verdict.outcomes;
        self.findings = verdict.findings;
        self.findings.truncate(SHOWN);
        let events = evidence.records.values().map(|drop| drop.last_seq.unsigned_abs());
        self.events = events.sum();
        self.rebuilds =
            (evidence.epochs.len() as u64).saturating_sub(evidence.records.len() as u64);
        for recovery in &evidence.recoveries {
            let several = recovery.kind.contains('+');
            let kind = if several { "two at once" } else { recovery.kind.as_str() };
            self.recoveries.entry(kind.to_owned()).or_default().push(recovery.millis);
        }
    }

    /// Adds another one.
    pub fn add(&mut self, other: Report) {
        self.seeds.extend(other.seeds);
        self.mutant = self.mutant.take().or(other.mutant);
        for (mine, theirs) in [(&mut self.commit, other.commit), (&mut self.machine, other.machine)]
        {
            if mine.is_empty() {
                *mine = theirs;
            } else if *mine != theirs && !mine.contains(&theirs) {
                *mine = format!("{mine}; {theirs}");
            }
        }
        self.seconds += other.seconds;
        self.events += other.events;
        self.rebuilds += other.rebuilds;
        for (kind, count) in other.faults {
            *self.faults.entry(kind).or_default() += count;
        }
        for (kind, millis) in other.recoveries {
            self.recoveries.entry(kind).or_default().extend(millis);
        }
        for (rule, count) in other.by_rule {
            *self.by_rule.entry(rule).or_default() += count;
        }
        self.findings.extend(other.findings);
        self.findings.truncate(SHOWN);
        let (mine, theirs) = (&mut self.outcomes, other.outcomes);
        mine.calls += theirs.calls;
        mine.acknowledged += theirs.acknowledged;
        mine.requests += theirs.requests;
        mine.unknown_calls += theirs.unknown_calls;
        mine.unknown_requests += theirs.unknown_requests;
        mine.told_by_retry += theirs.told_by_retry;
        mine.found_in_ledger += theirs.found_in_ledger;
        mine.found_not_there += theirs.found_not_there;
    }

    /// Whether no promise was broken.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.by_rule.is_empty()
    }

    /// As tables for a terminal.
    #[must_use]
    pub fn show(&self) -> String {
        let count = |rule: Rule| self.by_rule.get(&rule).copied().unwrap_or(0).to_string();
        let outcomes = &self.outcomes;
        let mut rows: Vec<(&str, String)> = vec![
            ("seeds", list(&self.seeds)),
            ("source", self.commit.clone()),
            ("machine", self.machine.clone()),
            ("time", format!("{:.0} s", self.seconds)),
            ("faults", self.faults.values().sum::<u64>().to_string()),
            ("calls", outcomes.calls.to_string()),
            ("acknowledged", outcomes.acknowledged.to_string()),
            ("events in the ledger", self.events.to_string()),
            ("rebuilds", self.rebuilds.to_string()),
            ("acknowledged and lost", count(Rule::Lost)),
            ("oversold", count(Rule::Oversold)),
            ("over a limit", count(Rule::OverLimit)),
            ("expired early", count(Rule::EarlyExpiry)),
            ("rebuilt needlessly", count(Rule::NeedlessRebuild)),
            ("unknown outcomes", outcomes.unknown_calls.to_string()),
            ("  of requests", outcomes.unknown_requests.to_string()),
            ("  told by a retry", outcomes.told_by_retry.to_string()),
            ("  found in the ledger", outcomes.found_in_ledger.to_string()),
            ("  found not to be there", outcomes.found_not_there.to_string()),
            ("  not found out", count(Rule::Unresolved)),
        ];
        if let Some(mutant) = &self.mutant {
            rows.insert(0, ("without the rule", mutant.clone()));
        }
        let mut text = String::new();
        for (name, value) in rows {
            text.push_str(&format!("{name:<26} {value}\n"));
        }
        text.push_str(&self.faults_table());
        for (rule, count) in &self.by_rule {
            text.push_str(&format!("FINDING {:<18} {count}\n", rule.name()));
        }
        for finding in self.findings.iter().take(20) {
            text.push_str(&format!(
                "- {}: {}: {}\n",
                finding.rule.name(),
                finding.drop,
                finding.text
            ));
        }
        if let Some(kept) = &self.kept {
            text.push_str(&format!("books and logs: {kept}\n"));
        }
        text
    }

    fn faults_table(&self) -> String {
        let mut text = format!(
            "\n{:<18} {:>6}  {:>10} {:>8} {:>8}\n",
            "fault", "times", "a hold, ms", "p99", "max"
        );
        let mut kinds: Vec<(String, String)> =
            self.faults.iter().map(|(kind, n)| (kind.name(), n.to_string())).collect();
        kinds.push(("two at once".to_owned(), String::new()));
        for (kind, times) in kinds {
            let mut millis = self.recoveries.get(&kind).cloned().unwrap_or_default();
            millis.sort_unstable();
            let at = |share: f64| quantile(&millis, share);
            text.push_str(&format!(
                "{kind:<18} {times:>6}  {:>10} {:>8} {:>8}\n",
                at(0.5),
                at(0.99),
                at(1.0)
            ));
        }
        text.push('\n');
        text
    }
}

fn quantile(sorted: &[u64], share: f64) -> String {
    let Some(last) = sorted.len().checked_sub(1) else { return "-".to_owned() };
    // Few values, so nothing is lost by the way over a float.
    let at = (last as f64 * share).ceil() as usize;
    sorted[at.min(last)].to_string()
}

fn list(seeds: &[u64]) -> String {
    let shown: Vec<String> = seeds.iter().take(12).map(u64::to_string).collect();
    let more = if seeds.len() > shown.len() { " …" } else { "" };
    format!("{}{more} ({})", shown.join(" "), seeds.len())
}

fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = std::process::Command::new("git").args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short", "HEAD"]) else { return "unknown".to_owned() };
    let changed = git(&["status", "--porcelain"]).is_some_and(|changes| !changes.is_empty());
    if changed { format!("{commit} with changes") } else { commit }
}

fn machine() -> String {
    let cpus = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    format!("{cpus} × {}, {build} build", model.unwrap_or("unknown"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_add_up_and_come_back_from_json() {
        let mut one = Report { seeds: vec![1], seconds: 2.0, ..Report::default() };
        one.faults.insert(Kind::Wipe, 3);
        one.recoveries.insert("wipe".to_owned(), vec![5, 1]);
        one.by_rule.insert(Rule::Lost, 1);
        one.outcomes.calls = 10;
        let line = serde_json::to_string(&one).expect("JSON");
        let mut sum: Report = serde_json::from_str(&line).expect("a report");
        assert_eq!(sum, one);
        sum.add(one);
        assert_eq!((sum.faults[&Kind::Wipe], sum.outcomes.calls), (6, 20));
        assert_eq!(sum.by_rule[&Rule::Lost], 2);
        assert!(!sum.is_clean());
        let text = sum.show();
        assert!(text.contains("acknowledged and lost      2"), "{text}");
        assert!(text.contains("wipe") && text.contains("FINDING lost"), "{text}");
    }

    #[test]
    fn quantiles_of_few_values() {
        assert_eq!(quantile(&[], 0.5), "-");
        assert_eq!(quantile(&[7], 0.99), "7");
        assert_eq!(quantile(&[1, 2, 3, 4], 0.5), "3");
        assert_eq!(quantile(&[1, 2, 3, 4], 1.0), "4");
    }
}
