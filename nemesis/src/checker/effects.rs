//! Every event of the ledger has one request behind it, and no request has two events.

use std::collections::{BTreeMap, HashMap};

use super::{
    finding::{Notes, Rule},
    history::{Event, History, Moment},
    records::DropRecords,
    requests::{Request, Requests},
};
use crate::books::{Meaning, Verb, now};

/// The events that each request had, by its number.
pub(super) type Effects = BTreeMap<u64, Vec<i64>>;

/// Explains every event by a request.
pub(super) fn explain(
    records: &DropRecords,
    history: &History,
    requests: &Requests<'_>,
    notes: &mut Notes<'_>,
) -> Effects {
    let keys: HashMap<i64, &str> =
        records.requests.iter().map(|(digest, kept)| (kept.seq, digest.as_str())).collect();
    let mut effects = Effects::new();
    for (at, event) in history.events.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| &history.events[at]);
        let after = history.events.get(at + 1);
        let found = match keys.get(&event.seq) {
            Some(digest) => match requests.with_digest(digest) {
                Some(request) => Found::By(request),
                None => Found::Nobody("a key that no client has".to_owned()),
            },
            None => keyless(history, event, before, after, requests),
        };
        match found {
            Found::Engine => {}
            Found::By(request) => {
                judge(event, request, notes);
                effects.entry(request.ask.request).or_default().push(event.seq);
            }
            Found::Nobody(why) => {
                let rule = if event.kind == "held" { Rule::TwoEffects } else { Rule::Phantom };
                notes.note(rule, format!("{why}: {event:?}"));
            }
        }
    }
    for (request, seqs) in &effects {
        let request = &requests.all[request];
        // Settings carry no key: each try of theirs may be one event.
        let tries = request.tries.iter().filter(|t| t.meaning() != Meaning::Nothing).count();
        let most = if request.ask.key.is_some() { 1 } else { tries.max(1) };
        notes.unless(seqs.len() <= most, Rule::TwoEffects, || {
            format!("events {seqs:?} by {}", request.name())
        });
    }
    false_none(history, requests, &effects, notes);
    effects
}

enum Found<'r, 'a> {
    /// It happened by itself.
    Engine,
    /// This request did it.
    By(&'r Request<'a>),
    /// Nobody asked for it.
    Nobody(String),
}

/// Who is behind an event that carries no key.
fn keyless<'r, 'a>(
    history: &History,
    event: &Event,
    before: Option<&Event>,
    after: Option<&Event>,
    requests: &'r Requests<'a>,
) -> Found<'r, 'a> {
    let id = event.reservation.as_deref().unwrap_or_default();
    let one = |found: Vec<&'r Request<'a>>, fits: &dyn Fn(&Request<'a>) -> bool| {
        let mut found = found.into_iter().filter(|request| fits(request));
        let first = found.next();
        // Of several that fit, one that may have happened.
        let first = match first {
            Some(first) if !first.may_have_happened() => {
                found.find(|request| request.may_have_happened()).or(Some(first))
            }
            first => first,
        };
        first.map_or_else(|| Found::Nobody("nobody asked for this".to_owned()), Found::By)
    };
    let no_key = |request: &Request<'a>| request.ask.key.is_none();
    match event.kind.as_str() {
        "held" => {
            let moments = history.lives.get(id).map(|life| life.moments.as_slice());
            let first = moments.and_then(<[Moment]>::first).map(|moment| moment.seq);
            let sold = after.is_some_and(|next| {
                next.kind == "confirmed" && next.reservation == event.reservation
            });
            let customer = event.customer.as_deref().unwrap_or_default();
            match one(requests.keyless(customer), &|r| r.ask.lines == event.moved) {
                // Taken again by a confirm.
                _ if first != Some(event.seq) && sold => Found::Engine,
                Found::By(request) => Found::By(request),
                Found::Engine | Found::Nobody(_) => {
                    Found::Nobody("a hold that no key and no customer accounts for".to_owned())
                }
            }
        }
        // Deadlines that a rebuild moved are written down without being asked for.
        "expired" | "extended" => Found::Engine,
        "confirmed" => {
            one(requests.about(id, Verb::Confirm), &|r| no_key(r) && r.ask.order == event.order)
        }
        "released" => one(requests.about(id, Verb::Release), &no_key),
        "changed" => one(requests.about(id, Verb::Change), &no_key),
        "returned" => {
            one(requests.about(id, Verb::Return), &|r| no_key(r) && r.ask.mark == event.mark)
        }
        "restocked" => restocked(event, before),
        "configured" => configured(event, requests),
        kind => Found::Nobody(format!("a kind {kind}")),
    }
}

/// Units that came with their SKU, or left behind a return of damaged ones.
fn restocked<'r, 'a>(event: &Event, before: Option<&Event>) -> Found<'r, 'a> {
    let fits = before.is_some_and(|before| match before.kind.as_str() {
        "configured" => before.sku == event.sku,
        "returned" | "restocked" => before.mark == event.mark && before.at == event.at,
        _ => false,
    });
    if fits { Found::Engine } else { Found::Nobody("nobody restocked".to_owned()) }
}

/// Settings carry their request's mark as the name; a state has none.
fn configured<'r, 'a>(event: &Event, requests: &'r Requests<'a>) -> Found<'r, 'a> {
    let settings = event.settings.as_ref();
    match settings.and_then(|settings| settings["name"].as_str()) {
        Some(mark) => requests
            .with_mark(mark)
            .map_or_else(|| Found::Nobody("settings of nobody".to_owned()), Found::By),
        None => Found::Engine,
    }
}

fn judge(event: &Event, request: &Request<'_>, notes: &mut Notes<'_>) {
    let ask = request.ask;
    let fits = match ask.verb {
        Verb::Reserve => {
            event.kind == "held" && event.customer == ask.customer && event.moved == ask.lines
        }
        Verb::Change => event.kind == "changed" && event.reservation == ask.reservation,
        Verb::Extend => event.kind == "extended" && event.reservation == ask.reservation,
        Verb::Confirm => {
            event.kind == "confirmed"
                && event.reservation == ask.reservation
                && event.order == ask.order
        }
        Verb::Release => event.kind == "released" && event.reservation == ask.reservation,
        Verb::Return => {
            event.kind == "returned"
                && event.reservation == ask.reservation
                && (ask.lines.is_empty() || event.moved == ask.lines)
        }
        Verb::Restock => event.kind == "restocked" && event.moved.values().eq([&ask.quantity]),
        Verb::PutDrop | Verb::PutSku => event.kind == "configured" && event.sku == ask.sku,
        Verb::Open | Verb::Pause | Verb::Close => event.kind == "configured",
        Verb::Read | Verb::ReadCart | Verb::ReadSku => false,
    };
    notes.unless(fits, Rule::Phantom, || {
        format!("{event:?} is not what was asked for by {}", request.name())
    });
    notes.unless(request.may_have_happened(), Rule::Phantom, || {
        format!(
            "seq {} ({}), but it was told to have done nothing: {}",
            event.seq,
            event.kind,
            request.name()
        )
    });
}

/// A try that is told `none` must not have begun behind the effect of its own request.
fn false_none(
    history: &History,
    requests: &Requests<'_>,
    effects: &Effects,
    notes: &mut Notes<'_>,
) {
    for (id, seqs) in effects {
        let request = &requests.all[id];
        // Asking for it again may well do nothing where there is no key.
        let Some(first) = seqs.first().filter(|_| request.ask.key.is_some()) else { continue };
        let at = usize::try_from(first - 1).ok().and_then(|at| history.events.get(at));
        let at = at.map_or_else(now, |event| event.at);
        for t in &request.tries {
            let none = t.told.as_ref().is_some_and(|told| told.outcome == "none");
            notes.unless(!(none && t.asked_at > at + SKEW), Rule::FalseNone, || {
                format!("{} µs behind seq {first}: {}", t.asked_at - at, request.name())
            });
        }
    }
}

/// A drop's time may run behind the clients' by so much, in microseconds.
const SKEW: i64 = 5_000_000;
