//! One connection that is kept open, one request at a time.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, StatusCode,
    client::conn::http1::{SendRequest, handshake},
    header,
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// No call of a benchmark may take longer.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// One request.
#[derive(Clone, Debug)]
pub struct Call {
    /// `GET`, `POST` or `PUT`.
    pub method: &'static str,
    /// Path and query.
    pub path: String,
    /// The bearer key, if it needs one.
    pub bearer: Option<&'static str>,
    /// The idempotency key.
    pub key: Option<String>,
    /// The body; empty for none.
    pub body: String,
}

/// A connection that is kept open.
#[derive(Debug)]
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens.
    pub async fn open(address: SocketAddr) -> anyhow::Result<Connection> {
        let stream = TcpStream::connect(address).await.context("connecting")?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Connection { sender })
    }

    /// Sends a request and reads its whole answer.
    ///
    /// # Errors
    /// When the connection breaks or nothing comes back in time.
    pub async fn send(&mut self, call: Call) -> anyhow::Result<(StatusCode, Bytes)> {
        let mut request =
            Request::builder().method(call.method).uri(call.path).header(header::HOST, "bench");
        if let Some(bearer) = call.bearer {
            request = request.header(header::AUTHORIZATION, bearer);
        }
        if let Some(key) = call.key {
            request = request.header("idempotency-key", key);
        }
        if !call.body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request.body(Full::new(Bytes::from(call.body)))?;
        let whole = async {
            self.sender.ready().await?;
            let answer = self.sender.send_request(request).await?;
            let status = answer.status();
            anyhow::Ok((status, answer.into_body().collect().await?.to_bytes()))
        };
        tokio::time::timeout(ANSWER_WITHIN, whole).await.context("no answer")?
    }
}
