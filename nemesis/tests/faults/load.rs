//! Clients that write down every answer, and the check of their books against the ledger.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use dropgate_nemesis::cluster::{Cluster, PATIENCE, Reply};
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::task::JoinSet;

/// What clients were told, by reservation.
#[derive(Debug, Default)]
pub(crate) struct Books {
    told: Mutex<HashMap<String, &'static str>>,
    /// Calls whose outcome stayed unknown after all tries.
    pub(crate) unknown: AtomicUsize,
    stop: AtomicBool,
}

impl Books {
    fn write(&self, id: &str, state: &'static str) {
        self.told.lock().expect("books").insert(id.to_owned(), state);
    }

    /// How many reservations clients were told of.
    pub(crate) fn len(&self) -> usize {
        self.told.lock().expect("books").len()
    }

    /// Tells the clients to come to an end.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Starts clients that hold, and confirm or release, until told to stop.
pub(crate) fn start(
    cluster: &Arc<Cluster>,
    drop: &str,
    clients: usize,
) -> (Arc<Books>, JoinSet<()>) {
    let books = Arc::new(Books::default());
    let mut tasks = JoinSet::new();
    for client in 0..clients {
        let (cluster, books, drop) = (Arc::clone(cluster), Arc::clone(&books), drop.to_owned());
        tasks.spawn(async move {
            let mut round = 0;
            while !books.stop.load(Ordering::Relaxed) {
                buy(&cluster, &books, &drop, client, round).await;
                round += 1;
            }
        });
    }
    (books, tasks)
}

/// Lets clients win `more` further reservations.
pub(crate) async fn let_win(books: &Books, more: usize) {
    let goal = books.len() + more;
    while books.len() < goal {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn buy(cluster: &Cluster, books: &Books, drop: &str, client: usize, round: usize) {
    let name = format!("c-{client}-{round}");
    let mut held = None;
    // The same key again and again: an unknown outcome is resolved by that.
    for attempt in 0..60 {
        let engine = (client + attempt) % cluster.engines.len();
        match cluster.hold(engine, drop, &name, Some(&name), None).await {
            Some(reply) if reply.status == StatusCode::CREATED => {
                held = reply.body["id"].as_str().map(str::to_owned);
                break;
            }
            Some(reply) if reply.status == StatusCode::CONFLICT => return,
            _ => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
    let Some(id) = held else {
        books.unknown.fetch_add(1, Ordering::Relaxed);
        return;
    };
    books.write(&id, "held");
    let (verb, state, body) = if round.is_multiple_of(3) {
        ("release", "released", json!({}))
    } else {
        ("confirm", "confirmed", json!({ "order_id": name }))
    };
    let path = format!("/v1/drops/{drop}/reservations/{id}/{verb}");
    for attempt in 0..60 {
        let engine = (client + attempt) % cluster.engines.len();
        let reply = cluster.call(engine, Method::POST, &path, None, Some(body.clone())).await;
        match reply {
            Some(reply) if reply.status == StatusCode::OK => {
                books.write(&id, state);
                return;
            }
            Some(reply) if reply.status.is_client_error() => {
                panic!("{verb} of an acknowledged hold: {reply:?}");
            }
            _ => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
    books.unknown.fetch_add(1, Ordering::Relaxed);
}

/// Reads a page; a connection that a fault has broken may still be found out by this read.
async fn page(cluster: &Cluster, path: &str) -> Reply {
    let since = Instant::now();
    loop {
        let page = cluster.call(0, Method::GET, path, None, None).await.expect("a page");
        if page.status == StatusCode::OK {
            return page;
        }
        assert!(since.elapsed() < PATIENCE, "{:?}", page.body);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Asserts that the ledger has everything that clients were told.
pub(crate) async fn assert_kept(cluster: &Cluster, drop: &str, books: &Books) {
    let mut ledger = HashMap::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/v1/admin/drops/{drop}/reservations?limit=500{cursor}");
        let page = page(cluster, &path).await;
        for item in page.body["items"].as_array().expect("items") {
            let text = |name: &str| item[name].as_str().expect(name).to_owned();
            ledger.insert(text("id"), text("state"));
        }
        match page.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    for (id, told) in books.told.lock().expect("books").iter() {
        let kept = ledger.get(id).map(String::as_str);
        // What was told to be held may have been confirmed or released by a call whose answer
        // never came.
        let fine = match *told {
            "held" => kept.is_some(),
            told => kept == Some(told),
        };
        assert!(fine, "{id}: told {told}, the ledger has {kept:?}");
    }
}
