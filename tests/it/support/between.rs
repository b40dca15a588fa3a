//! What stands between a client and an engine, and loses answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::{TcpListener, TcpStream};

/// What becomes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Its connection is cut when it comes.
    Lost,
    /// It never arrives.
    Withheld,
}

/// Passes calls on to an engine, whose first answers have this fate.
#[derive(Debug)]
pub(crate) struct Between {
    url: String,
    answered: Arc<AtomicUsize>,
}

impl Between {
    /// Stands before the engine at `url`; the answers of the first `unlucky` connections suffer
    /// `fate`.
    pub(crate) async fn before(url: &str, unlucky: usize, fate: Fate) -> Between {
        let engine = url.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let answered = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&answered);
        tokio::spawn(async move {
            for number in 0.. {
                let Ok((client, _)) = listener.accept().await else { return };
                let fate = (number < unlucky).then_some(fate);
                tokio::spawn(pass(client, engine.clone(), fate, Arc::clone(&counter)));
            }
        });
        Between { url: format!("http://{address}"), answered }
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// How many answers have come from the engine that their client did not get.
    pub(crate) fn kept(&self) -> usize {
        self.answered.load(Ordering::SeqCst)
    }
}

async fn pass(client: TcpStream, engine: String, fate: Option<Fate>, kept: Arc<AtomicUsize>) {
    let engine = TcpStream::connect(engine).await.expect("the engine");
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_engine, mut to_engine) = engine.into_split();
    let sent = tokio::spawn(async move { copy(&mut from_client, &mut to_engine).await });
    match fate {
        None => {
            // Whoever goes first has seen enough.
            let _ = copy(&mut from_engine, &mut to_client).await;
            let _ = to_client.shutdown().await;
        }
        Some(fate) => {
            let mut some = [0; 1024];
            let read = from_engine.read(&mut some).await.expect("an answer");
            assert!(read > 0, "the engine answers");
            kept.fetch_add(1, Ordering::SeqCst);
            match fate {
                Fate::Lost => sent.abort(),
                // Until the client gives up.
                Fate::Withheld => drop(sent.await),
            }
        }
    }
}
