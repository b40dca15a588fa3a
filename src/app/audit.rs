//! `dropgate audit`: is everything balanced?

use serde_json::json;

use super::output::{DONE, REFUSED, print};
use super::{bare_engine, progress};
use crate::{
    config::AuditSettings,
    domain::DropId,
    engine::{AuditReport, CallError, Engine},
};

/// 0 when everything is balanced, 1 when something is not.
pub(super) async fn run(settings: AuditSettings) -> anyhow::Result<u8> {
    let engine = bare_engine(&settings.store, &settings.ledger)?;
    let json = settings.json;
    let drops = match settings.drop_id {
        Some(drop) => vec![drop],
        None => all(&engine).await?,
    };
    let bar = progress::bar(drops.len(), json);
    let mut status = DONE;
    for drop in &drops {
        bar.set_message(format!("auditing {drop}"));
        let found = engine.audit(drop).await;
        let text = if json { as_json(drop, &found) } else { as_text(drop, &found) };
        bar.suspend(|| print(&text))?;
        if !found.is_ok_and(|report| report.balanced) {
            status = REFUSED;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    if drops.is_empty() && !json {
        print("There is no drop in the ledger.\n")?;
    }
    Ok(status)
}

async fn all(engine: &Engine) -> anyhow::Result<Vec<DropId>> {
    let (mut drops, mut cursor) = (Vec::new(), None);
    loop {
        let page = engine.drops(cursor, 20).await?;
        drops.extend(page.items.into_iter().map(|drop| drop.view.id));
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(drops);
        }
    }
}

/// One document on one line: the report as the API has it, or why there is none.
fn as_json(drop: &DropId, found: &Result<AuditReport, CallError>) -> String {
    match found {
        Ok(report) => format!("{}\n", json!(report)),
        Err(error) => format!("{}\n", json!({ "drop": drop, "error": error.to_string() })),
    }
}

fn as_text(drop: &DropId, found: &Result<AuditReport, CallError>) -> String {
    let report = match found {
        Ok(report) => report,
        Err(error) => return format!("{drop}: {error}\n"),
    };
    let AuditReport { drop, balanced, epoch, seq, durable_seq, skus, violations } = report;
    let word = if *balanced { "balanced" } else { "NOT BALANCED" };
    let mut text = format!("{drop}: {word} (epoch {epoch}, seq {seq}, durable {durable_seq})\n");
    for counts in skus {
        let Some(stock) = counts.ledger else { continue };
        text.push_str(&format!(
            "  {:<24} total {:>9}  available {:>9}  held {:>9}  sold {:>9}\n",
            counts.sku.as_str(),
            stock.total,
            stock.available,
            stock.held,
            stock.sold
        ));
    }
    for violation in violations {
        text.push_str(&format!("  violation: {violation}\n"));
    }
    text
}
