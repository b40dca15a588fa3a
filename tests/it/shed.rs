//! Under overload the least useful calls are turned away first.

use std::collections::BTreeMap;
use std::fs::{self, File};

use reqwest::Method;
use serde_json::{Value, json};
use tokio_postgres::NoTls;

use crate::metrics::scrape;
use crate::support::{EngineProcess, Reply, Sale, eventually, within};

/// Calls under way from which on the least useful are turned away.
const ABOVE: usize = 8;

/// How often each status and code came.
fn by_code(replies: &[Reply]) -> BTreeMap<(u16, &str), usize> {
    let mut counts = BTreeMap::new();
    for reply in replies {
        *counts.entry((reply.status, reply.body["code"].as_str().unwrap_or(""))).or_default() += 1;
    }
    counts
}

async fn shed(engine: &EngineProcess, rank: &str) -> f64 {
    let name = format!("dropgate_shed_total{{rank=\"{rank}\"}} ");
    let lines = scrape(engine.url()).await;
    let found = lines.iter().find_map(|line| line.strip_prefix(&name)?.parse().ok());
    found.expect("the metric")
}

#[tokio::test]
async fn what_is_least_useful_goes_first() {
    let whole = Sale::open(&[("a", 100)]).await;
    let empty = Sale::open(&[("a", 0)]).await;
    let above = ABOVE.to_string();
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let mut command = EngineProcess::serving(
        whole.world().redis_url(),
        whole.world().database_url(),
        &[("DROPGATE_SHED_ABOVE", &above), ("DROPGATE_DATABASE_CONNECTIONS", "40")],
    );
    command.stderr(File::create(&log).expect("a log"));
    let engine = EngineProcess::start(command);
    let (sale, sold_out) = (whole.through(&engine), empty.through(&engine));
    let held = futures_util::future::join_all((0..20).map(|number| {
        let (whole, customer) = (&whole, format!("before-{number}"));
        async move { whole.held(&customer, &[("a", 1)]).await }
    }))
    .await;
    // Known to this engine, with their pictures.
    let path = |sale: &Sale| format!("/v1/drops/{}", sale.id());
    let read = async |of: &Sale| sale.anonymous(Method::GET, &path(of)).send().await;
    for of in [&sale, &sold_out] {
        read(of).await.ok(200);
    }

    // Nothing of the drop can become durable, so calls about it stay under way.
    let (mut database, connection) =
        tokio_postgres::connect(whole.world().database_url(), NoTls).await.expect("the ledger");
    tokio::spawn(connection);
    let locked = database.transaction().await.expect("a transaction");
    let lock = "SELECT FROM drops WHERE id = $1 FOR UPDATE";
    locked.execute(lock, &[&whole.id()]).await.expect("a lock");

    // Twice the number is what new holds may be.
    let holds = futures_util::future::join_all((0..2 * ABOVE + 5).map(|number| {
        let (sale, customer) = (&sale, format!("under-way-{number}"));
        async move { sale.reserve(&customer, &[("a", 1)]).send().await }
    }));
    let meanwhile = async {
        within(std::time::Duration::from_secs(1), "it is full", || async {
            (shed(&engine, "new").await == 5.0).then_some(())
        })
        .await;
        // The public, and who asks for what is gone, hear so at once; the process itself answers.
        for reply in [read(&sale).await, sold_out.reserve("x", &[("a", 1)]).send().await] {
            assert_eq!(reply.problem(503, "overloaded")["outcome"], "none");
        }
        assert_eq!(shed(&engine, "idle").await, 2.0);
        assert_eq!(shed(&engine, "owed").await, 0.0);
        sale.anonymous(Method::GET, "/healthz").send().await.ok(200);
        // With a key it may be one that was granted before: it ranks with new holds.
        let keyed = sold_out.reserve("x", &[("a", 1)]).key("k").send().await;
        keyed.problem(503, "overloaded");
        assert_eq!(shed(&engine, "new").await, 6.0);
        // Who has something is taken until there are four times as many.
        let releases = futures_util::future::join_all(held.iter().map(|held| {
            let sale = &sale;
            async move { sale.release(held).send().await }
        }));
        let free = async {
            eventually("full of what is owed too", || async {
                (shed(&engine, "owed").await == 4.0).then_some(())
            })
            .await;
            locked.rollback().await.expect("the lock goes");
        };
        let (releases, ()) = tokio::join!(releases, free);
        releases
    };
    let (holds, releases) = tokio::join!(holds, meanwhile);
    // Those that were taken were served; the others have done nothing.
    let expected = BTreeMap::from([((201, ""), 2 * ABOVE), ((503, "overloaded"), 5)]);
    assert_eq!(by_code(&holds), expected);
    let expected = BTreeMap::from([((200, ""), 2 * ABOVE), ((503, "overloaded"), 4)]);
    assert_eq!(by_code(&releases), expected);
    assert_eq!(sale.counts("a").await, (100, 80, 20, 0));
    // And it is over when it is over.
    read(&sale).await.ok(200);
    // The log tells of the first at once, and of the others how many they were.
    let log = fs::read_to_string(&log).expect("text");
    let told: Vec<&str> = log.lines().filter(|line| line.contains("a call failed")).collect();
    assert!(told[0].contains("/v1/drops/{drop}") && told[0].contains("503"), "{log}");
    assert!(told.len() < 12, "{log}");
}

#[tokio::test]
async fn buyers_are_served_while_a_crowd_reads() {
    const READERS: usize = 120;
    let whole = Sale::open(&[("a", 10_000)]).await;
    let settings = [("DROPGATE_SHED_ABOVE", "4")];
    let engine =
        EngineProcess::serve(whole.world().redis_url(), whole.world().database_url(), &settings);
    let sale = whole.through(&engine);
    let path = format!("/v1/drops/{}/skus/a", sale.id());
    // Readers who ask for what changes all the time, and a few who buy.
    let reads = futures_util::future::join_all((0..READERS).map(|_| {
        let (sale, path) = (&sale, &path);
        async move {
            let mut replies = Vec::new();
            for _ in 0..30 {
                replies.push(sale.anonymous(Method::GET, path).send().await);
            }
            replies
        }
    }));
    let buys = futures_util::future::join_all((0..6).map(|buyer| {
        let sale = &sale;
        async move {
            let mut bought: Vec<Value> = Vec::new();
            for turn in 0..20 {
                let customer = format!("{buyer}-{turn}");
                let held = eventually("there is room for a hold", || async {
                    let reply = sale.reserve(&customer, &[("a", 1)]).send().await;
                    (reply.status != 503).then_some(reply)
                })
                .await
                .ok(201);
                // Six buyers are fewer than what is owed may be: none of these is turned away.
                let confirm = sale.confirm(&held, json!({ "order_id": "o" })).send().await;
                bought.push(confirm.ok(200));
            }
            bought
        }
    }));
    let (_, bought) = tokio::join!(reads, buys);
    let bought: usize = bought.iter().map(Vec::len).sum();
    assert_eq!(bought, 120);
    assert_eq!(shed(&engine, "owed").await, 0.0);
    assert_eq!(sale.counts("a").await, (10_000, 9_880, 0, 120));
}
