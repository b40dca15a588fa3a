//! What each client asked and what it was told: written down before it is sent, so that an
//! outcome nobody learnt of is known to be unknown.
//!
//! The file has one JSON value a line and survives whatever happens to the servers; memory has
//! the same for the checker.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead as _, Write as _},
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Units by SKU.
pub type Lines = BTreeMap<String, i64>;

/// Now, in microseconds since 1970: finer than what the ledger keeps.
#[must_use]
pub fn now() -> i64 {
    chrono::Utc::now().timestamp_micros()
}

/// What a client wants.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Take a hold.
    Reserve,
    /// Replace the lines of a hold.
    Change,
    /// Move a hold's deadline.
    Extend,
    /// Sell what is held.
    Confirm,
    /// Give a hold back.
    Release,
    /// Give sold units back.
    Return,
    /// Add units, or take free ones out.
    Restock,
    /// Create a drop or change its settings.
    PutDrop,
    /// Create a SKU or change its settings.
    PutSku,
    /// Open a drop.
    Open,
    /// Pause a drop.
    Pause,
    /// Close a drop.
    Close,
    /// Read a reservation.
    #[default]
    Read,
    /// Read a customer's reservations.
    ReadCart,
    /// Read a SKU as everybody may.
    ReadSku,
}

impl Verb {
    /// Whether it may change anything.
    #[must_use]
    pub fn writes(self) -> bool {
        !matches!(self, Verb::Read | Verb::ReadCart | Verb::ReadSku)
    }
}

/// One request, as it is sent by each of its tries.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ask {
    /// Tries of one request share this number.
    pub request: u64,
    /// Who asks.
    pub client: String,
    /// What for.
    pub verb: Verb,
    /// In which drop.
    pub drop: String,
    /// The idempotency key, if it has one.
    pub key: Option<String>,
    /// For whom.
    pub customer: Option<String>,
    /// About which reservation.
    pub reservation: Option<String>,
    /// About which SKU.
    pub sku: Option<String>,
    /// The lines that are asked for.
    pub lines: Lines,
    /// The hold TTL that is asked for.
    pub ttl: Option<i64>,
    /// The order that is confirmed.
    pub order: Option<String>,
    /// Whether an expired hold is taken again, or returned units can be sold again.
    pub again: bool,
    /// Units of a restock.
    pub quantity: i64,
    /// What the ledger shows with the effect: a reference, a reason or a name.
    pub mark: Option<String>,
    /// Settings, besides the name.
    pub settings: Value,
    /// Whether the key is one that another request has succeeded with.
    pub stolen_key: bool,
}

/// What came back for one try.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Told {
    /// The status; none where there was no answer.
    pub status: Option<u16>,
    /// The problem's code, or why there was no answer.
    pub code: String,
    /// `none` or `unknown` of a 503.
    pub outcome: String,
    /// Whether it was marked as a repeated answer.
    pub replayed: bool,
    /// The body of a success or of a refusal.
    pub body: Value,
}

/// What an answer means for the effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// It is done.
    Done,
    /// It was refused: this try changed nothing.
    Refused,
    /// This try changed nothing, for the time being.
    Nothing,
    /// It may have happened.
    Unknown,
    /// Something that the API never says.
    Absurd,
}

/// The code of a try that never reached an engine.
pub const NOT_SENT: &str = "not_sent";

impl Told {
    /// What it means.
    #[must_use]
    pub fn meaning(&self) -> Meaning {
        match self.status {
            None if self.code == NOT_SENT => Meaning::Nothing,
            None => Meaning::Unknown,
            Some(200..=299) => Meaning::Done,
            Some(429) => Meaning::Nothing,
            Some(400..=499) if !self.code.is_empty() => Meaning::Refused,
            Some(503) => match self.outcome.as_str() {
                "none" => Meaning::Nothing,
                "unknown" => Meaning::Unknown,
                _ => Meaning::Absurd,
            },
            Some(_) => Meaning::Absurd,
        }
    }
}

/// One try of a request: what was sent where, and what came back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Try {
    /// Its number.
    pub call: u64,
    /// The engine it went to.
    pub engine: usize,
    /// How often that engine had been started then.
    pub incarnation: u64,
    /// When it was sent, in microseconds.
    pub asked_at: i64,
    /// What was sent.
    pub ask: Ask,
    /// When something came back.
    pub told_at: i64,
    /// What came back; nothing, where the client itself ended first.
    pub told: Option<Told>,
}

impl Try {
    /// What it came to.
    #[must_use]
    pub fn meaning(&self) -> Meaning {
        self.told.as_ref().map_or(Meaning::Unknown, Told::meaning)
    }

    /// The body of a success.
    #[must_use]
    pub fn done(&self) -> Option<&Value> {
        let told = self.told.as_ref()?;
        (told.meaning() == Meaning::Done).then_some(&told.body)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Entry {
    Asked(Box<Try>),
    Told { call: u64, at: i64, told: Told },
}

/// The books of one run.
#[derive(Debug)]
pub struct Books {
    pages: Mutex<Pages>,
}

#[derive(Debug)]
struct Pages {
    file: File,
    tries: Vec<Try>,
}

impl Pages {
    fn write(&mut self, entry: &Entry) {
        let mut line = serde_json::to_vec(entry).expect("books are JSON");
        line.push(b'\n');
        self.file.write_all(&line).expect("the books can be written");
    }
}

impl Books {
    /// Opens new books at `path`.
    ///
    /// # Errors
    /// When the file can't be made.
    pub fn create(path: &Path) -> anyhow::Result<Books> {
        let file = File::create(path).with_context(|| path.display().to_string())?;
        Ok(Books { pages: Mutex::new(Pages { file, tries: Vec::new() }) })
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down what is about to be sent; gives the call's number.
    pub fn asked(&self, engine: usize, incarnation: u64, ask: &Ask) -> u64 {
        let mut pages = self.pages();
        let call = pages.tries.len() as u64;
        let ask = ask.clone();
        let page = Try { call, engine, incarnation, asked_at: now(), ask, told_at: 0, told: None };
        pages.write(&Entry::Asked(Box::new(page.clone())));
        pages.tries.push(page);
        call
    }

    /// Writes down what came back.
    pub fn told(&self, call: u64, told: Told) {
        let at = now();
        let mut pages = self.pages();
        pages.write(&Entry::Told { call, at, told: told.clone() });
        let page = &mut pages.tries[usize::try_from(call).expect("few calls")];
        (page.told_at, page.told) = (at, Some(told));
    }

    /// Everything so far, in the order in which it was sent.
    #[must_use]
    pub fn tries(&self) -> Vec<Try> {
        self.pages().tries.clone()
    }

    /// How many calls were sent.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pages().tries.len()
    }

    /// Whether nothing was sent yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many of the calls behind the first `from` were successes of a verb that writes.
    #[must_use]
    pub fn done_since(&self, from: usize) -> usize {
        let pages = self.pages();
        let tries = pages.tries.iter().skip(from);
        tries.filter(|t| t.ask.verb.writes() && t.done().is_some()).count()
    }
}

/// Reads books back from their file; a last line that was cut off is left out.
///
/// # Errors
/// When the file can't be read, or isn't books.
pub fn read(path: &Path) -> anyhow::Result<Vec<Try>> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    let lines: Vec<String> = std::io::BufReader::new(file).lines().collect::<Result<_, _>>()?;
    let mut tries: Vec<Try> = Vec::new();
    let last = lines.len().saturating_sub(1);
    for (number, line) in lines.iter().enumerate() {
        match serde_json::from_str(line) {
            Ok(Entry::Asked(page)) => tries.push(*page),
            Ok(Entry::Told { call, at, told }) => {
                let page = tries.get_mut(usize::try_from(call)?).context("an answer to nothing")?;
                (page.told_at, page.told) = (at, Some(told));
            }
            Err(_) if number == last => break,
            Err(error) => return Err(error).with_context(|| format!("line {}", number + 1)),
        }
    }
    Ok(tries)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn books_come_back_from_their_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("books");
        let books = Books::create(&path).expect("books");
        let ask = Ask { request: 7, key: Some("k".to_owned()), ..Ask::default() };
        let first = books.asked(0, 1, &ask);
        let second = books.asked(1, 1, &ask);
        books.told(second, Told { status: Some(201), body: json!({ "id": 1 }), ..Told::default() });
        let read_back = read(&path).expect("books");
        assert_eq!(read_back, books.tries());
        assert_eq!(read_back[0].call, first);
        assert_eq!(read_back[0].meaning(), Meaning::Unknown);
        assert_eq!(read_back[1].done(), Some(&json!({ "id": 1 })));
        // The writer died in the middle of a line.
        let mut file = File::options().append(true).open(&path).expect("the file");
        file.write_all(b"{\"asked\":{\"ca").expect("written");
        assert_eq!(read(&path).expect("books"), read_back);
    }

    #[test]
    fn answers_have_a_meaning() {
        let of = |status, code: &str, outcome: &str| {
            let (code, outcome) = (code.to_owned(), outcome.to_owned());
            Told { status, code, outcome, ..Told::default() }.meaning()
        };
        assert_eq!(of(Some(200), "", ""), Meaning::Done);
        assert_eq!(of(Some(409), "sold_out", ""), Meaning::Refused);
        assert_eq!(of(Some(409), "", ""), Meaning::Absurd);
        assert_eq!(of(Some(503), "unavailable", "none"), Meaning::Nothing);
        assert_eq!(of(Some(503), "unavailable", "unknown"), Meaning::Unknown);
        assert_eq!(of(Some(503), "unavailable", ""), Meaning::Absurd);
        assert_eq!(of(Some(500), "internal", ""), Meaning::Absurd);
        assert_eq!(of(None, "timeout", ""), Meaning::Unknown);
        assert_eq!(of(None, NOT_SENT, ""), Meaning::Nothing);
    }
}
