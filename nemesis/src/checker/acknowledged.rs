//! Everything that was acknowledged is in the ledger, as it was told.

use dropgate::domain::{DropId, Reservation, ReservationId};
use serde_json::{Value, json};

use super::{
    effects::Effects,
    finding::{Notes, Rule},
    history::{History, Life},
    records::DropRecords,
    requests::{Request, Requests, digest, lines_of, time_of},
};
use crate::books::{Lines, Try, Verb};

/// Looks up every success in the ledger.
pub(super) fn check(
    drop: &str,
    records: &DropRecords,
    history: &History,
    requests: &Requests<'_>,
    effects: &Effects,
    notes: &mut Notes<'_>,
) {
    let ledger = Facts { drop, records, history, effects };
    for request in requests.all.values().filter(|request| !request.ask.stolen_key) {
        let Some(done) = request.done() else { continue };
        let wrong = match request.ask.verb {
            Verb::Reserve
            | Verb::Change
            | Verb::Extend
            | Verb::Confirm
            | Verb::Release
            | Verb::Return => ledger.reservation(request, done),
            Verb::Restock => ledger.restock(request, done),
            Verb::PutDrop | Verb::PutSku => ledger.has_effect(request),
            // Told by the merchant's own rule: see `states`.
            Verb::Open | Verb::Pause | Verb::Close => Ok(()),
            Verb::Read | Verb::ReadCart | Verb::ReadSku => Ok(()),
        };
        if let Err(why) = wrong {
            notes.note(Rule::Lost, format!("{why}: {}", request.name()));
        }
    }
    deadlines(history, requests, records, notes);
    states(history, requests, notes);
}

struct Facts<'a> {
    drop: &'a str,
    records: &'a DropRecords,
    history: &'a History,
    effects: &'a Effects,
}

impl Facts<'_> {
    fn has_effect(&self, request: &Request<'_>) -> Result<(), String> {
        let found = self.effects.contains_key(&request.ask.request);
        if found { Ok(()) } else { Err("no event of the ledger is its effect".to_owned()) }
    }

    /// A success about a reservation: the ledger once had exactly what the body shows.
    fn reservation(&self, request: &Request<'_>, done: &Try) -> Result<(), String> {
        let (ask, body) = (request.ask, done.done().unwrap_or(&Value::Null));
        let id = body["id"].as_str().ok_or("a body without an id")?;
        let life = self.history.lives.get(id).ok_or("the ledger has no such reservation")?;
        if ask.reservation.as_deref().is_some_and(|asked| asked != id) {
            return Err(format!("it was told about {id}"));
        }
        let shown = Shown::of(body);
        if shown.latest(life).is_none() {
            return Err(format!("the ledger never had {shown:?}, but {:?}", life.moments));
        }
        let wanted = match ask.verb {
            Verb::Reserve => shown.state == "held" && shown.lines == ask.lines,
            Verb::Change => shown.state == "held" && shown.lines == ask.lines,
            Verb::Extend => shown.state == "held",
            Verb::Confirm => {
                matches!(shown.state, "confirmed" | "returned")
                    && shown.order == ask.order.as_deref()
            }
            Verb::Release => shown.state == "released",
            // Wholly or in part.
            Verb::Return => matches!(shown.state, "confirmed" | "returned"),
            Verb::Restock
            | Verb::PutDrop
            | Verb::PutSku
            | Verb::Open
            | Verb::Pause
            | Verb::Close
            | Verb::Read
            | Verb::ReadCart
            | Verb::ReadSku => false,
        };
        if !wanted || body["drop"] != self.drop {
            return Err(format!("that is not what was asked for: {body}"));
        }
        match &ask.key {
            Some(key) => {
                self.has_effect(request)?;
                self.remembered(id, body, key)
            }
            None => has_event(life, ask.verb, ask.order.as_deref()),
        }
    }

    /// The body of a keyed success is the one that the ledger remembers.
    fn remembered(&self, id: &str, body: &Value, key: &str) -> Result<(), String> {
        let kept = self.records.requests.get(&digest(key));
        let kept = kept.ok_or("the ledger doesn't remember the key")?;
        let unpack = || {
            let drop: DropId = self.drop.parse().ok()?;
            let (short, packed) = kept.answer.split_once(' ')?;
            Some(json!(Reservation::unpack(&drop, ReservationId::from_short(short)?, packed)?))
        };
        let remembered = unpack().ok_or_else(|| format!("it remembers {:?}", kept.answer))?;
        // The token is made of the ids whenever it is told, and kept nowhere.
        let mut told = body.clone();
        told.as_object_mut().map(|members| members.remove("watch_token"));
        if remembered != told || remembered["id"] != id {
            return Err(format!("told {body}, remembered {remembered}"));
        }
        Ok(())
    }

    fn restock(&self, request: &Request<'_>, done: &Try) -> Result<(), String> {
        self.has_effect(request)?;
        let seq = self.effects[&request.ask.request][0];
        let sku = request.ask.sku.as_deref().unwrap_or_default();
        let counts = self.history.counts.get(sku).and_then(|counts| counts.get(&seq));
        let counts = counts.ok_or("its event moved no units")?;
        let body = done.done().unwrap_or(&Value::Null);
        let told = ["total", "available", "held", "sold"].map(|name| body[name].as_i64());
        let facts = [counts.total, counts.available, counts.held, counts.sold].map(Some);
        if told == facts { Ok(()) } else { Err(format!("told {told:?}, the facts are {facts:?}")) }
    }
}

fn has_event(life: &Life, verb: Verb, order: Option<&str>) -> Result<(), String> {
    let kind = match verb {
        Verb::Reserve => "held",
        Verb::Confirm => "confirmed",
        Verb::Release => "released",
        Verb::Extend => "extended",
        Verb::Return => "returned",
        // A change of nothing without a key leaves no event.
        Verb::Change
        | Verb::Restock
        | Verb::PutDrop
        | Verb::PutSku
        | Verb::Open
        | Verb::Pause
        | Verb::Close
        | Verb::Read
        | Verb::ReadCart
        | Verb::ReadSku => return Ok(()),
    };
    let found = life.moments.iter().any(|moment| {
        moment.kind == kind && (verb != Verb::Confirm || moment.order.as_deref() == order)
    });
    if found { Ok(()) } else { Err(format!("no event {kind} in {:?}", life.moments)) }
}

/// What a body shows of a reservation.
#[derive(Debug)]
pub(super) struct Shown<'a> {
    pub(super) state: &'a str,
    pub(super) order: Option<&'a str>,
    pub(super) lines: Lines,
}

impl Shown<'_> {
    pub(super) fn of(body: &Value) -> Shown<'_> {
        Shown {
            state: body["state"].as_str().unwrap_or_default(),
            order: body["order_id"].as_str(),
            lines: lines_of(body),
        }
    }

    /// The `seq` of the last moment at which the reservation was so, and whether it still is.
    pub(super) fn latest(&self, life: &Life) -> Option<(i64, bool)> {
        let fits = |moment: &super::history::Moment| {
            moment.state == self.state
                && moment.order.as_deref() == self.order
                && moment.lines == self.lines
        };
        let at = life.moments.iter().rposition(fits)?;
        Some((life.moments[at].seq, at + 1 == life.moments.len()))
    }
}

/// No hold ended before a deadline that its holder was told, and none has an earlier one now.
fn deadlines(
    history: &History,
    requests: &Requests<'_>,
    records: &DropRecords,
    notes: &mut Notes<'_>,
) {
    let done = requests.all.values().filter_map(|request| Some((request, request.done()?)));
    for (request, done) in done {
        let body = done.done().unwrap_or(&Value::Null);
        let Some(until) = time_of(body, "expires_at").filter(|_| body["state"] == "held") else {
            continue;
        };
        let id = body["id"].as_str().unwrap_or_default();
        let moments = history.lives.get(id).map(|life| life.moments.as_slice()).unwrap_or_default();
        let ended = moments.iter().find(|moment| moment.kind == "expired");
        notes.unless(ended.is_none_or(|ended| ended.at >= until), Rule::EarlyExpiry, || {
            let early = ended.map_or(0, |ended| until - ended.at) / 1000;
            format!("{id} expired {early} ms before its deadline: {}", request.name())
        });
        let kept = records.reservations.get(id).map(|kept| kept.expires_at);
        notes.unless(kept.is_none_or(|kept| kept >= until), Rule::Lost, || {
            format!("{id} was told to be held until {until}, the ledger has {kept:?}")
        });
    }
}

/// The state that a merchant asks for.
fn state_of(verb: Verb) -> Option<&'static str> {
    let words = [(Verb::Open, "open"), (Verb::Pause, "paused"), (Verb::Close, "closed")];
    words.into_iter().find(|(of, _)| *of == verb).map(|(_, word)| word)
}

/// How long a try without an answer may still have its effect, in microseconds.
const STRAGGLE: i64 = 30_000_000;

/// Open, pause and close that were acknowledged: right behind one, the ledger's last word is
/// its state, unless an unanswered try of another state came in between.
fn states(history: &History, requests: &Requests<'_>, notes: &mut Notes<'_>) {
    let words: Vec<(i64, &str)> = history
        .events
        .iter()
        .filter_map(|event| Some((event.at, event.settings.as_ref()?["state"].as_str()?)))
        .collect();
    for request in requests.all.values() {
        let Some(wanted) = state_of(request.ask.verb) else { continue };
        let Some(done) = request.done() else { continue };
        let others = requests.all.values().any(|other| {
            let switches = state_of(other.ask.verb).is_some();
            let late = |t: &Try| t.asked_at < done.told_at && t.told_at > done.asked_at;
            // An engine that was frozen may carry it out long behind its client's patience.
            let unknown = |t: &Try| {
                let near = (done.asked_at - STRAGGLE..done.told_at).contains(&t.asked_at);
                near && t.done().is_none()
            };
            switches
                && other.ask.verb != request.ask.verb
                && other.tries.iter().any(|t| late(t) || unknown(t))
        });
        let last = words.iter().rev().find(|(at, _)| *at <= done.told_at).map(|(_, word)| *word);
        notes.unless(others || last == Some(wanted), Rule::Lost, || {
            format!("the ledger's last word was {last:?}: {}", request.name())
        });
    }
}
