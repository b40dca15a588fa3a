//! What clients were told, compared with what they were told before and with the ledger.

use std::collections::HashMap;

use super::{
    acknowledged::Shown,
    finding::{Notes, Rule},
    history::History,
    requests::{Request, Requests},
};
use crate::books::{Meaning, Try, Verb};

/// Successes of one key are alike, and a key that has one is not told anything else.
pub(super) fn keys(requests: &Requests<'_>, notes: &mut Notes<'_>) {
    for request in requests.all.values() {
        if request.ask.stolen_key {
            for t in request.tries.iter().filter(|t| t.done().is_some()) {
                notes.note(Rule::TwoEffects, format!("another body with a used key: {t:?}"));
            }
            continue;
        }
        for t in request.tries.iter().filter(|t| t.meaning() == Meaning::Absurd) {
            notes.note(Rule::Absurd, format!("{:?}: {}", t.told, request.name()));
        }
        if request.ask.key.is_none() {
            continue;
        }
        let Some(first) = request.done() else {
            resolved(request, notes);
            continue;
        };
        let status = |t: &Try| t.told.as_ref().and_then(|told| told.status);
        for t in &request.tries {
            match t.meaning() {
                Meaning::Done => {
                    let alike = t.done() == first.done() && status(t) == status(first);
                    notes.unless(alike, Rule::UnequalAnswers, || {
                        format!("{:?} and {:?}: {}", first.told, t.told, request.name())
                    });
                }
                Meaning::Refused => {
                    let later = t.asked_at > first.told_at;
                    notes.unless(!later, Rule::KeyForgotten, || {
                        format!("{:?} behind a success: {}", t.told, request.name())
                    });
                }
                // It stands for the key: somebody has been told already that it happened.
                Meaning::Nothing => {
                    let none = t.told.as_ref().is_some_and(|told| told.outcome == "none");
                    notes.unless(!none || t.told_at < first.told_at, Rule::FalseNone, || {
                        format!("none behind a success: {}", request.name())
                    });
                }
                Meaning::Unknown | Meaning::Absurd => {}
            }
        }
    }
}

/// A retry with the same key tells what became of it: the last one did.
fn resolved(request: &Request<'_>, notes: &mut Notes<'_>) {
    let last = request.tries.iter().max_by_key(|t| t.asked_at);
    let told = last.is_some_and(|t| t.meaning() == Meaning::Refused);
    notes.unless(told || !request.may_have_happened(), Rule::Unresolved, || {
        format!("no try told: {}", request.name())
    });
}

/// Reads of reservations, and refusals about them, show what the ledger had, and not less than
/// what had been acknowledged before they began.
pub(super) fn reads(drop: &str, tries: &[Try], history: &History, notes: &mut Notes<'_>) {
    let acknowledged = acknowledged(drop, tries, history);
    for t in tries.iter().filter(|t| t.ask.drop == drop) {
        let Some(told) = &t.told else { continue };
        if t.done().is_none() {
            refused(t, &told.code, history, &acknowledged, notes);
        } else if t.ask.verb == Verb::Read {
            shown(t, &told.body, history, &acknowledged, notes);
        } else if t.ask.verb == Verb::ReadCart {
            for item in told.body["items"].as_array().into_iter().flatten() {
                shown(t, item, history, &acknowledged, notes);
            }
        }
    }
}

/// By reservation, when which event had been acknowledged, in order of time.
type Acknowledged<'a> = HashMap<&'a str, Vec<(i64, i64)>>;

fn acknowledged<'a>(drop: &str, tries: &'a [Try], history: &History) -> Acknowledged<'a> {
    let mut found = Acknowledged::new();
    let writes = tries.iter().filter(|t| t.ask.drop == drop && t.ask.verb.writes());
    for t in writes {
        let Some(body) = t.done() else { continue };
        let Some(id) = body["id"].as_str() else { continue };
        let Some(life) = history.lives.get(id) else { continue };
        let shown = Shown::of(body);
        // The first moment that looks like it: a later one may have come since.
        let first = life.moments.iter().find(|moment| {
            moment.state == shown.state
                && moment.order.as_deref() == shown.order
                && moment.lines == shown.lines
        });
        if let Some(moment) = first {
            found.entry(id).or_default().push((t.told_at, moment.seq));
        }
    }
    for list in found.values_mut() {
        list.sort_unstable();
    }
    found
}

/// The last event of a reservation that was acknowledged before `at`.
fn known(acknowledged: &Acknowledged<'_>, id: &str, at: i64) -> i64 {
    let list = acknowledged.get(id).map(Vec::as_slice).unwrap_or_default();
    list.iter().take_while(|(told, _)| *told < at).map(|(_, seq)| *seq).max().unwrap_or(0)
}

fn shown(
    t: &Try,
    body: &serde_json::Value,
    history: &History,
    acknowledged: &Acknowledged<'_>,
    notes: &mut Notes<'_>,
) {
    let id = body["id"].as_str().unwrap_or_default();
    let shown = Shown::of(body);
    let latest = history.lives.get(id).and_then(|life| shown.latest(life));
    match latest {
        None => notes.note(
            Rule::FalseRead,
            format!("call {} read {shown:?} of {id}, which the ledger never had", t.call),
        ),
        // Until the next moment it was so.
        Some((_, true)) => {}
        Some((seq, false)) => {
            let known = known(acknowledged, id, t.asked_at);
            let next = history.lives[id].moments.iter().find(|moment| moment.seq > seq);
            let stale = next.is_some_and(|next| next.seq <= known);
            notes.unless(!stale, Rule::FalseRead, || {
                format!(
                    "call {} read {shown:?} of {id}, as of seq {seq}; {known} had been \
                     acknowledged before",
                    t.call
                )
            });
        }
    }
}

/// A refusal about a reservation says what the ledger has.
fn refused(
    t: &Try,
    code: &str,
    history: &History,
    acknowledged: &Acknowledged<'_>,
    notes: &mut Notes<'_>,
) {
    let Some(id) = &t.ask.reservation else { return };
    let moments = history.lives.get(id).map(|life| life.moments.as_slice()).unwrap_or_default();
    let ever = |states: &[&str]| moments.iter().any(|m| states.contains(&m.state.as_str()));
    let fits = match code {
        "unknown_reservation" => known(acknowledged, id, t.asked_at) == 0,
        "reservation_expired" => ever(&["expired"]),
        "reservation_released" => ever(&["released"]),
        "already_confirmed" => ever(&["confirmed", "returned"]),
        _ => true,
    };
    notes.unless(fits, Rule::FalseRead, || {
        format!(
            "call {} ({:?}) of {id} was refused with {code}, the ledger has {moments:?}",
            t.call, t.ask.verb
        )
    });
}

/// A SKU's public version never falls, as one client sees it on one engine.
pub(super) fn versions(drop: &str, tries: &[Try], notes: &mut Notes<'_>) {
    let mut seen: HashMap<(&str, usize, u64, &str), (i64, i64)> = HashMap::new();
    for t in tries.iter().filter(|t| t.ask.drop == drop && t.ask.verb == Verb::ReadSku) {
        let version = t.done().and_then(|body| body["version"].as_i64());
        let (Some(version), Some(sku)) = (version, &t.ask.sku) else { continue };
        let before = seen
            .entry((t.ask.client.as_str(), t.engine, t.incarnation, sku.as_str()))
            .or_insert((version, t.told_at));
        // Two reads at once may be answered in any order.
        notes.unless(version >= before.0 || t.asked_at < before.1, Rule::VersionFell, || {
            format!("{sku} on engine {}: {} and then {version}", t.engine, before.0)
        });
        if version >= before.0 {
            *before = (version, t.told_at);
        }
    }
}
