//! A client of the live feed, as a browser is one.

use std::collections::VecDeque;

use reqwest::Response;
use serde_json::Value;
use tokio::time::timeout;

use super::PATIENCE;

/// One message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Told {
    pub(crate) event: String,
    pub(crate) data: Value,
    pub(crate) id: Option<String>,
}

/// A stream of events that is open.
#[derive(Debug)]
pub(crate) struct Feed {
    response: Response,
    text: String,
    told: VecDeque<Told>,
    /// Signs of life, which browsers pass over.
    heartbeats: usize,
    /// The id that a browser would send when it comes back.
    pub(crate) last_id: String,
}

impl Feed {
    /// Reads a stream from its beginning.
    pub(crate) fn new(response: Response) -> Feed {
        let status = response.status();
        assert_eq!(status, 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        let (text, told) = (String::new(), VecDeque::new());
        Feed { response, text, told, heartbeats: 0, last_id: String::new() }
    }

    /// The next message; `None` when the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<Told> {
        loop {
            if let Some(told) = self.told.pop_front() {
                if let Some(id) = &told.id {
                    self.last_id.clone_from(id);
                }
                return Some(told);
            }
            self.read_on().await?;
        }
    }

    /// Reads what comes next, whatever it is; `None` when the stream has ended.
    async fn read_on(&mut self) -> Option<()> {
        let chunk = timeout(PATIENCE, self.response.chunk()).await.expect("a message in time");
        let chunk = chunk.unwrap_or_default()?;
        self.text.push_str(std::str::from_utf8(&chunk).expect("UTF-8"));
        while let Some((block, rest)) = self.text.split_once("\n\n") {
            self.heartbeats += usize::from(block.starts_with(':'));
            self.told.extend(read(block));
            self.text = rest.to_owned();
        }
        Some(())
    }

    /// Waits until the stream has shown that it is alive while there is nothing to say.
    pub(crate) async fn heartbeat(&mut self) {
        while self.heartbeats == 0 {
            self.read_on().await.expect("the stream goes on");
        }
    }

    /// The next message of a kind; others are passed over.
    pub(crate) async fn next_of(&mut self, event: &str) -> Value {
        loop {
            let told = self.next().await.expect("the stream goes on");
            if told.event == event {
                return told.data;
            }
        }
    }

    /// The next message about a SKU that shows so many units; versions rise until then.
    pub(crate) async fn until_available(&mut self, sku: &str, units: i64) -> Value {
        let mut version = 0;
        loop {
            let data = self.next_of("stock").await;
            if data["sku"] != sku {
                continue;
            }
            let newer = data["version"].as_i64().expect("a number");
            assert!(newer > version, "{newer} after {version}");
            version = newer;
            if data["available"] == units {
                return data;
            }
        }
    }
}

/// One block of the stream; `None` for one without a message.
fn read(block: &str) -> Option<Told> {
    let field = |name: &str| {
        let of = |line: &str| Some(line.strip_prefix(name)?.strip_prefix(": ")?.to_owned());
        block.lines().find_map(of)
    };
    let data = serde_json::from_str(&field("data")?).expect("JSON");
    Some(Told { event: field("event").expect("a kind"), data, id: field("id") })
}
