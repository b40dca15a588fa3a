//! A connection that can be cut, and mended again.

use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Passes bytes on to a server for as long as it is whole.
#[derive(Debug)]
pub(crate) struct Line {
    address: String,
    whole: Arc<watch::Sender<bool>>,
}

impl Line {
    /// A line to the server at `address`, such as `127.0.0.1:80`.
    pub(crate) async fn to(address: &str) -> Line {
        let server = address.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let whole = Arc::new(watch::Sender::new(true));
        let seen = Arc::clone(&whole);
        tokio::spawn(async move {
            loop {
                let Ok((client, _)) = listener.accept().await else { return };
                tokio::spawn(pass(client, server.clone(), seen.subscribe()));
            }
        });
        Line { address, whole }
    }

    /// Where it begins: an address and a port.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Cuts every connection, and each that is made until it is mended.
    pub(crate) fn cut(&self) {
        self.whole.send_replace(false);
    }

    /// Lets new connections pass.
    pub(crate) fn mend(&self) {
        self.whole.send_replace(true);
    }
}

async fn pass(mut client: TcpStream, server: String, mut whole: watch::Receiver<bool>) {
    if !*whole.borrow_and_update() {
        return;
    }
    let mut server = TcpStream::connect(server).await.expect("the server");
    tokio::select! {
        // Whoever goes first has seen enough.
        _ = copy_bidirectional(&mut client, &mut server) => {}
        _ = whole.wait_for(|whole| !whole) => {}
    }
}
