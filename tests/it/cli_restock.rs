//! `dropgate restock`: once, however often it is sent, and whatever becomes of the answers.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::process::Stdio;

use crate::support::cli::{ask, engine, run};
use crate::support::{Between, EngineProcess, Fate, Sale, eventually};

/// How often units joined or left a total, beyond the first stock.
async fn restocks(sale: &Sale) -> usize {
    sale.ledger().await.iter().filter(|(kind, ..)| kind == "restocked").count() - 1
}

/// The key that a command says it has used.
fn key_in(text: &str) -> &str {
    let (_, rest) = text.split_once("--idempotency-key ").expect("a key");
    rest.split_whitespace().next().expect("a key")
}

#[tokio::test]
async fn units_join_and_leave_with_the_key_that_is_told() {
    let sale = Sale::open(&[("a", 9)]).await;
    sale.held("c", &[("a", 4)]).await;
    let id = sale.id();
    let said = ask(&format!("restock {id} a 5 --reference delivery:1 --reason late")).await.done();
    assert!(said.contains("+5 units") && said.contains("total 14, available 10"), "{said}");
    let key = said.split_whitespace().last().expect("a key").to_owned();
    assert!(key.starts_with("restock-"), "{said}");
    // The same key with the same request moves nothing a second time.
    let again = format!("restock {id} a 5 --reference delivery:1 --reason late --json");
    let replayed = ask(&format!("{again} --idempotency-key {key}")).await.json();
    assert_eq!((&replayed["replayed"], &replayed["total"]), (&true.into(), &14.into()));
    assert_eq!(replayed["idempotency_key"], key.as_str());
    // Without it, it is another delivery.
    let other = ask(&again).await.json();
    assert_eq!((&other["replayed"], &other["total"]), (&false.into(), &19.into()));
    let taken = ask(&format!("restock {id} a -15 --json")).await.json();
    assert_eq!((&taken["total"], &taken["available"]), (&4.into(), &0.into()));
    assert_eq!(restocks(&sale).await, 3);
    let entry = sale.ledger().await.pop().expect("an entry");
    assert_eq!(entry, ("restocked".to_owned(), "a".to_owned(), -15));
}

#[tokio::test]
async fn what_cant_be_done_is_refused() {
    let sale = Sale::open(&[("a", 9)]).await;
    sale.held("c", &[("a", 4)]).await;
    let id = sale.id();
    for (words, code) in [
        (format!("restock {id} a -6"), "insufficient_available"),
        (format!("restock {id} nothing 1"), "unknown_sku"),
        (format!("restock {} a 1", Sale::unborn().await.id()), "unknown_drop"),
        (format!("restock {id} a 1000000000"), "invalid_request"),
    ] {
        let said = ask(&words).await.failed(1);
        assert!(said.contains(code), "{said}");
    }
    ask(&format!("restock {id} a 1 --idempotency-key k")).await.done();
    let said = ask(&format!("restock {id} a 2 --idempotency-key k")).await.failed(1);
    assert!(said.contains("idempotency_key_reused"), "{said}");
    for words in ["restock", "restock d a", "restock d a 0", "restock d a x", "restock {} a 1"] {
        ask(words).await.failed(2);
    }
    assert_eq!(sale.counts("a").await, (10, 6, 4, 0));
}

#[tokio::test]
async fn a_lost_answer_never_restocks_twice() {
    let sale = Sale::open(&[("a", 1)]).await;
    let between = Between::before(sale.world().url(0), 2, Fate::Lost).await;
    let ended = run(&format!("restock {} a 10 --json", sale.id()), &engine(between.url())).await;
    assert_eq!((ended.status, between.kept()), (0, 2), "{}", ended.err);
    let document: serde_json::Value = serde_json::from_str(&ended.out).expect("JSON");
    assert_eq!((&document["replayed"], &document["total"]), (&true.into(), &11.into()));
    // Whoever waits hears why, and of the key.
    let key = document["idempotency_key"].as_str().expect("a key");
    assert!(ended.err.contains("trying again") && ended.err.contains(key), "{}", ended.err);
    assert_eq!((sale.counts("a").await, restocks(&sale).await), ((11, 11, 0, 0), 1));
}

#[tokio::test]
async fn who_stops_waiting_can_still_learn_what_came_of_it() {
    let sale = Sale::open(&[("a", 1)]).await;
    let between = Between::before(sale.world().url(0), 1, Fate::Withheld).await;
    let mut command = EngineProcess::command("restock");
    command.args([sale.id(), "a", "10"]).envs(engine(between.url()));
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    eventually("the engine has answered", || async { (between.kept() == 1).then_some(()) }).await;
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
    kill(pid, Signal::SIGINT).expect("it runs");
    let output = tokio::task::spawn_blocking(|| child.wait_with_output()).await.expect("it ends");
    let output = output.expect("its output");
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("the outcome is unknown"), "{said}");
    assert_eq!(sale.counts("a").await, (11, 11, 0, 0));

    let words = format!("restock {} a 10 --json --idempotency-key {}", sale.id(), key_in(&said));
    assert_eq!(ask(&words).await.json()["replayed"], true);
    assert_eq!((sale.counts("a").await, restocks(&sale).await), ((11, 11, 0, 0), 1));
}

#[tokio::test]
async fn two_people_with_one_key_restock_once() {
    let sale = Sale::open(&[("a", 1)]).await;
    let words = format!("restock {} a 10 --idempotency-key delivery-1 --json", sale.id());
    let at = [engine(sale.world().url(0)), engine(sale.world().url(1))];
    let both = tokio::join!(run(&words, &at[0]), run(&words, &at[1]));
    let documents = [both.0, both.1].map(|ended| {
        assert_eq!(ended.status, 0, "{}", ended.err);
        serde_json::from_str::<serde_json::Value>(&ended.out).expect("JSON")
    });
    let replayed = documents.iter().filter(|document| document["replayed"] == true).count();
    assert_eq!(replayed, 1, "{documents:?}");
    assert_eq!((sale.counts("a").await, restocks(&sale).await), ((11, 11, 0, 0), 1));
}
