//! An engine that reaches Redis and Postgres through TLS.

use std::net::{Ipv4Addr, SocketAddr};

use dropgate::local::{TestDatabase, TestServers};
use reqwest::{Client, Method};
use serde_json::json;
use tokio_postgres::{Client as Postgres, NoTls};

use crate::support::cli::run;
use crate::support::{
    ADMIN_KEY, Call, Certificate, EngineProcess, STOREFRONT_KEY, Terminator, eventually, lines,
};

async fn plain(database: &TestDatabase) -> Postgres {
    let (client, connection) =
        tokio_postgres::connect(database.url(), NoTls).await.expect("the database");
    tokio::spawn(connection);
    client
}

/// Lets the server that all tests share take connections with TLS too; those without go on.
async fn switch_on(database: &TestDatabase, certificate: &Certificate) {
    let client = plain(database).await;
    let (certificate, key) = certificate.pem();
    // By the server itself: the files must be its user's.
    for (file, text) in [("server.crt", certificate), ("server.key", key)] {
        let write = format!(
            "COPY (SELECT unnest(string_to_array('{}', E'\\n'))) \
             TO PROGRAM 'umask 077; cat > {file}'",
            text.trim_end()
        );
        client.batch_execute(&write).await.expect("a file in its folder");
    }
    client.batch_execute("ALTER SYSTEM SET ssl = on").await.expect("a setting");
    client.batch_execute("SELECT pg_reload_conf()").await.expect("a reload");
    eventually("TLS is on", || async {
        let row = plain(database).await.query_one("SHOW ssl", &[]).await.expect("a row");
        (row.get::<_, &str>(0) == "on").then_some(())
    })
    .await;
}

/// This address by the name of this machine, with TLS.
fn with_tls(database: &TestDatabase, mode: &str) -> String {
    format!("{}?sslmode={mode}", database.url().replace("127.0.0.1", "localhost"))
}

/// What a command says that can't reach the server at `url`, and knows others by this file.
async fn migrate(url: &str, certificates: &str) -> String {
    let settings = [("DROPGATE_DATABASE_URL", url), ("SSL_CERT_FILE", certificates)];
    run("migrate", &settings).await.failed(1)
}

#[tokio::test]
async fn an_engine_reaches_both_servers_through_tls_and_knows_them() {
    let servers = TestServers::shared().await.expect("servers");
    let database = servers.new_database("tls").await.expect("a database");
    let [certificate, other] = ["localhost", "shop.example"].map(Certificate::of);
    // Without it on the server's side, a connection that must have TLS is none.
    let url = with_tls(&database, "require");
    let said = migrate(&url, certificate.file()).await;
    assert!(said.contains("TLS"), "{said}");
    switch_on(&database, &certificate).await;

    for mode in ["require", "verify-full"] {
        let url = with_tls(&database, mode);
        let said = migrate(&url, other.file()).await;
        assert!(said.contains("signed by nobody who is known here"), "{said}");
        assert!(said.contains("SSL_CERT_FILE"), "{said}");
        let said = migrate(&url, "/nowhere/certificates.pem").await;
        assert!(said.contains("there are no certificates to know others by"), "{said}");
        // It is known, but by another name.
        let by_number = url.replace("localhost", "127.0.0.1");
        let said = migrate(&by_number, certificate.file()).await;
        assert!(said.contains("its certificate is wrong: "), "{said}");
    }

    let redis = SocketAddr::from((Ipv4Addr::LOCALHOST, servers.redis().port()));
    let terminator = Terminator::start(redis, &certificate).await;
    let redis = format!("rediss://localhost:{}", terminator.port());
    let settings = [("SSL_CERT_FILE", certificate.file())];
    let engine = EngineProcess::serve(&redis, &with_tls(&database, "verify-full"), &settings);
    let (http, url) = (Client::new(), engine.url());
    let admin = |method, path: &str| {
        Call::new(&http, method, format!("{url}/v1/admin/drops/t{path}")).bearer(ADMIN_KEY)
    };
    admin(Method::PUT, "").json(&json!({})).send().await.ok(201);
    admin(Method::PUT, "/skus/a").json(&json!({ "initial_stock": 5 })).send().await.ok(201);
    let reservations = format!("{url}/v1/drops/t/reservations");
    let body = json!({ "customer_id": "c", "lines": lines(&[("a", 2)]) });
    let hold = Call::new(&http, Method::POST, reservations).bearer(STOREFRONT_KEY).json(&body);
    hold.send().await.ok(201);
    assert_eq!(admin(Method::GET, "").send().await.ok(200)["skus"][0]["held"], 2);

    let secure = "SELECT count(*) FILTER (WHERE ssl), count(*) FILTER (WHERE NOT ssl) \
                  FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) \
                  WHERE datname = current_database() AND application_name = 'dropgate'";
    let row = plain(&database).await.query_one(secure, &[]).await.expect("a row");
    let (with, without): (i64, i64) = (row.get(0), row.get(1));
    assert!(with > 0 && without == 0, "{with} with TLS, {without} without");
}
