//! Random histories through real Redis and a model beside it: every outcome, every event, and
//! the whole state after every call must be the same.
//!
//! `DROPGATE_MODEL_CASES` sets the number of histories, `DROPGATE_MODEL_SEED` the seed of the
//! first one; a failure prints the seed of its history and its last calls.

mod compare;
mod ops;
mod random;
mod state;
mod verbs;

use std::{collections::BTreeMap, env, time::Instant};

use dropgate::clock;
use rand::{SeedableRng as _, rngs::StdRng};

use crate::support::{Case, Dump, check_entry};
use ops::Op;
use random::Dice;
use state::{Model, Sku};
use verbs::Wanted;

/// Calls of one history.
const CALLS: usize = 120;
/// Histories, unless the environment says otherwise; they run on two threads.
const CASES: u64 = 250;

fn setting(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |text| text.parse().expect("a whole number"))
}

#[test]
fn histories_are_those_of_the_model() {
    let seed = setting("DROPGATE_MODEL_SEED", rand::random::<u32>().into());
    let cases = setting("DROPGATE_MODEL_CASES", CASES);
    let begun = Instant::now();
    let calls: usize = std::thread::scope(|scope| {
        let half = |first: u64| move || (first..cases).step_by(2).map(|at| run(seed + at)).sum();
        let halves: [_; 2] = [0, 1].map(|first| scope.spawn(half(first)));
        halves.map(|half| half.join().expect("the histories agree")).iter().sum::<usize>()
    });
    println!("{cases} histories from seed {seed}: {calls} calls in {:?}", begun.elapsed());
}

/// One history; its number of calls.
fn run(seed: u64) -> usize {
    let mut history = History::new(seed);
    for _ in 0..CALLS {
        history.step();
    }
    history.calls.len()
}

/// A drop in Redis, its model, and what has happened so far.
struct History {
    seed: u64,
    case: Case,
    model: Model,
    dice: Dice,
    skew: i64,
    calls: Vec<String>,
}

impl Drop for History {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let last = self.calls.len().saturating_sub(12);
            eprintln!("DROPGATE_MODEL_CASES=1 DROPGATE_MODEL_SEED={}", self.seed);
            eprintln!("the last of {} calls: {:#?}", self.calls.len(), &self.calls[last..]);
        }
    }
}

impl History {
    fn new(seed: u64) -> History {
        let mut case = Case::given(&[
            "stock a 8 5",
            "stock b 5",
            "stock c 3",
            "meta ttl_ms 10000",
            "meta max_hold_ms 30000",
            "meta limit 7",
        ]);
        // From here on the server's clock counts, moved by the skew.
        case.set("latest_ms", 0);
        case.set("opened_ms", 0);
        let sku = |available, limit| Sku { available, held: 0, sold: 0, limit };
        let skus = [("a", sku(8, Some(5))), ("b", sku(5, None)), ("c", sku(3, None))];
        let model = Model {
            // Settings are drawn around it before the first call has told it.
            now: clock::now().0 - 1_000,
            seq: 10,
            state: "open".to_owned(),
            ttl: 10_000,
            max_hold: 30_000,
            limit: Some(7),
            skus: skus.map(|(name, sku)| (name.to_owned(), sku)).into(),
            ..Model::default()
        };
        let dice = Dice::new(StdRng::seed_from_u64(seed));
        History { seed, case, model, dice, skew: 0, calls: Vec::new() }
    }

    fn step(&mut self) {
        self.skew += self.dice.step_ms();
        self.case.set("skew_ms", self.skew);
        if self.dice.once_in(60) {
            self.rebuild();
        }
        let ops = self.dice.call(&self.model);
        self.case.admit = !self.dice.once_in(15);
        self.case.clock_error = if self.dice.once_in(25) { 60_000 } else { 0 };
        if self.dice.once_in(2) {
            self.case.durable_seq = self.model.seq;
        }
        self.call(&ops);
    }

    fn call(&mut self, ops: &[Op]) {
        let read_at = clock::now().0 + self.skew;
        let hand = |id: &str| format!("{}|{read_at}", self.model.reservations[id].pack());
        let arguments: Vec<String> = ops.iter().map(|op| op.arguments(hand)).collect();
        let shared = format!("admit {} skew {}", self.case.admit, self.skew);
        self.calls.push(format!("{shared} {} {arguments:?}", ops[0].verb()));
        let texts: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let before = self.case.dump();
        let reply = self.case.call(ops[0].verb(), &texts).expect("a reply");
        let after = self.case.dump();
        assert_eq!(reply[0], "OK", "{reply:?}");
        check_entry(&self.case.drop, &before, &after);
        self.begin(&reply, &before, &after);
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
        compare::compare(&mut self.model, &after);
    }

    /// Tells the model what the call brought from outside: time and events.
    fn begin(&mut self, reply: &[String], before: &Dump, after: &Dump) {
        let now: i64 = reply[4].parse().expect("a time");
        assert!(now >= self.model.now, "the drop's time ran back");
        let model = &mut self.model;
        model.now = now;
        model.admit = self.case.admit;
        model.skewed = self.case.clock_error != 0;
        model.durable_seq = self.case.durable_seq;
        model.found.clear();
        let entries = &after.entries[before.entries.len()..];
        let lines = entries.iter().flat_map(|(_, fields)| fields[11].split('\n'));
        model.events = lines.map(str::to_owned).collect();
    }

    fn holds(&self, wanted: &Wanted, outcome: &str) {
        match wanted {
            Wanted::Text(text) => assert_eq!(text, outcome),
            Wanted::Swept(nearest) => {
                let words: Vec<&str> = outcome.split(' ').collect();
                let ["EXPIRED", next, more] = words[..] else { panic!("{outcome}") };
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

    /// Brings the drop back in a new epoch, as the ledger has it.
    fn rebuild(&mut self) {
        self.calls.push("rebuild".to_owned());
        let dump = self.case.dump();
        let flat = |name: &'static str| -> Vec<String> {
            let own =
                ["epoch", "phase", "token", "latest_ms", "opened_ms", "skew_ms", "progress_ms"];
            let fields = dump.fields(name).filter(|(field, _)| !own.contains(field));
            fields.flat_map(|(field, value)| [field.to_owned(), value.to_owned()]).collect()
        };
        let scored = |name: &'static str| -> Vec<String> {
            let members = dump.fields(name);
            members.flat_map(|(member, score)| [score.to_owned(), member.to_owned()]).collect()
        };
        let count = |name: &'static str| dump.fields(name).count().to_string();
        let units = |which: usize| {
            dump.stock().values().map(|counts| counts[which]).sum::<i64>().to_string()
        };
        let mut chunks: Vec<(&'static str, Vec<String>)> =
            ["meta", "stock", "reservations", "customers", "keys"].map(|n| (n, flat(n))).into();
        chunks.extend(["key_ages", "ended"].map(|name| (name, scored(name))));
        chunks.push(("deadlines", self.deadlines()));
        let counts = ["stock", "reservations", "customers", "keys"].map(count);
        let expected = [counts.as_slice(), &[units(1), units(2)]].concat();
        self.case.epoch += 1;
        self.model.opened = self.case.rebuild(&chunks, &expected);
    }

    /// Groups of deadlines, made anew from the holds.
    fn deadlines(&self) -> Vec<String> {
        let mut groups: BTreeMap<String, String> = BTreeMap::new();
        for (id, r) in self.model.reservations.iter().filter(|(_, r)| r.state == 'H') {
            for (sku, _) in &r.lines {
                let group = groups.entry(format!("{sku} {:013}", r.expires)).or_default();
                group.push_str(id);
            }
        }
        groups.into_iter().flat_map(|(at, ids)| ["0".to_owned(), format!("{at} {ids}")]).collect()
    }
}
