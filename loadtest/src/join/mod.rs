//! The join: the buyers' books against the ledger, the reservations and the stock.

mod match_calls;
mod replay;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Serialize;

pub(crate) use replay::{Life, Replay};

use crate::admin::{Audit, DropView, LedgerRow, Stock};
use crate::books::Pages;
use crate::wire::Reservation;

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "about", content = "what", rename_all = "snake_case")]
pub(crate) enum Finding {
    /// The ledger or the audit breaks a rule by itself.
    Ledger(String),
    /// The books and the engine's records disagree, or an answer broke the API's word.
    Books(String),
}

impl Finding {
    /// The words.
    pub(crate) fn text(&self) -> &str {
        match self {
            Finding::Ledger(text) | Finding::Books(text) => text,
        }
    }
}

/// The engine's records after a run.
#[derive(Clone, Debug)]
pub(crate) struct Records {
    pub(crate) ledger: Vec<LedgerRow>,
    pub(crate) reservations: Vec<Reservation>,
    pub(crate) view: DropView,
    pub(crate) audit: Audit,
}

/// What a drop was made with.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) limit: i64,
    /// Units of each SKU.
    pub(crate) units: BTreeMap<String, i64>,
}

/// What the join came to.
#[derive(Clone, Debug)]
pub(crate) struct Joined {
    pub(crate) replay: Replay,
    pub(crate) findings: Vec<Finding>,
    /// Calls that remained unknown to their buyers, and are in the ledger.
    pub(crate) unknown_happened: usize,
}

/// Joins the books with the records.
pub(crate) fn join(pages: &Pages, records: &Records, terms: &Terms) -> Joined {
    let mut replay = Replay::of(&records.ledger, terms.limit);
    let mut findings = std::mem::take(&mut replay.findings);
    findings.extend(pages.faults.iter().cloned().map(Finding::Books));
    let matched = match_calls::match_calls(&pages.calls, &replay);
    findings.extend(matched.findings);
    findings.extend(compare_reservations(&replay, &records.reservations));
    findings.extend(compare_stock(&replay, records, terms));
    findings.extend(compare_sold(&replay, &matched.sold));
    findings.extend(audited(&replay, &records.audit));
    Joined { replay, findings, unknown_happened: matched.unknown_happened }
}

/// Each reservation is as its events leave it, and none is held any more.
fn compare_reservations(replay: &Replay, reservations: &[Reservation]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut listed = BTreeMap::new();
    for reservation in reservations {
        let id = &reservation.id;
        if listed.insert(id, ()).is_some() {
            findings.push(Finding::Books(format!("reservation {id} is listed twice")));
        }
        let Some(life) = replay.lives.get(id) else {
            let what = format!("reservation {id} is listed, and has no event in the ledger");
            findings.push(Finding::Books(what));
            continue;
        };
        let told = (&life.customer, &life.state, &life.lines, &life.order);
        let shown = (
            &reservation.customer_id,
            &reservation.state,
            &reservation.lines,
            &reservation.order_id,
        );
        if told != shown {
            let what = format!("reservation {id} is shown as {shown:?}, the ledger tells {told:?}");
            findings.push(Finding::Books(what));
        }
        if life.state == "held" {
            let what = format!(
                "reservation {id} is still held, its deadline was {}",
                reservation.expires_at
            );
            findings.push(Finding::Ledger(what));
        }
    }
    for id in replay.lives.keys().filter(|id| !listed.contains_key(id)) {
        let what = format!("reservation {id} is in the ledger, and not in the list");
        findings.push(Finding::Books(what));
    }
    findings
}

/// The stock that is shown, and that the audit has, is what the ledger's rows come to.
fn compare_stock(replay: &Replay, records: &Records, terms: &Terms) -> Vec<Finding> {
    let mut findings = Vec::new();
    let shown = records.view.skus.iter().map(|sku| (sku.sku.as_str(), Some(sku.stock), "view"));
    let audited = records.audit.skus.iter().flat_map(|sku| {
        let name = sku.sku.as_str();
        [(name, sku.redis, "audit's Redis side"), (name, sku.ledger, "audit's ledger side")]
    });
    for (sku, stock, side) in shown.chain(audited) {
        // A SKU that was made without units has no row.
        let played = replay.stock.get(sku).copied().unwrap_or_default();
        if stock != Some(played) {
            let what = format!("the {side} has {stock:?} of {sku}, the ledger comes to {played:?}");
            findings.push(Finding::Ledger(what));
        }
    }
    let in_view = |sku: &str| records.view.skus.iter().any(|shown| shown.sku == sku);
    let in_audit = |sku: &str| records.audit.skus.iter().any(|shown| shown.sku == sku);
    for sku in replay.stock.keys().filter(|sku| !in_view(sku) || !in_audit(sku)) {
        findings.push(Finding::Ledger(format!("{sku} is missing in the view or in the audit")));
    }
    for (sku, units) in &terms.units {
        let total = replay.stock.get(sku).map_or(0, |stock| stock.total);
        if total != *units {
            let what = format!("{units} units of {sku} were put up, the ledger's total is {total}");
            findings.push(Finding::Books(what));
        }
    }
    findings
}

/// The units that buyers were told they have bought are those that were sold.
fn compare_sold(replay: &Replay, told: &BTreeMap<String, i64>) -> Vec<Finding> {
    let sold = |sku: &str| replay.stock.get(sku).map_or(0, |stock: &Stock| stock.sold);
    let skus: std::collections::BTreeSet<_> = replay.stock.keys().chain(told.keys()).collect();
    skus.into_iter()
        .filter(|sku| sold(sku) != told.get(*sku).copied().unwrap_or_default())
        .map(|sku| {
            let told = told.get(sku).copied().unwrap_or_default();
            let sold = sold(sku);
            Finding::Books(format!("buyers bought {told} units of {sku}, the ledger sold {sold}"))
        })
        .collect()
}

/// The audit's own verdict, and that it speaks of the same ledger.
fn audited(replay: &Replay, audit: &Audit) -> Vec<Finding> {
    let mut findings: Vec<_> = audit
        .violations
        .iter()
        .map(|violation| Finding::Ledger(format!("the audit says: {violation}")))
        .collect();
    if !audit.balanced && findings.is_empty() {
        findings.push(Finding::Ledger("the audit is not balanced, and gives no reason".into()));
    }
    if (audit.epoch, audit.durable_seq) != (replay.epoch, replay.last_seq) {
        let what = format!(
            "the audit is of epoch {} seq {}, the ledger ends with epoch {} seq {}",
            audit.epoch, audit.durable_seq, replay.epoch, replay.last_seq
        );
        findings.push(Finding::Ledger(what));
    }
    findings
}
