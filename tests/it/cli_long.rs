//! What commands say that take a while: bars for people who watch, JSON for programs.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::cli::run;
use crate::support::{EngineProcess, Sale, Terminal, World, eventually};

fn servers(world: &World) -> [(&'static str, &str); 2] {
    [("DROPGATE_DATABASE_URL", world.database_url()), ("DROPGATE_REDIS_URL", world.redis_url())]
}

#[tokio::test]
async fn an_audit_is_a_document_a_drop() {
    let sale = Sale::open(&[("a", 9)]).await;
    sale.confirmed("c", &[("a", 2)]).await;
    let settings = servers(sale.world());
    let words = format!("audit --json --drop {}", sale.id());
    let report = run(&words, &settings).await.json();
    assert_eq!(report, sale.admin(Method::GET, "/audit").send().await.ok(200));
    assert_eq!(
        (&report["balanced"], &report["skus"][0]["ledger"]["sold"]),
        (&json!(true), &json!(2))
    );

    let unborn = Sale::unborn().await;
    let ended = run(&format!("audit --json --drop {}", unborn.id()), &settings).await;
    assert_eq!((ended.status, ended.err.as_str()), (1, ""));
    let document: Value = serde_json::from_str(&ended.out).expect("JSON");
    assert_eq!(document["drop"], unborn.id());
    assert!(document["error"].is_string(), "{document}");
}

#[tokio::test]
async fn an_audit_of_all_drops_is_a_line_each() {
    let sales = [Sale::open(&[("a", 1)]).await, Sale::open(&[("a", 2)]).await];
    // Others come and go, and what they do meanwhile may leave an audit without an answer.
    let ended = run("audit --json", &servers(sales[0].world())).await;
    assert_eq!(ended.err, "");
    let reports: Vec<Value> =
        ended.out.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect();
    for sale in &sales {
        let report = reports.iter().find(|report| report["drop"] == sale.id()).expect("a report");
        assert_eq!(report["balanced"], true, "{report}");
    }
}

#[tokio::test]
async fn a_violation_ends_with_1() {
    let sale = Sale::open(&[("a", 9)]).await;
    // The ledger is looked at as somebody else's damage would leave it, and mended again.
    let (client, connection) =
        tokio_postgres::connect(sale.world().database_url(), tokio_postgres::NoTls)
            .await
            .expect("the ledger");
    tokio::spawn(connection);
    let damage = async |by: i64| {
        let sql =
            "UPDATE ledger SET quantity = quantity + $2 WHERE drop_id = $1 AND kind = 'restocked'";
        assert_eq!(client.execute(sql, &[&sale.id(), &by]).await.expect("a row"), 1);
    };
    damage(1).await;
    let ended = run(&format!("audit --json --drop {}", sale.id()), &servers(sale.world())).await;
    damage(-1).await;
    assert_eq!((ended.status, ended.err.as_str()), (1, ""));
    let report: Value = serde_json::from_str(&ended.out).expect("JSON");
    assert_eq!(report["balanced"], false);
    assert!(
        report["violations"][0].as_str().is_some_and(|text| text.contains("sku a")),
        "{report}"
    );
}

#[tokio::test]
async fn a_rebuild_is_told_as_json() {
    let sale = Sale::open(&[("a", 9)]).await;
    sale.held("c", &[("a", 2)]).await;
    let settings = servers(sale.world());
    let document = run(&format!("rebuild --json --drop {}", sale.id()), &settings).await;
    // The log may speak of the rebuild on standard error; the document stands alone.
    assert_eq!(document.status, 0, "{}", document.err);
    let document: Value = serde_json::from_str(&document.out).expect("JSON");
    assert_eq!(document, json!({ "drop": sale.id(), "rebuilt": true, "epoch": 2 }));
    eventually("calls are served again", || async {
        (sale.reserve("d", &[("a", 1)]).send().await.status == 201).then_some(())
    })
    .await;
}

/// A bar shows that something is done, on a terminal only, and leaves nothing behind.
#[tokio::test]
async fn bars_are_for_terminals() {
    let sale = Sale::open(&[("a", 9)]).await;
    sale.held("c", &[("a", 2)]).await;
    let start = |words: &[&str]| {
        let mut command = EngineProcess::command(words[0]);
        command.args(&words[1..]).args(["--drop", sale.id()]).envs(servers(sale.world()));
        Terminal::start(command, 24, 120)
    };
    for (verb, bar) in [("audit", "auditing"), ("rebuild", "/1 reservations")] {
        let mut terminal = start(&[verb]);
        assert_eq!(terminal.restored().await, 0);
        let (said, left) = (terminal.said(), terminal.contents());
        assert!(said.contains(bar), "{said}");
        assert!(left.contains(sale.id()) && !left.contains(bar), "{left}");

        let mut terminal = start(&[verb, "--json"]);
        assert_eq!(terminal.restored().await, 0);
        let said = terminal.said();
        assert!(said.contains("\"drop\"") && !said.contains(bar), "{said}");
    }
}
