//! `dropgate ledger`: everything that happened, in order, whoever reads it and however long it is.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

use dropgate::local::TestServers;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tokio_postgres::NoTls;

use crate::support::cli::{Ended, run};
use crate::support::{EngineProcess, Sale, peak};

async fn ledger(sale: &Sale, more: &str) -> Ended {
    let settings = [("DROPGATE_DATABASE_URL", sale.world().database_url())];
    run(&format!("ledger {} {more}", sale.id()), &settings).await
}

fn rows(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
}

/// Everything that the API has of a drop's ledger.
async fn by_api(sale: &Sale) -> Vec<Value> {
    let (mut all, mut after) = (Vec::new(), "0".to_owned());
    loop {
        let path = format!("/ledger?limit=1000&after_seq={after}");
        let page = sale.admin(Method::GET, &path).send().await.ok(200);
        all.extend(page["items"].as_array().expect("items").iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut after),
            None => return all,
        }
    }
}

/// A drop in which some of everything has happened.
async fn lively() -> Sale {
    let sale = Sale::open(&[("a", 9), ("b", 9)]).await;
    let held = sale.held("c-1", &[("a", 2), ("b", 1)]).await;
    sale.change(&held, &[("a", 1), ("b", 3)]).send().await.ok(200);
    sale.confirm(&held, json!({ "order_id": "o-1" })).send().await.ok(200);
    let back = json!({ "lines": [{ "sku": "a", "quantity": 1 }], "reason": "broken, \"badly\"" });
    sale.give_back(&held, back).send().await.ok(200);
    let other = sale.held("c-2", &[("b", 1)]).await;
    sale.release(&other).send().await.ok(200);
    let body = json!({ "quantity": -2, "reference": "r:1", "reason": "lost, or =1+1" });
    sale.restock("a", body).key("k").send().await.ok(200);
    sale.act("close").await.ok(200);
    sale
}

#[tokio::test]
async fn every_format_has_the_same_rows_as_the_api() {
    let sale = lively().await;
    let wanted = by_api(&sale).await;
    for jsonl in ["--json", "--format jsonl"] {
        assert_eq!(rows(&ledger(&sale, jsonl).await.done()), wanted);
    }
    let text = ledger(&sale, "--format csv").await.done();
    let mut csv = csv::Reader::from_reader(text.as_bytes());
    let names = csv.headers().expect("a header").clone();
    let as_text = |value: &Value| match value.as_str() {
        Some(text) => text.to_owned(),
        None if value.is_null() => String::new(),
        None => value.to_string(),
    };
    let read: Vec<csv::StringRecord> = csv.records().map(|row| row.expect("a row")).collect();
    assert_eq!(read.len(), wanted.len());
    for (row, wanted) in read.iter().zip(&wanted) {
        assert_eq!(names.len(), wanted.as_object().expect("an object").len());
        for (name, cell) in names.iter().zip(row) {
            assert_eq!(cell, as_text(&wanted[name]), "{name}");
        }
    }
    let table = ledger(&sale, "").await.done();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), wanted.len() + 1);
    assert!(lines[0].split_whitespace().eq(names.iter()), "{table}");
    let column = lines[0].find("kind").expect("a column");
    for (line, wanted) in lines[1..].iter().zip(&wanted) {
        let kind = line[column..].split_whitespace().next().expect("a cell");
        assert_eq!(kind, wanted["kind"], "columns are aligned: {table}");
    }
}

#[tokio::test]
async fn filters_leave_what_fits_all_of_them() {
    let sale = lively().await;
    let all = by_api(&sale).await;
    let check = async |words: &str, fits: &dyn Fn(&Value) -> bool| {
        let wanted: Vec<Value> = all.iter().filter(|row| fits(row)).cloned().collect();
        assert!(!wanted.is_empty() && wanted.len() < all.len(), "{words}");
        assert_eq!(
            rows(&ledger(&sale, &format!("--json {words}")).await.done()),
            wanted,
            "{words}"
        );
    };
    check("--customer c-1", &|row| row["customer_id"] == "c-1").await;
    check("--sku a", &|row| row["sku"] == "a").await;
    check("--kind held", &|row| row["kind"] == "held").await;
    check("--kind held --kind released", &|row| row["kind"] == "held" || row["kind"] == "released")
        .await;
    check("--customer c-1 --sku b --kind held", &|row| {
        row["customer_id"] == "c-1" && row["sku"] == "b" && row["kind"] == "held"
    })
    .await;
    let middle = &all[all.len() / 2];
    let seq = middle["seq"].as_i64().expect("a seq");
    check(&format!("--after-seq {seq}"), &|row| row["seq"].as_i64().expect("a seq") > seq).await;
    let reservation = all.iter().find_map(|row| row["reservation_id"].as_str()).expect("one");
    check(&format!("--reservation {reservation}"), &|row| row["reservation_id"] == reservation)
        .await;
    // Times have one form, so texts compare as they do. The first row is the drop's own making.
    let at = all.last().expect("a row")["occurred_at"].as_str().expect("a time").to_owned();
    let when = |row: &Value| row["occurred_at"].as_str().expect("a time").to_owned();
    check(&format!("--until {at}"), &|row| when(row) < at).await;
    check(&format!("--since {at}"), &|row| when(row) >= at).await;
    // Nothing fits: no rows, and only the table and CSV have a header.
    assert_eq!(ledger(&sale, "--customer nobody --json").await.done(), "");
    for format in ["", "--format csv"] {
        let text = ledger(&sale, &format!("--customer nobody {format}")).await.done();
        assert_eq!(text.lines().count(), 1, "{text}");
    }
    let last = all.last().expect("a row")["seq"].as_i64().expect("a seq");
    assert_eq!(ledger(&sale, &format!("--json --after-seq {last}")).await.done(), "");
    assert_eq!(ledger(&sale, "--json --after-seq 9223372036854775807").await.done(), "");
}

#[tokio::test]
async fn what_can_be_read_in_pieces_is_whole() {
    const HOLDS: usize = 2_300;
    let sale = Sale::open(&[("a", 10_000)]).await;
    for some in (0..HOLDS).collect::<Vec<_>>().chunks(230) {
        let held = some.iter().map(|n| {
            let (sale, customer) = (&sale, format!("c-{n}"));
            async move { sale.held(&customer, &[("a", 1)]).await }
        });
        join_all(held).await;
    }
    let wanted = by_api(&sale).await;
    assert!(wanted.len() > HOLDS);
    assert_eq!(rows(&ledger(&sale, "--json").await.done()), wanted);
    let table = ledger(&sale, "--kind held").await.done();
    assert_eq!(table.lines().count(), HOLDS + 1, "one header, however many pieces");
}

#[tokio::test]
async fn what_cant_be_written_out_is_told() {
    let unborn = Sale::unborn().await;
    let said = ledger(&unborn, "").await.failed(1);
    assert!(said.contains(unborn.id()) && said.contains("drop list"), "{said}");
    for words in ["--kind bought", "--format xml", "--after-seq -1", "--since now"] {
        ledger(&unborn, words).await.failed(2);
    }
    let said = run("ledger d", &[]).await.failed(2);
    assert!(said.contains("DROPGATE_DATABASE_URL is not set: "), "{said}");
    let nobody = [("DROPGATE_DATABASE_URL", "postgres://u@127.0.0.1:1/d")];
    let said = run("ledger d", &nobody).await.failed(3);
    assert!(said.contains("not available") && said.contains("DROPGATE_DATABASE_URL"), "{said}");
}

/// A ledger of more than a hundred megabytes of JSON: whether a few lines of it are read or nearly
/// all, the command needs as little memory.
#[tokio::test]
async fn memory_is_bounded_and_a_closed_pipe_ends_quietly() {
    const EVENTS: i64 = 200_000;
    let servers = TestServers::shared().await.expect("servers");
    let database = servers.new_database("ledger").await.expect("a database");
    let settings = [("DROPGATE_DATABASE_URL", database.url())];
    run("migrate --json", &settings).await.json();
    let (client, connection) =
        tokio_postgres::connect(database.url(), NoTls).await.expect("the database");
    tokio::spawn(connection);
    let fill = format!(
        "INSERT INTO drops (id, name, state, epoch, last_seq)
         VALUES ('d', 'd', 'open', 1, {EVENTS});
         INSERT INTO ledger (drop_id, epoch, seq, line, kind, sku, quantity, occurred_at, reason)
         SELECT 'd', 1, n, 0, 'restocked', 'a', 1, now(), repeat('why ', 100)
         FROM generate_series(1, {EVENTS}) n"
    );
    client.batch_execute(&fill).await.expect("rows");
    let ended = tokio::task::spawn_blocking(move || {
        [3, EVENTS - 1_000].map(|lines| {
            let mut command = EngineProcess::command("ledger");
            command.args(["d", "--json"]).env("DROPGATE_DATABASE_URL", database.url());
            let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn().expect("it starts");
            let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
            let mut line = String::new();
            for n in 1..=lines {
                line.clear();
                out.read_line(&mut line).expect("a line");
                let row: Value = serde_json::from_str(&line).expect("JSON");
                assert_eq!(row["seq"], n);
            }
            // It has more to say than a pipe holds, so it waits for its reader.
            let peak = peak(child.id());
            drop(out);
            let status = child.wait().expect("its status").code();
            let mut said = String::new();
            let mut err = child.stderr.take().expect("a pipe");
            err.read_to_string(&mut said).expect("text");
            assert_eq!((status, said.as_str()), (Some(0), ""));
            peak
        })
    });
    let [few, many] = ended.await.expect("both end");
    // 200,000 rows of more than 500 bytes are more than 100 MB.
    assert!(many < few + 20_000, "{few} kB after three lines, {many} kB after nearly all");
}
