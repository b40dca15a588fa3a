//! What a person does: `dropgate rebuild`, and the faults that wait for somebody: a ledger that went
//! back in time, and one that refuses what Redis says.

use std::{
    process::{Output, Stdio},
    sync::Arc,
};

use dropgate_nemesis::{
    cluster::{Cluster, PATIENCE},
    replica::{copy_postgres, restore_postgres},
};
use reqwest::StatusCode;
use serde_json::json;

use crate::{
    load,
    support::{answered, assert_unavailable, assert_well, in_ledger, recorded, resolve, until},
};

/// Runs a command of the program with engine 0's settings.
async fn run(cluster: &Cluster, arguments: &[&str]) -> Output {
    let mut command = cluster.engines[0].command(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let ran = tokio::task::spawn_blocking(move || command.output());
    ran.await.expect("it runs").expect("it runs")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_by_hand_under_load_loses_nothing() {
    let cluster = Arc::new(crate::start(2).await);
    cluster.drop_with("hand", 100_000, None).await;
    let (books, mut clients) = load::start(&cluster, "hand", 8);
    for round in 1..=3 {
        load::let_win(&books, 50).await;
        let ran = run(&cluster, &["rebuild", "--drop", "hand"]).await;
        let said = String::from_utf8_lossy(&ran.stdout).into_owned();
        assert!(ran.status.success(), "{ran:?}");
        assert!(said.contains(&format!("in epoch {}", round + 1)), "{said}");
    }
    load::let_win(&books, 50).await;
    books.stop();
    while let Some(ended) = clients.join_next().await {
        ended.expect("a client");
    }
    let audit = cluster.assert_balanced(0, "hand").await;
    assert_eq!(audit["epoch"], 4);
    load::assert_kept(&cluster, "hand", &books).await;
    assert_eq!(books.unknown.load(std::sync::atomic::Ordering::Relaxed), 0);
    let audit = run(&cluster, &["audit", "--drop", "hand"]).await;
    assert!(audit.status.success(), "{audit:?}");
}

async fn is_halted(cluster: &Cluster, engine: usize, drop: &str) -> bool {
    let gauge = format!(r#"dropgate_halted{{drop="{drop}"}}"#);
    cluster.metric(engine, &gauge).await == Some(1.0)
}

/// A hold must be turned away, without a word of success.
async fn assert_refused(cluster: &Cluster, engine: usize) {
    let reply = answered(cluster.hold(engine, "back", "late", None, None)).await;
    assert_eq!(assert_unavailable(&reply), "none");
}

/// Sells, takes a copy of the ledger, and sells on. Gives the reservation that the copy has, and
/// the one that it lacks.
async fn sell_around(cluster: &Cluster, copy: &std::path::Path) -> (String, String) {
    cluster.drop_with("back", 100, None).await;
    let kept = resolve(cluster, 0, "back", "kept").await;
    copy_postgres(cluster.servers.postgres(), copy).await.expect("copied");
    assert_well(cluster, &[0, 1], "back", "a restart of Postgres").await;
    let lost = resolve(cluster, 1, "back", "lost").await;
    let confirm = cluster.act(0, "back", &lost, "confirm", json!({ "order_id": "o" })).await;
    assert_eq!(confirm.expect("an answer").status, StatusCode::OK);
    (kept, lost)
}

/// Lets go of what the ledger has, as the write-behind does with a longer journal: whole nodes of
/// a hundred entries.
async fn trim(cluster: &Cluster) {
    cluster.assert_balanced(0, "back").await;
    cluster.redis(&["XTRIM", "dg:{back}:journal", "MAXLEN", "1"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_went_back_stops_the_drop_until_a_person_accepts_it() {
    let cluster = crate::start(2).await;
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("postgres");
    let (kept, lost) = sell_around(&cluster, &copy).await;
    trim(&cluster).await;
    cluster.engines[1].kill();
    restore_postgres(cluster.servers.postgres(), &copy).await.expect("restored");
    cluster.engines[1].restart(PATIENCE).await.expect("it starts");
    assert!(!in_ledger(&cluster, "back", &lost).await);
    // Neither the engine that saw it all nor the one that starts now tells of a success.
    for engine in [0, 1] {
        until("the engine notices", || async {
            let reply = answered(cluster.hold(engine, "back", "late", None, None)).await;
            assert_unavailable(&reply);
            is_halted(&cluster, engine, "back").await
        })
        .await;
        assert_refused(&cluster, engine).await;
        assert!(cluster.engines[engine].log().contains("back in time"), "the log says why");
        let audit = cluster.audit(engine, "back").await.expect("an answer");
        assert_eq!(audit.status, StatusCode::OK, "{audit:?}");
        assert_eq!(audit.body["balanced"], false, "{audit:?}");
        assert!(audit.body["violations"].to_string().contains("back in time"), "{audit:?}");
    }
    let audit = run(&cluster, &["audit", "--drop", "back"]).await;
    assert_eq!(audit.status.code(), Some(1), "{audit:?}");
    // An engine that starts later stands still too, whatever Redis has by then.
    cluster.redis(&["FLUSHALL"]).await;
    cluster.engines[1].restart(PATIENCE).await.expect("it starts");
    for engine in [0, 1] {
        assert_refused(&cluster, engine).await;
    }
    let ran = run(&cluster, &["rebuild", "--drop", "back"]).await;
    assert!(ran.status.success(), "{ran:?}");
    assert_well(&cluster, &[0, 1], "back", "a person accepted the ledger").await;
    for engine in [0, 1] {
        until("it goes on", || async { !is_halted(&cluster, engine, "back").await }).await;
        cluster.assert_balanced(engine, "back").await;
    }
    assert_eq!(cluster.state(1, "back", &kept).await.as_deref(), Some("held"));
    assert_eq!(cluster.state(0, "back", &lost).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_went_back_is_completed_from_the_journal_or_by_the_right_backup() {
    let cluster = crate::start(2).await;
    let folder = tempfile::tempdir().expect("a folder");
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    let (_, lost) = sell_around(&cluster, &old).await;
    let postgres = cluster.servers.postgres();
    // The journal still has all of it.
    restore_postgres(postgres, &old).await.expect("restored");
    assert_well(&cluster, &[0, 1], "back", "an older ledger, with its journal").await;
    assert_eq!(cluster.state(0, "back", &lost).await.as_deref(), Some("confirmed"));
    assert!(in_ledger(&cluster, "back", &lost).await);
    trim(&cluster).await;
    copy_postgres(postgres, &new).await.expect("copied");
    let before = recorded(&cluster, "back").await;
    restore_postgres(postgres, &old).await.expect("restored");
    for engine in [0, 1] {
        until("the engine notices", || is_halted(&cluster, engine, "back")).await;
        assert_refused(&cluster, engine).await;
    }
    // It was the wrong backup: here is the right one.
    restore_postgres(postgres, &new).await.expect("restored");
    assert_well(&cluster, &[0, 1], "back", "the right ledger came back").await;
    assert_eq!(cluster.state(0, "back", &lost).await.as_deref(), Some("confirmed"));
    cluster.assert_balanced(1, "back").await;
    assert!(recorded(&cluster, "back").await.seq > before.seq);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_the_ledger_refuses_stops_its_drop_and_is_never_skipped() {
    let cluster = crate::start(2).await;
    cluster.drop_with("poison", 10, None).await;
    cluster.drop_with("other", 100, None).await;
    let sql = cluster.sql().await.expect("a connection");
    // The ledger has nothing left, so it can't take what Redis grants.
    let none = "UPDATE stock SET available = 0, total = 0 WHERE drop_id = 'poison'";
    sql.batch_execute(none).await.expect("changed");
    let reply = answered(cluster.hold(0, "poison", "k", Some("k"), None)).await;
    assert_unavailable(&reply);
    until("it is noticed", || is_halted(&cluster, 0, "poison")).await;
    let reply = answered(cluster.hold(0, "poison", "late", None, None)).await;
    assert_eq!(assert_unavailable(&reply), "none");
    let counted = r#"dropgate_invariant_violations_total{drop="poison",place="ledger"}"#;
    assert!(cluster.metric(0, counted).await >= Some(1.0));
    assert!(cluster.engines[0].log().contains("refuses an event"), "the log says why");
    for engine in [0, 1] {
        resolve(&cluster, engine, "other", &format!("other-{engine}")).await;
        assert!(!is_halted(&cluster, engine, "other").await);
    }
    let audit = cluster.audit(0, "poison").await.expect("an answer");
    assert_eq!(audit.body["balanced"], false, "{audit:?}");
    // Somebody mends what was missing: the same event is taken now, once.
    let back = "UPDATE stock SET available = 10, total = 10 WHERE drop_id = 'poison'";
    sql.batch_execute(back).await.expect("changed");
    assert_well(&cluster, &[0, 1], "poison", "the ledger was mended").await;
    let id = resolve(&cluster, 1, "poison", "k").await;
    assert_eq!(resolve(&cluster, 0, "poison", "k").await, id);
    until("it goes on", || async { !is_halted(&cluster, 0, "poison").await }).await;
    let audit = cluster.assert_balanced(0, "poison").await;
    assert_eq!(audit["epoch"], 1, "nothing was given up");
    assert_eq!(recorded(&cluster, "poison").await.holds, 3);
}
