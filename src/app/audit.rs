//! `dropgate audit`: is everything balanced?

use super::bare_engine;
use crate::{config::AuditSettings, engine::AuditReport};

/// 0 when everything is balanced, 1 when something is not.
pub(super) async fn run(settings: AuditSettings) -> anyhow::Result<u8> {
    let engine = bare_engine(&settings.store, &settings.ledger)?;
    let drops = match settings.drop_id {
        Some(drop) => vec![drop],
        None => {
            let mut drops = Vec::new();
            let mut cursor = None;
            loop {
                let page = engine.drops(cursor, 500).await?;
                drops.extend(page.items.into_iter().map(|view| view.id));
                cursor = page.next_cursor;
                if cursor.is_none() {
                    break drops;
                }
            }
        }
    };
    let mut status = 0;
    for drop in &drops {
        match engine.audit(drop).await {
            Ok(report) => {
                print(&report);
                status |= u8::from(!report.balanced);
            }
            Err(error) => {
                println!("{drop}: {error}");
                status = 1;
            }
        }
    }
    if drops.is_empty() {
        println!("There is no drop in the ledger.");
    }
    Ok(status)
}

fn print(report: &AuditReport) {
    let AuditReport { drop, balanced, epoch, seq, durable_seq, skus, violations } = report;
    let word = if *balanced { "balanced" } else { "NOT BALANCED" };
    println!("{drop}: {word} (epoch {epoch}, seq {seq}, durable {durable_seq})");
    for counts in skus {
        let Some(stock) = counts.ledger else { continue };
        println!(
            "  {:<24} total {:>9}  available {:>9}  held {:>9}  sold {:>9}",
            counts.sku.as_str(),
            stock.total,
            stock.available,
            stock.held,
            stock.sold
        );
    }
    for violation in violations {
        println!("  violation: {violation}");
    }
}
