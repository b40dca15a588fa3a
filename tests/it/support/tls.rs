//! TLS in front of something that speaks none, with a certificate of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{CertificateParams, DnType, KeyPair};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ServerConfig, pki_types::PrivateKeyDer};

/// A listener that takes TLS off and passes on what is within. It ends when it is dropped.
pub(crate) struct Terminator {
    port: u16,
    certificate: PathBuf,
    task: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl Drop for Terminator {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Terminator {
    /// In front of what listens at `address`, with a certificate for `name`.
    pub(crate) async fn start(address: SocketAddr, name: &str) -> Terminator {
        let mut of = CertificateParams::new([name.to_owned()]).expect("a name");
        // Each is signed by somebody else: by itself.
        of.distinguished_name.push(DnType::CommonName, name);
        let pair = KeyPair::generate().expect("a pair of keys");
        let cert = of.self_signed(&pair).expect("a certificate");
        let key = PrivateKeyDer::try_from(pair.serialize_der()).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .expect("a certificate with its key");
        let folder = tempfile::tempdir().expect("a folder");
        let certificate = folder.path().join("certificate.pem");
        std::fs::write(&certificate, cert.pem()).expect("a file");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    // Whoever doesn't trust the certificate goes away in the middle.
                    let Ok(mut outer) = acceptor.accept(stream).await else { return };
                    let mut inner = TcpStream::connect(address).await.expect("who is behind it");
                    let _ = tokio::io::copy_bidirectional(&mut outer, &mut inner).await;
                });
            }
        });
        Terminator { port, certificate, task, _folder: folder }
    }

    /// Its address by the name of this machine: `https://localhost:…`.
    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// The file with its certificate.
    pub(crate) fn certificate(&self) -> &Path {
        &self.certificate
    }
}
