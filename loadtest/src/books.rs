//! The buyers' own books: every call, however often it was sent, and what came of it.
//!
//! The books are kept from answers alone, so that the ledger can be held against something
//! that does not come from the ledger.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::wire::{Answer, Lines, Refusal, Reservation, Sent, Verb};

/// What a buyer wanted of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) verb: Verb,
    pub(crate) customer: String,
    /// Of which reservation; `None` for a new one.
    pub(crate) reservation: Option<String>,
    /// The lines of a new hold or of a change.
    pub(crate) lines: Option<Lines>,
    /// The order of a confirm.
    pub(crate) order: Option<String>,
    pub(crate) key: Option<String>,
}

/// What came of a call in the end.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fate {
    /// It was acknowledged.
    Done(Box<Reservation>),
    /// It was refused.
    Refused(Box<Refusal>),
    /// Every answer said that nothing happened.
    Nothing,
    /// At least one answer said that it may have happened, or never came, and no later one
    /// settled it.
    Unknown,
}

/// One call in the books.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Call {
    pub(crate) wish: Wish,
    pub(crate) fate: Fate,
    /// How many requests were sent for it.
    pub(crate) sent: u32,
    /// Whether an answer on the way was unknown.
    pub(crate) was_unknown: bool,
}

/// A call on its way: takes answers until it is settled.
#[derive(Debug)]
pub(crate) struct Open {
    wish: Wish,
    sent: u32,
    unknown: bool,
    done: Option<(u16, Value, Reservation)>,
    /// Answers that are not marked as replays.
    originals: u32,
    refused: Option<Refusal>,
    faults: Vec<String>,
}

impl Open {
    /// Nothing was sent yet.
    pub(crate) fn new(wish: Wish) -> Open {
        Open {
            wish,
            sent: 0,
            unknown: false,
            done: None,
            originals: 0,
            refused: None,
            faults: Vec::new(),
        }
    }

    /// Takes one answer. Answers to requests sent side by side may come in any order.
    pub(crate) fn take(&mut self, answer: &Answer) {
        self.sent += 1;
        match answer {
            Answer::Done { status, body, reservation, replayed } => {
                self.originals += u32::from(!replayed);
                self.check(*status, body, reservation);
                if self.done.is_none() {
                    self.done = Some((*status, body.clone(), reservation.clone()));
                }
            }
            Answer::Refused(refusal) => {
                self.check_refusal(refusal);
                self.refused = Some(refusal.clone());
            }
            Answer::Nothing { .. } => {}
            Answer::Unknown { .. } => self.unknown = true,
            Answer::Absurd(what) => {
                self.unknown = true;
                self.fault(what);
            }
        }
    }

    /// Whether an answer has settled it.
    pub(crate) fn settled(&self) -> bool {
        self.done.is_some() || self.refused.is_some()
    }

    fn fault(&mut self, what: &str) {
        let Wish { verb, customer, reservation, key, .. } = &self.wish;
        let of = reservation.as_deref().unwrap_or("a new reservation");
        let key = key.as_deref().unwrap_or("none");
        self.faults.push(format!("{} of {of} by {customer}, key {key}: {what}", verb.as_str()));
    }

    /// Holds a success against what was asked, and against the first success.
    fn check(&mut self, status: u16, body: &Value, reservation: &Reservation) {
        let expected = if self.wish.verb == Verb::Reserve { 201 } else { 200 };
        if status != expected {
            self.fault(&format!("answered {status}, not {expected}"));
        }
        if let Some((first_status, first, _)) = &self.done {
            // Without a key, a repeat may show the reservation as it is by then.
            if self.wish.key.is_some() && (first != body || *first_status != status) {
                let what = format!("a repeat was answered {body}, the first time {first}");
                self.fault(&what);
            }
            if self.originals > 1 && self.wish.key.is_some() {
                self.fault("two successes, neither of them marked as replayed");
            }
        }
        let wrong =
            |wanted: &Option<String>, got: &str| wanted.as_deref().is_some_and(|w| w != got);
        if wrong(&self.wish.reservation, &reservation.id) {
            self.fault(&format!("answered with reservation {}", reservation.id));
        }
        if reservation.customer_id != self.wish.customer {
            self.fault(&format!("answered with customer {}", reservation.customer_id));
        }
        if self.wish.lines.as_ref().is_some_and(|lines| *lines != reservation.lines) {
            self.fault(&format!("answered with lines {:?}", reservation.lines));
        }
        if wrong(&self.wish.order, reservation.order_id.as_deref().unwrap_or_default()) {
            self.fault(&format!("answered with order {:?}", reservation.order_id));
        }
        let state = match self.wish.verb {
            Verb::Reserve | Verb::Change | Verb::Extend => "held",
            Verb::Confirm => "confirmed",
            Verb::Release => "released",
        };
        if reservation.state != state {
            self.fault(&format!("answered with state {}, not {state}", reservation.state));
        }
    }

    /// Holds a refusal against its own reasons, and against a success before.
    fn check_refusal(&mut self, refusal: &Refusal) {
        let body = &refusal.body;
        if self.done.is_some() && self.wish.key.is_some() {
            self.fault(&format!("refused with {} after it had succeeded", refusal.code));
        }
        let number = |value: &Value| value.as_i64();
        if refusal.code == "sold_out" {
            let lines = body["lines"].as_array().map(Vec::as_slice).unwrap_or_default();
            let short = |line: &Value| {
                matches!((number(&line["requested"]), number(&line["available"])),
                    (Some(requested), Some(available)) if available < requested)
            };
            if lines.is_empty() || !lines.iter().all(short) {
                self.fault(&format!("sold_out does not say which lines fall short: {body}"));
            }
        }
        if refusal.code == "limit_exceeded" && self.wish.verb == Verb::Reserve {
            let (limit, used, requested) =
                (number(&body["limit"]), number(&body["used"]), number(&body["requested"]));
            let over = matches!((limit, used, requested), (Some(limit), Some(used),
                Some(requested)) if used + requested > limit);
            if !over {
                self.fault(&format!("limit_exceeded below the limit: {body}"));
            }
        }
    }

    /// Ends the call; a success counts above all else, whatever came after it.
    fn close(self) -> (Call, Vec<String>) {
        let fate = match (self.done, self.refused, self.unknown) {
            (Some((_, _, reservation)), _, _) => Fate::Done(Box::new(reservation)),
            (None, Some(refusal), _) => Fate::Refused(Box::new(refusal)),
            (None, None, true) => Fate::Unknown,
            (None, None, false) => Fate::Nothing,
        };
        let call = Call { wish: self.wish, fate, sent: self.sent, was_unknown: self.unknown };
        (call, self.faults)
    }
}

/// What was counted of one kind of call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counted {
    /// How long each answer took.
    pub(crate) took: Vec<Duration>,
    /// Answers by status or reason.
    pub(crate) answers: BTreeMap<String, u64>,
}

/// The whole of the books.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pages {
    /// Every call that has ended, in the order in which they did.
    pub(crate) calls: Vec<Call>,
    /// Answers that break the API's word by themselves.
    pub(crate) faults: Vec<String>,
    /// Requests and answers, by kind of call.
    pub(crate) counted: BTreeMap<Verb, Counted>,
    /// Successes marked as replayed.
    pub(crate) replayed: u64,
}

/// The books, written by every buyer.
#[derive(Debug, Default)]
pub(crate) struct Books(Mutex<Pages>);

impl Books {
    /// Counts one answer.
    pub(crate) fn count(&self, verb: Verb, sent: &Sent) {
        let what = match &sent.answer {
            Answer::Done { status, .. } => status.to_string(),
            Answer::Refused(refusal) => refusal.code.clone(),
            Answer::Nothing { why, .. } => format!("{why} (nothing happened)"),
            Answer::Unknown { why, .. } => format!("{why} (outcome unknown)"),
            Answer::Absurd(_) => "not understood".to_owned(),
        };
        let mut pages = self.write();
        let replayed = matches!(sent.answer, Answer::Done { replayed: true, .. });
        pages.replayed += u64::from(replayed);
        let counted = pages.counted.entry(verb).or_default();
        counted.took.push(sent.took);
        *counted.answers.entry(what).or_default() += 1;
    }

    /// Enters a call that has ended, and says what came of it.
    pub(crate) fn enter(&self, open: Open) -> Fate {
        let (call, faults) = open.close();
        let fate = call.fate.clone();
        let mut pages = self.write();
        pages.faults.extend(faults);
        pages.calls.push(call);
        fate
    }

    /// Enters an answer that breaks the API's word.
    pub(crate) fn fault(&self, what: String) {
        self.write().faults.push(what);
    }

    /// Takes the pages out, once everybody has gone home.
    pub(crate) fn take(&self) -> Pages {
        std::mem::take(&mut self.write())
    }

    fn write(&self) -> std::sync::MutexGuard<'_, Pages> {
        // A buyer that panicked has entered nothing by half: entries are single pushes.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    /// How many calls there were whose outcome was unknown for a while: those that a repeat
    /// found done, those that it found refused, and those that remained unknown.
    pub(crate) fn unknown(&self) -> (usize, usize, usize) {
        let was_unknown = || self.calls.iter().filter(|call| call.was_unknown);
        let done = was_unknown().filter(|call| matches!(call.fate, Fate::Done(_))).count();
        let refused = was_unknown().filter(|call| matches!(call.fate, Fate::Refused(_))).count();
        (done, refused, was_unknown().count() - done - refused)
    }
}

#[cfg(test)]
#[path = "books_tests.rs"]
mod tests;
