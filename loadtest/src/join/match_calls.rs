//! Call by call: each acknowledged call has its one event, and each event its call.

use std::collections::{BTreeMap, BTreeSet};

use super::replay::Event;
use super::{Finding, Life, Replay};
use crate::books::{Call, Fate};
use crate::wire::{Lines, Reservation, Verb};

/// What the matching came to.
#[derive(Debug, Default)]
pub(super) struct Matched {
    pub(super) findings: Vec<Finding>,
    /// Units that buyers were told are theirs, or that an unknown confirm has sold.
    pub(super) sold: BTreeMap<String, i64>,
    /// Calls that remained unknown, and are in the ledger.
    pub(super) unknown_happened: usize,
}

/// What the books have of one reservation.
#[derive(Debug, Default)]
struct Account<'a> {
    /// Acknowledged, in the order in which they were.
    done: Vec<(&'a Call, &'a Reservation)>,
    /// Without an outcome.
    unknown: Vec<&'a Call>,
    /// Refused, or said not to have happened.
    refused: Vec<&'a Call>,
}

/// Matches the calls with the events of the lives that a replay found.
pub(super) fn match_calls(calls: &[Call], replay: &Replay) -> Matched {
    let mut matched = Matched::default();
    let (mut accounts, mut unknown_holds) = accounts(calls, &mut matched.findings);
    for (call, reservation) in accounts.values().flat_map(|account| &account.done) {
        if call.wish.verb == Verb::Confirm {
            matched.add_sold(&reservation.lines);
        }
    }
    for (id, life) in &replay.lives {
        let account = accounts.remove(id).unwrap_or_default();
        matched.life(id, life, account, &mut unknown_holds);
    }
    for (id, account) in accounts {
        for (call, _) in account.done {
            let what = format!(
                "{} of {id} was acknowledged, and the ledger does not know {id}",
                call.wish.verb.as_str()
            );
            matched.findings.push(Finding::Books(what));
        }
    }
    matched
}

/// Sorts the calls by reservation. Holds without an outcome have none: they are apart.
fn accounts<'a>(
    calls: &'a [Call],
    findings: &mut Vec<Finding>,
) -> (BTreeMap<String, Account<'a>>, Vec<&'a Call>) {
    let mut accounts: BTreeMap<String, Account<'a>> = BTreeMap::new();
    let mut unknown_holds = Vec::new();
    // A key that is used again later is the same call still.
    let mut by_key: BTreeMap<&str, &str> = BTreeMap::new();
    for call in calls {
        match (&call.fate, &call.wish.reservation) {
            (Fate::Done(reservation), _) => {
                let key = call.wish.key.as_deref();
                match key.and_then(|key| by_key.insert(key, &reservation.id)) {
                    Some(first) if first == reservation.id => continue,
                    Some(first) => findings.push(Finding::Books(format!(
                        "key {key:?} was answered with {first}, and later with {}",
                        reservation.id
                    ))),
                    None => {}
                }
                let account = accounts.entry(reservation.id.clone()).or_default();
                account.done.push((call, reservation));
            }
            (Fate::Unknown, Some(id)) => {
                accounts.entry(id.clone()).or_default().unknown.push(call);
            }
            (Fate::Unknown, None) => unknown_holds.push(call),
            (Fate::Refused(_) | Fate::Nothing, Some(id)) => {
                accounts.entry(id.clone()).or_default().refused.push(call);
            }
            (Fate::Refused(_) | Fate::Nothing, None) => {}
        }
    }
    // Only holds that never got an outcome are left to explain what nobody was told.
    let known: BTreeSet<_> = by_key.keys().copied().collect();
    unknown_holds.retain(|call| call.wish.key.as_deref().is_none_or(|key| !known.contains(key)));
    (accounts, unknown_holds)
}

impl Matched {
    /// One reservation: walks its events along the acknowledged calls.
    fn life<'a>(&mut self, id: &str, life: &Life, account: Account<'a>, holds: &mut Vec<&'a Call>) {
        let Account { done, mut unknown, refused } = account;
        let mut done = done.into_iter().peekable();
        let mut deadline = None;
        // A rebuild moves a deadline that has passed meanwhile: once an epoch, by itself.
        let mut moved_in = life.events.first().map_or(0, |event| event.epoch);
        for event in &life.events {
            let expected = done.next_if(|(call, reservation)| {
                call.wish.verb.event() == event.kind
                    && reservation.lines == event.lines
                    && (event.kind != "confirmed" || reservation.order_id == event.order)
                    && reservation.customer_id == life.customer
            });
            if let Some((_, reservation)) = expected {
                deadline = Some(reservation.expires_at);
                continue;
            }
            if event.kind == "expired" {
                if let Some(deadline) = deadline.filter(|deadline| event.at < *deadline) {
                    self.findings.push(Finding::Ledger(format!(
                        "seq {}: {id} expired at {}, its buyer was told {deadline}",
                        event.seq, event.at
                    )));
                }
                continue;
            }
            if event.kind == Verb::Extend.event() && event.epoch > moved_in {
                moved_in = event.epoch;
                continue;
            }
            let held = event.kind == Verb::Reserve.event();
            if self.explained(life, event, if held { &mut *holds } else { &mut unknown }) {
                continue;
            }
            let told = told(&refused, &event.kind, done.peek().map(|(call, _)| *call));
            self.findings.push(Finding::Books(format!(
                "seq {}: {} of {id} by {} with {:?} is in the ledger, and {told}",
                event.seq, event.kind, life.customer, event.lines
            )));
        }
        for (call, reservation) in done {
            self.findings.push(Finding::Books(format!(
                "{} of {id} by {} was acknowledged with {:?}, and has no event in the ledger",
                call.wish.verb.as_str(),
                call.wish.customer,
                reservation.lines
            )));
        }
    }

    /// Whether a call without an outcome is what this event came from; it explains no other.
    fn explained(&mut self, life: &Life, event: &Event, unanswered: &mut Vec<&Call>) -> bool {
        let fits = |call: &&Call| {
            let wish = &call.wish;
            wish.verb.event() == event.kind
                && wish.customer == life.customer
                && wish.lines.as_ref().is_none_or(|lines| *lines == event.lines)
                && (event.kind != "confirmed" || wish.order == event.order)
        };
        let Some(position) = unanswered.iter().position(fits) else { return false };
        unanswered.remove(position);
        self.unknown_happened += 1;
        if event.kind == Verb::Confirm.event() {
            self.add_sold(&event.lines);
        }
        true
    }

    fn add_sold(&mut self, lines: &Lines) {
        for (sku, units) in lines {
            *self.sold.entry(sku.clone()).or_default() += units;
        }
    }
}

/// What the books say instead of an event that nobody was told of.
fn told(refused: &[&Call], kind: &str, next: Option<&Call>) -> String {
    let refusals = refused.iter().filter(|call| call.wish.verb.event() == kind);
    let reasons: Vec<_> = refusals
        .map(|call| match &call.fate {
            Fate::Refused(refusal) => refusal.code.clone(),
            Fate::Nothing => "nothing happened".to_owned(),
            Fate::Done(_) | Fate::Unknown => String::new(),
        })
        .collect();
    match (reasons.is_empty(), next) {
        (false, _) => format!("the buyer was told: {}", reasons.join(", ")),
        (true, Some(next)) => {
            format!("the books have {} there", next.wish.verb.as_str())
        }
        (true, None) => "the books have nothing there".to_owned(),
    }
}
