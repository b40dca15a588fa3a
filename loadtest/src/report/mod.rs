//! The report in its forms: on the terminal, as a page, as JSON.

mod curve;
mod html;
mod terminal;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

pub(crate) use terminal::show;

use crate::figures::Figures;

/// What everybody who reads the latencies has to know.
const CLOSED_LOOP: &str = "Each buyer waits for an answer before the next call, so while the \
    engine is slow fewer calls are made: these latencies hide that waiting. Crowd and engine \
    may share the machine's cores.";

/// Writes `drop.html` and `drop.json` into `folder`.
pub(crate) fn write(figures: &Figures, folder: &Path) -> Result<()> {
    let put = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).with_context(|| format!("can't write {}", path.display()))
    };
    put("drop.html", &html::page(figures))?;
    put("drop.json", &format!("{}\n", serde_json::to_string_pretty(figures)?))
}

/// Seconds for people.
fn seconds(seconds: Option<f64>) -> String {
    seconds.map_or_else(|| "–".to_owned(), |seconds| format!("{seconds:.2} s"))
}

/// Milliseconds for people.
fn ms(ms: f64) -> String {
    if ms < 10.0 { format!("{ms:.1} ms") } else { format!("{ms:.0} ms") }
}

/// The tables that every form shows: a title, a header and rows of cells.
struct Table {
    title: &'static str,
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    /// What has to be said below.
    note: Option<&'static str>,
}

fn texts<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

/// The tables of a run.
fn tables(figures: &Figures) -> Vec<Table> {
    vec![
        skus(figures),
        buyers(figures),
        refusals(figures),
        latencies(figures),
        answers(figures),
        goose(figures),
    ]
}

/// The verdict in one line.
fn verdict(figures: &Figures) -> String {
    let counts = |ledger: bool| {
        let of =
            |it: &&crate::join::Finding| matches!(it, crate::join::Finding::Ledger(_)) == ledger;
        figures.findings.iter().filter(of).count()
    };
    match (counts(true), counts(false)) {
        (0, 0) => "Balanced: nothing was oversold, and the buyers' books agree with the ledger."
            .to_owned(),
        (0, books) => format!("The books disagree: {books} findings."),
        (ledger, 0) => format!("Not balanced: {ledger} findings."),
        (ledger, books) => {
            format!("Not balanced: {ledger} findings; the books disagree: {books} more.")
        }
    }
}

/// The headline figures: a name and a value each.
fn headlines(figures: &Figures) -> Vec<(&'static str, String)> {
    let (units, sellout, unknown) = (&figures.units, &figures.sellout, &figures.unknown);
    vec![
        ("units sold", format!("{} of {}", units.sold, units.total)),
        ("units left", units.left.to_string()),
        ("units ever held", units.held.to_string()),
        ("expired, given back", units.expired.to_string()),
        ("released, given back", units.released.to_string()),
        ("none available after", seconds(sellout.none_available_seconds)),
        ("all sold after", seconds(sellout.all_sold_seconds)),
        ("last confirm after", seconds(sellout.last_confirm_seconds)),
        ("latest expiry behind its deadline", seconds(units.latest_expiry_seconds)),
        ("buyers", format!("{} of {}", figures.size.came, figures.size.buyers)),
        ("answers replayed by key", figures.replayed_answers.to_string()),
        (
            "unknown outcomes",
            format!(
                "{} found done, {} refused, {} remained ({} of them happened)",
                unknown.done, unknown.refused, unknown.remained, unknown.remained_and_happened
            ),
        ),
        ("rebuilt from the ledger", format!("{} times", figures.audit.epoch - 1)),
        ("sale lasted", seconds(Some(figures.sale_seconds))),
        ("nothing held after", seconds(Some(figures.settled_seconds))),
    ]
}

fn skus(figures: &Figures) -> Table {
    let rows = figures.audit.skus.iter().map(|sku| {
        let stock = sku.ledger.unwrap_or_default();
        let agree = if sku.redis == sku.ledger { "equal" } else { "DIFFERS" };
        let count = |count: i64| count.to_string();
        vec![
            sku.sku.clone(),
            count(stock.total),
            count(stock.available),
            count(stock.held),
            count(stock.sold),
            agree.to_owned(),
        ]
    });
    Table {
        title: "Audit",
        header: texts(["sku", "total", "available", "held", "sold", "Redis"]),
        rows: rows.collect(),
        note: None,
    }
}

fn buyers(figures: &Figures) -> Table {
    use crate::buyer::Outcome;
    let mut header = texts(["buyers", "came"]);
    header.extend(Outcome::ALL.map(|outcome| outcome.as_str().to_owned()));
    header.push("units bought".to_owned());
    let rows = figures.buyers.iter().map(|kind| {
        let mut row = vec![kind.kind.to_owned(), kind.came.to_string()];
        let outcomes = Outcome::ALL.map(|outcome| kind.outcomes.get(&outcome).copied());
        row.extend(outcomes.map(|count| count.map_or_else(String::new, |n| n.to_string())));
        row.push(kind.units_bought.to_string());
        row
    });
    Table { title: "How the buyers fared", header, rows: rows.collect(), note: None }
}

fn refusals(figures: &Figures) -> Table {
    let rows = figures.refused.iter().map(|(code, calls)| vec![code.clone(), calls.to_string()]);
    Table {
        title: "Refused, and why",
        header: texts(["code", "calls"]),
        rows: rows.collect(),
        note: None,
    }
}

fn latencies(figures: &Figures) -> Table {
    let rows = figures.calls.iter().map(|call| {
        let mut row = vec![call.call.as_str().to_owned(), call.requests.to_string()];
        row.extend([call.p50_ms, call.p95_ms, call.p99_ms, call.max_ms].map(ms));
        row
    });
    Table {
        title: "Latencies",
        header: texts(["call", "requests", "p50", "p95", "p99", "max"]),
        rows: rows.collect(),
        note: Some(CLOSED_LOOP),
    }
}

fn answers(figures: &Figures) -> Table {
    let rows = figures.calls.iter().flat_map(|call| {
        let verb = call.call.as_str().to_owned();
        let row = move |(answer, count): (&String, &u64)| {
            vec![verb.clone(), answer.clone(), count.to_string()]
        };
        call.answers.iter().map(row)
    });
    Table {
        title: "Answers",
        header: texts(["call", "answer", "requests"]),
        rows: rows.collect(),
        note: None,
    }
}

fn goose(figures: &Figures) -> Table {
    let rows = figures.goose.iter().map(|request| {
        let mut row = vec![
            request.request.clone(),
            request.answered.to_string(),
            request.without_answer.to_string(),
        ];
        row.extend([request.mean_ms, request.min_ms, request.max_ms].map(ms));
        row
    });
    Table {
        title: "Goose's own metrics",
        header: texts(["request", "answered", "without answer", "mean", "min", "max"]),
        rows: rows.collect(),
        note: Some("A refusal is an answer. The whole of goose's report is in goose.html."),
    }
}

#[cfg(test)]
pub(crate) mod tests;
