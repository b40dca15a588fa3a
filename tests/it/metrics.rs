//! What `/metrics` tells: true, of a bounded number of things, and under the names that `ops/` asks
//! for.

use std::collections::BTreeSet;
use std::path::Path;

use reqwest::Method;
use serde_json::json;

use crate::support::{EngineProcess, Sale, World, eventually};

/// The lines of `/metrics` that are no comments.
pub(crate) async fn scrape(url: &str) -> Vec<String> {
    let text = reqwest::get(format!("{url}/metrics")).await.expect("an answer").text().await;
    let text = text.expect("text");
    text.lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The value of the one series with this name and all of these labels.
fn value(lines: &[String], name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let fits = |line: &&String| {
        let series = line.rsplit_once(' ').map_or("", |(series, _)| series);
        series.split('{').next() == Some(name)
            && labels.iter().all(|(label, value)| series.contains(&format!("{label}=\"{value}\"")))
    };
    let mut found = lines.iter().filter(fits);
    let line = found.next()?;
    assert!(found.next().is_none(), "{name} {labels:?} stands for more than one series");
    line.rsplit_once(' ').and_then(|(_, value)| value.parse().ok())
}

/// Every metric's name, without what a histogram puts behind it.
fn names(lines: &[String]) -> BTreeSet<String> {
    let name = |line: &String| {
        let name = line.split(['{', ' ']).next().expect("a name");
        let ends = ["_bucket", "_sum", "_count"];
        let end = ends.iter().find_map(|end| name.strip_suffix(end));
        end.unwrap_or(name).to_owned()
    };
    lines.iter().map(name).collect()
}

/// An engine that has seen no drop but that of `sale` in use: drops beyond a hundred share a label.
fn engine(sale: &Sale) -> EngineProcess {
    EngineProcess::serve(sale.world().redis_url(), sale.world().database_url(), &[])
}

#[tokio::test]
async fn every_call_is_counted_by_what_it_came_to() {
    let whole = Sale::with(json!({ "limit_per_customer": 3 }), &[("a", 4)]).await;
    let engine = engine(&whole);
    let sale = whole.through(&engine);
    let held = sale.reserve("c", &[("a", 1)]).key("k").send().await.ok(201);
    sale.reserve("c", &[("a", 1)]).key("k").send().await.ok(201);
    sale.reserve("c", &[("a", 2)]).key("k").send().await.problem(422, "idempotency_key_reused");
    sale.reserve("c", &[("a", 3)]).send().await.problem(409, "limit_exceeded");
    sale.reserve("d", &[("a", 3)]).send().await.ok(201);
    sale.reserve("e", &[("a", 1)]).send().await.problem(409, "sold_out");
    sale.reserve("e", &[("b", 1)]).send().await.problem(404, "unknown_sku");
    sale.extend(&held, json!({})).send().await.ok(200);
    sale.change(&held, &[("a", 1)]).send().await.ok(200);
    sale.confirm(&held, json!({ "order_id": "o-1" })).send().await.ok(200);
    sale.release(&held).send().await.problem(409, "already_confirmed");
    sale.give_back(&held, json!({})).send().await.ok(200);
    sale.restock("a", json!({ "quantity": 2 })).key("r").send().await.ok(200);
    sale.act("pause").await.ok(200);
    sale.reserve("f", &[("a", 1)]).send().await.problem(409, "drop_paused");
    let lines = scrape(engine.url()).await;
    for (verb, outcome, count) in [
        ("reserve", "done", 2.0),
        ("reserve", "replayed", 1.0),
        ("reserve", "idempotency_key_reused", 1.0),
        ("reserve", "limit_exceeded", 1.0),
        ("reserve", "sold_out", 1.0),
        ("reserve", "unknown_sku", 1.0),
        ("reserve", "drop_paused", 1.0),
        ("extend", "done", 1.0),
        ("change", "done", 1.0),
        ("confirm", "done", 1.0),
        ("release", "ended", 1.0),
        ("return", "done", 1.0),
        ("restock", "done", 1.0),
        ("configure", "done", 1.0),
    ] {
        let labels = [("drop", sale.id()), ("verb", verb), ("outcome", outcome)];
        assert_eq!(value(&lines, "dropgate_outcomes_total", &labels), Some(count), "{labels:?}");
    }
    let drop = [("drop", sale.id())];
    assert_eq!(value(&lines, "dropgate_halted", &drop), Some(0.0));
    assert_eq!(value(&lines, "dropgate_epoch", &drop), Some(1.0));
    let rises = |name: &str, labels: &[(&str, &str)]| {
        assert!(value(&lines, name, labels).is_some_and(|value| value > 0.0), "{name} {labels:?}");
    };
    rises("dropgate_turn_operations_count", &[]);
    rises("dropgate_redis_seconds_count", &[]);
    rises("dropgate_connections", &[]);
    rises("dropgate_postgres_connections_max", &[("pool", "writers")]);
    let hold = [("route", "/v1/drops/{drop}/reservations"), ("method", "POST")];
    rises("dropgate_http_seconds_count", &[hold[0], hold[1], ("status", "2xx")]);
    rises("dropgate_http_seconds_count", &[hold[0], hold[1], ("status", "4xx")]);
    // Whichever of the engines is the drop's usual writer.
    let others = sale.world();
    let both = [lines, scrape(others.url(0)).await, scrape(others.url(1)).await].concat();
    for name in ["dropgate_commit_events_count", "dropgate_ledger_wait_seconds_count"] {
        let counts =
            both.iter().filter_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok());
        assert!(counts.sum::<f64>() > 0.0, "{name}");
    }
}

#[tokio::test]
async fn each_task_tells_when_it_last_did_its_work() {
    let whole = Sale::open(&[("a", 1)]).await;
    let engine = engine(&whole);
    let sale = whole.through(&engine);
    sale.held("c", &[("a", 1)]).await;
    eventually("all of them have had a turn", || async {
        let lines = scrape(engine.url()).await;
        let age = |task| value(&lines, "dropgate_task_age_seconds", &[("task", task)]);
        let young = |task| age(task).is_some_and(|age| age < 60.0);
        let balanced = value(&lines, "dropgate_reconcile_balanced", &[("drop", sale.id())]);
        let of_drops = ["write_behind", "expire", "reconcile", "keep_up"];
        let of_the_process = ["keys", "presence", "tally", "warm"];
        let all = of_drops.into_iter().chain(of_the_process).all(young);
        (all && balanced == Some(1.0)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_comes_due_is_not_long_overdue() {
    let whole = Sale::open(&[("a", 5)]).await;
    let engine = engine(&whole);
    let sale = whole.through(&engine);
    sale.held_for(3, "c", &[("a", 1)]).await;
    let overdue = || async {
        let lines = scrape(engine.url()).await;
        value(&lines, "dropgate_expiry_lag_seconds", &[("drop", sale.id())]).expect("a lag")
    };
    assert!(overdue().await < 0.001, "it has some seconds yet");
    eventually("it is free again", || async { (sale.counts("a").await.1 == 5).then_some(()) })
        .await;
    eventually("nothing is due any more", || async { (overdue().await == 0.0).then_some(()) })
        .await;
}

#[tokio::test]
async fn addresses_that_clients_make_up_make_no_series() {
    let sale = Sale::unborn().await;
    let engine = engine(&sale);
    let get = async |path: String| {
        let url = format!("{}{path}", engine.url());
        let method = Method::from_bytes(b"BREW").expect("a method");
        reqwest::Client::new().request(method, &url).send().await.expect("an answer");
        reqwest::get(url).await.expect("an answer");
    };
    get("/nope/0".to_owned()).await;
    get("/v1/drops/none-0/skus/0".to_owned()).await;
    let series = async || {
        let lines = scrape(engine.url()).await;
        lines.iter().filter(|line| line.starts_with("dropgate_http_seconds_count")).count()
    };
    // The first look is a series of its own from the second on.
    series().await;
    let before = series().await;
    for n in 1..30 {
        get(format!("/nope/{n}")).await;
        get(format!("/v1/drops/none-{n}/skus/{n}")).await;
    }
    assert_eq!(series().await, before);
}

/// What stands in the files of a folder, and in those below it.
fn read(folder: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => text += &read(&path),
            false => text += &std::fs::read_to_string(&path).expect("text"),
        }
    }
    text
}

#[tokio::test]
async fn every_name_in_dashboards_alerts_and_documentation_is_exported() {
    let sale = Sale::open(&[("a", 1)]).await;
    sale.held("c", &[("a", 1)]).await;
    let exported = eventually("everything has been measured once", || async {
        let mut lines = scrape(World::shared().await.url(0)).await;
        lines.extend(scrape(World::shared().await.url(1)).await);
        // The first comparison comes ten seconds after the start.
        let names = names(&lines);
        names.contains("dropgate_reconcile_balanced").then_some(names)
    })
    .await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let documented = std::fs::read_to_string(root.join("docs/OPERATIONS.md")).expect("text");
    let operations = read(&root.join("ops"));
    let word = |c: char| !c.is_ascii_alphanumeric() && c != '_';
    let named = |text: &str| -> BTreeSet<String> {
        let words = text.split(word).filter(|word| word.starts_with("dropgate_"));
        names(&words.map(str::to_owned).collect::<Vec<_>>())
    };
    let asked = named(&operations);
    assert!(asked.len() > 20, "{asked:?}");
    let unknown: Vec<_> = asked.difference(&exported).collect();
    assert!(unknown.is_empty(), "ops/ asks for what nobody exports: {unknown:?}");
    let told: BTreeSet<_> =
        named(&documented).into_iter().filter(|name| *name != "dropgate_commit").collect();
    let missing: Vec<_> = exported.symmetric_difference(&told).collect();
    assert!(missing.is_empty(), "docs/OPERATIONS.md and /metrics disagree on {missing:?}");
    let idle: Vec<_> = exported.difference(&asked).collect();
    assert!(idle.is_empty(), "no dashboard shows {idle:?}");
}
