//! Connections that are made with TLS where an address asks for it, and how others are known: by the
//! certificates of the system, or by those of the file that `SSL_CERT_FILE` names.

use std::{error::Error, io, sync::Arc, time::Duration};

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::{CertificateError, ClientConfig, RootCertStore, crypto::ring};

/// Makes connections for addresses of http, or of http and https: only then it is looked for
/// certificates. Each may take `within` to be made.
///
/// # Errors
/// In a few words, when others could not be known.
pub fn connector(https: bool, within: Duration) -> Result<HttpsConnector<HttpConnector>, String> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(within));
    let tls = HttpsConnectorBuilder::new().with_tls_config(client(https)?);
    Ok(tls.https_or_http().enable_http1().wrap_connector(tcp))
}

/// Settings for connections with TLS. Certificates are looked for where they are `wanted`; a machine
/// that has none can use http.
///
/// # Errors
/// When certificates are wanted and there is none that can be read.
pub fn client(wanted: bool) -> Result<ClientConfig, String> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let mut roots = RootCertStore::empty();
    if wanted {
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            let why = found.errors.first().map(|error| format!(": {error}")).unwrap_or_default();
            return Err(format!(
                "there are no certificates to know others by; install the system's, or name a file \
                 of them in SSL_CERT_FILE{why}"
            ));
        }
    }
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// What lies at the bottom of an error: the rest of the chain tells what was being done. Of a
/// certificate that is not trusted it is also told what to do.
#[must_use]
pub fn innermost(error: &(dyn Error + 'static)) -> String {
    certificate_trouble(error).unwrap_or_else(|| bottom(error).to_string())
}

/// What is wrong with the other side's certificate, if that is what an error is about, and what to
/// do.
#[must_use]
pub fn certificate_trouble(error: &(dyn Error + 'static)) -> Option<String> {
    let rustls::Error::InvalidCertificate(why) = of_tls(bottom(error))? else { return None };
    if matches!(why, CertificateError::UnknownIssuer) {
        let remedy = "its certificate is signed by nobody who is known here; name a file with the \
                      certificate of whoever signs in SSL_CERT_FILE";
        return Some(remedy.to_owned());
    }
    Some(format!("its certificate is wrong: {why}"))
}

fn bottom<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest
}

/// What TLS found wrong, out of the errors of input and output in which it is wrapped.
fn of_tls<'a>(mut error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    while let Some(io) = error.downcast_ref::<io::Error>() {
        error = io.get_ref()?;
    }
    error.downcast_ref()
}
