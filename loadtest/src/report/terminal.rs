//! The summary on the terminal.

use comfy_table::{CellAlignment, Table as Grid, presets};

use super::{Table, headlines, tables, verdict};
use crate::figures::Figures;

/// The most findings that are printed; the JSON has all.
const FINDINGS: usize = 50;
/// What the terminal leaves to the page.
const ON_THE_PAGE: [&str; 2] = ["Answers", "Goose's own metrics"];

/// Prints the summary.
pub(crate) fn show(figures: &Figures) {
    println!("{}", text(figures));
}

/// The summary.
pub(super) fn text(figures: &Figures) -> String {
    let mut parts = vec![format!(
        "Drop {}, {} buyers for {} units, seed {}",
        figures.drop, figures.size.buyers, figures.size.units, figures.seed
    )];
    let mut grid = Grid::new();
    grid.load_style(presets::UTF8_FULL_CONDENSED);
    for (name, value) in headlines(figures) {
        grid.add_row([name, &value]);
    }
    parts.push(grid.to_string());
    for table in tables(figures) {
        if !ON_THE_PAGE.contains(&table.title) && !table.rows.is_empty() {
            parts.push(format!("{}\n{}", table.title, drawn(&table)));
            parts.extend(table.note.map(str::to_owned));
        }
    }
    for finding in figures.findings.iter().take(FINDINGS) {
        parts.push(format!("✗ {}", finding.text()));
    }
    if figures.findings.len() > FINDINGS {
        parts.push(format!("… and {} more", figures.findings.len() - FINDINGS));
    }
    parts.push(verdict(figures));
    parts.join("\n\n")
}

fn drawn(table: &Table) -> Grid {
    let mut grid = Grid::new();
    grid.load_style(presets::UTF8_FULL_CONDENSED).set_header(&table.header);
    for row in &table.rows {
        grid.add_row(row);
    }
    for column in grid.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    grid
}
