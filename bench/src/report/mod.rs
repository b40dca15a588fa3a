//! What a part comes to, kept as JSON and shown as a page.

mod figure;
mod page;
mod results;

use serde::{Deserialize, Serialize};

pub use figure::{Figure, Goal, Side, number, whole};
pub use page::page;
pub use results::{Record, Results};

use crate::plot::Plot;

/// What one part measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// What is held against goals, and what is told beside it.
    pub figures: Vec<Figure>,
    /// More of it, in rows.
    #[serde(default)]
    pub tables: Vec<Table>,
    /// The same as pictures.
    #[serde(default)]
    pub plots: Vec<Plot>,
    /// What a reader must know of this run.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// Rows under a heading.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// What each column is, with its unit.
    pub columns: Vec<String>,
    /// As many cells as columns.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    #[must_use]
    pub fn new(columns: &[&str]) -> Table {
        Table { columns: columns.iter().map(ToString::to_string).collect(), rows: Vec::new() }
    }

    /// Adds a row: its name, and a number a column.
    pub fn row(&mut self, name: impl Into<String>, numbers: &[f64]) {
        let cells = numbers.iter().map(|value| number(*value));
        self.rows.push(std::iter::once(name.into()).chain(cells).collect());
    }
}
