//! One row of a table: a drop in a given state, a call, and what must come of it.

use std::sync::atomic::{AtomicU32, Ordering};

use dropgate::{
    clock,
    command::Verb,
    domain::DropId,
    store::{DropKeys, Script},
};

use super::{Dump, Redis, START, abbreviate, check_entry, expand, given::Given};

/// A drop of its own on the shared Redis, and what its calls carry.
pub(crate) struct Case {
    pub(crate) redis: Redis,
    pub(crate) drop: DropId,
    pub(crate) keys: DropKeys,
    pub(crate) epoch: i64,
    pub(crate) durable_seq: i64,
    pub(crate) admit: bool,
    pub(crate) tell: bool,
    /// How far the caller's clock is from the server's.
    pub(crate) clock_error: i64,
}

/// When the drop of a table opened: every deadline that lies behind it is in force.
const OPENED: i64 = START - 3_000_000;

impl Case {
    /// A drop that Redis has nothing of.
    pub(crate) fn nothing() -> Case {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let drop: DropId =
            format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed)).parse().expect("an id");
        Case {
            redis: Redis::connect(),
            keys: DropKeys::new(&drop),
            drop,
            epoch: 1,
            durable_seq: 0,
            admit: true,
            tell: true,
            clock_error: 0,
        }
    }

    /// A drop in the state that the lines say (see [`Given`]), at [`START`].
    #[track_caller]
    pub(crate) fn given(lines: &[&str]) -> Case {
        let mut case = Case::nothing();
        let given = Given::read(lines);
        case.rebuild(&given.chunks(), &given.expected());
        case.set("opened_ms", OPENED);
        case.set("latest_ms", START);
        for (name, value) in &given.meta {
            case.set(name, value);
        }
        case
    }

    /// Brings the drop in its epoch from chunks.
    #[track_caller]
    pub(crate) fn rebuild(
        &mut self,
        chunks: &[(&'static str, Vec<String>)],
        expected: &[String],
    ) -> i64 {
        let head = [self.epoch.to_string(), "token".to_owned()];
        self.script("rebuild_begin", &head).expect("it begins");
        for (name, values) in chunks {
            let mut arguments = head.to_vec();
            arguments.push((*name).to_owned());
            arguments.extend(values.iter().cloned());
            assert_eq!(self.script("rebuild_chunk", &arguments), Ok(vec!["OK".to_owned()]));
        }
        let mut arguments = head.to_vec();
        arguments.extend(expected.iter().cloned());
        let reply = self.script("rebuild_finish", &arguments).expect("it finishes");
        assert_eq!(reply[0], "OK", "{reply:?}");
        reply[1].parse().expect("a time")
    }

    /// Sets a field of `meta`.
    pub(crate) fn set(&mut self, field: &str, value: impl ToString) {
        self.redis.must(&["HSET", self.keys.meta(), field, &value.to_string()]);
    }

    /// Moves the drop's time, forward from [`START`].
    pub(crate) fn at(&mut self, offset: i64) {
        self.set("latest_ms", START + offset);
    }

    /// The key of a name in the catalogue.
    pub(crate) fn key(&self, name: &str) -> String {
        format!("dg:{{{}}}:{name}", self.drop)
    }

    pub(crate) fn dump(&mut self) -> Dump {
        Dump::take(&mut self.redis, &self.keys)
    }

    /// Calls a script with its nine keys.
    pub(crate) fn script(&mut self, name: &str, args: &[String]) -> Result<Vec<String>, String> {
        self.redis.script(name, &self.keys.all, args)
    }

    /// Calls a verb's script. One text an operation: its arguments with `|` between them, in
    /// short spelling.
    pub(crate) fn call(&mut self, verb: &str, ops: &[&str]) -> Result<Vec<String>, String> {
        let arguments = self.arguments(verb, ops);
        self.script(verb, &arguments)
    }

    /// As [`Case::call`], and what the drop's head is behind it (see [`Dump::head`]), in one
    /// round trip.
    pub(crate) fn watched(
        &mut self,
        verb: &str,
        ops: &[&str],
        before: &Dump,
    ) -> (Result<Vec<String>, String>, Dump) {
        let arguments = self.arguments(verb, ops);
        self.watched_script(verb, &arguments, before)
    }

    /// As [`Case::watched`], with the arguments as they are.
    pub(crate) fn watched_script(
        &mut self,
        name: &str,
        arguments: &[String],
        before: &Dump,
    ) -> (Result<Vec<String>, String>, Dump) {
        let mut pipeline = redis::pipe();
        pipeline.ignore_errors();
        pipeline.cmd("EVALSHA").arg(&Script::named(name).sha).arg(self.keys.all.len());
        self.keys.all.iter().chain(arguments).for_each(|part| {
            pipeline.arg(part);
        });
        Dump::ask_head(&mut pipeline, &self.keys, before);
        let mut replies = self.redis.replies(&pipeline).into_iter();
        let reply = replies.next().expect("the script's reply");
        let reply = reply.and_then(|value| Ok(redis::from_redis_value(value)?));
        let head = Dump::read_head(replies.map(|reply| reply.expect("the head")));
        (reply.map_err(|error| error.to_string()), head)
    }

    /// The arguments of a call: what all operations share, then the operations.
    pub(crate) fn arguments(&self, verb: &str, ops: &[&str]) -> Vec<String> {
        let mut arguments = vec![
            self.epoch.to_string(),
            self.durable_seq.to_string(),
            (clock::now().0 + self.clock_error).to_string(),
            u8::from(self.admit).to_string(),
            u8::from(self.tell).to_string(),
        ];
        for (verb, operation) in Verb::ALL
            .iter()
            .filter(|known| known.script() == verb)
            .flat_map(|verb| ops.iter().map(move |operation| (verb, operation)))
        {
            assert_eq!(operation.split('|').count(), verb.arity(), "{operation}");
        }
        arguments.extend(ops.iter().flat_map(|operation| operation.split('|')).map(expand));
        arguments
    }

    /// Calls a verb and checks its outcomes and the change of the whole state: `- line` and
    /// `+ line` of [`Dump::lines`] in any order, and `journal event` in order. What every
    /// entry brings with it (its head, and where `meta` stands behind it) is checked apart.
    #[track_caller]
    pub(crate) fn expect(&mut self, verb: &str, ops: &[&str], outcomes: &[&str], changes: &[&str]) {
        let before = self.dump();
        let reply = self.call(verb, ops).expect("the script replies");
        let after = self.dump();
        check_entry(&self.drop, &before, &after);
        let given: Vec<String> = if reply[0] == "OK" {
            check_position(&reply, &after);
            reply[5..].iter().map(|outcome| abbreviate(outcome)).collect()
        } else {
            vec![abbreviate(&reply.join(" "))]
        };
        let changed = difference(&before, &after);
        let mut wanted: Vec<String> = changes.iter().map(|line| (*line).to_owned()).collect();
        let (journal, mut state) = split_journal(std::mem::take(&mut wanted));
        let (journal_found, mut state_found) = split_journal(changed);
        state.sort();
        state_found.sort();
        let shown = || {
            let lines: Vec<String> = state_found.iter().chain(&journal_found).cloned().collect();
            format!("{verb} {ops:?} gave {given:#?} and changed {lines:#?}")
        };
        assert_eq!(given, outcomes, "{}", shown());
        assert_eq!(journal_found, journal, "{}", shown());
        assert_eq!(state_found, state, "{}", shown());
    }

    /// One operation that is refused: not a byte changes.
    #[track_caller]
    pub(crate) fn refused(&mut self, verb: &str, operation: &str, outcome: &str) {
        let before = self.dump();
        self.expect(verb, &[operation], &[outcome], &[]);
        assert_eq!(self.dump(), before);
    }

    /// A call that ends in an error which names `problem`: not a byte changes.
    #[track_caller]
    pub(crate) fn fails(&mut self, verb: &str, ops: &[&str], problem: &str) {
        let before = self.dump();
        let error = self.call(verb, ops).expect_err("an error");
        assert!(error.contains(problem), "{verb} {ops:?}: {error}");
        assert_eq!(self.dump(), before, "{verb} {ops:?}");
    }
}

fn split_journal(lines: Vec<String>) -> (Vec<String>, Vec<String>) {
    lines.into_iter().partition(|line| line.starts_with("journal "))
}

#[track_caller]
fn check_position(reply: &[String], after: &Dump) {
    for (at, field) in [(1, "epoch"), (2, "seq"), (3, "chain")] {
        assert_eq!(Some(reply[at].as_str()), after.get("meta", field), "the reply's {field}");
    }
}

/// The change in short spelling, without what every entry brings with it.
fn difference(before: &Dump, after: &Dump) -> Vec<String> {
    let usual = |line: &&String| {
        !["meta seq ", "meta chain ", "meta latest_ms "].iter().any(|head| line.starts_with(head))
    };
    let (old, new) = (before.lines(), after.lines());
    let gone = old.difference(&new).filter(usual).map(|line| format!("- {}", abbreviate(line)));
    let came = new.difference(&old).filter(usual).map(|line| format!("+ {}", abbreviate(line)));
    let events = after.entries[before.entries.len().min(after.entries.len())..]
        .iter()
        .flat_map(|(_, fields)| fields[11].split('\n'))
        .map(|event| format!("journal {}", abbreviate(event)));
    gone.chain(came).chain(events).collect()
}
