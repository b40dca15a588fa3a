//! The report as one page that needs nothing but itself.

use std::fmt::Write;

use super::{Table, curve, headlines, tables, verdict};
use crate::figures::Figures;

const STYLE: &str = include_str!("page.css");

/// The page.
pub(super) fn page(figures: &Figures) -> String {
    let good = figures.findings.is_empty();
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Drop {drop}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <h1>Drop {drop}</h1>\n<p class=\"about\">{about}</p>\n\
         <p class=\"verdict {class}\">{verdict}</p>\n",
        drop = escaped(&figures.drop),
        about = escaped(&about(figures)),
        class = if good { "good" } else { "bad" },
        verdict = escaped(&verdict(figures)),
    );
    if !good {
        page.push_str("<ul class=\"findings\">\n");
        for finding in &figures.findings {
            let _ = writeln!(page, "<li>{}</li>", escaped(finding.text()));
        }
        page.push_str("</ul>\n");
    }
    page.push_str("<dl class=\"headlines\">\n");
    for (name, value) in headlines(figures) {
        let (name, value) = (escaped(name), escaped(&value));
        let _ = writeln!(page, "<div><dt>{name}</dt><dd>{value}</dd></div>");
    }
    let _ = write!(
        page,
        "</dl>\n<h2>Units over time</h2>\n<figure>{}\n<figcaption>\
         <span class=\"key sold\"></span>sold <span class=\"key held\"></span>held \
         <span class=\"key available\"></span>available; seconds from the opening, by the \
         ledger</figcaption></figure>\n",
        curve::svg(figures)
    );
    for table in tables(figures) {
        page.push_str(&section(&table));
    }
    page.push_str("</body>\n</html>\n");
    page
}

fn about(figures: &Figures) -> String {
    let size = &figures.size;
    format!(
        "Opened at {} on {}. {} buyers ({}), {} at a time, for {} units of {} SKUs; hold TTL \
         {} s, at most {} units a customer. Seed {}.",
        figures.opened_at,
        figures.engine,
        size.buyers,
        size.mix,
        size.at_once,
        size.units,
        size.skus,
        size.ttl_seconds,
        size.limit,
        figures.seed
    )
}

fn section(table: &Table) -> String {
    let mut text = format!("<h2>{}</h2>\n", escaped(table.title));
    if let Some(note) = table.note {
        let _ = writeln!(text, "<p class=\"note\">{}</p>", escaped(note));
    }
    if table.rows.is_empty() {
        return text + "<p>None.</p>\n";
    }
    text.push_str("<div class=\"wide\"><table>\n<thead>");
    text.push_str(&row("th", &table.header));
    text.push_str("</thead>\n<tbody>\n");
    for cells in &table.rows {
        text.push_str(&row("td", cells));
    }
    text.push_str("</tbody>\n</table></div>\n");
    text
}

fn row(tag: &str, cells: &[String]) -> String {
    let cells: String =
        cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell))).collect();
    format!("<tr>{cells}</tr>\n")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
