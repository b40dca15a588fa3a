//! What many calls share: turns of a lane, and commits.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use opentelemetry::trace::SpanKind;

use super::{
    Place, TracedCall, is_on,
    span::{Parent, Span},
    write,
};
use crate::{clock, domain::DropId};

/// Commits that are remembered for calls that ask late.
const REMEMBERED: usize = 64;

/// A traced call that waits for its turn, and since when.
#[derive(Clone, Debug)]
pub struct Waiting {
    call: Arc<TracedCall>,
    since: SystemTime,
}

impl Waiting {
    /// A call that begins to wait now.
    #[must_use]
    pub fn begin(call: Arc<TracedCall>) -> Waiting {
        Waiting { call, since: clock::wall() }
    }

    /// Where the call stands.
    #[must_use]
    pub fn place(&self) -> Place {
        self.call.place()
    }
}

/// What became of an operation that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ran {
    /// Its script has decided.
    Decided,
    /// Its script did nothing, and it is sent again.
    NotYet,
    /// There was no answer, or none that can be read.
    Failed,
}

/// A turn of a lane in which there is a traced call.
#[derive(Debug)]
pub struct TurnTrace {
    place: Place,
    sent: SystemTime,
    answered: SystemTime,
    calls: Vec<(Waiting, &'static str)>,
}

impl TurnTrace {
    /// A turn that is sent now, with these calls and their verbs; `None` unless one is traced.
    #[must_use]
    pub fn begin<'a>(
        calls: impl Iterator<Item = (&'a Waiting, &'static str)>,
    ) -> Option<TurnTrace> {
        if !is_on() {
            return None;
        }
        let calls: Vec<_> = calls.map(|(waiting, verb)| (waiting.clone(), verb)).collect();
        if calls.is_empty() {
            return None;
        }
        let sent = clock::wall();
        Some(TurnTrace { place: Place::alone(), sent, answered: sent, calls })
    }

    /// Redis has answered.
    pub fn answered(&mut self) {
        self.answered = clock::wall();
        self.calls.iter().for_each(|(waiting, _)| waiting.call.answered(self.answered));
    }

    /// Writes it down, once nobody waits for it any more: how many operations of which drop it
    /// carried, and what became of those of each verb.
    pub fn end(self, drop: &DropId, operations: usize, ran: &[(&'static str, Ran)]) {
        let TurnTrace { place, sent, answered, calls } = self;
        let mut turn = Span::new("turn", SpanKind::Client, sent, answered);
        turn.tell("db.system.name", "redis");
        turn.tell("dropgate.drop", drop.to_string());
        turn.tell("dropgate.operations", i64::try_from(operations).unwrap_or(i64::MAX));
        for (Waiting { call, since }, verb) in calls {
            turn.link(call.place());
            let ran = ran.iter().find(|(of, _)| *of == verb).map_or(Ran::Failed, |(_, ran)| *ran);
            if ran == Ran::NotYet {
                continue;
            }
            let mut lane = Span::new("lane", SpanKind::Internal, since, sent);
            lane.tell("dropgate.verb", verb);
            call.step(lane);
            let mut script = Span::new("script", SpanKind::Client, sent, answered);
            script.tell("db.system.name", "redis");
            script.tell("dropgate.verb", verb);
            script.link(place);
            if ran == Ran::Failed {
                script.fails();
            }
            call.step(script);
        }
        if ran.iter().any(|(_, ran)| *ran != Ran::Decided) {
            turn.fails();
        }
        write(place, Parent::None, turn);
    }
}

/// What a commit of a drop's entries by this process was of, and how long it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Took {
    /// The drop's generation.
    pub epoch: i64,
    /// The last `seq` before it.
    pub from: i64,
    /// Its own last `seq`.
    pub to: i64,
    /// When it was sent.
    pub began: SystemTime,
    /// When its outcome was known.
    pub ended: SystemTime,
}

/// Writes down a commit if traced `calls` waited for it; where its span is.
fn written(drop: &DropId, took: Took, calls: &[Place], durable: bool) -> Option<Place> {
    if calls.is_empty() {
        return None;
    }
    let Took { epoch, from, to, began, ended } = took;
    let mut span = Span::new("commit", SpanKind::Client, began, ended);
    span.tell("db.system.name", "postgresql");
    span.tell("dropgate.drop", drop.to_string());
    span.tell("dropgate.epoch", epoch);
    span.tell("dropgate.first_seq", from + 1);
    span.tell("dropgate.last_seq", to);
    span.tell("dropgate.events", to - from);
    calls.iter().for_each(|call| span.link(*call));
    if !durable {
        span.fails();
    }
    let place = Place::alone();
    write(place, Parent::None, span);
    Some(place)
}

/// Writes down a commit that did not become durable, or of which nobody knows, if traced `calls`
/// waited for it.
pub fn commit_failed(drop: &DropId, took: Took, calls: &[Place]) {
    written(drop, took, calls, false);
}

#[derive(Clone, Copy, Debug)]
struct Commit {
    took: Took,
    /// Where its span is, if it has one.
    place: Option<Place>,
}

/// The last commits of a drop by this process, as far as calls are traced.
#[derive(Debug, Default)]
pub struct Commits(Mutex<VecDeque<Commit>>);

impl Commits {
    /// Notes a commit that became durable, and writes it down if traced `calls` waited for it.
    pub fn note(&self, drop: &DropId, took: Took, calls: &[Place]) {
        let place = written(drop, took, calls, true);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.pop_front();
        }
        known.push_back(Commit { took, place });
    }

    fn of(&self, epoch: i64, seq: i64) -> Option<Commit> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let has = |Commit { took, .. }: &&Commit| {
            took.epoch == epoch && (took.from + 1..=took.to).contains(&seq)
        };
        known.iter().rev().find(has).copied()
    }

    /// Writes down how a call has waited for the ledger since Redis answered, or since `asked`: until
    /// its entry was on its way there, and from then on. Where another process has committed it, or it
    /// came to no good end, only the whole is known.
    pub fn waited(
        &self,
        call: &TracedCall,
        asked: SystemTime,
        (epoch, seq): (i64, i64),
        durable: bool,
    ) {
        let since = call.reached(epoch, seq).unwrap_or(asked);
        let commit = self.of(epoch, seq).filter(|_| durable);
        let Some(Commit { took: Took { began, ended, .. }, place }) = commit else {
            let mut journal = Span::new("journal", SpanKind::Internal, since, clock::wall());
            journal.tell("dropgate.committed_here", false);
            if !durable {
                journal.fails();
            }
            return call.step(journal);
        };
        // What was durable before it asked has kept it waiting for nothing.
        if ended <= since {
            return;
        }
        if began > since {
            let mut journal = Span::new("journal", SpanKind::Internal, since, began);
            journal.tell("dropgate.committed_here", true);
            call.step(journal);
        }
        let mut commit = Span::new("commit", SpanKind::Client, began.max(since), ended);
        commit.tell("db.system.name", "postgresql");
        place.into_iter().for_each(|place| commit.link(place));
        call.step(commit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_known_by_its_events_and_for_a_while() {
        let commits = Commits::default();
        let drop: DropId = "d".parse().expect("an id");
        let now = clock::wall();
        let took = |epoch, from, to| Took { epoch, from, to, began: now, ended: now };
        commits.note(&drop, took(1, 0, 3), &[]);
        commits.note(&drop, took(1, 3, 5), &[Place::alone()]);
        let of =
            |epoch, seq| commits.of(epoch, seq).map(|found| (found.took.to, found.place.is_some()));
        assert_eq!((of(1, 0), of(1, 1), of(1, 3)), (None, Some((3, false)), Some((3, false))));
        assert_eq!((of(1, 4), of(1, 5), of(1, 6)), (Some((5, true)), Some((5, true)), None));
        assert_eq!(of(2, 4), None);
        for n in 0..i64::try_from(REMEMBERED).expect("few") {
            commits.note(&drop, took(2, n, n + 1), &[]);
        }
        assert_eq!((of(1, 5), of(2, 1)), (None, Some((1, false))));
    }
}
