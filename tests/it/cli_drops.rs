//! `dropgate drop`: what people do with drops, and what they are told when it can't be done.

use std::fs;

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::cli::{ask, engine, run};
use crate::support::{ADMIN_KEY, Sale, World};

/// The cells of a table's line.
fn cells(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

#[tokio::test]
async fn a_drop_is_made_shown_opened_paused_and_closed() {
    let sale = Sale::unborn().await;
    let id = sale.id();
    let made = ask(&format!(
        "drop create {id} --name Summer --sku shoe=100/2 --sku hat=5 --limit 4 --hold-seconds 60 \
         --max-hold-seconds 120 --opens-at 2090-01-01T00:00:00Z --expiring-soon 40,20"
    ))
    .await
    .done();
    let view = sale.admin(Method::GET, "").send().await.ok(200);
    assert_eq!((&view["name"], &view["state"]), (&json!("Summer"), &json!("scheduled")));
    assert_eq!(view["opens_at"], "2090-01-01T00:00:00.000Z");
    assert_eq!((&view["hold_ttl_seconds"], &view["max_hold_seconds"]), (&json!(60), &json!(120)));
    assert_eq!(view["limit_per_customer"], 4);
    assert_eq!(view["expiring_soon_seconds"], json!([40, 20]));
    assert_eq!(view["skus"][0]["limit_per_customer"], 2);
    assert_eq!(sale.counts("shoe").await, (100, 100, 0, 0));
    assert_eq!(sale.counts("hat").await, (5, 5, 0, 0));

    assert!(made.lines().any(|line| cells(line) == ["warned", "40", "s,", "20", "s", "before"]));

    // What was made is what `show` shows, for people and for programs.
    assert_eq!(ask(&format!("drop show {id}")).await.done(), made);
    let lines: Vec<&str> = made.lines().collect();
    assert!(lines.iter().any(|line| cells(line) == ["shoe", "100", "100", "0", "0", "2", "shoe"]));
    assert_eq!(ask(&format!("drop show {id} --json")).await.json(), view);

    for (verb, state) in [("open", "open"), ("pause", "paused"), ("close", "closed")] {
        let said = ask(&format!("drop {verb} {id}")).await.done();
        assert_eq!(said, format!("{id} is {state}.\n"));
        assert_eq!(sale.admin(Method::GET, "").send().await.ok(200)["state"], state);
    }
    let document = ask(&format!("drop open {id} --json")).await.json();
    assert_eq!((&document["id"], &document["state"]), (&json!(id), &json!("open")));
}

#[tokio::test]
async fn the_list_has_every_drop_with_its_units() {
    let sale = Sale::open(&[("a", 9), ("b", 1)]).await;
    sale.held("c", &[("a", 2), ("b", 1)]).await;
    sale.confirmed("d", &[("a", 3)]).await;
    let table = ask("drop list").await.done();
    assert!(cells(&table).starts_with(&["DROP", "STATE", "SKUS", "TOTAL"]), "{table}");
    let line = table.lines().find(|line| line.starts_with(sale.id())).expect("the drop");
    assert_eq!(cells(line)[1..7], ["open", "2", "10", "4", "3", "3"]);
    let starts = |line: &str| line.find("open").or_else(|| line.find("STATE"));
    let header = table.lines().next().expect("a header");
    assert_eq!(starts(line), starts(header), "columns are aligned");

    let page = ask("drop list --json").await.json();
    let items = page["items"].as_array().expect("items");
    let found = items.iter().find(|drop| drop["id"] == sale.id()).expect("the drop");
    assert_eq!(*found, sale.admin(Method::GET, "").send().await.ok(200));
}

#[tokio::test]
async fn a_drop_that_exists_is_left_alone_or_brought_up_to_date() {
    let sale = Sale::open(&[("a", 9)]).await;
    let id = sale.id();
    let before = sale.admin(Method::GET, "").send().await.ok(200);
    let said = ask(&format!("drop create {id} --name Other --sku a=50 --sku b=7")).await.failed(1);
    assert!(said.contains("already") && said.contains("--update"), "{said}");
    assert_eq!(sale.admin(Method::GET, "").send().await.ok(200), before);

    let update = format!("drop create {id} --name Other --sku a=50 --sku b=7 --limit 3 --update");
    for _ in 0..2 {
        ask(&update).await.done();
        assert_eq!((sale.counts("a").await, sale.counts("b").await), ((9, 9, 0, 0), (7, 7, 0, 0)));
    }
    let view = sale.admin(Method::GET, "").send().await.ok(200);
    assert_eq!((&view["name"], &view["limit_per_customer"]), (&json!("Other"), &json!(3)));
    assert_eq!(view["expiring_soon_seconds"], json!([60, 10]), "nobody has said anything else");
    ask(&format!("drop create {id} --limit none --expiring-soon none --update")).await.done();
    let view = sale.admin(Method::GET, "").send().await.ok(200);
    assert_eq!((&view["name"], &view["limit_per_customer"]), (&json!("Other"), &json!(null)));
    assert_eq!(view["expiring_soon_seconds"], json!([]));
}

#[tokio::test]
async fn a_refusal_ends_with_1_and_says_what_to_do() {
    let unborn = Sale::unborn().await;
    for verb in ["show", "open", "pause", "close"] {
        let said = ask(&format!("drop {verb} {}", unborn.id())).await.failed(1);
        assert!(said.contains("unknown_drop") && said.contains("drop list"), "{said}");
    }
    let over = Sale::with(json!({ "closes_at": "2020-01-01T00:00:00Z" }), &[]).await;
    let said = ask(&format!("drop open {}", over.id())).await.failed(1);
    assert!(said.contains("drop_closed") && said.contains("--closes-at"), "{said}");
    // Nothing was made of what the engine refuses as a whole.
    let wrong = "--opens-at 2090-01-02T00:00:00Z --closes-at 2090-01-01T00:00:00Z";
    let said = ask(&format!("drop create {} {wrong}", unborn.id())).await.failed(1);
    assert!(said.contains("invalid_request") && said.contains("closes_at"), "{said}");
    unborn.admin(Method::GET, "").send().await.problem(404, "unknown_drop");

    let world = World::shared().await;
    let wrong = [("DROPGATE_URL", world.url(0)), ("DROPGATE_ADMIN_KEY", "0123456789abcdef-x")];
    let said = run("drop list", &wrong).await.failed(1);
    assert!(said.contains("unauthenticated") && said.contains("DROPGATE_ADMIN_KEY"), "{said}");
    let reads = over.make_key(&["read"], None).await;
    let reader = [("DROPGATE_URL", world.url(0)), ("DROPGATE_ADMIN_KEY", reads.secret.as_str())];
    run("drop list", &reader).await.done();
    let said = run(&format!("drop open {}", over.id()), &reader).await.failed(1);
    assert!(said.contains("forbidden") && said.contains("scope admin"), "{said}");
}

#[tokio::test]
async fn wrong_use_ends_with_2() {
    let world = World::shared().await;
    for words in ["drop", "drop show", "drop create {}", "drop list --admin-key 0123456789abcdef-a"]
    {
        ask(words).await.failed(2);
    }
    let empty = tempfile::tempdir().expect("a folder");
    let folder = empty.path().to_str().expect("UTF-8");
    let said = run("drop list", &[("DROPGATE_DATA_DIR", folder)]).await.failed(2);
    assert!(said.contains("DROPGATE_ADMIN_KEY is not set: "), "{said}");
    for (name, value) in [
        ("DROPGATE_URL", "redis://h"),
        ("DROPGATE_URL", "http://user:secret@h"),
        ("DROPGATE_ADMIN_KEY", "short"),
        ("DROPGATE_ADMIN_KEY_FILE", "/nowhere"),
    ] {
        let mut settings: Vec<(&str, &str)> = engine(world.url(0)).to_vec();
        settings.retain(|(known, _)| !name.starts_with(known));
        settings.push((name, value));
        let said = run("drop list", &settings).await.failed(2);
        assert!(said.contains(name) && !said.contains("secret"), "{said}");
        assert_eq!(said.trim_end().lines().count(), 1, "{said}");
    }
}

#[tokio::test]
async fn the_key_comes_from_a_file_or_from_what_dev_keeps() {
    let world = World::shared().await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    fs::write(path("key"), format!("{ADMIN_KEY}\n")).expect("written");
    let file = path("key");
    let from_file = [("DROPGATE_URL", world.url(0)), ("DROPGATE_ADMIN_KEY_FILE", file.as_str())];
    run("drop list", &from_file).await.done();

    let kept = format!("DROPGATE_ADMIN_KEY={ADMIN_KEY}\nDROPGATE_STOREFRONT_KEY=x\n");
    fs::write(path("keys.env"), kept).expect("written");
    let data_dir = path("");
    let from_dev = [("DROPGATE_URL", world.url(0)), ("DROPGATE_DATA_DIR", data_dir.as_str())];
    run("drop list", &from_dev).await.done();
    // It never leaves this machine.
    let elsewhere = [("DROPGATE_URL", "http://shop.example"), ("DROPGATE_DATA_DIR", &data_dir)];
    let said = run("drop list", &elsewhere).await.failed(2);
    assert!(said.contains("DROPGATE_ADMIN_KEY is not set"), "{said}");
}

/// A server that answers every request with this, or never.
async fn stranger(answer: Option<&'static str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut some = [0; 4096];
            let _ = stream.read(&mut some).await;
            match answer {
                Some(answer) => drop(stream.write_all(answer.as_bytes()).await),
                None => kept.push(stream),
            }
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn an_engine_that_is_not_there_ends_with_3() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let nobody = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    for words in ["drop list", "drop open d", "drop create d"] {
        let said = run(words, &engine(&nobody)).await.failed(3);
        assert!(said.contains("no answer") && said.contains("Nothing was changed"), "{said}");
        assert!(said.contains(&nobody) && said.contains("DROPGATE_URL"), "{said}");
    }
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi",
        "HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi",
        "HTTP/1.1 302 Found\r\nlocation: /x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    ] {
        let url = stranger(Some(answer)).await;
        let said = run("drop list", &engine(&url)).await.failed(3);
        assert!(said.contains("no Dropgate engine"), "{said}");
    }
    // A proxy that gives up may have passed the call on.
    let url = stranger(Some(
        "HTTP/1.1 504 Gateway Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    ))
    .await;
    let said = run("drop open d", &engine(&url)).await.failed(3);
    assert!(said.contains("the outcome is unknown") && said.contains("drop show d"), "{said}");
}

#[tokio::test]
async fn no_answer_is_waited_for_but_not_for_ever() {
    let url = stranger(None).await;
    let settings = engine(&url);
    let (shown, opened) =
        tokio::join!(run("drop show d", &settings), run("drop open d", &settings));
    assert!(shown.failed(3).contains("did not come in time"));
    let said = opened.failed(3);
    assert!(said.contains("the outcome is unknown") && said.contains("drop show d"), "{said}");
}
