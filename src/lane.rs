//! One lane a drop: groups the calls that wait into one script call a verb.
//!
//! The lane sends the next turn when the last has been answered: alone, a call goes at once, and
//! under load turns grow by themselves. Only under full load, while every thread that answers clients
//! is busy and the ledger has a whole turn before it, does a small turn wait for more, at most five
//! milliseconds: nothing of it would be durable any earlier, and a turn costs Redis and the ledger as
//! much as many holds.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use tokio::{sync::oneshot, time::Instant};

use crate::{
    caller::Caller,
    clock,
    command::{Operation, Outcome, Verb, read_outcome},
    crew::Crew,
    domain::{DropId, Millis},
    failpoint::{self, Place},
    guard, measure,
    progress::{Learner, Position, Progress, Trouble, Verdict},
    queue::{Entrance, Queue, queue},
    store::{CallReply, DropKeys, Inbox, Reply, ScriptCall, Store, StoreError, Turn},
    trace::{self, Ran, TurnTrace, Waiting},
};

/// Operations of one turn: one script must not hold up Redis for long.
const MOST: usize = 500;
/// A turn of so many operations waits for no more; and how long a smaller one does.
const GATHER: usize = 64;
const GATHER_FOR: Duration = Duration::from_millis(5);
/// Calls that may wait; beyond that they are turned away, for they could not be served in time.
const QUEUE: usize = 50_000;
/// How long a lane waits for a drop in trouble before it tries again.
const RETRY: Duration = Duration::from_millis(25);

/// What became of an operation that did not run to an outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undone {
    /// It did nothing.
    Nothing(String),
    /// It may have run.
    Unknown(String),
    /// It has run, and the ledger did not have it in time.
    Late,
}

/// Until when a call waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Until its script has decided.
    Decided,
    /// If it has done something, until that is known to be in the ledger or to be in doubt.
    Durable,
}

/// An outcome and where the drop's journal stood behind it.
#[derive(Debug)]
pub struct Reached<A> {
    /// The outcome.
    pub outcome: Outcome<A>,
    /// What must be durable before anybody is told.
    pub position: Arc<Position>,
    /// The drop's time.
    pub now: Millis,
    /// What is known of the ledger, where that was waited for.
    pub verdict: Option<Verdict>,
}

const WAITING: u8 = 0;
const SENT: u8 = 1;
const DECIDED: u8 = 2;
const GIVEN_UP: u8 = 3;

/// The entrance of a lane.
#[derive(Debug)]
pub struct Lane {
    waiting: Entrance<Box<dyn Work>>,
}

/// One operation on its way, whatever its verb.
trait Work: Send + std::fmt::Debug {
    fn verb(&self) -> Verb;
    fn deadline(&self) -> Instant;
    /// Its wait, if the call is traced.
    fn traced(&self) -> Option<&Waiting>;
    fn encode(&self, arguments: &mut Vec<String>);
    /// Marks it as sent; false when its caller has given up or gone.
    fn start(&self) -> bool;
    /// Marks it as not sent after all.
    fn put_back(&self);
    /// Takes its outcome, and tells it unless it is to be told once it is durable.
    fn reach(
        self: Box<Self>,
        drop: &DropId,
        text: &str,
        position: &Arc<Position>,
        now: Millis,
    ) -> Taken;
    fn fail(self: Box<Self>, undone: Undone);
}

/// What is left of an operation whose outcome is known.
struct Taken {
    /// Where its call stands, if it is traced and waits for the ledger now.
    place: Option<trace::Place>,
    /// Who is told once something is known of the ledger.
    withheld: Option<Box<dyn Learner>>,
}

/// An outcome that is told together with what is known of the ledger: to wake its call twice would cost
/// more than what that has to do in between.
struct Withheld<A> {
    reached: Reached<A>,
    answer: oneshot::Sender<Result<Reached<A>, Undone>>,
}

impl<A: Send> Learner for Withheld<A> {
    fn learn(self: Box<Self>, verdict: Verdict) {
        let Withheld { mut reached, answer } = *self;
        reached.verdict = Some(verdict);
        // A caller that has gone needs no answer.
        let _ = answer.send(Ok(reached));
    }

    fn has_gone(&self) -> bool {
        self.answer.is_closed()
    }
}

struct Errand<O: Operation> {
    operation: O,
    until: Until,
    deadline: Instant,
    stage: Arc<AtomicU8>,
    answer: oneshot::Sender<Result<Reached<O::Answer>, Undone>>,
    traced: Option<Waiting>,
}

impl<O: Operation> std::fmt::Debug for Errand<O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", O::VERB)
    }
}

impl<O: Operation> Work for Errand<O> {
    fn verb(&self) -> Verb {
        O::VERB
    }

    fn deadline(&self) -> Instant {
        self.deadline
    }

    fn traced(&self) -> Option<&Waiting> {
        self.traced.as_ref()
    }

    fn encode(&self, arguments: &mut Vec<String>) {
        self.operation.encode(arguments);
    }

    fn start(&self) -> bool {
        // Nobody would hear of it: a hold that its client can't know of helps nobody.
        !self.answer.is_closed()
            && self
                .stage
                .compare_exchange(WAITING, SENT, Ordering::AcqRel, Ordering::Acquire)
                .is_ok()
    }

    fn put_back(&self) {
        self.stage.store(WAITING, Ordering::Release);
    }

    fn reach(
        self: Box<Self>,
        drop: &DropId,
        text: &str,
        position: &Arc<Position>,
        now: Millis,
    ) -> Taken {
        let outcome = read_outcome(&self.operation, drop, text);
        let done = matches!(outcome, Ok(Outcome::Done(_)));
        let waits = done || matches!(outcome, Ok(Outcome::Replayed { .. }));
        let place = self.traced.as_ref().filter(|_| waits).map(Waiting::place);
        let result = outcome
            .map(|outcome| Reached { outcome, position: Arc::clone(position), now, verdict: None })
            .map_err(|unknown| Undone::Unknown(unknown.to_string()));
        let withheld: Option<Box<dyn Learner>> = match result {
            Ok(reached) if done && self.until == Until::Durable => {
                self.stage.store(DECIDED, Ordering::Release);
                Some(Box::new(Withheld { reached, answer: self.answer }))
            }
            result => {
                // A caller that has gone needs no answer.
                let _ = self.answer.send(result);
                None
            }
        };
        Taken { place, withheld }
    }

    fn fail(self: Box<Self>, undone: Undone) {
        let _ = self.answer.send(Err(undone));
    }
}

impl Lane {
    /// Starts the lane of a drop, which puts what it reads of the journal into `inbox`. It ends
    /// when its entrance is gone.
    #[must_use]
    pub fn start(
        store: Store,
        drop: DropId,
        progress: Arc<Progress>,
        inbox: Arc<Inbox>,
        crew: Crew,
    ) -> Lane {
        let (waiting, queue) = queue(QUEUE);
        let keys = DropKeys::new(&drop);
        let turn = VecDeque::new();
        let read = (0, 0);
        let home = store.home().clone();
        let runner =
            Runner { store, drop, keys, progress, inbox, crew, read, queue, turn, failures: 0 };
        home.spawn(runner.run());
        Lane { waiting }
    }

    /// Runs one operation, with whatever else waits.
    ///
    /// # Errors
    /// [`Undone`]; an operation that had not been sent by its deadline did nothing.
    pub async fn run<O: Operation>(
        &self,
        operation: O,
        until: Until,
        deadline: Instant,
    ) -> Result<Reached<O::Answer>, Undone> {
        let (answer, reply) = oneshot::channel();
        let stage = Arc::new(AtomicU8::new(WAITING));
        let traced = Caller::traced().map(Waiting::begin);
        let errand =
            Errand { operation, until, deadline, stage: Arc::clone(&stage), answer, traced };
        if self.waiting.put(Box::new(errand)).is_err() {
            return Err(Undone::Nothing("too many calls wait for this drop".to_owned()));
        }
        match tokio::time::timeout_at(deadline, reply).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(Undone::Unknown("the lane ended".to_owned())),
            Err(_) => {
                let unsent =
                    stage.compare_exchange(WAITING, GIVEN_UP, Ordering::AcqRel, Ordering::Acquire);
                Err(match unsent {
                    Ok(_) => Undone::Nothing("Redis did not take the call in time".to_owned()),
                    Err(DECIDED) => Undone::Late,
                    Err(_) => Undone::Unknown("Redis did not answer in time".to_owned()),
                })
            }
        }
    }
}

struct Runner {
    store: Store,
    drop: DropId,
    keys: DropKeys,
    progress: Arc<Progress>,
    inbox: Arc<Inbox>,
    crew: Crew,
    /// Up to which (epoch, `seq`) the journal was read.
    read: (i64, i64),
    queue: Queue<Box<dyn Work>>,
    /// What goes next; also what is to be sent again.
    turn: VecDeque<Box<dyn Work>>,
    /// Turns in a row that Redis did not run, so that the log is not flooded.
    failures: u32,
}

impl Runner {
    async fn run(mut self) {
        loop {
            if self.turn.is_empty() && !self.queue.reaches(1).await {
                return;
            }
            if let Some(pause) = self.progress.brake() {
                tokio::time::sleep(pause).await;
            }
            self.take_waiting();
            self.gather().await;
            if !self.take_turn().await {
                self.await_recovery().await;
            }
        }
    }

    fn take_waiting(&mut self) {
        let room = MOST.saturating_sub(self.turn.len());
        self.turn.extend(self.queue.take(room));
    }

    /// Waits for more to send while every thread that answers clients is busy and the ledger too. It is
    /// not woken for each call that comes: that would cost as much as what is won by sending them
    /// together.
    async fn gather(&mut self) {
        let missing = GATHER.saturating_sub(self.turn.len());
        let backlog = usize::try_from(self.progress.backlog()).unwrap_or(0);
        if missing == 0 || backlog < GATHER || !self.crew.is_busy() {
            return;
        }
        tokio::select! {
            _ = self.queue.reaches(missing) => {}
            () = self.crew.rests() => {}
            () = tokio::time::sleep(GATHER_FOR) => {}
        }
        self.take_waiting();
    }

    /// Sends what waits, by verb. False when the drop is in trouble and nothing was done.
    async fn take_turn(&mut self) -> bool {
        if let Some(halt) = self.progress.halted() {
            for work in self.turn.drain(..) {
                work.fail(Undone::Nothing(format!("the drop stands still: {halt}")));
            }
            return true;
        }
        let mut groups: Vec<(Verb, Vec<Box<dyn Work>>)> = Vec::new();
        let now = Instant::now();
        for work in std::mem::take(&mut self.turn) {
            if work.deadline() <= now || !work.start() {
                work.fail(Undone::Nothing("the call could not be sent in time".to_owned()));
                continue;
            }
            match groups.iter_mut().find(|(verb, _)| *verb == work.verb()) {
                Some((_, group)) => group.push(work),
                None => groups.push((work.verb(), vec![work])),
            }
        }
        groups.sort_by_key(|(verb, _)| *verb);
        let operations: usize = groups.iter().map(|(_, group)| group.len()).sum();
        let mut traced = traced_turn(&groups);
        measure::TURN_OPERATIONS.record(operations as f64);
        let calls: Vec<ScriptCall> = groups
            .iter()
            .map(|(verb, group)| {
                let mut arguments = Vec::with_capacity(group.len() * verb.arity());
                group.iter().for_each(|work| work.encode(&mut arguments));
                debug_assert_eq!(arguments.len(), group.len() * verb.arity());
                ScriptCall { script: verb.script(), arguments }
            })
            .collect();
        let durable = self.progress.durable();
        let turn = Turn {
            epoch: durable.epoch,
            durable_seq: durable.seq,
            engine_now: clock::now(),
            admit: self.progress.admits(),
        };
        failpoint::pass(Place::LaneBeforeScript).await;
        let after = self.inbox.is_wanted().then_some(self.read.max((durable.epoch, durable.seq)));
        self.progress.turn_begins();
        let (replies, journal) = self.store.call(&self.keys, turn, &calls, after).await;
        traced.iter_mut().for_each(TurnTrace::answered);
        failpoint::pass(Place::LaneAfterScript).await;
        // Before anybody hears of a new `seq`, so that the write-behind finds what belongs to it.
        if let Some(journal) = journal {
            self.inbox.put(journal);
        }
        let (mut fine, mut ran) = (true, Vec::new());
        for ((verb, group), reply) in groups.into_iter().zip(replies) {
            if traced.is_some() {
                ran.push((verb.script(), what_became(&reply)));
            }
            fine &= self.deliver(group, reply, turn);
        }
        self.progress.turn_ends();
        self.progress.wake.notify_one();
        if let Some(traced) = traced {
            traced.end(&self.drop, operations, &ran);
        }
        fine
    }

    fn deliver(
        &mut self,
        group: Vec<Box<dyn Work>>,
        reply: Result<CallReply, StoreError>,
        turn: Turn,
    ) -> bool {
        let trouble = match reply {
            Ok(CallReply::Done(reply)) => {
                self.failures = 0;
                self.hand_out(group, reply, turn);
                return true;
            }
            Ok(CallReply::LostKey(name)) => {
                Trouble::Broken { epoch: turn.epoch, what: format!("the key {name} is lost") }
            }
            Ok(
                CallReply::Missing
                | CallReply::OtherEpoch(_)
                | CallReply::OtherProtocol(_)
                | CallReply::Rebuilding { .. }
                | CallReply::Behind { .. },
            ) => {
                // A drop that has left Redis does not come back for a sweep.
                if group.iter().any(|work| work.verb() != Verb::Expire) {
                    self.progress.want();
                }
                Trouble::Look
            }
            Err(StoreError::Invariant(what)) => {
                guard::violation(&self.drop, "script", &what);
                fail_all(group, &Undone::Nothing("the drop's counts are being mended".to_owned()));
                self.progress.report(Trouble::Broken { epoch: turn.epoch, what });
                return true;
            }
            Err(StoreError::Damaged(what)) => {
                guard::violation(&self.drop, "script", &what);
                fail_all(group, &Undone::Unknown(what.clone()));
                self.progress.report(Trouble::Broken { epoch: turn.epoch, what });
                return true;
            }
            Err(error) => {
                let undone =
                    if error.nothing_happened() { Undone::Nothing } else { Undone::Unknown };
                self.failures = self.failures.saturating_add(1);
                if self.failures.is_power_of_two() {
                    let (calls, failures) = (group.len(), self.failures);
                    tracing::warn!(drop = %self.drop, %error, calls, failures, "a turn failed");
                }
                fail_all(group, &undone(error.to_string()));
                self.progress.report(Trouble::Look);
                return true;
            }
        };
        // The script did nothing: the same operations go again once the drop is well.
        for work in group {
            work.put_back();
            self.turn.push_back(work);
        }
        self.progress.report(trouble);
        false
    }

    fn hand_out(&mut self, group: Vec<Box<dyn Work>>, reply: Reply, turn: Turn) {
        let Reply { epoch, seq, chain, now, outcomes } = reply;
        self.read = (epoch, seq);
        self.progress.seen(epoch, seq, now, turn.engine_now);
        if outcomes.len() != group.len() {
            let undone = Undone::Unknown("a script gave too few outcomes".to_owned());
            fail_all(group, &undone);
            return;
        }
        let position = Arc::new(Position { epoch, seq, chain });
        let (mut traced, mut withheld) = (Vec::new(), Vec::with_capacity(group.len()));
        for (work, text) in group.into_iter().zip(&outcomes) {
            let taken = work.reach(&self.drop, text, &position, now);
            traced.extend(taken.place);
            withheld.extend(taken.withheld);
        }
        self.progress.wait_traced(epoch, seq, traced);
        self.progress.wait_all(&position, withheld);
    }

    /// Waits for a new epoch, or a moment: the write-behind looks into the trouble meanwhile.
    async fn await_recovery(&mut self) {
        let mut epochs = self.progress.epochs();
        // An error would mean that the sender is gone, and it lives in `self`.
        let _ = tokio::time::timeout(RETRY, epochs.changed()).await;
    }
}

/// A turn as traces tell of it; `None` unless a traced call is in it.
fn traced_turn(groups: &[(Verb, Vec<Box<dyn Work>>)]) -> Option<TurnTrace> {
    TurnTrace::begin(groups.iter().flat_map(|(verb, group)| {
        let traced = group.iter().filter_map(|work| work.traced());
        traced.map(|waiting| (waiting, verb.script()))
    }))
}

/// What became of the operations of a reply, as [`Runner::deliver`] goes on with them.
fn what_became(reply: &Result<CallReply, StoreError>) -> Ran {
    match reply {
        Ok(CallReply::Done(_)) => Ran::Decided,
        Ok(
            CallReply::Missing
            | CallReply::OtherEpoch(_)
            | CallReply::OtherProtocol(_)
            | CallReply::Rebuilding { .. }
            | CallReply::Behind { .. }
            | CallReply::LostKey(_),
        ) => Ran::NotYet,
        Err(_) => Ran::Failed,
    }
}

fn fail_all(group: Vec<Box<dyn Work>>, undone: &Undone) {
    for work in group {
        work.fail(undone.clone());
    }
}
