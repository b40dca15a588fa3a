//! Keys: made, listed, rotated and revoked, over HTTP and by command.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use dropgate::local::TestServers;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;
use tokio_postgres::NoTls;
use uuid::Uuid;

use crate::support::{ADMIN_KEY, Call, EngineProcess, MadeKey, Sale, World, eventually};

/// What the database has of a key, as text.
async fn stored(world: &World, id: &str) -> String {
    let (database, connection) =
        tokio_postgres::connect(world.database_url(), NoTls).await.expect("Postgres");
    tokio::spawn(connection);
    let id: Uuid = id.parse().expect("an id");
    let row = database.query_one("SELECT k::text FROM api_keys k WHERE id = $1", &[&id]).await;
    row.expect("the key").get(0)
}

fn sha256(secret: &str) -> String {
    Sha256::digest(secret.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The listed key with this id.
async fn listed(sale: &Sale, id: &str) -> Value {
    let mut cursor = String::new();
    loop {
        let page = sale.keys(Method::GET, &format!("?limit=500&cursor={cursor}")).send().await;
        let page = page.ok(200);
        let items = page["items"].as_array().expect("items");
        if let Some(found) = items.iter().find(|key| key["id"] == id) {
            return found.clone();
        }
        cursor = page["next_cursor"].as_str().expect("another page").to_owned();
    }
}

#[tokio::test]
async fn a_secret_is_shown_once_and_kept_as_a_digest() {
    let sale = Sale::open(&[]).await;
    let expires = "2999-01-01T00:00:00.000Z";
    let body = json!({ "name": "Shop 🌞", "scopes": ["read", "storefront", "read"],
        "drops": [sale.id()], "expires_at": expires });
    let reply = sale.keys(Method::POST, "").json(&body).send().await;
    assert_eq!(reply.header("cache-control"), "no-store");
    let made = reply.ok(201);
    let key = MadeKey::read(&made);
    assert!(key.secret.starts_with("dgk_") && key.secret.len() == 47, "{}", key.secret);
    let expected = json!({ "id": key.id, "name": "Shop 🌞", "scopes": ["storefront", "read"],
        "drops": [sale.id()], "state": "valid", "created_at": made["created_at"],
        "expires_at": expires, "rotated_at": null, "overlap_ends_at": null, "revoked_at": null,
        "last_used_at": null });
    assert_eq!(listed(&sale, &key.id).await, expected);
    let row = stored(sale.world(), &key.id).await;
    assert!(!row.contains(&key.secret) && !row.contains(&key.secret[4..]), "{row}");
    assert!(row.contains(&sha256(&key.secret)), "{row}");
}

#[tokio::test]
async fn what_is_wrong_with_a_key_is_told() {
    let sale = Sale::unborn().await;
    let many: Vec<String> = (0..101).map(|n| format!("d-{n}")).collect();
    for (body, pointers) in [
        (json!({}), vec!["/name", "/scopes"]),
        (json!({ "name": "", "scopes": [] }), vec!["/name", "/scopes"]),
        (json!({ "name": "n", "scopes": ["root"] }), vec!["/scopes"]),
        (json!({ "name": "n", "scopes": "admin" }), vec!["/scopes"]),
        (json!({ "name": "n", "scopes": ["read"], "drops": [] }), vec!["/drops"]),
        (json!({ "name": "n", "scopes": ["read"], "drops": ["{}"] }), vec!["/drops"]),
        (json!({ "name": "n", "scopes": ["read"], "drops": many }), vec!["/drops"]),
        (
            json!({ "name": "n", "scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z" }),
            vec!["/expires_at"],
        ),
        (json!({ "name": "n", "scopes": ["read"], "secret": "mine" }), vec!["/secret"]),
    ] {
        sale.keys(Method::POST, "").json(&body).send().await.invalid(&pointers);
    }
    let key = sale.make_key(&["read"], None).await;
    for overlap in [json!(-1), json!(2_592_001), json!("1"), json!(null)] {
        let body = json!({ "overlap_seconds": overlap });
        let call = sale.keys(Method::POST, &format!("/{}/rotate", key.id)).json(&body);
        call.send().await.invalid(&["/overlap_seconds"]);
    }
    for id in ["nonsense", &Uuid::now_v7().to_string()] {
        let rotate = sale.keys(Method::POST, &format!("/{id}/rotate")).send().await;
        rotate.problem(404, "unknown_key");
        let revoke = sale.keys(Method::DELETE, &format!("/{id}")).send().await;
        revoke.problem(404, "unknown_key");
    }
}

#[tokio::test]
async fn a_change_counts_at_once_here_and_within_a_second_elsewhere() {
    let sale = Sale::open(&[]).await;
    let other = sale.elsewhere();
    let mut delays = Vec::new();
    for _ in 0..5 {
        let key = sale.make_key(&["storefront"], None).await;
        assert_eq!(sale.cart_status(&key.secret).await, 200);
        delays.push(until(&other, &key.secret, 200).await);
        sale.keys(Method::DELETE, &format!("/{}", key.id)).send().await.ok(200);
        assert_eq!(sale.cart_status(&key.secret).await, 401);
        delays.push(until(&other, &key.secret, 401).await);
    }
    // The machine of the tests is busy with all the others; most changes are heard of in time.
    delays.sort();
    assert!(delays[delays.len() / 2] < Duration::from_secs(1), "{delays:?}");
}

/// How long it takes until a key's call comes back with `status`.
async fn until(sale: &Sale, secret: &str, status: u16) -> Duration {
    let began = Instant::now();
    eventually("the change is heard of", || async {
        (sale.cart_status(secret).await == status).then_some(())
    })
    .await;
    began.elapsed()
}

#[tokio::test]
async fn a_rotated_secret_works_for_its_overlap() {
    let sale = Sale::open(&[]).await;
    let first = sale.make_key(&["storefront"], None).await;
    let rotate = async |body: Value| {
        let path = format!("/{}/rotate", first.id);
        let rotated = sale.keys(Method::POST, &path).json(&body).send().await.ok(200);
        (MadeKey::read(&rotated), rotated)
    };
    let (second, shown) = rotate(json!({ "overlap_seconds": 600 })).await;
    assert!(second.id == first.id && second.secret != first.secret);
    assert!(shown["rotated_at"].is_string() && shown["overlap_ends_at"].is_string(), "{shown}");
    let row = stored(sale.world(), &first.id).await;
    assert!(row.contains(&sha256(&first.secret)) && row.contains(&sha256(&second.secret)));
    assert_eq!(sale.cart_status(&first.secret).await, 200);
    assert_eq!(sale.cart_status(&second.secret).await, 200);
    // Of two secrets before, the last one overlaps.
    let (third, _) = rotate(json!({ "overlap_seconds": 1 })).await;
    assert_eq!(sale.cart_status(&first.secret).await, 401);
    until(&sale, &second.secret, 401).await;
    assert_eq!(sale.cart_status(&third.secret).await, 200);
    // Without an overlap, nothing before works.
    let (fourth, shown) = rotate(json!({})).await;
    assert_eq!(shown["overlap_ends_at"], Value::Null);
    assert_eq!(sale.cart_status(&third.secret).await, 401);
    assert_eq!(sale.cart_status(&fourth.secret).await, 200);
}

#[tokio::test]
async fn a_key_that_has_ended_stays_so() {
    let sale = Sale::open(&[]).await;
    let key = sale.make_key(&["storefront"], None).await;
    let path = format!("/{}", key.id);
    let revoked = sale.keys(Method::DELETE, &path).send().await.ok(200);
    assert_eq!(revoked["state"], "revoked");
    assert_eq!(sale.keys(Method::DELETE, &path).send().await.ok(200), revoked);
    let rotate = sale.keys(Method::POST, &format!("{path}/rotate")).send().await;
    assert_eq!(rotate.problem(409, "key_ended")["state"], "revoked");
    let soon = (Utc::now() + TimeDelta::milliseconds(300)).to_rfc3339();
    let body = json!({ "name": "n", "scopes": ["storefront"], "expires_at": soon });
    let key = MadeKey::read(&sale.keys(Method::POST, "").json(&body).send().await.ok(201));
    until(&sale, &key.secret, 401).await;
    let rotate = sale.keys(Method::POST, &format!("/{}/rotate", key.id)).send().await;
    assert_eq!(rotate.problem(409, "key_ended")["state"], "expired");
    assert_eq!(listed(&sale, &key.id).await["state"], "expired");
}

#[tokio::test]
async fn keys_are_listed_page_by_page() {
    let sale = Sale::unborn().await;
    let made = [sale.make_key(&["read"], None).await, sale.make_key(&["read"], None).await];
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = sale.keys(Method::GET, &format!("?limit=1&cursor={cursor}")).send().await;
        let page = page.ok(200);
        let items = page["items"].as_array().expect("items");
        assert!(items.len() == 1 && items[0].get("secret").is_none(), "{page}");
        found.push(items[0]["id"].as_str().expect("an id").to_owned());
        let Some(next) = page["next_cursor"].as_str() else { break };
        next.clone_into(&mut cursor);
    }
    assert!(found.is_sorted(), "{found:?}");
    assert!(made.iter().all(|key| found.contains(&key.id)));
    sale.keys(Method::GET, "?limit=0&cursor=x")
        .send()
        .await
        .invalid(&["/query/cursor", "/query/limit"]);
}

#[tokio::test]
async fn a_limited_key_sees_its_own_drops_and_may_make_them() {
    let sales = [Sale::open(&[]).await, Sale::open(&[]).await, Sale::open(&[]).await];
    let unborn = Sale::unborn().await;
    let ids = [sales[0].id(), sales[2].id(), unborn.id()];
    let key = unborn.make_key(&["admin"], Some(&ids)).await;
    let list = async |query: &str| {
        let path = format!("/v1/admin/drops{query}");
        let page = unborn.anonymous(Method::GET, &path).bearer(&key.secret).send().await.ok(200);
        let items = page["items"].as_array().expect("items").iter();
        let ids: Vec<Value> = items.map(|drop| drop["id"].clone()).collect();
        (ids, page["next_cursor"].as_str().map(str::to_owned))
    };
    assert_eq!(list("").await.0, [sales[0].id(), sales[2].id()]);
    let (first, cursor) = list("?limit=1").await;
    assert_eq!(first, [sales[0].id()]);
    let cursor = cursor.expect("another page");
    assert_eq!(
        list(&format!("?limit=1&cursor={cursor}")).await,
        (vec![json!(sales[2].id())], None)
    );
    let path = format!("/v1/admin/drops/{}", unborn.id());
    let call = unborn.anonymous(Method::PUT, &path).bearer(&key.secret).json(&json!({}));
    call.send().await.ok(201);
    assert_eq!(list("").await.0, [sales[0].id(), sales[2].id(), unborn.id()]);
}

#[tokio::test]
async fn it_is_noted_that_a_key_was_used() {
    let sale = Sale::open(&[]).await;
    let key = sale.make_key(&["storefront"], None).await;
    assert_eq!(listed(&sale, &key.id).await["last_used_at"], Value::Null);
    let before = Utc::now();
    assert_eq!(sale.cart_status(&key.secret).await, 200);
    let used = eventually("the use is noted", || async {
        listed(&sale, &key.id).await["last_used_at"].as_str().map(str::to_owned)
    })
    .await;
    let used: chrono::DateTime<Utc> = used.parse().expect("a time");
    assert!(used >= before - TimeDelta::milliseconds(1) && used <= Utc::now(), "{used}");
}

/// Runs `dropgate keys` to its end; its status and what it printed.
async fn run(database: &str, arguments: &[&str]) -> (i32, String, String) {
    let mut command = EngineProcess::command("keys");
    command.args(arguments).env("DROPGATE_DATABASE_URL", database);
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("it ends");
    let output = output.expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn commands_make_list_rotate_and_revoke() {
    let sale = Sale::open(&[]).await;
    let database = sale.world().database_url();
    let json = async |arguments: &[&str]| -> Value {
        let (status, out, error) = run(database, &[arguments, &["--json"]].concat()).await;
        assert_eq!(status, 0, "{error}");
        serde_json::from_str(&out).expect("JSON")
    };
    let create = ["create", "--name", "by hand", "--scope", "storefront", "--drop", sale.id()];
    let first = MadeKey::read(&json(&create).await);
    until(&sale, &first.secret, 200).await;
    let other = Sale::open(&[]).await;
    assert_eq!(other.cart_status(&first.secret).await, 403);
    let listed = json(&["list"]).await;
    let items = listed["items"].as_array().expect("items");
    let found = items.iter().find(|key| key["id"] == first.id).expect("the key");
    assert_eq!((&found["name"], &found["drops"]), (&json!("by hand"), &json!([sale.id()])));
    assert!(!listed.to_string().contains("secret"), "{listed}");
    let second = MadeKey::read(&json(&["rotate", &first.id, "--overlap-seconds", "600"]).await);
    until(&sale, &second.secret, 200).await;
    assert_eq!(sale.cart_status(&first.secret).await, 200);
    assert_eq!(json(&["revoke", &first.id]).await["state"], "revoked");
    until(&sale, &second.secret, 401).await;
    assert_eq!(sale.cart_status(&first.secret).await, 401);
    let (status, _, error) = run(database, &["rotate", &first.id]).await;
    assert!(status == 1 && error.contains("revoked") && error.lines().count() == 1, "{error}");
    let unknown = Uuid::now_v7().to_string();
    let (status, _, error) = run(database, &["revoke", &unknown]).await;
    assert!(status == 1 && error.contains(&unknown), "{error}");
}

#[tokio::test]
async fn commands_speak_to_people_too() {
    let sale = Sale::open(&[]).await;
    let database = sale.world().database_url();
    let (status, out, _) =
        run(database, &["create", "--name", "a shop", "--scope", "storefront"]).await;
    assert!(status == 0 && out.contains("a shop") && out.contains("only time"), "{out}");
    let secret = out.split_whitespace().find(|word| word.starts_with("dgk_")).expect("a secret");
    until(&sale, secret, 200).await;
    let (status, out, _) = run(database, &["list"]).await;
    assert!(status == 0 && out.contains("a shop") && !out.contains("dgk_"), "{out}");
    let past = ["--expires-at", "2020-01-01T00:00:00Z"];
    let made = ["create", "--name", "n", "--scope", "read"];
    let (status, _, error) = run(database, &[made.as_slice(), &past].concat()).await;
    assert!(status == 1 && error.contains("--expires-at"), "{error}");
    for command in ["create", "list", "rotate", "revoke"] {
        let (status, help, _) = run(database, &[command, "--help"]).await;
        for word in ["DROPGATE_DATABASE_URL", "DROPGATE_LOG", "--json", "Exit status"] {
            assert!(status == 0 && help.contains(word), "{command}: {help}");
        }
    }
    assert_eq!(run(database, &["create", "--name", "n"]).await.0, 2);
    assert_eq!(run("postgres://u@127.0.0.1:1/d", &["list"]).await.0, 1);
}

#[tokio::test]
async fn without_postgres_nothing_becomes_valid_and_times_go_on() {
    let servers = TestServers::start().await.expect("servers");
    let database = servers.new_database("away").await.expect("a database");
    let engine = EngineProcess::serve(&servers.redis().url(), database.url(), &[]);
    let http = Client::new();
    let call = |method: Method, path: &str, key: &str| {
        Call::new(&http, method, format!("{}{path}", engine.url())).bearer(key)
    };
    let make = async |expires: Option<String>| {
        let body = json!({ "name": "n", "scopes": ["read"], "expires_at": expires });
        let made = call(Method::POST, "/v1/admin/keys", ADMIN_KEY).json(&body).send().await;
        MadeKey::read(&made.ok(201))
    };
    let status = async |key: &str| call(Method::GET, "/v1/admin/drops", key).send().await.status;
    let (lasting, revoked) = (make(None).await, make(None).await);
    call(Method::DELETE, &format!("/v1/admin/keys/{}", revoked.id), ADMIN_KEY).send().await.ok(200);
    let soon = (Utc::now() + TimeDelta::seconds(4)).to_rfc3339();
    let short = make(Some(soon)).await;
    assert_eq!(status(&short.secret).await, 200);
    servers.postgres().kill().await.expect("it ends");
    // Whoever has a key is told that there is no answer; whoever has none, that.
    for (key, expected) in
        [(&lasting, 503), (&short, 503), (&revoked, 401)].map(|(key, status)| (&key.secret, status))
    {
        assert_eq!(status(key).await, expected);
    }
    eventually("it expires without a look", || async {
        (status(&short.secret).await == 401).then_some(())
    })
    .await;
    assert_eq!(status(&lasting.secret).await, 503);
    assert_eq!(status("dgk_nobody-knows-this-one").await, 401);
    assert_eq!(status(ADMIN_KEY).await, 503);
    servers.postgres().restart().await.expect("it starts");
    eventually("Postgres is back", || async {
        (status(&lasting.secret).await == 200).then_some(())
    })
    .await;
    assert_eq!(status(&revoked.secret).await, 401);
    assert_eq!(status(&short.secret).await, 401);
    drop(database);
}
