//! Commands that speak to an engine through TLS.

use std::net::SocketAddr;

use crate::support::cli::run;
use crate::support::{ADMIN_KEY, Certificate, Sale, Terminator};

/// Where the world's first engine listens.
fn behind(sale: &Sale) -> SocketAddr {
    sale.url("").trim_start_matches("http://").parse().expect("an address")
}

/// Settings for an engine at this address, known by the certificates of this file.
fn settings<'a>(url: &'a str, certificates: &'a str) -> [(&'a str, &'a str); 3] {
    [("DROPGATE_URL", url), ("DROPGATE_ADMIN_KEY", ADMIN_KEY), ("SSL_CERT_FILE", certificates)]
}

#[tokio::test]
async fn commands_speak_tls_to_an_engine_whose_certificate_they_know() {
    let sale = Sale::open(&[("a", 9)]).await;
    let certificate = Certificate::of("localhost");
    let tls = Terminator::start(behind(&sale), &certificate).await;
    let url = tls.url();
    let settings = settings(&url, certificate.file());
    let shown = run(&format!("drop show {} --json", sale.id()), &settings).await.json();
    assert_eq!((&shown["id"], &shown["skus"][0]["total"]), (&sale.id().into(), &9.into()));
    run(&format!("restock {} a 5", sale.id()), &settings).await.done();
    assert_eq!(sale.counts("a").await, (14, 14, 0, 0));
}

#[tokio::test]
async fn a_certificate_that_is_wrong_is_told_and_nothing_is_sent() {
    let sale = Sale::open(&[("a", 9)]).await;
    let restock = format!("restock {} a 5", sale.id());
    let [certificate, of_other] = ["localhost", "shop.example"].map(Certificate::of);
    let [tls, other] = [
        Terminator::start(behind(&sale), &certificate).await,
        Terminator::start(behind(&sale), &of_other).await,
    ];
    for (at, certificates, expected) in [
        // Somebody else's certificate is in the file.
        (&tls, of_other.file(), "its certificate is signed by nobody who is known here"),
        // The engine's own is, but for another name.
        (&other, of_other.file(), "its certificate is wrong: "),
        (&tls, "/nowhere/certificates.pem", "there are no certificates"),
    ] {
        let url = at.url();
        let said = run(&restock, &settings(&url, certificates)).await.failed(3);
        assert!(said.contains(expected), "{said}");
        assert!(said.contains(&url), "{said}");
        if expected != "its certificate is wrong: " {
            assert!(said.contains("SSL_CERT_FILE"), "{said}");
        } else {
            assert!(said.contains("localhost"), "{said}");
        }
    }
    // One side that speaks TLS and one that doesn't.
    let plain = tls.url().replace("https://", "http://");
    let secure = sale.url("").replace("http://127.0.0.1", "https://localhost");
    let show = format!("drop show {}", sale.id());
    for url in [&plain, &secure] {
        let said = run(&show, &settings(url, certificate.file())).await.failed(3);
        assert!(said.contains(url.as_str()), "{said}");
    }
    assert_eq!(sale.counts("a").await, (9, 9, 0, 0));
}
