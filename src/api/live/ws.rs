//! The feed as a WebSocket: the same messages, each a JSON text with `event`, `data` and, where
//! there is one, `id`. Nothing that a client sends is read, but that it sends shows that it lives.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message as Frame, WebSocket, WebSocketUpgrade, close_code};
use axum::http::HeaderMap;
use axum::response::Response;
use tokio::time::{Instant, sleep_until, timeout};

use super::super::Api;
use super::super::extract::DropPath;
use super::super::problem::{Code, Problem};
use super::super::query::Query;
use super::follow;
use super::follower::{Follower, Message};

/// Between two pings; a client that sends nothing for so long behind one has gone.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a client may leave a message unread.
const READ_WITHIN: Duration = Duration::from_secs(10);
/// The most bytes that a client may send at once.
const MOST_HEARD: usize = 4096;
/// What each connection keeps for reading and for writing, in bytes: messages are small.
const BUFFER: usize = 2048;

/// `GET /v1/drops/{drop}/ws`
pub(in super::super) async fn socket(
    State(api): State<Arc<Api>>,
    DropPath(drop): DropPath,
    query: Query,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|error| {
        tracing::debug!(%error, "no WebSocket");
        let detail = "Ask for a WebSocket of version 13, or use /events instead.";
        Problem::new(Code::MalformedRequest, detail)
    })?;
    let follower = follow(&api, &drop, query, &headers).await?;
    let upgrade = upgrade
        .max_message_size(MOST_HEARD)
        .max_frame_size(MOST_HEARD)
        .read_buffer_size(BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(64 * 1024);
    Ok(upgrade.on_upgrade(|socket| talk(socket, Box::new(follower))))
}

/// Talks until either side is done.
async fn talk(mut socket: WebSocket, mut follower: Box<Follower>) {
    let (mut heard, mut ping_at) = (true, Instant::now() + HEARTBEAT);
    loop {
        let frame = tokio::select! {
            message = follower.next() => match message {
                Some(message) => Frame::Text(text(&message).into()),
                None => {
                    // Whether it hears that or not, it has to come back.
                    let (code, reason) = (close_code::RESTART, "connect again".into());
                    let _ = socket.send(Frame::Close(Some(CloseFrame { code, reason }))).await;
                    return;
                }
            },
            received = socket.recv() => match received {
                Some(Ok(Frame::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {
                    heard = true;
                    continue;
                }
            },
            () = sleep_until(ping_at) => {
                if !std::mem::take(&mut heard) {
                    return;
                }
                ping_at = Instant::now() + HEARTBEAT;
                Frame::Ping(Vec::new().into())
            }
        };
        if !matches!(timeout(READ_WITHIN, socket.send(frame)).await, Ok(Ok(()))) {
            return;
        }
    }
}

fn text(message: &Message) -> String {
    let Message { event, data, id } = message;
    match id {
        Some(id) => format!(r#"{{"event":"{event}","id":"{id}","data":{data}}}"#),
        None => format!(r#"{{"event":"{event}","data":{data}}}"#),
    }
}
