//! SKUs' details are read through copies, and never stale.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use chrono::{SecondsFormat, TimeDelta, Utc};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::metrics::scrape;
use crate::support::{EngineProcess, Sale, eventually, keys_with, remove_keys, within};

/// Changes of the details under which a stale answer is looked for.
const CHANGES: i64 = 150;

async fn read(sale: &Sale, tag: Option<&str>) -> (StatusCode, String, Value) {
    let url = sale.url(&format!("/v1/drops/{}/skus/a", sale.id()));
    let mut call = reqwest::Client::new().get(url);
    if let Some(tag) = tag {
        call = call.header("If-None-Match", tag);
    }
    let answer = call.send().await.expect("an answer");
    let (status, tag) =
        (answer.status(), answer.headers()["etag"].to_str().expect("text").to_owned());
    let body = answer.bytes().await.expect("a body");
    (status, tag, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

/// What one reader of one engine saw: the version of each answer with its details' number.
async fn follow(
    sale: &Sale,
    told: &AtomicI64,
    same_engine: bool,
    done: &AtomicBool,
) -> Vec<(i64, i64)> {
    let mut seen: Vec<(i64, i64)> = Vec::new();
    let mut tag: Option<String> = None;
    while !done.load(Ordering::Relaxed) {
        let at_least = told.load(Ordering::Acquire);
        let (status, new, body) = read(sale, tag.as_deref()).await;
        let now = if status == StatusCode::NOT_MODIFIED {
            assert_eq!(tag.as_ref(), Some(&new));
            *seen.last().expect("a tag comes with an answer")
        } else {
            assert_eq!(status, StatusCode::OK, "{body}");
            let number = body["details"]["number"].as_i64().expect("a number");
            let filler = body["details"]["text"].as_str().expect("a text");
            assert_eq!(filler, text(number), "the details are those of another change");
            (body["version"].as_i64().expect("a version"), number)
        };
        if same_engine {
            assert!(now.1 >= at_least, "{now:?} was read behind the answer to change {at_least}");
        }
        if let Some(last) = seen.last() {
            assert!(now >= *last, "{now:?} was read behind {last:?}");
        }
        if seen.last() != Some(&now) {
            seen.push(now);
        }
        tag = Some(new);
    }
    seen
}

fn text(number: i64) -> String {
    format!("details of change {number} ").repeat(40)
}

async fn change(sale: &Sale, number: i64) -> Value {
    sale.sku("a", json!({ "details": { "number": number, "text": text(number) } })).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_stale_details_under_load_in_two_processes_and_through_a_rebuild() {
    let sale = Sale::open(&[("a", 100_000)]).await;
    let elsewhere = sale.elsewhere();
    change(&sale, 0).await;
    eventually("the other engine has them", || async {
        let (.., body) = read(&elsewhere, None).await;
        (body["details"]["number"] == 0).then_some(())
    })
    .await;
    let (told, done) = (AtomicI64::new(0), AtomicBool::new(false));
    let write = async {
        // The SKU's version by the change that it belongs to.
        let mut versions: Vec<(i64, i64)> = Vec::new();
        for number in 1..=CHANGES {
            let through = if number % 3 == 0 { &elsewhere } else { &sale };
            let answer = change(through, number).await;
            assert_eq!(answer["details"]["number"], number);
            versions.push((answer["version"].as_i64().expect("a version"), number));
            if through.url("") == sale.url("") {
                told.store(number, Ordering::Release);
            }
            if number == CHANGES / 2 {
                // All of it: books and copies.
                remove_keys(sale.world(), &format!("dg:{{{}}}:*", sale.id())).await;
            }
        }
        done.store(true, Ordering::Relaxed);
        versions
    };
    // Buyers move the stock, and with it the version, all the while.
    let buy = async {
        let mut customer = 0;
        while !done.load(Ordering::Relaxed) {
            customer += 1;
            sale.reserve(&format!("c{customer}"), &[("a", 1)]).send().await;
        }
    };
    let (versions, (), here, also, there) = tokio::join!(
        write,
        buy,
        follow(&sale, &told, true, &done),
        follow(&sale, &told, true, &done),
        follow(&elsewhere, &told, false, &done),
    );
    let answered: HashMap<i64, i64> = versions.iter().map(|(version, n)| (*n, *version)).collect();
    let mut all = 0;
    for (version, number) in here.iter().chain(&also).chain(&there) {
        // The answer to a change shows its event, or one right behind it; the next change came later.
        if let Some(before) = answered.get(&(number - 1)) {
            assert!(version > before, "{number} at {version}, the one before was at {before}");
        }
        if let Some(next) = answered.get(&(number + 1)) {
            assert!(version < next, "{number} at {version}, the next was at {next}");
        }
        all += 1;
    }
    assert!(all > 3 * 20, "hardly anything was read: {all}");
    for sale in [&sale, &elsewhere] {
        within(Duration::from_secs(2), "the last ones are shown", || async {
            let (.., body) = read(sale, None).await;
            (body["details"]["number"] == CHANGES).then_some(())
        })
        .await;
    }
}

async fn copies(sale: &Sale) -> usize {
    keys_with(sale.world(), &format!("dg:{{{}}}:details:", sale.id())).await.len()
}

fn number(lines: &[String], series: &str) -> f64 {
    let found = lines.iter().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    found.expect(series).parse().expect("a number")
}

#[tokio::test]
async fn versions_of_before_take_no_room_for_long() {
    let whole = Sale::open(&[("a", 9)]).await;
    let world = whole.world();
    let settings = [("DROPGATE_DETAILS_TTL_SECONDS", "1")];
    let engine = EngineProcess::serve(world.redis_url(), world.database_url(), &settings);
    let sale = whole.through(&engine);
    let mut most = 0.0_f64;
    for count in 0..60 {
        change(&sale, count).await;
        let (.., body) = read(&sale, None).await;
        assert_eq!(body["details"]["number"], count);
        most = most.max(number(&scrape(engine.url()).await, "dropgate_details_bytes"));
    }
    assert!(most > 0.0 && copies(&sale).await > 0);
    // Nobody deletes them: their time ends. An engine of the shared world that first saw the drop
    // meanwhile has fetched what it showed then, and keeps that for longer.
    let others = 2;
    eventually("Redis has none any more", || async {
        (copies(&sale).await <= others).then_some(())
    })
    .await;
    eventually("the process has none any more", || async {
        // The cache cleans up when it is used.
        sale.held("c", &[("a", 1)]).await;
        read(&sale, None).await;
        let bytes = number(&scrape(engine.url()).await, "dropgate_details_bytes");
        (bytes <= most / 10.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn copies_of_one_process_serve_the_others() {
    let whole = Sale::open(&[("a", 9)]).await;
    change(&whole, 1).await;
    read(&whole, None).await;
    assert_eq!(copies(&whole).await, 1);
    let world = whole.world();
    let engine = EngineProcess::serve(world.redis_url(), world.database_url(), &[]);
    let sale = whole.through(&engine);
    let (.., body) = read(&sale, None).await;
    assert_eq!(body["details"]["number"], 1);
    let lines = scrape(engine.url()).await;
    assert_eq!(number(&lines, "dropgate_details_reads_total{from=\"redis\"}"), 1.0);
    assert_eq!(number(&lines, "dropgate_details_reads_total{from=\"postgres\"}"), 0.0);
}

#[tokio::test]
async fn a_sku_without_details_asks_nobody() {
    let sale = Sale::open(&[("a", 9)]).await;
    let (.., body) = read(&sale, None).await;
    assert_eq!(body["details"], json!({}));
    assert_eq!(copies(&sale).await, 0);
}

#[tokio::test]
async fn a_drop_is_warm_before_it_opens() {
    let opens = (Utc::now() + TimeDelta::seconds(50)).to_rfc3339_opts(SecondsFormat::Millis, true);
    let settings = json!({ "state": "scheduled", "opens_at": opens });
    let sale = Sale::with(settings, &[("a", 9), ("b", 9)]).await;
    change(&sale, 7).await;
    sale.sku("b", json!({ "details": { "colour": "red" } })).await;
    // One that nobody has asked anything yet.
    let world = sale.world();
    let engine = EngineProcess::serve(world.redis_url(), world.database_url(), &[]);
    eventually("it has the details of both", || async {
        let lines = scrape(engine.url()).await;
        let read =
            |from| number(&lines, &format!("dropgate_details_reads_total{{from=\"{from}\"}}"));
        (read("redis") + read("postgres") >= 2.0).then_some(())
    })
    .await;
    let through = sale.through(&engine);
    let (.., body) = read(&through, None).await;
    assert_eq!(body["details"]["number"], 7);
    let lines = scrape(engine.url()).await;
    assert!(number(&lines, "dropgate_details_reads_total{from=\"process\"}") >= 1.0);
    // So that its books are looked at as those of any other.
    sale.admin(Method::GET, "").send().await.ok(200);
}
