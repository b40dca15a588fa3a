//! Reads a script's source: its header by the grammar in `lua/README.md`, and what its body
//! and includes do, as far as it can be seen in the text.

use std::collections::BTreeSet;

use dropgate::{command::Verb, store::Script};

/// One script: its header and everything behind it, includes and all, without comments.
pub(super) struct Source {
    pub(super) name: &'static str,
    header: Vec<String>,
    code: String,
}

/// What a header says.
#[derive(Debug, Default)]
pub(super) struct Header {
    pub(super) keys: Vec<String>,
    pub(super) arguments: Vec<String>,
    /// Where the operations begin, and how many arguments each has.
    pub(super) operation: Option<(usize, usize)>,
    pub(super) operands: Vec<String>,
    pub(super) call_statuses: Vec<String>,
    pub(super) outcomes: Vec<String>,
    pub(super) kinds: Vec<String>,
    /// The lines on KEYS and the first ARGV, which all verbs share word by word.
    pub(super) shared_lines: Vec<String>,
}

impl Source {
    pub(super) fn read(name: &'static str) -> Source {
        let path = format!("{}/lua/{name}.lua", env!("CARGO_MANIFEST_DIR"));
        let file = std::fs::read_to_string(path).expect("the script's file");
        let (before, rest) = file.split_once("--[[\n").expect("a header");
        assert!(before.is_empty() || before.starts_with("#!lua"), "{name} opens with its header");
        let (header, _) = rest.split_once("\n]]\n").expect("the header ends");
        let body = Script::named(name).text.replace(header, "");
        let code: Vec<&str> = body.lines().filter(|line| !line.trim().starts_with("--")).collect();
        Source { name, header: header.lines().map(str::to_owned).collect(), code: code.join("\n") }
    }

    pub(super) fn is_verb(&self) -> bool {
        Verb::ALL.iter().any(|verb| verb.script() == self.name)
    }

    /// Which elements of KEYS or ARGV are read. Includes get them as `keys` and `argv`; an
    /// operation's arguments are read as `ARGV[i + n]` in a loop from 6; `call_in_chunks` takes
    /// all from a given one on.
    pub(super) fn reads(&self, list: &str) -> BTreeSet<usize> {
        let mut read = BTreeSet::new();
        let mut loops = self.loop_of(list);
        for text in [list, &list.to_lowercase()] {
            for (at, _) in self.code.match_indices(&format!("{text}[")) {
                let before = self.code[..at].chars().next_back().unwrap_or(' ');
                if before.is_alphanumeric() || matches!(before, '_' | '.') {
                    continue;
                }
                let index = &self.code[at + text.len() + 1..];
                let index = &index[..index.find(']').expect("a bracket")];
                if let Some(behind) = index.strip_prefix('i') {
                    let shift = behind.trim_start_matches(" + ").parse().unwrap_or(0);
                    read.extend(loops.iter().map(|i| i + shift));
                } else if !index.starts_with('#') {
                    read.insert(index.parse().expect(index));
                }
            }
        }
        if self.code.contains(&format!("unpack({list}, i, i + N - 1)")) {
            let from = loops.pop().expect("a loop");
            read.extend(from..from + self.stride().expect("N"));
        }
        for (_, behind) in self
            .code
            .match_indices(&format!(", {list}, "))
            .map(|(at, found)| self.code.split_at(at + found.len()))
        {
            let digits = behind.split(')').next().unwrap_or_default();
            read.extend(digits.parse::<usize>());
        }
        read
    }

    /// The first values of `i` in the loop that goes through `list`.
    fn loop_of(&self, list: &str) -> Vec<usize> {
        if list == "KEYS" {
            return Vec::new();
        }
        if let Some((_, rest)) = self.code.split_once("for i, name in ipairs({") {
            let names = rest.split('}').next().expect("a list").matches('\'').count() / 2;
            return (1..=names).collect();
        }
        let from = |(_, rest): (&str, &str)| rest[..1].parse().expect("a number");
        let lines = self.code.lines().filter(|line| line.contains("#ARGV"));
        lines.filter_map(|line| line.split_once("for i = ")).map(from).collect()
    }

    /// `N`: how many arguments the loop goes on by.
    pub(super) fn stride(&self) -> Option<usize> {
        let (_, rest) = self.code.split_once("\nlocal N = ")?;
        assert!(self.code.contains("for i = 6, #ARGV, N do"), "{}: the loop uses N", self.name);
        rest.lines().next()?.parse().ok()
    }

    /// Texts that an answer may begin with: literals of two capitals and more that are
    /// neither commands of Redis nor messages of errors.
    pub(super) fn statuses(&self) -> BTreeSet<String> {
        let mut code = self.code.clone();
        for call in ["redis.call(", "error("] {
            code = without_calls(&code, call);
        }
        literals(&code)
            .filter_map(|text| text.split(' ').next())
            .filter(|word| !matches!(*word, "ZADD" | "HSET" | "HDEL" | "ZREM"))
            .filter(|word| word.len() > 1)
            .filter(|word| word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'))
            .map(str::to_owned)
            .collect()
    }

    /// Kinds of events that are appended.
    pub(super) fn kinds(&self) -> BTreeSet<String> {
        let mut kinds = BTreeSet::new();
        for (call, which) in [("append_event(b, '", 0), ("end_hold(b, r, '", 1)] {
            for (at, _) in self.code.match_indices(call) {
                let literal = literals(&self.code[at..]).nth(which).expect("a kind");
                kinds.insert(literal.to_owned());
            }
        }
        kinds
    }
}

/// The text without every call that begins with `head`, brackets balanced.
fn without_calls(code: &str, head: &str) -> String {
    let mut left = String::new();
    let mut rest = code;
    while let Some((before, behind)) = rest.split_once(head) {
        left.push_str(before);
        let (mut depth, mut quoted) = (1, false);
        let end = behind.find(|c| {
            quoted ^= c == '\'';
            depth += i32::from(c == '(' && !quoted) - i32::from(c == ')' && !quoted);
            depth == 0
        });
        rest = &behind[end.expect("the call ends") + 1..];
    }
    left + rest
}

fn literals(code: &str) -> impl Iterator<Item = &str> {
    code.split('\'').skip(1).step_by(2)
}

impl Header {
    pub(super) fn parse(source: &Source) -> Header {
        let mut header = Header::default();
        let mut lines = source.header.iter().map(String::as_str).peekable();
        while let Some(line) = lines.next() {
            let word =
                |from: usize| line[from..].split_whitespace().next().unwrap_or("").to_owned();
            if let Some(rest) = line.strip_prefix("KEYS[") {
                let (number, name) = rest.split_once("] ").expect("a key");
                assert_eq!(number, (header.keys.len() + 1).to_string(), "{}", source.name);
                header.keys.push(name.split(' ').next().expect("a name").to_owned());
                header.shared_lines.push(line.to_owned());
            } else if let Some((from, rest)) =
                line.strip_prefix("ARGV[").and_then(|l| l.split_once("…] "))
            {
                let from = from.parse().expect("a number");
                let count = rest.strip_prefix("operations, ").and_then(|r| r.split(' ').next());
                let count = count.map_or(1, |count| count.parse().expect("a number"));
                header.operation = Some((from, count));
                if count == 1 && !rest.starts_with("operations") {
                    header.operands.push(rest.split(' ').next().expect("a name").to_owned());
                }
                while lines.peek().is_some_and(|next| next.starts_with("  ")) {
                    let operand = lines.next().expect("peeked");
                    if !operand.starts_with("   ") {
                        header
                            .operands
                            .push(operand.trim().split(' ').next().expect("a name").to_owned());
                    }
                }
            } else if let Some(rest) = line.strip_prefix("ARGV[") {
                let (number, name) = rest.split_once("] ").expect("an argument");
                assert_eq!(number, (header.arguments.len() + 1).to_string(), "{}", source.name);
                header.arguments.push(name.split(' ').next().expect("a name").to_owned());
                header.shared_lines.push(line.to_owned());
            } else if line.starts_with("Returns ") {
                let mut text = line.to_owned();
                while lines
                    .peek()
                    .is_some_and(|next| !next.starts_with("Journal:") && !next.starts_with("  "))
                {
                    text = format!("{text} {}", lines.next().expect("peeked"));
                }
                header.call_statuses = braced(&text);
            } else if let Some(first) = line.strip_prefix("Journal: ") {
                let text =
                    std::iter::once(first).chain(lines.by_ref()).collect::<Vec<_>>().join(" ");
                header.kinds = kinds(&text);
            } else if line.starts_with("  ") && !line.starts_with("   ") {
                header.outcomes.push(word(2));
            }
        }
        header
    }
}

/// The statuses in `{OK, …}; {OTHER_EPOCH, epoch}`.
fn braced(text: &str) -> Vec<String> {
    let inner =
        text.split('{').skip(1).map(|part| part.split([',', '}', ' ']).next().unwrap_or(""));
    inner
        .filter(|word| word.starts_with(|c: char| c.is_ascii_uppercase()))
        .map(str::to_owned)
        .collect()
}

/// The first word of every clause; `nothing` and what is no event name none.
fn kinds(text: &str) -> Vec<String> {
    let clauses =
        text.split("; ").map(|clause| clause.split([' ', ',', '.', ';']).next().unwrap_or(""));
    clauses.filter(|word| !matches!(*word, "nothing" | "one" | "the")).map(str::to_owned).collect()
}
