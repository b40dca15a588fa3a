//! The orders of a test, as they stand in its file.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use nix::sys::signal::{Signal, raise};

use super::{Mutant, Place};

/// How often the file is looked at.
const LOOK: Duration = Duration::from_millis(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Abort,
    Stop,
    Sleep(Duration),
}

#[derive(Clone, Debug)]
struct Order {
    line: String,
    place: Place,
    action: Action,
    nth: u32,
    passed: u32,
}

#[derive(Debug)]
struct Desk {
    file: Option<PathBuf>,
    orders: Mutex<Vec<Order>>,
    mutants: AtomicU64,
    clock: AtomicI64,
}

/// The orders in force; the first who asks starts the thread that reads them.
fn desk() -> &'static Desk {
    static DESK: OnceLock<Desk> = OnceLock::new();
    static READER: OnceLock<()> = OnceLock::new();
    let desk = DESK.get_or_init(|| {
        let file = std::env::var_os("DROPGATE_FAILPOINTS").map(PathBuf::from);
        let desk = Desk {
            file,
            orders: Mutex::default(),
            mutants: AtomicU64::new(0),
            clock: AtomicI64::new(0),
        };
        if let Some(file) = &desk.file {
            desk.read(&read(file));
        }
        desk
    });
    if let Some(file) = &desk.file {
        READER.get_or_init(|| {
            std::thread::spawn(move || {
                let mut known = None;
                loop {
                    let text = read(file);
                    if known.as_ref() != Some(&text) {
                        desk.read(&text);
                        // Whoever has ordered may want to know that it is in force.
                        let _ = std::fs::write(beside(file, ".read"), &text);
                        known = Some(text);
                    }
                    std::thread::sleep(LOOK);
                }
            });
        });
    }
    desk
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.to_owned().into_os_string();
    name.push(ending);
    name.into()
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_default()
}

impl Desk {
    fn read(&self, text: &str) {
        let mut mutants = 0;
        let mut clock = 0;
        let mut orders = Vec::new();
        let mut known = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["clock", millis] => clock = number(millis, line),
                ["mutant", name] => {
                    let at = Mutant::ALL.iter().position(|mutant| mutant.name() == *name);
                    mutants |= 1 << at.unwrap_or_else(|| panic!("no such mutant: {line}"));
                }
                // One that was there before goes on counting.
                _ => match known.iter().position(|order| order.line == line) {
                    Some(at) => orders.push(known.swap_remove(at)),
                    None => orders.push(Order::parse(line, &words)),
                },
            }
        }
        *known = orders;
        self.mutants.store(mutants, Ordering::Relaxed);
        self.clock.store(clock, Ordering::Relaxed);
    }

    /// What is to be done by whoever passes now.
    fn due(&self, place: Place) -> Vec<Action> {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let mut due = Vec::new();
        for order in orders.iter_mut().filter(|order| order.place == place) {
            order.passed = order.passed.saturating_add(1);
            let is_due = match order.action {
                Action::Abort | Action::Stop => order.passed == order.nth,
                Action::Sleep(_) => order.passed >= order.nth,
            };
            if is_due {
                due.push(order.action);
            }
        }
        due
    }

    fn note(&self, place: Place, action: Action) {
        let Some(file) = &self.file else { return };
        let word = match action {
            Action::Abort => "abort",
            Action::Stop => "stop",
            Action::Sleep(_) => "sleep",
        };
        let done =
            std::fs::OpenOptions::new().create(true).append(true).open(beside(file, ".done"));
        let _ = done.and_then(|mut done| writeln!(done, "{} {word}", place.name()));
    }
}

impl Order {
    fn parse(line: &str, words: &[&str]) -> Order {
        let order = |place: &str, action, nth: Option<&&str>| Order {
            line: line.to_owned(),
            place: *Place::ALL
                .iter()
                .find(|known| known.name() == place)
                .unwrap_or_else(|| panic!("no such place: {line}")),
            action,
            nth: nth.map_or(1, |nth| number(nth, line)),
            passed: 0,
        };
        match words {
            [place, "abort", nth @ ..] => order(place, Action::Abort, nth.first()),
            [place, "stop", nth @ ..] => order(place, Action::Stop, nth.first()),
            [place, "sleep", millis, nth @ ..] => {
                let pause = Duration::from_millis(number(millis, line));
                order(place, Action::Sleep(pause), nth.first())
            }
            _ => panic!("not an order: {line}"),
        }
    }
}

fn number<T: std::str::FromStr>(word: &str, line: &str) -> T {
    word.parse().unwrap_or_else(|_| panic!("not a number: {word} in {line}"))
}

/// Carries out what a test has ordered for this place.
pub async fn pass(place: Place) {
    let desk = desk();
    for action in desk.due(place) {
        desk.note(place, action);
        match action {
            Action::Abort => std::process::abort(),
            Action::Stop => {
                let _ = raise(Signal::SIGSTOP);
            }
            Action::Sleep(pause) => tokio::time::sleep(pause).await,
        }
    }
}

/// Whether a test has taken this rule out.
#[must_use]
pub fn without(mutant: Mutant) -> bool {
    let mutants = desk().mutants.load(Ordering::Relaxed);
    // Their number is far below 64.
    mutants != 0 && mutants & (1 << (mutant as u64)) != 0
}

/// How far off a test has set this process' clock, in milliseconds.
#[must_use]
pub fn clock_offset() -> i64 {
    desk().clock.load(Ordering::Relaxed)
}

/// The protocol of which a test has made this engine, and the oldest with which it shares drops.
#[must_use]
pub fn protocol() -> Option<(i64, i64)> {
    static PROTOCOL: OnceLock<Option<(i64, i64)>> = OnceLock::new();
    *PROTOCOL.get_or_init(|| {
        let given = std::env::var("DROPGATE_PROTOCOL").ok()?;
        let (number, shares_from) = given.split_once(',')?;
        Some((number.parse().ok()?, shares_from.parse().ok()?))
    })
}
