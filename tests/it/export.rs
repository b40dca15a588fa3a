//! A drop as a file, and the check of such a file.

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use crate::support::{EngineProcess, Sale, checked, eventually, lines};

async fn run(arguments: &[&str], sale: &Sale) -> Output {
    let (verb, more) = arguments.split_first().expect("a command");
    let mut command = EngineProcess::command(verb);
    command
        .args(more)
        .env("DROPGATE_DATABASE_URL", sale.world().database_url())
        .env("DROPGATE_REDIS_URL", sale.world().redis_url());
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("it ends");
    output.expect("it runs")
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned()
}

/// A drop to which everything has happened, numbers in every form included.
async fn sold() -> Sale {
    let sale = Sale::with(json!({ "name": "Sömmer", "limit_per_customer": 9 }), &[]).await;
    let details = json!({ "z": 1e16, "a": [1.5, 10.0, -0.0, 1e-7, 1e100, 9007199254740993_i64],
        "text": "\u{1f600} \"q\" \\ ü" });
    sale.sku("a", json!({ "initial_stock": 20, "details": details })).await;
    sale.sku("b", json!({ "initial_stock": 9, "limit_per_customer": 5 })).await;
    let calls = (0..6).map(|number| {
        let customer = format!("c-{number}");
        let sale = &sale;
        async move { sale.held(&customer, &[("a", 2), ("b", 1)]).await }
    });
    let held = futures_util::future::join_all(calls).await;
    sale.change(&held[0], &[("b", 1)]).send().await.ok(200);
    sale.extend(&held[0], json!({})).send().await.ok(200);
    sale.release(&held[1]).send().await.ok(200);
    for held in &held[2..5] {
        sale.confirm(held, json!({ "order_id": "o-1" })).send().await.ok(200);
    }
    let part = json!({ "lines": lines(&[("a", 1)]), "reason": "a \"tear\"", "restock": false });
    sale.give_back(&held[2], part).send().await.ok(200);
    sale.give_back(&held[3], json!({})).send().await.ok(200);
    let expired = sale.expired("late", &[("a", 1)]).await;
    let body = json!({ "order_id": "o-2", "reacquire": true });
    sale.confirm(&expired, body).send().await.ok(200);
    let body = json!({ "quantity": 3, "reason": "more", "reference": "r-1" });
    sale.restock("b", body).key("restock").send().await.ok(200);
    sale.act("close").await.ok(200);
    sale
}

/// The lines of an export, changed by `change`, in another file beside it.
fn tampered(file: &Path, change: impl FnOnce(&mut Vec<Value>)) -> String {
    let text = std::fs::read_to_string(file).expect("the export");
    let mut records: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    change(&mut records);
    let changed = file.with_extension("tampered");
    let text: String = records.iter().map(|record| format!("{record}\n")).collect();
    std::fs::write(&changed, text).expect("a file");
    changed.to_str().expect("UTF-8").to_owned()
}

#[tokio::test]
async fn an_export_is_whole_and_can_be_checked_by_itself() {
    let sale = sold().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("summer.jsonl");
    let path = file.to_str().expect("UTF-8");
    let output = run(&["export", sale.id(), "--out", path], &sale).await;
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let names: Vec<_> = std::fs::read_dir(folder.path()).expect("a folder").collect();
    assert_eq!(names.len(), 1, "nothing but the file: {names:?}");

    // Without a database.
    let mut command = EngineProcess::command("export");
    command.args(["--check", path]);
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("it ends");
    let output = output.expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    assert!(told(&output).contains("sound") && told(&output).contains(" 0 of them without a seal"));
    let output = run(&["export", "--check", path, "--json"], &sale).await;
    let checked: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&checked["export"], &checked["sound"]), (&json!(path), &json!(true)));
    assert_eq!((&checked["reservations"], &checked["violations"]), (&json!(7), &json!([])));

    // The same to the standard output.
    let output = run(&["export", sale.id()], &sale).await;
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    assert_eq!(output.stdout, std::fs::read(&file).expect("the export"));
    let output = run(&["export", sale.id(), "--json"], &sale).await;
    assert_eq!(output.stdout, std::fs::read(&file).expect("the export"));
    let written: Value = serde_json::from_slice(&output.stderr).expect("JSON");
    assert_eq!((&written["export"], &written["events"]), (&json!(sale.id()), &checked["events"]));
}

/// What the check says of a changed export. The last line alone would tell of every change, so what
/// is said of that is left out.
async fn found(
    sale: &Sale,
    file: &Path,
    name: &str,
    change: impl FnOnce(&mut Vec<Value>),
) -> String {
    let path = tampered(file, change);
    let output = run(&["export", "--check", &path], sale).await;
    let said = told(&output);
    assert_eq!(output.status.code(), Some(1), "{name}: {said}");
    said.lines().filter(|line| !line.contains("the last line")).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_changed_export_is_found_out() {
    let sale = sold().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("summer.jsonl");
    let output = run(&["export", sale.id(), "--out", file.to_str().expect("UTF-8")], &sale).await;
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let entry = |records: &mut Vec<Value>, kind: &str| {
        let at = records.iter().position(|record| {
            record["record"] == "entry"
                && record["rows"].as_array().expect("rows").iter().any(|row| row["kind"] == kind)
        });
        at.expect("such an entry")
    };
    let said = found(&sale, &file, "a quantity", |records| {
        let at = entry(records, "restocked");
        for row in records[at]["rows"].as_array_mut().expect("rows") {
            if row["kind"] == "restocked" {
                row["quantity"] = json!(row["quantity"].as_i64().expect("a number") + 1);
            }
        }
    });
    let said = said.await;
    assert!(said.contains("seal") && said.contains("the rows come to"), "{said}");
    let said = found(&sale, &file, "an order", |records| {
        let at = entry(records, "confirmed");
        records[at]["rows"][0]["order_id"] = json!("o-9");
    });
    assert!(said.await.contains("the seal of the entry"));
    let said = found(&sale, &file, "a customer", |records| {
        let id = records
            .iter()
            .find(|record| record["record"] == "reservation")
            .map(|record| record["id"].clone())
            .expect("a reservation");
        let text = serde_json::to_string(&*records).expect("JSON");
        // Consistently, in the reservation and in all its rows.
        let customer = records.iter().find(|record| record["id"] == id).expect("it")["customer_id"]
            .as_str()
            .expect("a text")
            .to_owned();
        let text = text.replace(&format!("\"{customer}\""), "\"somebody-else\"");
        *records = serde_json::from_str(&text).expect("JSON");
    });
    assert!(said.await.contains("the seal of the entry"));
    let said = found(&sale, &file, "an entry left out", |records| {
        let at = entry(records, "released");
        records.remove(at);
    });
    assert!(said.await.contains("comes behind"));
    let said = found(&sale, &file, "the stock", |records| {
        let sku = records.iter_mut().find(|record| record["record"] == "sku").expect("a sku");
        sku["available"] = json!(sku["available"].as_i64().expect("a number") + 1);
        sku["total"] = json!(sku["total"].as_i64().expect("a number") + 1);
    });
    assert!(said.await.contains("the rows come to"));
    let said = found(&sale, &file, "a reservation", |records| {
        let held = records.iter_mut().find(|record| record["state"] == "confirmed");
        held.expect("a reservation")["state"] = json!("released");
    });
    assert!(said.await.contains("another state"));
    // Cut off in the middle.
    let text = std::fs::read(&file).expect("the export");
    let cut = folder.path().join("cut");
    std::fs::write(&cut, &text[..text.len() / 2]).expect("a file");
    let output = run(&["export", "--check", cut.to_str().expect("UTF-8")], &sale).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(told(&output).contains("not whole"), "{}", told(&output));
}

#[tokio::test]
async fn an_erased_drop_is_exported_and_still_sound() {
    let sale = sold().await;
    // Its hold would be in the way.
    let cart = sale.shop(reqwest::Method::GET, "/reservations?customer_id=c-0&state=held");
    let cart = cart.send().await.ok(200);
    sale.release(&cart["items"][0]).send().await.ok(200);
    let before = checked(sale.world(), sale.id()).await;
    let output = run(&["erase", "c-0", "--drop", sale.id()], &sale).await;
    assert_eq!(output.status.code(), Some(1), "nobody said yes: {}", told(&output));
    assert_eq!(checked(sale.world(), sale.id()).await, before);
    for customer in ["c-0", "c-2", "c-3"] {
        let output = run(&["erase", customer, "--drop", sale.id(), "--yes"], &sale).await;
        assert_eq!(output.status.code(), Some(0), "{}", told(&output));
        assert!(told(&output).contains("1 reservations"), "{}", told(&output));
    }
    assert_eq!(checked(sale.world(), sale.id()).await, before);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("summer.jsonl");
    let path = file.to_str().expect("UTF-8");
    let output = run(&["export", sale.id(), "--out", path], &sale).await;
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let text = std::fs::read_to_string(&file).expect("the export");
    assert!(!text.contains("\"c-0\"") && !text.contains("\"c-2\"") && text.contains("\"c-1\""));
    assert_eq!(run(&["export", "--check", path], &sale).await.status.code(), Some(0));
    eventually("it is served again", || async {
        (sale.admin(reqwest::Method::GET, "/audit").send().await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_can_not_be_exported_leaves_no_file() {
    let sale = Sale::unborn().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("none");
    let path = file.to_str().expect("UTF-8");
    let output = run(&["export", sale.id(), "--out", path], &sale).await;
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
    assert_eq!(run(&["export"], &sale).await.status.code(), Some(2));
    assert_eq!(run(&["export", "--check", path], &sale).await.status.code(), Some(1));
}
