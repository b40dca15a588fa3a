//! TLS in front of something that speaks none, with a certificate of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{CertificateParams, DnType, KeyPair};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ServerConfig, pki_types::PrivateKeyDer};

/// A certificate that is signed by itself, and its key.
pub(crate) struct Certificate {
    pair: KeyPair,
    certificate: rcgen::Certificate,
    file: PathBuf,
    _folder: tempfile::TempDir,
}

impl Certificate {
    /// For the host `name`.
    pub(crate) fn of(name: &str) -> Certificate {
        let mut of = CertificateParams::new([name.to_owned()]).expect("a name");
        // Each is signed by somebody else: by itself.
        of.distinguished_name.push(DnType::CommonName, name);
        let pair = KeyPair::generate().expect("a pair of keys");
        let certificate = of.self_signed(&pair).expect("a certificate");
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("certificate.pem");
        std::fs::write(&file, certificate.pem()).expect("a file");
        Certificate { pair, certificate, file, _folder: folder }
    }

    /// The file with it, for who shall trust it.
    pub(crate) fn file(&self) -> &str {
        self.file.to_str().expect("UTF-8")
    }

    /// It and its key, as servers read them.
    pub(crate) fn pem(&self) -> (String, String) {
        (self.certificate.pem(), self.pair.serialize_pem())
    }

    fn acceptor(&self) -> TlsAcceptor {
        let key = PrivateKeyDer::try_from(self.pair.serialize_der()).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.der().clone()], key)
            .expect("a certificate with its key");
        TlsAcceptor::from(Arc::new(config))
    }
}

/// A listener that takes TLS off and passes on what is within. It ends when it is dropped.
pub(crate) struct Terminator {
    port: u16,
    /// Its end is the listener's.
    _end: oneshot::Sender<()>,
}

async fn accept(listener: TcpListener, address: SocketAddr, acceptor: TlsAcceptor) {
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            // Whoever doesn't trust the certificate goes away in the middle.
            let Ok(mut outer) = acceptor.accept(stream).await else { return };
            // Whoever is behind it may be down.
            let Ok(mut inner) = TcpStream::connect(address).await else { return };
            let _ = tokio::io::copy_bidirectional(&mut outer, &mut inner).await;
        });
    }
}

impl Terminator {
    /// In front of what listens at `address`.
    pub(crate) async fn start(address: SocketAddr, certificate: &Certificate) -> Terminator {
        let acceptor = certificate.acceptor();
        // On a thread of its own: starting an engine blocks the test's.
        let (tell, told) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let serve = async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let port = listener.local_addr().expect("an address").port();
            tell.send(port).expect("somebody who waits for it");
            tokio::select! {
                () = accept(listener, address, acceptor) => {}
                _ = ended => {}
            }
        };
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(serve);
        });
        Terminator { port: told.await.expect("a port"), _end: end }
    }

    /// Its address by the name of this machine: `https://localhost:…`.
    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// Its port on this machine.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}
