//! What befalls a drop in Redis during a history: it is trimmed, it loses a key or everything or
//! becomes an older copy of itself, it is rebuilt, and somebody sends it nonsense.

use std::collections::BTreeMap;

use redis::Value;

use super::history::History;
use crate::support::Dump;

/// Texts that Lua's `tonumber` takes, or that outgrow what a double can count.
const NUMBERS: [&str; 14] = [
    "NaN",
    "nan",
    "-nan",
    "inf",
    "1e3",
    "0x10",
    "9007199254740993",
    "-0",
    " 5",
    "5 ",
    "1.5",
    "+1",
    "999999999999999999999999999999",
    "5\n",
];

/// Every key but `meta`, without which Redis has nothing of the drop.
const LOSABLE: [&str; 8] =
    ["stock", "reservations", "customers", "keys", "deadlines", "ended", "key_ages", "journal"];

impl History {
    /// From time to time a rebuild, for no reason or because something is lost.
    pub(super) fn maybe_lose(&mut self) {
        if !self.dice.once_in(40) {
            return;
        }
        let dump = self.case.dump();
        let refusal = match self.dice.below(4) {
            0 => None,
            1 => {
                self.forget("meta");
                LOSABLE.iter().for_each(|name| self.forget(name));
                Some("MISSING".to_owned())
            }
            2 => {
                let name = LOSABLE[self.dice.below(LOSABLE.len())];
                self.forget(name);
                Some(format!("LOST_KEY {name}"))
            }
            _ => self.become_older(&dump),
        };
        if let Some(refusal) = refusal {
            self.is_refused(&refusal);
        }
        self.rebuild(&dump);
        self.counts.rebuilds += 1;
    }

    fn forget(&mut self, name: &str) {
        self.case.redis.must(&["DEL", &self.case.key(name)]);
    }

    /// Every key becomes what it was before one more change, which somebody knows to be durable.
    fn become_older(&mut self, dump: &Dump) -> Option<String> {
        let keys = self.case.keys.all.clone();
        let kept: Vec<Value> =
            keys.iter().map(|key| self.case.redis.must(&["DUMP", key.as_str()])).collect();
        let reply = self.case.call("restock", &["a|1|*|null||"]).expect("a reply");
        assert_eq!(reply[0], "OK");
        let mut pipeline = redis::pipe();
        for (key, value) in keys.iter().zip(&kept) {
            let Value::BulkString(bytes) = value else { panic!("{key} is not there") };
            pipeline.cmd("RESTORE").arg(key).arg(0).arg(bytes).arg("REPLACE").ignore();
        }
        self.case.redis.pipeline(&pipeline);
        assert_eq!(&self.case.dump(), dump, "an older copy");
        let known = self.case.durable_seq;
        self.case.durable_seq = self.model.seq + 1;
        self.is_refused(&format!("BEHIND {} {}", self.case.epoch, self.model.seq));
        self.case.durable_seq = known;
        None
    }

    /// A call meets what was lost: it is refused as a whole, and not a byte changes.
    fn is_refused(&mut self, refusal: &str) {
        self.log.push(refusal.to_owned());
        let before = self.case.dump();
        let reply = self.case.call("restock", &["a|1|*|null||"]).expect("a reply");
        assert_eq!(reply.join(" "), refusal);
        assert_eq!(self.case.dump(), before, "{refusal}");
    }

    /// Brings the drop back in a new epoch, as the ledger has it.
    fn rebuild(&mut self, dump: &Dump) {
        self.log.push("rebuild".to_owned());
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
        let groups = self.deadlines().len() / 2;
        let sets = [groups.to_string(), count("ended"), count("key_ages")];
        let expected = [counts.as_slice(), &sets, &[units(1), units(2)]].concat();
        self.case.epoch += 1;
        // A wiped Redis has lost the skew too, which only tests set.
        self.case.set("skew_ms", self.skew);
        self.model.opened = self.case.rebuild(&chunks, &expected);
        for r in self.model.reservations.values_mut() {
            // Its groups are made anew from the lines that it has now.
            r.skus = r.lines.iter().map(|(sku, _)| sku.clone()).collect();
        }
        self.head = Dump::head(&mut self.case.redis, &self.case.keys);
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

    /// From time to time the journal is let go of up to what is durable.
    pub(super) fn maybe_trim(&mut self) {
        if !self.dice.once_in(20) {
            return;
        }
        let durable = self.case.durable_seq.to_string();
        self.log.push(format!("trim {durable}"));
        let epoch = (self.case.epoch - i64::from(self.dice.once_in(5))).to_string();
        let keys = vec![self.case.keys.meta().to_owned(), self.case.keys.journal().to_owned()];
        let reply = self.case.redis.script("trim", &keys, &[epoch.clone(), durable]);
        let late = epoch != self.case.epoch.to_string();
        let wanted = if late { "OTHER_EPOCH" } else { "OK" };
        assert_eq!(reply, Ok(vec![wanted.to_owned()]));
        let head = Dump::head(&mut self.case.redis, &self.case.keys);
        assert_eq!(head.entries, self.head.entries, "the last entry stays");
        let marked = head.number("durable_seq");
        assert!(late || marked >= self.case.durable_seq, "it is noted how far the ledger is");
        self.head = head;
        self.counts.trims += 1;
    }

    /// From time to time a call in which one operation has a number that is none.
    pub(super) fn maybe_hostile(&mut self) {
        if !self.dice.once_in(12) {
            return;
        }
        let number = NUMBERS[self.dice.below(NUMBERS.len())];
        let (verb, fine, hostile) = self.nonsense(number);
        let behind = self.dice.below(2);
        let mut ops: Vec<&str> = vec![fine.as_str(); 2];
        ops.insert(behind, &hostile);
        let mut arguments = self.case.arguments(verb, &ops);
        if self.dice.once_in(6) {
            // What all operations share.
            arguments = self.case.arguments(verb, &[&fine]);
            arguments[1 + self.dice.below(2)] = number.to_owned();
        }
        self.log.push(format!("hostile {verb} {arguments:?}"));
        let (reply, after) = self.case.watched_script(verb, &arguments, &self.head);
        assert!(reply.is_err(), "{number:?} was taken: {reply:?}");
        assert_eq!(after, self.head, "{number:?} changed something");
        self.counts.hostile += 1;
    }

    /// A verb, an operation that would change something, and one that must be refused.
    fn nonsense(&mut self, number: &str) -> (&'static str, String, String) {
        let id = format!("{:h<22}", self.log.len());
        let hold = format!("{id}|c0|a:1|||");
        match self.dice.below(7) {
            0 => ("reserve", hold, format!("{id}|c1|a:{number}|||")),
            1 => ("reserve", hold, format!("{id}|c1|a:1,b:{number}|||")),
            2 => ("reserve", hold, format!("{id}|c1|a:1|{number}||")),
            3 => ("restock", "a|1|*|null||".to_owned(), format!("b|{number}|*|null||")),
            4 => {
                let field = [4, 5, 6, 7, 8][self.dice.below(5)];
                let mut parts = ["*", "put", "\"x\":1", "", "", "", "", "", "", ""];
                parts[field] = number;
                ("configure", "a|put|||||||9|".to_owned(), parts.join("|"))
            }
            5 => ("configure", "a|put|||||||9|".to_owned(), format!("n|put||||||||{number}")),
            _ => ("expire", "500".to_owned(), number.to_owned()),
        }
    }
}
