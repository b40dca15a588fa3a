//! The results of each part's last run: a JSON file, one line a part.

use std::{collections::BTreeMap, fs, io, path::Path};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::Outcome;
use crate::{machine::Machine, part::Part};

/// One run of one part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// When it ended, in UTC.
    pub date: String,
    /// What was measured, and with what in the working copy changed.
    pub commit: String,
    /// Where.
    pub machine: Machine,
    /// How long a run took, in seconds.
    pub seconds: f64,
    /// How many rounds.
    pub rounds: usize,
    /// What part of the usual sizes.
    pub scale: f64,
    /// From which the orders within the rounds come.
    pub seed: u64,
    /// How long the whole part took, in seconds.
    pub took: f64,
    /// What came of it.
    pub outcome: Outcome,
}

/// The last run of each part that ever ran.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Results {
    records: BTreeMap<Part, Record>,
}

impl Results {
    /// Reads the file; none is no results.
    ///
    /// # Errors
    /// When it can't be read or is something else.
    pub fn read(path: &Path) -> anyhow::Result<Results> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Results::default()),
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        };
        let records = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
        Ok(Results { records })
    }

    /// Takes a part's new record in place of its old one; the others stay.
    pub fn merge(&mut self, part: Part, record: Record) {
        self.records.insert(part, record);
    }

    /// The parts that have a record, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (Part, &Record)> {
        self.records.iter().map(|(part, record)| (*part, record))
    }

    /// As it is written: a line a part, so that a change of one part shows as one line.
    ///
    /// # Errors
    /// When a value can't be written as JSON.
    pub fn to_json(&self) -> anyhow::Result<String> {
        let lines: Result<Vec<_>, _> = self
            .iter()
            .map(|(part, record)| {
                anyhow::Ok(format!("\"{}\": {}", part.name(), serde_json::to_string(record)?))
            })
            .collect();
        Ok(format!("{{\n{}\n}}\n", lines?.join(",\n")))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{
        plot::{Axis, Plot},
        report::{Figure, Goal, Table},
    };

    pub(in crate::report) fn record(commit: &str, value: f64) -> Record {
        let figure = Figure::new("durable holds", "", &[value, value, value + 0.1])
            .goal(Goal::AtLeast(0.5))
            .side("engine", "holds/s", &[value * 40_000.0]);
        let mut table = Table::new(&["side", "load, µs"]);
        table.row("engine", &[12.0]);
        let mut plot = Plot::new("holds", "Holds", Axis::linear("s"), Axis::log("ms"));
        plot.line("p50", vec![(1.0, 2.0), (2.0, 4.0)]);
        let outcome = Outcome {
            figures: vec![figure],
            tables: vec![table],
            plots: vec![plot],
            notes: vec!["A note.".to_owned()],
        };
        Record {
            date: "2026-11-21".to_owned(),
            commit: commit.to_owned(),
            machine: Machine::default(),
            seconds: 4.0,
            rounds: 7,
            scale: 1.0,
            seed: 1,
            took: 60.0,
            outcome,
        }
    }

    #[test]
    fn a_part_that_ran_again_replaces_itself_only() {
        let mut results = Results::default();
        results.merge(Part::Reads, record("old", 0.4));
        results.merge(Part::Holds, record("old", 0.4));
        results.merge(Part::Holds, record("new", 0.6));
        let commits: Vec<_> = results.iter().map(|(part, r)| (part, r.commit.as_str())).collect();
        assert_eq!(commits, [(Part::Holds, "new"), (Part::Reads, "old")]);
    }

    #[test]
    fn the_file_keeps_everything() {
        let dir = std::env::temp_dir().join(format!("bench-results-{}", std::process::id()));
        let path = dir.join("results.json");
        fs::create_dir_all(&dir).expect("a folder");
        assert_eq!(Results::read(&path).expect("none yet"), Results::default());
        let mut results = Results::default();
        results.merge(Part::Reads, record("a", 0.4));
        results.merge(Part::Holds, record("b", 0.6));
        let json = results.to_json().expect("JSON");
        assert_eq!(json.lines().count(), 4, "a line a part");
        fs::write(&path, json).expect("written");
        let read = Results::read(&path);
        fs::remove_dir_all(&dir).expect("removed");
        assert_eq!(read.expect("read"), results);
    }
}
