//! `dropgate webhooks`: everything that the API does with webhooks, for people and for scripts.

use serde_json::{Value, json};

use crate::support::cli::{Ended, engine, run};
use crate::support::{Act, Apart, EngineProcess, Receiver, eventually};

/// Runs `dropgate webhooks …` against an engine.
async fn ask(at: &EngineProcess, words: &str) -> Ended {
    run(&format!("webhooks {words}"), &engine(at.url())).await
}

fn cells(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

#[tokio::test]
async fn a_webhook_is_made_shown_changed_tried_and_ended() {
    let apart = Apart::new("cli").await;
    let at = apart.engine(&[]);
    let receiver = Receiver::start().await;
    let made = ask(&at, &format!("create {} --type held --description erp", receiver.url())).await;
    let made = made.done();
    let secret = made.lines().find_map(|line| line.trim().strip_prefix("whsec_"));
    assert!(secret.is_some(), "{made}");
    let page = ask(&at, "list --json").await.json();
    let webhook = page["items"][0].clone();
    let id = webhook["id"].as_str().expect("an id").to_owned();
    assert_eq!((&webhook["description"], &webhook["types"]), (&json!("erp"), &json!(["held"])));
    assert!(!page.to_string().contains("whsec_"));
    let table = ask(&at, "list").await.done();
    let line = table.lines().nth(1).expect("the webhook");
    assert_eq!(cells(line)[..4], [id.as_str(), "active", "0", "0"]);

    let changed = ask(&at, &format!("update {id} --batch 7 --all-types --json")).await.json();
    assert_eq!((&changed["batch"], &changed["types"]), (&json!(7), &Value::Null));
    for (verb, state) in [("pause", "paused"), ("resume", "active")] {
        let shown = ask(&at, &format!("{verb} {id} --json")).await.json();
        assert_eq!(shown["state"], state);
    }
    let shown = ask(&at, &format!("show {id}")).await.done();
    assert!(shown.contains("7 events at most") && !shown.contains("whsec_"), "{shown}");
    let rotated = ask(&at, &format!("rotate {id} --json")).await.json();
    assert!(rotated["secret"].as_str().is_some_and(|text| text.starts_with("whsec_")));

    assert!(ask(&at, &format!("test {id}")).await.done().contains("took it: 204"));
    receiver.behave(|_| Act::Answer(500));
    let refused = ask(&at, &format!("test {id}")).await;
    assert_eq!((refused.status, refused.err.as_str()), (1, ""));
    assert!(refused.out.contains("500 Internal Server Error"), "{}", refused.out);

    assert_eq!(ask(&at, &format!("delete {id}")).await.done(), format!("{id} is no more.\n"));
    let said = ask(&at, &format!("show {id}")).await.failed(1);
    assert!(said.contains("unknown_webhook"), "{said}");
    ask(&at, "show nonsense").await.failed(2);
    ask(&at, "create nowhere").await.failed(1);
}

#[tokio::test]
async fn what_was_not_taken_is_listed_and_sent_again() {
    let apart = Apart::new("cli-again").await;
    let at = apart.engine(&[("DROPGATE_WEBHOOK_RETRY_SECONDS", "1")]);
    let receiver = Receiver::start().await;
    receiver.behave(|_| Act::Answer(500));
    let drop = apart.new_drop(&at, 5).await;
    let words = format!("create {} --drop {drop} --from start --batch 9 --json", receiver.url());
    let id = ask(&at, &words).await.json()["id"].as_str().expect("an id").to_owned();
    let dead = eventually("it is a dead letter", || async {
        let page = ask(&at, &format!("deliveries {id} --state dead --json")).await.json();
        page["items"].as_array().expect("items").first().cloned()
    })
    .await;
    let table = ask(&at, &format!("deliveries {id}")).await.done();
    let delivery = dead["id"].as_str().expect("an id");
    assert!(table.lines().any(|line| cells(line).starts_with(&[delivery, "dead", &drop])));
    receiver.behave(|_| Act::Answer(200));
    let said = ask(&at, &format!("resend {id} {delivery}")).await.done();
    assert!(said.contains("will be sent once more"), "{said}");
    eventually("it was taken", || async { (!receiver.taken().is_empty()).then_some(()) }).await;
}
