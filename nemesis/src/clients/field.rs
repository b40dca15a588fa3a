//! Where clients meet engines: every call goes through here and into the books.

use std::{
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rand::{RngExt as _, rngs::StdRng};
use reqwest::Client;

use super::wire;
use crate::books::{Ask, Books, Meaning, Told, Verb};

/// Longer than any answer may take, so that one that takes too long is seen to.
const CLIENT_WAITS: Duration = Duration::from_secs(9);
/// Reservations that are remembered to be read again.
const REMEMBERED: usize = 400;

/// The engines as clients see them, and the clients' books.
#[derive(Debug)]
pub struct Field {
    /// What was asked and told.
    pub books: Books,
    engines: Vec<Endpoint>,
    http: Client,
    requests: AtomicU64,
    stopping: AtomicBool,
    stopped_at: Mutex<Option<Instant>>,
    /// How long clients go on asking behind [`Field::stop`].
    last_answers: Duration,
    /// Drop and id of reservations that somebody got.
    known: Mutex<Vec<(String, String)>>,
}

#[derive(Debug)]
struct Endpoint {
    url: String,
    /// How often it was started.
    incarnation: AtomicU64,
}

impl Field {
    /// A field with these engines, whose books are kept at `books`; clients go on asking for
    /// `last_answers` when they are told to stop.
    ///
    /// # Errors
    /// When the books can't be opened.
    pub fn new(
        urls: impl IntoIterator<Item = String>,
        books: &Path,
        last_answers: Duration,
    ) -> anyhow::Result<Field> {
        let endpoint = |url| Endpoint { url, incarnation: AtomicU64::new(1) };
        Ok(Field {
            books: Books::create(books)?,
            engines: urls.into_iter().map(endpoint).collect(),
            http: Client::builder().timeout(CLIENT_WAITS).build()?,
            requests: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            stopped_at: Mutex::new(None),
            last_answers,
            known: Mutex::new(Vec::new()),
        })
    }

    /// How many engines there are.
    #[must_use]
    pub fn engines(&self) -> usize {
        self.engines.len()
    }

    /// An engine was started again.
    pub fn restarted(&self, engine: usize) {
        self.engines[engine].incarnation.fetch_add(1, Ordering::Relaxed);
    }

    /// The number of a new request.
    pub fn request(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed)
    }

    /// Tells the clients to finish what they are at.
    pub fn stop(&self) {
        *self.stopped_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether nothing new is begun.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    fn gave_up(&self) -> bool {
        let stopped = *self.stopped_at.lock().unwrap_or_else(PoisonError::into_inner);
        stopped.is_some_and(|at| at.elapsed() > self.last_answers)
    }

    /// Sends one try to one engine.
    pub async fn try_at(&self, engine: usize, ask: &Ask) -> Told {
        let engine = engine % self.engines.len();
        let to = &self.engines[engine];
        let call = self.books.asked(engine, to.incarnation.load(Ordering::Relaxed), ask);
        let told = wire::send(&self.http, &to.url, ask).await;
        self.books.told(call, told.clone());
        if told.meaning() == Meaning::Done
            && ask.verb == Verb::Reserve
            && let Some(id) = told.body["id"].as_str()
        {
            self.remember(&ask.drop, id);
        }
        told
    }

    /// Tries until the outcome is known, at another engine each time. `None`: it can't be known
    /// by asking, because a second try would be a second request.
    pub async fn until_known(&self, ask: &Ask, rng: &mut StdRng) -> Option<Told> {
        let first = rng.random_range(0..self.engines.len());
        for attempt in 0.. {
            let told = self.try_at(first + attempt, ask).await;
            match told.meaning() {
                Meaning::Done | Meaning::Refused => return Some(told),
                Meaning::Unknown | Meaning::Absurd if !repeatable(ask) => return None,
                Meaning::Nothing | Meaning::Unknown | Meaning::Absurd => {}
            }
            if self.gave_up() {
                break;
            }
            let pause = rng.random_range(20..200);
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        None
    }

    fn remember(&self, drop: &str, id: &str) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.remove(0);
        }
        known.push((drop.to_owned(), id.to_owned()));
    }

    /// Drop and id of one that somebody got.
    pub fn some_reservation(&self, rng: &mut StdRng) -> Option<(String, String)> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.is_empty() {
            return None;
        }
        Some(known[rng.random_range(0..known.len())].clone())
    }
}

/// Whether asking again can't do it twice.
fn repeatable(ask: &Ask) -> bool {
    ask.key.is_some() || !matches!(ask.verb, Verb::Reserve | Verb::Return | Verb::Extend)
}
