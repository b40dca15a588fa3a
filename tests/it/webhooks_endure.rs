//! A webhook's receiver that fails half of the time, times out and goes away, while buyers buy
//! through two engines and the one that tells it is killed: it misses nothing, and can put
//! everything in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use nix::sys::signal::Signal;
use reqwest::Method;
use serde_json::{Value, json};

use crate::metrics::scrape;
use crate::support::{Act, Apart, EngineProcess, Receiver, TAKE_OVER, firsts, lines, within};

const SETTINGS: [(&str, &str); 2] =
    [("DROPGATE_WEBHOOK_RETRY_SECONDS", "200"), ("DROPGATE_WEBHOOK_TIMEOUT_MS", "300")];

/// For how long the receiver is not there; it hears again within a third of that, and some tries.
const AWAY: Duration = Duration::from_secs(60);

/// Between two carts of a buyer: what they do in a minute and a half is compared one by one.
const BETWEEN: Duration = Duration::from_millis(40);

/// Whether an engine is the one that tells a sink.
async fn tells(engine: &EngineProcess, sink: &str) -> bool {
    let name = "dropgate_sink_events_total";
    let of = |line: &String| line.starts_with(name) && line.contains(sink);
    let told = |line: &String| !line.ends_with(" 0");
    scrape(engine.url()).await.iter().any(|line| of(line) && told(line))
}

/// Buys, drops carts and confirms until it is told to stop. Calls that fall on a dying engine are
/// nobody's concern here.
async fn buy(
    apart: Arc<Apart>,
    urls: Vec<String>,
    drop: String,
    buyer: usize,
    stop: Arc<AtomicUsize>,
) {
    let mut number = 0;
    while stop.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(BETWEEN).await;
        number += 1;
        let url = &urls[number % urls.len()];
        let customer = format!("c-{buyer}-{number}");
        let body = json!({ "customer_id": customer, "lines": lines(&[("a", 1)]) });
        let Some(held) = apart.try_shop(url, &drop, "", &body).await else { continue };
        let id = held["id"].as_str().expect("an id").to_owned();
        let (verb, body) = match number % 3 {
            0 => (format!("/{id}/release"), json!({})),
            1 => (format!("/{id}/confirm"), json!({ "order_id": format!("o-{customer}") })),
            _ => continue,
        };
        apart.try_shop(url, &drop, &verb, &body).await;
    }
}

#[tokio::test]
async fn a_receiver_that_fails_and_goes_away_misses_nothing_when_the_teller_is_killed() {
    let apart = Arc::new(Apart::new("endure").await);
    let mut engines = vec![apart.engine(&SETTINGS), apart.engine(&SETTINGS)];
    let mut receiver = Receiver::start().await;
    let count = AtomicUsize::new(0);
    receiver.behave(move |_| match count.fetch_add(1, Ordering::SeqCst) % 8 {
        0 | 2 | 5 => Act::Answer(500),
        7 => Act::Hang,
        _ => Act::Answer(200),
    });
    let drops = [
        apart.new_drop(&engines[0], 1_000_000).await,
        apart.new_drop(&engines[0], 1_000_000).await,
    ];
    let more = json!({ "from": "start", "batch": 5 });
    let webhook = apart.webhook(&engines[0], &receiver.url(), more).await;
    let id = webhook["id"].as_str().expect("an id").to_owned();

    let stop = Arc::new(AtomicUsize::new(0));
    let urls: Vec<String> = engines.iter().map(|engine| engine.url().to_owned()).collect();
    let buyers: Vec<_> = (0..4)
        .map(|buyer| {
            let drop = drops[buyer % 2].clone();
            tokio::spawn(buy(Arc::clone(&apart), urls.clone(), drop, buyer, Arc::clone(&stop)))
        })
        .collect();

    // Whoever tells it dies in the middle of that.
    let teller = within(TAKE_OVER, "somebody tells it", || async {
        let mut telling = None;
        for (place, engine) in engines.iter().enumerate() {
            if tells(engine, &id).await {
                telling = Some(place);
            }
        }
        (receiver.received().len() > 30).then_some(telling).flatten()
    })
    .await;
    engines[teller].signal(Signal::SIGKILL);
    engines.remove(teller);
    let heir = &engines[0];
    within(TAKE_OVER, "the other one takes over", || async {
        tells(heir, &id).await.then_some(())
    })
    .await;
    // And the receiver goes away for a while.
    receiver.down().await;
    tokio::time::sleep(AWAY).await;
    receiver.up().await;
    let came = receiver.received().len();
    within(AWAY, "it hears again", || async {
        (receiver.received().len() > came + 20).then_some(())
    })
    .await;
    stop.store(1, Ordering::SeqCst);
    for buyer in buyers {
        buyer.await.expect("it ends");
    }
    receiver.behave(|_| Act::Answer(200));
    for drop in &drops {
        apart.settled(heir, drop).await;
    }
    apart.caught_up(heir, &id).await;

    let taken = receiver.taken();
    for drop in &drops {
        let known = apart.events(heir, drop).await;
        assert!(known.len() > 20, "{}", known.len());
        let told = firsts(&taken, drop);
        assert_eq!(told, known, "everything, and each for the first time in its order");
    }
    let dead = apart.admin(heir, Method::GET, &format!("/webhooks/{id}")).send().await.ok(200);
    assert_eq!((&dead["dead"], &dead["failing_since"]), (&json!(0), &Value::Null));
}
