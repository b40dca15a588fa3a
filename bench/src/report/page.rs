//! The page that people read.

use std::fmt::Write as _;

use super::{Figure, Record, Results, Table, figure::number};
use crate::statistics::Spread;

const TOP: &str = "\
# Benchmarks

Written by `make bench`; do not edit by hand. Each figure is the median over the rounds, with the
least and the most in brackets. Load generator, engine, Redis and Postgres share one machine, and
both sides of a ratio ran in the same round, in shuffled order. What is compared with what, and
what is not measured: [bench/README.md](../bench/README.md).

## Goals

| part | figure | goal | measured | met |
|---|---|---|---|---|
";

/// Renders results. `folder` is where the plots are, seen from the page.
#[must_use]
pub fn page(results: &Results, folder: &str) -> String {
    let mut text = TOP.to_owned();
    for (part, record) in results.iter() {
        for figure in record.outcome.figures.iter().filter(|figure| figure.goal.is_some()) {
            let name = part.name();
            text += &format!("| [`{name}`](#{name}) | {} |\n", goal_cells(figure));
        }
    }
    for (part, record) in results.iter() {
        let about = part.about();
        let name = part.name();
        let _ = write!(text, "\n## {name}\n\n**{}.** {}\n\n", about.title, about.how);
        let _ = writeln!(text, "Command: `make bench BENCH=\"{name}\"`. {}", conditions(record));
        text += &figures(record);
        for table in &record.outcome.tables {
            text += &table_rows(table);
        }
        for plot in &record.outcome.plots {
            let _ = write!(text, "\n![{}]({folder}/{}.svg)\n", plot.title, plot.file);
        }
        for note in &record.outcome.notes {
            let _ = write!(text, "\n{note}\n");
        }
    }
    text
}

/// `0.52 [0.49, 0.55]`, with the unit.
fn spread(values: Spread, unit: &str) -> String {
    let Spread { median, min, max } = values;
    let mut text = number(median);
    if min < max {
        let _ = write!(text, " [{}, {}]", number(min), number(max));
    }
    if !unit.is_empty() {
        let _ = write!(text, " {unit}");
    }
    text
}

fn met(figure: &Figure) -> &'static str {
    match figure.met {
        Some(true) => "yes",
        Some(false) => "**no**",
        None => "",
    }
}

fn goal(figure: &Figure) -> String {
    let goal = figure.goal.map(|goal| goal.to_string()).unwrap_or_default();
    format!("{goal} {}", figure.unit).trim().to_owned()
}

fn goal_cells(figure: &Figure) -> String {
    let measured = spread(figure.values, &figure.unit);
    format!("{} | {} | {measured} | {}", figure.name, goal(figure), met(figure))
}

/// Every figure of a part with what it was made from.
fn figures(record: &Record) -> String {
    let mut text =
        "\n| figure | goal | measured | met | made from |\n|---|---|---|---|---|\n".to_owned();
    for figure in &record.outcome.figures {
        let goal = if figure.goal.is_some() { goal(figure) } else { String::new() };
        let sides: Vec<_> = figure
            .sides
            .iter()
            .map(|side| format!("{}: {}", side.name, spread(side.values, &side.unit)))
            .collect();
        let measured = spread(figure.values, &figure.unit);
        let (name, met, sides) = (&figure.name, met(figure), sides.join("; "));
        let _ = writeln!(text, "| {name} | {goal} | {measured} | {met} | {sides} |");
    }
    text
}

fn table_rows(table: &Table) -> String {
    let row = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut text = format!("\n{}|{}\n", row(&table.columns), "---|".repeat(table.columns.len()));
    for cells in &table.rows {
        text += &row(cells);
    }
    text
}

/// When, on what and how long it ran.
fn conditions(record: &Record) -> String {
    let machine = &record.machine;
    let mut text = format!(
        "Run of {}, commit {}: {} rounds of {} s, seed {}, {} s in all; {} cores ({}), {} GiB, \
         Linux {}, Redis {}, Postgres {}.",
        record.date,
        record.commit,
        record.rounds,
        record.seconds,
        record.seed,
        record.took.round(),
        machine.cores,
        machine.cpu,
        machine.memory_gib,
        machine.kernel,
        machine.redis,
        machine.postgres
    );
    if record.scale < 1.0 {
        let _ = write!(text, " **Not the full size: only {} of it.**", record.scale);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{part::Part, report::results::tests::record};

    #[test]
    fn the_page_shows_goals_first_and_says_no_where_it_is_no() {
        let mut results = Results::default();
        results.merge(Part::Holds, record("abc", 0.55));
        results.merge(Part::Reads, record("abc", 0.3));
        let page = page(&results, "bench");
        let goals = page.find("## Goals").expect("goals");
        let section = page.find("\n## holds\n").expect("a section");
        assert!(goals < section);
        for line in [
            "| [`holds`](#holds) | durable holds | ≥ 0.5 | 0.55 [0.55, 0.65] | yes |",
            "| [`reads`](#reads) | durable holds | ≥ 0.5 | 0.30 [0.30, 0.40] | **no** |",
            "![Holds](bench/holds.svg)",
            "engine: 22,000 holds/s |",
            "| engine | 12.0 |",
            "A note.",
        ] {
            assert!(page.contains(line), "no {line} in\n{page}");
        }
        assert!(page.contains("make bench BENCH=\"reads\""));
    }

    #[test]
    fn a_run_of_less_than_the_full_size_says_so() {
        let mut results = Results::default();
        results.merge(Part::Holds, Record { scale: 0.1, ..record("abc", 0.55) });
        assert!(page(&results, "bench").contains("only 0.1 of it"));
    }
}
