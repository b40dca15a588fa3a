//! The program's commands: how each starts, or says in one line why not.

use std::process::Output;

use dropgate::local::TestServers;
use reqwest::Method;
use serde_json::json;

use crate::support::{EngineProcess, Sale, World};

/// Runs a command to its end, away from the test's runtime.
async fn run(arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    let (verb, more) = arguments.split_first().expect("a command");
    let mut command = EngineProcess::command(verb);
    command.args(more).envs(settings.iter().copied());
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("it ends");
    output.expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

#[tokio::test]
async fn a_wrong_setting_stops_the_start_with_one_line() {
    let good = [
        ("DROPGATE_LISTEN", "127.0.0.1:0"),
        ("DROPGATE_REDIS_URL", "redis://127.0.0.1:1"),
        ("DROPGATE_DATABASE_URL", "postgres://u@127.0.0.1:1/d"),
        ("DROPGATE_ADMIN_KEY", "0123456789abcdef-a"),
        ("DROPGATE_STOREFRONT_KEY", "0123456789abcdef-s"),
    ];
    for (name, value) in [
        ("DROPGATE_REDIS_URL", ""),
        ("DROPGATE_DATABASE_URL", ""),
        ("DROPGATE_ADMIN_KEY", ""),
        ("DROPGATE_STOREFRONT_KEY", ""),
        ("DROPGATE_LISTEN", "nowhere"),
        ("DROPGATE_LISTEN", "127.0.0.1:99999"),
        ("DROPGATE_REDIS_URL", "http://127.0.0.1"),
        ("DROPGATE_REDIS_URL", "redis://127.0.0.1:port"),
        ("DROPGATE_DATABASE_URL", "mysql://127.0.0.1/d"),
        ("DROPGATE_ADMIN_KEY", "short"),
        ("DROPGATE_STOREFRONT_KEY", "0123456789abcdef-a"),
        ("DROPGATE_HOLD_ACK", "never"),
        ("DROPGATE_ANSWER_TIMEOUT_MS", "0"),
        ("DROPGATE_CONNECTIONS", "many"),
        ("DROPGATE_RATE_KEY", "fast"),
        ("DROPGATE_RATE_CUSTOMER", "1/x"),
        ("DROPGATE_RATE_ADDRESS", "0/s"),
        ("DROPGATE_SHED_ABOVE", "0"),
        ("DROPGATE_EVICT_AFTER_SECONDS", "0"),
        ("DROPGATE_TRUSTED_PROXIES", "10.0.0.0/40"),
        ("DROPGATE_CORS_ORIGINS", "shop.example"),
        ("DROPGATE_HSTS_SECONDS", "-1"),
        ("DROPGATE_WEBHOOKS_ALLOW_PRIVATE", "maybe"),
        ("DROPGATE_WEBHOOK_TIMEOUT_MS", "1"),
        ("DROPGATE_WEBHOOK_RETRY_SECONDS", "0"),
        ("DROPGATE_RABBITMQ_URL", "http://127.0.0.1"),
        ("DROPGATE_KAFKA_BROKERS", "nowhere"),
        ("DROPGATE_LOG", "a=b=c"),
        ("DROPGATE_LOG_FORMAT", "xml"),
    ] {
        let mut settings: Vec<(&str, &str)> =
            good.iter().copied().filter(|(known, _)| *known != name).collect();
        settings.push((name, value));
        let output = run(&["serve"], &settings).await;
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{name}: {said}");
        assert_eq!(said.trim_end().lines().count(), 1, "{name}: {said}");
        assert!(said.contains(name) && said.contains(": "), "{name}: {said}");
        assert!(!said.contains("0123456789abcdef"), "{name}: {said}");
    }
}

#[tokio::test]
async fn an_address_in_use_is_said_so() {
    let world = World::shared().await;
    let taken = world.url(0).trim_start_matches("http://");
    let settings = [
        ("DROPGATE_LISTEN", taken),
        ("DROPGATE_REDIS_URL", world.redis_url()),
        ("DROPGATE_DATABASE_URL", world.database_url()),
        ("DROPGATE_ADMIN_KEY", "0123456789abcdef-a"),
        ("DROPGATE_STOREFRONT_KEY", "0123456789abcdef-s"),
    ];
    let output = run(&["serve"], &settings).await;
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.trim_end().lines().count(), 1, "{said}");
    assert!(said.contains("DROPGATE_LISTEN") && said.contains(taken), "{said}");
}

#[tokio::test]
async fn help_explains_every_command() {
    let help = text(&run(&["--help"], &[]).await.stdout);
    for command in ["serve", "dev", "migrate", "audit", "rebuild", "export", "erase", "config"] {
        assert!(help.contains(command), "{help}");
        let output = run(&[command, "--help"], &[]).await;
        let help = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0));
        assert!(help.contains("DROPGATE_LOG") && help.contains("Exit status"), "{help}");
    }
    assert_eq!(run(&["nonsense"], &[]).await.status.code(), Some(2));
    assert_eq!(run(&["rebuild"], &[]).await.status.code(), Some(2));
    assert_eq!(run(&["audit", "--drop", "{}"], &[]).await.status.code(), Some(2));
}

#[tokio::test]
async fn migrate_brings_an_empty_database_up_to_date() {
    let servers = TestServers::shared().await.expect("servers");
    let database = servers.new_database("migrate").await.expect("a database");
    for _ in 0..2 {
        let output = run(&["migrate"], &[("DROPGATE_DATABASE_URL", database.url())]).await;
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    }
    let empty =
        [("DROPGATE_DATABASE_URL", database.url()), ("DROPGATE_REDIS_URL", &servers.redis().url())];
    let output = run(&["audit"], &empty).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[tokio::test]
async fn an_audit_ends_with_0_when_all_is_well() {
    let sale = Sale::open(&[("a", 9)]).await;
    sale.confirmed("c", &[("a", 2)]).await;
    let settings = [
        ("DROPGATE_DATABASE_URL", sale.world().database_url()),
        ("DROPGATE_REDIS_URL", sale.world().redis_url()),
    ];
    let output = run(&["audit", "--drop", sale.id()], &settings).await;
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains(sale.id()) && said.contains("balanced"), "{said}");
    let output = run(&["audit", sale.id()], &settings).await;
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), said));
    let unborn = Sale::unborn().await;
    for words in [&["audit", "--drop", unborn.id()][..], &["audit", unborn.id()]] {
        assert_eq!(run(words, &settings).await.status.code(), Some(1));
    }
}

#[tokio::test]
async fn a_rebuilt_drop_goes_on_where_it_was() {
    let sale = Sale::with(json!({ "limit_per_customer": 3 }), &[("a", 9)]).await;
    let held = sale.reserve("c", &[("a", 2)]).key("k").send().await.ok(201);
    let bought = sale.confirmed("d", &[("a", 1)]).await;
    let epoch = |view: &serde_json::Value| view["epoch"].as_i64().expect("an epoch");
    let before = sale.admin(Method::GET, "").send().await.ok(200);
    let settings = [
        ("DROPGATE_DATABASE_URL", sale.world().database_url()),
        ("DROPGATE_REDIS_URL", sale.world().redis_url()),
    ];
    let output = run(&["rebuild", "--drop", sale.id()], &settings).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let after = crate::support::eventually("the engines see the new epoch", || async {
        let view = sale.admin(Method::GET, "/audit").send().await;
        (view.status == 200 && epoch(&view.body) > epoch(&before)).then_some(view.body)
    })
    .await;
    assert_eq!(epoch(&after), epoch(&before) + 1);
    // Holds, limits and keys are where they were, on both engines.
    let again = crate::support::eventually("calls are served again", || async {
        let reply = sale.elsewhere().reserve("c", &[("a", 2)]).key("k").send().await;
        (reply.status != 503).then_some(reply)
    })
    .await;
    assert!(again.is_replayed());
    assert_eq!(again.ok(201), held);
    let over = sale.reserve("c", &[("a", 2)]).send().await;
    assert_eq!(over.problem(409, "limit_exceeded")["used"], 2);
    sale.confirm(&held, json!({ "order_id": "o-2" })).send().await.ok(200);
    sale.give_back(&bought, json!({})).send().await.ok(200);
    assert_eq!(sale.counts("a").await, (9, 7, 0, 2));
}

/// A snapshot is read page by page, and a reservation may stand on two of them: its rows are its lines.
#[tokio::test]
async fn a_rebuild_brings_more_than_a_page_back() {
    const HOLDS: i64 = 220;
    let names: Vec<String> = (0..19).map(|n| format!("s{n}")).collect();
    let skus: Vec<(&str, i64)> = names.iter().map(|name| (name.as_str(), 1000)).collect();
    let lines: Vec<(&str, i64)> = names.iter().map(|name| (name.as_str(), 2)).collect();
    let sale = Sale::open(&skus).await;
    let calls = (0..HOLDS).map(|n| {
        let (sale, lines, customer) = (&sale, &lines, format!("c-{n}"));
        async move { sale.reserve(&customer, lines).key(&format!("k-{n}")).send().await.ok(201) }
    });
    let holds = futures_util::future::join_all(calls).await;
    let settings = [
        ("DROPGATE_DATABASE_URL", sale.world().database_url()),
        ("DROPGATE_REDIS_URL", sale.world().redis_url()),
    ];
    let output = run(&["rebuild", "--drop", sale.id()], &settings).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    crate::support::eventually("calls are served again", || async {
        let reply = sale.reserve("c-0", &lines).key("k-0").send().await;
        (reply.status == 201 && reply.is_replayed()).then_some(())
    })
    .await;
    // Each of them gives all its lines back, from what Redis has of it.
    let calls = holds.iter().map(|held| {
        let sale = &sale;
        async move { sale.release(held).send().await.ok(200) }
    });
    futures_util::future::join_all(calls).await;
    for name in &names {
        assert_eq!(sale.counts(name).await, (1000, 1000, 0, 0), "{name}");
    }
}
