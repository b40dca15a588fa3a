//! One history: a drop in Redis, its model, and call after call.

use dropgate::clock;
use rand::{SeedableRng as _, rngs::StdRng};

use super::{
    Counts, compare,
    ops::Op,
    random::Dice,
    state::{Model, Sku},
    verbs::Wanted,
};
use crate::support::{Case, Dump, check_entry};

/// Calls of one history.
const CALLS: usize = 120;

/// How a history is played.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Whether many operations share a call.
    pub(super) crowded: bool,
    /// After so many calls the whole state is compared; the head is after each.
    pub(super) compare_every: usize,
}

/// A drop in Redis, its model, and what has happened so far.
pub(super) struct History {
    seed: u64,
    pace: Pace,
    pub(super) case: Case,
    pub(super) model: Model,
    pub(super) dice: Dice,
    pub(super) skew: i64,
    /// `meta`, `stock` and the journal's end, as the last step left them.
    pub(super) head: Dump,
    pub(super) log: Vec<String>,
    pub(super) counts: Counts,
}

impl Drop for History {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let pace = if self.pace.crowded { "OPERATIONS" } else { "CASES" };
            let last = self.log.len().saturating_sub(12);
            eprintln!("DROPGATE_MODEL_{pace}=1 DROPGATE_MODEL_SEED={}", self.seed);
            eprintln!("the last of {} steps: {:#?}", self.log.len(), &self.log[last..]);
        }
    }
}

impl History {
    /// Plays one history to its end.
    pub(super) fn play(seed: u64, pace: Pace) -> Counts {
        let mut history = History::new(seed, pace);
        for call in 1..=CALLS {
            history.step();
            if call % pace.compare_every == 0 || call == CALLS {
                history.compare();
            }
        }
        history.counts.histories = 1;
        history.counts
    }

    fn new(seed: u64, pace: Pace) -> History {
        let units: [i64; 3] = if pace.crowded { [60, 40, 24] } else { [8, 5, 3] };
        let limit: i64 = if pace.crowded { 30 } else { 7 };
        let [a, b, c] = units;
        let mut case = Case::given(&[
            &format!("stock a {a} 5"),
            &format!("stock b {b}"),
            &format!("stock c {c}"),
            "meta ttl_ms 10000",
            "meta max_hold_ms 30000",
            &format!("meta limit {limit}"),
        ]);
        // From here on the server's clock counts, moved by the skew.
        case.set("latest_ms", 0);
        case.set("opened_ms", 0);
        let sku = |available, limit| Sku { available, held: 0, sold: 0, limit };
        let skus = [("a", sku(a, Some(5))), ("b", sku(b, None)), ("c", sku(c, None))];
        let model = Model {
            // Settings are drawn around it before the first call has told it.
            now: clock::now().0 - 1_000,
            seq: 10,
            state: "open".to_owned(),
            ttl: 10_000,
            max_hold: 30_000,
            limit: Some(limit),
            skus: skus.map(|(name, sku)| (name.to_owned(), sku)).into(),
            ..Model::default()
        };
        let dice = Dice::new(StdRng::seed_from_u64(seed), pace.crowded);
        let head = Dump::head(&mut case.redis, &case.keys);
        let counts = Counts::default();
        History { seed, pace, case, model, dice, skew: 0, head, log: Vec::new(), counts }
    }

    fn step(&mut self) {
        let step = self.dice.step_ms();
        self.pass(step);
        self.maybe_lose();
        let ops = self.dice.call(&self.model);
        self.case.admit = !self.dice.once_in(15);
        self.case.clock_error = if self.dice.once_in(25) { 60_000 } else { 0 };
        if self.dice.once_in(2) {
            self.case.durable_seq = self.model.seq;
        }
        self.maybe_hostile();
        self.call(&ops);
        self.maybe_trim();
    }

    /// Lets the drop's time pass.
    pub(super) fn pass(&mut self, millis: i64) {
        if millis == 0 && !self.log.is_empty() {
            return;
        }
        self.skew += millis;
        self.case.set("skew_ms", self.skew);
        let meta = self.head.pairs.get_mut("meta").expect("meta");
        meta.insert("skew_ms".to_owned(), self.skew.to_string());
    }

    fn call(&mut self, ops: &[Op]) {
        let read_at = clock::now().0 + self.skew;
        let hand = |id: &str| format!("{}|{read_at}", self.model.reservations[id].pack());
        let arguments: Vec<String> = ops.iter().map(|op| op.arguments(hand)).collect();
        let shared = format!("admit {} skew {}", self.case.admit, self.skew);
        self.log.push(format!("{shared} {} {arguments:?}", ops[0].verb()));
        let texts: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let (reply, after) = self.case.watched(ops[0].verb(), &texts, &self.head);
        let reply = reply.expect("a reply");
        assert_eq!(reply[0], "OK", "{reply:?}");
        check_entry(&self.case.drop, &self.head, &after);
        self.begin(&reply, &after);
        self.head = after;
        self.head.keep_last_entry();
        let seq = self.model.seq;
        for (op, outcome) in ops.iter().zip(&reply[5..]) {
            let wanted = self.model.apply(op);
            self.holds(&wanted, outcome);
        }
        assert_eq!(reply.len(), 5 + ops.len(), "one outcome an operation");
        assert!(self.model.events.is_empty(), "nobody asked for {:?}", self.model.events);
        for r in self.model.reservations.values_mut().filter(|r| r.changed.1 > seq) {
            // What a call changed carries the seq behind that call.
            r.changed.1 = self.model.seq;
        }
        self.counts.calls += 1;
        self.counts.operations += ops.len();
        if ops.iter().any(|op| matches!(op, Op::Expire { .. })) {
            // What leaves Redis in a sweep must be seen as soon as it has left.
            self.compare();
        }
    }

    /// The whole state is that of the model.
    pub(super) fn compare(&mut self) {
        let dump = self.case.dump();
        compare::compare(&mut self.model, &dump);
    }

    /// Tells the model what the call brought from outside: time and events.
    fn begin(&mut self, reply: &[String], after: &Dump) {
        let now: i64 = reply[4].parse().expect("a time");
        assert!(now >= self.model.now, "the drop's time ran back");
        let model = &mut self.model;
        model.now = now;
        model.admit = self.case.admit;
        model.skewed = self.case.clock_error != 0;
        model.durable_seq = self.case.durable_seq;
        model.found.clear();
        let entries = &after.entries[self.head.entries.len()..];
        let lines = entries.iter().flat_map(|(_, fields)| fields[11].split('\n'));
        model.events = lines.map(str::to_owned).collect();
        self.counts.events += model.events.len();
    }

    fn holds(&self, wanted: &Wanted, outcome: &str) {
        match wanted {
            Wanted::Text(text) => assert_eq!(text, outcome),
            Wanted::Swept(nearest) => {
                let words: Vec<&str> = outcome.split(' ').collect();
                let ["EXPIRED", next, more, _] = words[..] else { panic!("{outcome}") };
                if more == "1" || self.model.skewed {
                    return;
                }
                let due = self.model.reservations.values().any(|r| self.model.is_due(r));
                assert!(!due, "{outcome}, though something is due");
                let next: Option<i64> = next.parse().ok();
                assert!(next.is_none_or(|next| next > self.model.now), "{outcome}");
                let known = nearest.is_none_or(|at| next.is_some_and(|next| next <= at));
                assert!(known, "{outcome}, though a hold ends at {nearest:?}");
            }
        }
    }
}
