//! A TCP proxy that stands for the network between an engine and a server, and breaks it.
//!
//! Each connection has a pump a direction: a reader that takes in what came, and a writer that
//! lets it go when the link allows. Between them lies a short queue; when it is full, the reader
//! reads no more, so whoever sends feels the back-pressure, as on a real network.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::{mpsc, watch},
    task::{JoinHandle, JoinSet},
    time::Instant,
};

/// Chunks that lie between a reader and its writer at most.
const QUEUE: usize = 32;
/// Bytes that are read at once.
const CHUNK: usize = 32 << 10;
/// How long the proxy tries to reach its upstream.
const CONNECT: Duration = Duration::from_secs(5);

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Both of them.
    Both,
    /// What the engine sends.
    ToServer,
    /// What the server answers.
    ToClient,
}

impl Way {
    fn covers(self, way: Way) -> bool {
        self == Way::Both || self == way
    }
}

/// What the network does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Everything passes.
    Fine,
    /// Connections are reset, new ones too.
    Cut,
    /// Bytes of that direction are kept back and connections stay, as in a partition that drops
    /// packets. Fine again, everything passes in order.
    Held(Way),
    /// Bytes of that direction arrive so much later.
    Delayed(Way, Duration),
}

/// One proxy on 127.0.0.1 in front of one server; gone when dropped, with its connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    wire: Arc<Wire>,
    accepting: JoinHandle<()>,
}

/// What all connections of one proxy share.
#[derive(Debug)]
struct Wire {
    upstream: Mutex<SocketAddr>,
    link: watch::Sender<Link>,
    /// Rises by one when every connection is to be reset.
    resets: watch::Sender<u64>,
    plots: Mutex<Plots>,
    open: AtomicUsize,
}

/// Faults that are waiting for their moment; each happens once.
#[derive(Debug, Default)]
struct Plots {
    /// So many bytes may still pass to clients; then the connection is reset.
    reset_after: Option<u64>,
    /// So many answers are swallowed, each with its connection.
    drop_answers: usize,
    /// Whoever sends this is not answered any more.
    lose_answer_to: Option<Vec<u8>>,
}

/// Why a connection ends before its time.
struct Reset;

impl Proxy {
    /// Starts a proxy on a free port, in front of `upstream`.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(upstream: SocketAddr) -> io::Result<Proxy> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let wire = Arc::new(Wire {
            upstream: Mutex::new(upstream),
            link: watch::Sender::new(Link::Fine),
            resets: watch::Sender::new(0),
            plots: Mutex::default(),
            open: AtomicUsize::new(0),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&wire)));
        Ok(Proxy { address, wire, accepting })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sets what the network does from now on.
    pub fn set(&self, link: Link) {
        self.wire.link.send_replace(link);
        if link == Link::Cut {
            self.reset_all();
        }
    }

    /// What the network does now.
    #[must_use]
    pub fn link(&self) -> Link {
        *self.wire.link.borrow()
    }

    /// Sends new connections to another server; those that are open stay where they are.
    pub fn retarget(&self, upstream: SocketAddr) {
        *lock(&self.wire.upstream) = upstream;
    }

    /// Resets every connection.
    pub fn reset_all(&self) {
        self.wire.resets.send_modify(|resets| *resets += 1);
    }

    /// Once: lets so many more bytes through to clients, then resets the connection of the next
    /// one, in the middle of an answer.
    pub fn reset_after(&self, bytes_to_client: u64) {
        lock(&self.wire.plots).reset_after = Some(bytes_to_client);
    }

    /// Swallows the next `count` answers, whoever they are for, and resets their connections:
    /// the server did what it was asked, and nobody learns of it.
    pub fn drop_answers(&self, count: usize) {
        lock(&self.wire.plots).drop_answers = count;
    }

    /// Once: swallows the answer to the next request with these bytes in it, and resets its
    /// connection.
    pub fn lose_answer_to(&self, request: impl Into<Vec<u8>>) {
        lock(&self.wire.plots).lose_answer_to = Some(request.into());
    }

    /// Whether nothing of what was ordered by [`Proxy::reset_after`], [`Proxy::drop_answers`] and
    /// [`Proxy::lose_answer_to`] is still to happen.
    #[must_use]
    pub fn is_done(&self) -> bool {
        let plots = lock(&self.wire.plots);
        plots.reset_after.is_none() && plots.drop_answers == 0 && plots.lose_answer_to.is_none()
    }

    /// Forgets what was ordered and has not happened yet.
    pub fn forget_plots(&self) {
        *lock(&self.wire.plots) = Plots::default();
    }

    /// How many connections are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.wire.open.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, wire: Arc<Wire>) {
    // Ends with this task, and all connections with it.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((client, _)) => {
                connections.spawn(connection(client, Arc::clone(&wire)));
            }
            // Out of file descriptors, perhaps: that passes.
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

/// One connection from its beginning to its end.
async fn connection(mut client: TcpStream, wire: Arc<Wire>) {
    wire.open.fetch_add(1, Ordering::Relaxed);
    // Before the link is looked at: a cut behind this line is noticed.
    let mut resets = wire.resets.subscribe();
    let cut = *wire.link.borrow() == Link::Cut;
    if !cut {
        tokio::select! {
            () = carry(&mut client, &wire) => {}
            _ = resets.changed() => {}
        }
    }
    // Without this it would be closed in good order.
    let _ = client.set_zero_linger();
    drop(client);
    wire.open.fetch_sub(1, Ordering::Relaxed);
}

async fn carry(client: &mut TcpStream, wire: &Wire) {
    wire.pass(Way::ToServer, Instant::now()).await;
    let upstream = *lock(&wire.upstream);
    let connecting = tokio::time::timeout(CONNECT, TcpStream::connect(upstream));
    let Ok(Ok(mut server)) = connecting.await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    // Whatever ends this early, the server sees a reset too.
    let _ = server.set_zero_linger();
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    // Set by the request whose answer is to be lost.
    let lost = &std::sync::atomic::AtomicBool::new(false);
    let up = pump(from_client, to_server, wire, Way::ToServer, lost);
    let down = pump(from_server, to_client, wire, Way::ToClient, lost);
    let _ = tokio::try_join!(up, down);
}

async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    wire: &Wire,
    way: Way,
    lost: &std::sync::atomic::AtomicBool,
) -> Result<(), Reset> {
    let (queue, mut queued) = mpsc::channel::<(Instant, Vec<u8>)>(QUEUE);
    let reader = async move {
        let mut buffer = vec![0; CHUNK];
        loop {
            let length = from.read(&mut buffer).await.map_err(|_| Reset)?;
            let chunk = buffer[..length].to_vec();
            if queue.send((Instant::now(), chunk)).await.is_err() || length == 0 {
                return Ok::<(), Reset>(());
            }
        }
    };
    let writer = async move {
        while let Some((came, chunk)) = queued.recv().await {
            wire.pass(way, came).await;
            if chunk.is_empty() {
                break;
            }
            let verdict = match way {
                Way::ToClient => wire.plot_answer(&chunk, lost),
                Way::ToServer | Way::Both => wire.plot_request(&chunk, lost),
            };
            to.write_all(&chunk[..verdict.unwrap_or(chunk.len())]).await.map_err(|_| Reset)?;
            if verdict.is_some() {
                return Err(Reset);
            }
        }
        // The other side has said all it had to say.
        to.shutdown().await.map_err(|_| Reset)
    };
    tokio::try_join!(reader, writer).map(|_| ())
}

impl Wire {
    /// Waits until what came at that time may go on.
    async fn pass(&self, way: Way, came: Instant) {
        let mut link = self.link.subscribe();
        loop {
            let now = *link.borrow_and_update();
            let until = match now {
                Link::Delayed(delayed, pause) if delayed.covers(way) => Some(came + pause),
                Link::Fine | Link::Delayed(..) => return,
                Link::Held(held) if !held.covers(way) => return,
                // The reset that comes with a cut ends the connection.
                Link::Held(_) | Link::Cut => None,
            };
            let change = link.changed();
            match until {
                Some(until) => tokio::select! {
                    () = tokio::time::sleep_until(until) => return,
                    _ = change => {}
                },
                None => {
                    let _ = change.await;
                }
            }
        }
    }

    /// Notes a request whose answer is to be lost; it passes itself.
    fn plot_request(&self, chunk: &[u8], lost: &std::sync::atomic::AtomicBool) -> Option<usize> {
        let mut plots = lock(&self.plots);
        let is_it = |wanted: &Vec<u8>| {
            !wanted.is_empty() && chunk.windows(wanted.len()).any(|part| part == wanted)
        };
        if plots.lose_answer_to.as_ref().is_some_and(is_it) {
            plots.lose_answer_to = None;
            lost.store(true, Ordering::Relaxed);
        }
        None
    }

    /// After how many bytes of an answer the connection is reset, if it is.
    fn plot_answer(&self, chunk: &[u8], lost: &std::sync::atomic::AtomicBool) -> Option<usize> {
        if lost.load(Ordering::Relaxed) {
            return Some(0);
        }
        let mut plots = lock(&self.plots);
        if plots.drop_answers > 0 {
            plots.drop_answers -= 1;
            return Some(0);
        }
        let left = plots.reset_after?;
        let length = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        if left >= length {
            plots.reset_after = Some(left - length);
            return None;
        }
        plots.reset_after = None;
        usize::try_from(left).ok()
    }
}
