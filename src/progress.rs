//! How far one drop is: what is durable, who waits for it, and what is wrong.
//!
//! Shared by the drop's lane, its write-behind and the calls under way. Holds no connection
//! and does no I/O, so that it can be reasoned about (and tested) on its own.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::{Notify, oneshot, watch};

use crate::{
    domain::Millis,
    failpoint::{self, Mutant},
    measure, trace,
};

/// Chains of durable entries that are kept for calls that ask late.
const REMEMBERED: usize = 4096;
/// So long may the ledger stand still with work before it until new holds are refused.
const STALL: Duration = Duration::from_secs(1);
/// So many events may wait for the ledger: about two seconds of its work.
const MAX_BACKLOG: i64 = 20_000;

/// A place in a drop's journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The drop's generation.
    pub epoch: i64,
    /// The `seq` of the last event of an entry.
    pub seq: i64,
    /// The chain of that entry.
    pub chain: String,
}

/// What a waiting call learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The ledger holds exactly what the call did.
    Durable,
    /// The ledger went on without it, as far as is known here: look.
    Doubtful,
}

/// What a lane found wrong with its drop in Redis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Redis answered for another epoch, an older journal, a rebuild or nothing at all: where
    /// the drop stands must be looked at again.
    Look,
    /// One of the drop's keys is gone, or its counts can't be: in this epoch.
    Broken {
        /// The generation in which it was seen.
        epoch: i64,
        /// What was seen.
        what: String,
    },
}

/// Why a drop stands still until a person has looked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Halt {
    /// The ledger refuses an event that Redis has: it is tried again, never skipped.
    Refused(String),
    /// The ledger lacks what was durable once: it has to come back, or be accepted as it is.
    Lost(String),
    /// A later version of the engine has built it in a form that this one doesn't know, or has taken
    /// over: that one goes on.
    Newer(String),
}

impl std::fmt::Display for Halt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Halt::Refused(what) => write!(f, "the ledger refuses an event: {what}"),
            Halt::Lost(what) | Halt::Newer(what) => f.write_str(what),
        }
    }
}

/// Somebody who waits for the ledger.
pub trait Learner: Send {
    /// Learns what is known of it.
    fn learn(self: Box<Self>, verdict: Verdict);

    /// Whether nobody would hear of it.
    fn has_gone(&self) -> bool;
}

impl Learner for oneshot::Sender<Verdict> {
    fn learn(self: Box<Self>, verdict: Verdict) {
        // A caller that has gone needs no answer.
        let _ = self.send(verdict);
    }

    fn has_gone(&self) -> bool {
        self.is_closed()
    }
}

/// Calls that wait for one entry.
struct Waiters {
    epoch: i64,
    chain: String,
    since: Instant,
    learners: Vec<Box<dyn Learner>>,
}

impl Waiters {
    fn learn(self, verdict: Verdict) {
        self.learners.into_iter().for_each(|learner| learner.learn(verdict));
    }
}

struct State {
    durable: Position,
    /// The highest (epoch, `seq`) that this process has ever known to be durable. Above
    /// `durable` only when the ledger has gone back in time.
    mark: (i64, i64),
    recent: VecDeque<(i64, String)>,
    waiters: BTreeMap<i64, Vec<Waiters>>,
    /// Traced calls by the (epoch, `seq`) that they wait for, in order.
    traced: VecDeque<((i64, i64), trace::Place)>,
    /// The highest `seq` seen in Redis in this epoch.
    seen_seq: i64,
    /// Whether a turn of the lane is under way, and the highest `seq` heard of meanwhile.
    in_turn: bool,
    heard_seq: i64,
    /// Since when the ledger has had work before it, or last moved.
    since: Instant,
    trouble: Option<Trouble>,
    halted: Option<Halt>,
}

/// See the module.
pub struct Progress {
    state: Mutex<State>,
    epoch: watch::Sender<i64>,
    /// Wakes the write-behind.
    pub wake: Notify,
    /// Wakes the sweep.
    pub sweep: Notify,
    /// Whether the journal may have more than this process has read.
    stirred: AtomicBool,
    /// Whether deadlines may have been made that this process does not know.
    others_wrote: AtomicBool,
    nearest_deadline: AtomicI64,
    /// The deadline from which on a sweep that is under way, or that failed, frees holds.
    sweeping_from: AtomicI64,
    clock_offset: AtomicI64,
    /// The last epoch into which this process itself has raised the drop, besides its rebuilds.
    fenced_here: AtomicI64,
    /// The last epoch in which the drop is known not to be in Redis.
    evicted: AtomicI64,
    /// Whether a call has looked for the drop in Redis in vain.
    wanted: AtomicBool,
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Progress({:?})", self.durable())
    }
}

impl Progress {
    /// Starts from what the ledger has.
    #[must_use]
    pub fn new(durable: Position) -> Progress {
        Progress {
            epoch: watch::Sender::new(durable.epoch),
            state: Mutex::new(State {
                seen_seq: durable.seq,
                in_turn: false,
                heard_seq: 0,
                recent: VecDeque::from([(durable.seq, durable.chain.clone())]),
                mark: (durable.epoch, durable.seq),
                durable,
                waiters: BTreeMap::new(),
                traced: VecDeque::new(),
                since: Instant::now(),
                trouble: None,
                halted: None,
            }),
            wake: Notify::new(),
            sweep: Notify::new(),
            stirred: AtomicBool::new(false),
            others_wrote: AtomicBool::new(true),
            nearest_deadline: AtomicI64::new(i64::MAX),
            sweeping_from: AtomicI64::new(i64::MAX),
            clock_offset: AtomicI64::new(0),
            fenced_here: AtomicI64::new(-1),
            evicted: AtomicI64::new(-1),
            wanted: AtomicBool::new(false),
        }
    }

    // Nothing that runs under the lock can panic half-way through a change.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the ledger stands, as far as is known here.
    #[must_use]
    pub fn durable(&self) -> Position {
        self.lock().durable.clone()
    }

    /// Tells of a new epoch.
    #[must_use]
    pub fn epochs(&self) -> watch::Receiver<i64> {
        self.epoch.subscribe()
    }

    /// Notes what is durable now: the ledger's head and the chains that led to it, in order.
    /// What is not news is ignored, so callers need not agree on an order.
    pub fn advance(&self, head: Position, chains: &[(i64, String)]) {
        let mut state = self.lock();
        if (head.epoch, head.seq) < (state.durable.epoch, state.durable.seq) {
            return;
        }
        let rose = head.epoch > state.durable.epoch;
        let moved = head.seq > state.durable.seq;
        let from = state.durable.seq;
        state.recent.extend(chains.iter().filter(|(seq, _)| *seq > from).cloned());
        while state.recent.len() > REMEMBERED {
            state.recent.pop_front();
        }
        state.mark = state.mark.max((head.epoch, head.seq));
        state.durable = head;
        if rose {
            state.seen_seq = state.durable.seq;
        }
        state.seen_seq = state.seen_seq.max(state.durable.seq);
        if moved || rose {
            state.since = Instant::now();
        }
        state.settle();
        let epoch = state.durable.epoch;
        drop(state);
        if rose {
            self.epoch.send_replace(epoch);
        }
    }

    /// The ledger was seen at `head`, below what it had before: it has gone back in time. From
    /// there on it is the truth, until it is found out whether the journal brings it back.
    pub fn went_back(&self, head: Position) {
        let mut state = self.lock();
        if (head.epoch, head.seq) >= state.mark {
            return;
        }
        state.recent = VecDeque::from([(head.seq, head.chain.clone())]);
        state.seen_seq = state.seen_seq.max(head.seq);
        state.durable = head;
        state.settle();
        let epoch = state.durable.epoch;
        drop(state);
        self.epoch.send_replace(epoch);
    }

    /// The highest (epoch, `seq`) that this process has ever known to be durable.
    #[must_use]
    pub fn mark(&self) -> (i64, i64) {
        self.lock().mark
    }

    /// Notes where Redis stands after a call of this epoch, and its clock.
    pub fn seen(&self, epoch: i64, seq: i64, redis_now: Millis, engine_now: Millis) {
        self.clock_offset.store(redis_now.since(engine_now), Ordering::Relaxed);
        let mut state = self.lock();
        if epoch == state.durable.epoch && seq > state.seen_seq {
            if state.seen_seq <= state.durable.seq {
                // The first thing that waits: only now can the ledger be late.
                state.since = Instant::now();
            }
            state.seen_seq = seq;
        }
    }

    /// Waits until the ledger has `position`, or has gone on without it.
    pub fn wait(&self, position: &Position) -> oneshot::Receiver<Verdict> {
        let (verdict, answer) = oneshot::channel();
        self.wait_all(position, vec![Box::new(verdict)]);
        answer
    }

    /// As [`Progress::wait`], for all calls of one entry.
    pub fn wait_all(&self, position: &Position, learners: Vec<Box<dyn Learner>>) {
        if learners.is_empty() {
            return;
        }
        let mut state = self.lock();
        // Nothing is known of what lies ahead; looking at all the others too would cost each call
        // as much as there are calls.
        let ahead = position.seq > state.durable.seq && position.epoch >= state.durable.epoch;
        let waiters = Waiters {
            epoch: position.epoch,
            chain: position.chain.clone(),
            since: Instant::now(),
            learners,
        };
        state.waiters.entry(position.seq).or_default().push(waiters);
        if !ahead {
            state.settle();
        }
    }

    /// Notes where traced calls stand that wait for this (epoch, `seq`) from now on. It is noted when
    /// Redis has answered: by the time a call itself gets to wait, the commit may have ended.
    pub fn wait_traced(&self, epoch: i64, seq: i64, calls: Vec<trace::Place>) {
        if calls.is_empty() {
            return;
        }
        let mut state = self.lock();
        state.traced.extend(calls.into_iter().map(|call| ((epoch, seq), call)));
    }

    /// Where the traced calls stand that wait for events up to `seq`.
    #[must_use]
    pub fn traced_up_to(&self, seq: i64) -> Vec<trace::Place> {
        let state = self.lock();
        let reached = (state.durable.epoch, seq);
        let waiting = state.traced.iter().take_while(|(at, _)| *at <= reached);
        waiting.map(|(_, call)| *call).collect()
    }

    /// How many calls wait for the ledger.
    #[must_use]
    pub fn waiting(&self) -> usize {
        let state = self.lock();
        state.waiters.values().flatten().map(|waiters| waiters.learners.len()).sum()
    }

    /// How long the longest waiting call has waited.
    #[must_use]
    pub fn longest_wait(&self) -> Option<Duration> {
        let mut state = self.lock();
        state.waiters.retain(|_, waiting| {
            waiting.retain_mut(|waiters| {
                waiters.learners.retain(|learner| !learner.has_gone());
                !waiters.learners.is_empty()
            });
            !waiting.is_empty()
        });
        let oldest = state.waiters.values().flatten().map(|waiters| waiters.since).min();
        oldest.map(|since| since.elapsed())
    }

    /// How far the ledger is behind: for how long it has had work before it without moving, or
    /// the longest waiting call has waited.
    #[must_use]
    pub fn lag(&self) -> Duration {
        let still = {
            let state = self.lock();
            (state.seen_seq > state.durable.seq).then(|| state.since.elapsed())
        };
        still.max(self.longest_wait()).unwrap_or_default()
    }

    /// Events that Redis has and the ledger lacks.
    #[must_use]
    pub fn backlog(&self) -> i64 {
        let state = self.lock();
        state.seen_seq - state.durable.seq
    }

    /// The highest `seq` that this process has seen in Redis in this epoch.
    #[must_use]
    pub fn seen_seq(&self) -> i64 {
        self.lock().seen_seq
    }

    /// Whether new holds may be taken: the ledger moves, and is not too far behind.
    #[must_use]
    pub fn admits(&self) -> bool {
        let state = self.lock();
        let backlog = state.seen_seq - state.durable.seq;
        backlog == 0 || (backlog <= MAX_BACKLOG && state.since.elapsed() < STALL)
    }

    /// A pause for a lane whose ledger falls behind, before it takes more.
    #[must_use]
    pub fn brake(&self) -> Option<Duration> {
        (self.backlog() > MAX_BACKLOG / 2).then_some(Duration::from_millis(5))
    }

    /// Notes trouble and wakes the write-behind, which looks into it.
    pub fn report(&self, trouble: Trouble) {
        let mut state = self.lock();
        // What is known to be broken is not forgotten for a mere look.
        if !matches!(state.trouble, Some(Trouble::Broken { .. })) {
            state.trouble = Some(trouble);
        }
        drop(state);
        self.wake.notify_one();
    }

    /// Notes that a script has written up to `seq`, as is said among engines. It may be one of
    /// this process whose reply is still under way: then it is no news.
    pub fn heard(&self, seq: i64) {
        let mut state = self.lock();
        if seq <= state.seen_seq {
            return;
        }
        if state.in_turn {
            state.heard_seq = state.heard_seq.max(seq);
            return;
        }
        drop(state);
        self.stir();
    }

    /// A turn of the lane begins.
    pub fn turn_begins(&self) {
        self.lock().in_turn = true;
    }

    /// The turn has ended; what was heard meanwhile and was not its own is news.
    pub fn turn_ends(&self) {
        let mut state = self.lock();
        state.in_turn = false;
        let news = std::mem::take(&mut state.heard_seq) > state.seen_seq;
        drop(state);
        if news {
            self.stir();
        }
    }

    /// Notes that the journal may have more than this process has read, and wakes the
    /// write-behind.
    pub fn stir(&self) {
        self.others_wrote.store(true, Ordering::Release);
        self.stirred.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    /// Whether [`Progress::stir`] was called since the write-behind last looked.
    #[must_use]
    pub fn is_stirred(&self) -> bool {
        self.stirred.load(Ordering::Acquire)
    }

    /// Whether something may have been written since this was last asked whose deadlines this process
    /// doesn't know.
    pub fn take_others_wrote(&self) -> bool {
        self.others_wrote.swap(false, Ordering::AcqRel)
    }

    /// Notes that this process has raised the drop into `epoch` and that nobody is rebuilding it:
    /// it need not wait for signs of life before it does so itself.
    pub fn fenced_here(&self, epoch: i64) {
        self.fenced_here.store(epoch, Ordering::Relaxed);
        self.stir();
    }

    /// Notes that the drop was taken out of Redis in this epoch, for as long as that lasts.
    pub fn note_evicted(&self, epoch: i64) {
        self.evicted.fetch_max(epoch, Ordering::Relaxed);
    }

    /// Whether the drop is not in Redis, as far as is known here.
    #[must_use]
    pub fn is_evicted(&self) -> bool {
        let evicted = self.evicted.load(Ordering::Relaxed);
        evicted >= 0 && *self.epoch.borrow() == evicted
    }

    /// Notes that a call needs the drop in Redis and has not found it there.
    pub fn want(&self) {
        self.wanted.store(true, Ordering::Release);
    }

    /// Whether [`Progress::want`] was called since this was last asked.
    pub fn take_wanted(&self) -> bool {
        self.wanted.swap(false, Ordering::AcqRel)
    }

    /// Whether [`Progress::fenced_here`] was said of this epoch.
    #[must_use]
    pub fn is_fenced_here(&self, epoch: i64) -> bool {
        self.fenced_here.load(Ordering::Relaxed) == epoch
    }

    /// The write-behind is about to look.
    pub fn settle_down(&self) {
        self.stirred.store(false, Ordering::Release);
    }

    /// Whether trouble was reported that nobody has looked into.
    #[must_use]
    pub fn has_trouble(&self) -> bool {
        self.lock().trouble.is_some()
    }

    /// Takes the trouble that was reported last.
    pub fn take_trouble(&self) -> Option<Trouble> {
        self.lock().trouble.take()
    }

    /// Stops the drop until a person has looked, or lets it go on.
    pub fn halt(&self, why: Option<Halt>) {
        self.lock().halted = why;
    }

    /// Why the drop is stopped, if it is.
    #[must_use]
    pub fn halted(&self) -> Option<Halt> {
        self.lock().halted.clone()
    }

    /// Notes a deadline, and wakes the sweep if none was nearer.
    pub fn deadline(&self, at: Millis) {
        if at.0 < self.nearest_deadline.fetch_min(at.0, Ordering::Relaxed) {
            self.sweep.notify_one();
        }
    }

    /// Forgets the nearest deadline: the sweep is about to ask for it.
    pub fn sweep_begins(&self) {
        let nearest = self.nearest_deadline.swap(i64::MAX, Ordering::Relaxed);
        self.sweeping_from.fetch_min(nearest, Ordering::Relaxed);
    }

    /// The sweep has freed everything that was due.
    pub fn sweep_ends(&self) {
        self.sweeping_from.store(i64::MAX, Ordering::Relaxed);
    }

    /// For how long at most a hold has been due that is not free yet, given this machine's time.
    #[must_use]
    pub fn overdue(&self, engine_now: Millis) -> Duration {
        let nearest = self.nearest_deadline.load(Ordering::Relaxed);
        let at = nearest.min(self.sweeping_from.load(Ordering::Relaxed));
        let redis_now = engine_now.plus(self.clock_offset.load(Ordering::Relaxed));
        Duration::from_millis(u64::try_from(redis_now.since(Millis(at))).unwrap_or(0))
    }

    /// How long until the nearest known deadline, given this machine's time.
    #[must_use]
    pub fn until_deadline(&self, engine_now: Millis) -> Option<Duration> {
        let at = self.nearest_deadline.load(Ordering::Relaxed);
        let redis_now = engine_now.plus(self.clock_offset.load(Ordering::Relaxed));
        let millis = u64::try_from(Millis(at).since(redis_now)).unwrap_or(0);
        (at != i64::MAX).then(|| Duration::from_millis(millis))
    }
}

impl State {
    /// Answers every waiter about whom something is known.
    fn settle(&mut self) {
        let durable = self.durable.clone();
        while self.traced.front().is_some_and(|(at, _)| *at <= (durable.epoch, durable.seq)) {
            self.traced.pop_front();
        }
        let mut later = self.waiters.split_off(&(durable.seq + 1));
        let stale = later.values().flatten().any(|waiters| waiters.epoch < durable.epoch);
        let now = Instant::now();
        for (seq, waiting) in std::mem::take(&mut self.waiters) {
            let at = self.recent.binary_search_by_key(&seq, |(seq, _)| *seq);
            let chain = at.ok().map(|at| self.recent[at].1.as_str());
            for waiters in waiting {
                let same = chain == Some(waiters.chain.as_str())
                    || failpoint::without(Mutant::AckBySeqWithoutChain);
                let verdict = if same { Verdict::Durable } else { Verdict::Doubtful };
                let waited = (now - waiters.since).as_secs_f64();
                measure::LEDGER_WAIT.record_many(waited, waiters.learners.len());
                waiters.learn(verdict);
            }
        }
        // A new epoch without it: it can't come any more.
        if !stale {
            self.waiters = later;
            return;
        }
        later.retain(|_, waiting| {
            let (stale, others) = std::mem::take(waiting)
                .into_iter()
                .partition::<Vec<_>, _>(|waiters| waiters.epoch < durable.epoch);
            stale.into_iter().for_each(|waiters| waiters.learn(Verdict::Doubtful));
            *waiting = others;
            !waiting.is_empty()
        });
        self.waiters = later;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(epoch: i64, seq: i64, chain: &str) -> Position {
        Position { epoch, seq, chain: chain.to_owned() }
    }

    #[test]
    fn a_call_is_answered_by_its_own_chain_and_not_by_a_seq() {
        let progress = Progress::new(at(1, 0, "0"));
        let mut mine = progress.wait(&at(1, 2, "mine"));
        let mut other = progress.wait(&at(1, 2, "other"));
        assert!(mine.try_recv().is_err());
        progress.advance(at(1, 3, "c"), &[(2, "mine".to_owned()), (3, "c".to_owned())]);
        assert_eq!(mine.try_recv(), Ok(Verdict::Durable));
        assert_eq!(other.try_recv(), Ok(Verdict::Doubtful));
        let mut late = progress.wait(&at(1, 2, "mine"));
        assert_eq!(late.try_recv(), Ok(Verdict::Durable));
    }

    #[test]
    fn a_new_epoch_leaves_doubt_for_what_it_does_not_have() {
        let progress = Progress::new(at(1, 5, "e"));
        let mut lost = progress.wait(&at(1, 7, "lost"));
        progress.advance(at(2, 5, "e"), &[]);
        assert_eq!(lost.try_recv(), Ok(Verdict::Doubtful));
        let mut next = progress.wait(&at(2, 6, "f"));
        assert!(next.try_recv().is_err());
        progress.advance(at(1, 9, "old"), &[(9, "old".to_owned())]);
        assert_eq!(progress.durable(), at(2, 5, "e"));
    }

    #[test]
    fn a_ledger_that_went_back_is_the_truth_and_what_it_had_is_not_forgotten() {
        let progress = Progress::new(at(1, 5, "e"));
        let mut waits = progress.wait(&at(1, 6, "f"));
        progress.went_back(at(1, 3, "c"));
        assert_eq!((progress.durable(), progress.mark()), (at(1, 3, "c"), (1, 5)));
        assert!(waits.try_recv().is_err());
        let mut gone = progress.wait(&at(1, 5, "e"));
        assert!(gone.try_recv().is_err(), "not durable any more");
        // The journal still had it all.
        let chains = [(4, "d"), (5, "e"), (6, "f")].map(|(seq, chain)| (seq, chain.to_owned()));
        progress.advance(at(1, 6, "f"), &chains);
        assert_eq!(waits.try_recv(), Ok(Verdict::Durable));
        assert_eq!(gone.try_recv(), Ok(Verdict::Durable));
        assert_eq!(progress.mark(), (1, 6));
        progress.went_back(at(1, 6, "f"));
        assert_eq!(progress.durable(), at(1, 6, "f"), "that is where it is");
    }

    #[test]
    fn what_this_process_wrote_itself_is_no_news() {
        let progress = Progress::new(at(1, 4, "c"));
        progress.turn_begins();
        progress.heard(5);
        progress.seen(1, 5, Millis(0), Millis(0));
        progress.turn_ends();
        assert!(!progress.is_stirred());
        progress.turn_begins();
        progress.heard(7);
        progress.seen(1, 6, Millis(0), Millis(0));
        progress.turn_ends();
        assert!(progress.is_stirred(), "somebody else's came behind it");
        progress.settle_down();
        progress.heard(6);
        assert!(!progress.is_stirred());
        progress.heard(8);
        assert!(progress.is_stirred());
    }

    #[test]
    fn what_is_due_is_overdue_until_a_sweep_has_freed_all_of_it() {
        let progress = Progress::new(at(1, 0, "0"));
        let overdue = |now| progress.overdue(Millis(now)).as_millis();
        assert_eq!(overdue(i64::MAX / 2), 0, "there is no hold");
        progress.deadline(Millis(1000));
        assert_eq!((overdue(1000), overdue(1700)), (0, 700));
        progress.sweep_begins();
        assert_eq!(overdue(2000), 1000, "nothing is known to be free yet");
        // One turn did not free all, and the next one begins.
        progress.deadline(Millis(1500));
        progress.sweep_begins();
        assert_eq!(overdue(2000), 1000);
        progress.sweep_ends();
        assert_eq!(overdue(2000), 0);
        progress.deadline(Millis(9000));
        assert_eq!(overdue(2000), 0);
    }

    #[test]
    fn a_ledger_with_nothing_before_it_is_not_behind() {
        let progress = Progress::new(at(1, 0, "0"));
        assert_eq!(progress.lag(), Duration::ZERO);
        progress.seen(1, 3, Millis(0), Millis(0));
        std::thread::yield_now();
        assert!(progress.lag() > Duration::ZERO);
        progress.advance(at(1, 3, "c"), &[(3, "c".to_owned())]);
        assert_eq!(progress.lag(), Duration::ZERO);
        let _waits = progress.wait(&at(1, 4, "d"));
        assert!(progress.lag() > Duration::ZERO, "a call waits");
    }

    #[test]
    fn holds_are_refused_only_while_the_ledger_has_work_and_stands_still() {
        let progress = Progress::new(at(1, 0, "0"));
        assert!(progress.admits());
        progress.seen(1, MAX_BACKLOG, Millis(0), Millis(0));
        assert!(progress.admits());
        progress.seen(1, MAX_BACKLOG + 1, Millis(0), Millis(0));
        assert!(!progress.admits());
        progress.advance(at(1, MAX_BACKLOG + 1, "c"), &[]);
        assert!(progress.admits());
    }
}
