//! What commands write for people and for other programs: text on standard output, aligned tables,
//! and the status with which a command ends.

use std::io::{self, Write as _};

use comfy_table::{
    CellAlignment, ColumnConstraint, ContentArrangement, Table, TableStyle, Width, presets,
};
use serde::Serialize;

/// It is done.
pub(super) const DONE: u8 = 0;
/// A violation was found, or the engine refused.
pub(super) const REFUSED: u8 = 1;
/// A flag or setting is missing or wrong.
pub(super) const WRONG_USE: u8 = 2;
/// Somebody could not be reached, or nobody knows what came of it.
pub(super) const UNKNOWN: u8 = 3;

/// Whether a reader that goes away is the end of a command rather than an error.
pub(super) fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

/// Writes text to standard output at once; a reader that has gone away wants no more of it.
///
/// # Errors
/// When it can't be written.
pub(super) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if is_gone(&error) => Ok(()),
        written => written,
    }
}

/// Writes one JSON document for people and programs.
///
/// # Errors
/// When it can't be written.
pub(super) fn print_json(document: &impl Serialize) -> anyhow::Result<()> {
    Ok(print(&format!("{}\n", serde_json::to_string_pretty(document)?))?)
}

/// A text that may be absent, as a cell shows it.
pub(super) fn or_dash(text: Option<impl ToString>) -> String {
    text.map_or_else(|| "-".to_owned(), |text| text.to_string())
}

/// A table of text, drawn piece by piece, so that it may be longer than memory: columns only get
/// wider from one piece to the next.
pub(super) struct Columns<const N: usize> {
    titles: [&'static str; N],
    /// Those with numbers, which stand to the right.
    numbers: &'static [usize],
    widths: [u16; N],
    begun: bool,
}

impl<const N: usize> Columns<N> {
    /// Columns with these titles; those in `numbers` hold numbers.
    pub(super) fn new(titles: [&'static str; N], numbers: &'static [usize]) -> Columns<N> {
        Columns { titles, numbers, widths: [0; N], begun: false }
    }

    /// More rows, as lines; the titles stand above the first.
    pub(super) fn draw(&mut self, rows: impl IntoIterator<Item = [String; N]>) -> String {
        const GAP: u16 = 2;
        let mut table = Table::new();
        table.load_style(BARE).set_content_arrangement(ContentArrangement::Disabled);
        if !self.begun {
            table.add_row(self.titles);
            self.begun = true;
        }
        for row in rows {
            table.add_row(row);
        }
        if table.row_count() == 0 {
            return String::new();
        }
        for (width, needed) in self.widths.iter_mut().zip(table.column_max_content_widths()) {
            *width = needed.max(*width);
        }
        for (index, column) in table.column_iter_mut().enumerate() {
            let width = self.widths.get(index).copied().unwrap_or_default();
            column.set_padding((0, GAP));
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(width + GAP)));
            if self.numbers.contains(&index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let lines = table.trim_fmt();
        lines.lines().map(|line| format!("{line}\n")).collect()
    }
}

/// Nothing but spaces between the columns: easy to read, to cut and to search.
const BARE: TableStyle = presets::NOTHING;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_a_table_stand_below_each_other() {
        let mut columns = Columns::new(["SKU", "UNITS", "NAME"], &[1]);
        let row = |cells: [&str; 3]| cells.map(str::to_owned);
        let first = columns.draw([row(["shoe-42", "7", "A shoe"]), row(["a", "12345678", ""])]);
        assert_eq!(
            first,
            "SKU         UNITS  NAME\n\
             shoe-42         7  A shoe\n\
             a        12345678\n"
        );
        assert_eq!(columns.draw([row(["b", "1", "B"])]), "b               1  B\n");
        assert_eq!(columns.draw([]), "");
    }

    #[test]
    fn a_table_without_rows_has_titles() {
        let mut columns = Columns::new(["A", "B"], &[]);
        assert_eq!(columns.draw([]), "A  B\n");
    }
}
