//! The live feed: everybody sees what is durable as it happens, and whoever holds units is warned.

use std::cell::RefCell;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use futures_util::{SinkExt as _, StreamExt as _};
use nix::sys::signal::Signal;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message as Frame;

use crate::support::{EngineProcess, Feed, PATIENCE, Reply, Sale, eventually, lines};

fn path(sale: &Sale, query: &str) -> String {
    format!("/v1/drops/{}/events{query}", sale.id())
}

async fn follow(sale: &Sale, query: &str) -> Feed {
    Feed::new(sale.anonymous(Method::GET, &path(sale, query)).open().await)
}

async fn resume(sale: &Sale, last_id: &str) -> Feed {
    let call = sale.anonymous(Method::GET, &path(sale, "")).header("last-event-id", last_id);
    Feed::new(call.open().await)
}

fn token(reservation: &Value) -> &str {
    reservation["watch_token"].as_str().expect("a token")
}

#[tokio::test]
async fn a_stream_begins_with_what_stands_and_goes_on_with_what_changes() {
    let sale = Sale::with(json!({ "name": "Summer" }), &[("a", 7), ("b", 1)]).await;
    let mut feed = follow(&sale, "").await;
    let drop = feed.next().await.expect("a message");
    let expected = json!({ "id": sale.id(), "name": "Summer", "state": "open", "opens_at": null,
        "closes_at": null, "hold_ttl_seconds": 900 });
    assert_eq!((drop.event.as_str(), &drop.data, &drop.id), ("drop", &expected, &None));
    let first = feed.next().await.expect("a message");
    assert_eq!((first.event.as_str(), &first.id), ("stock", &None));
    let expected = json!({ "sku": "a", "name": "a", "available": 7, "status": "in_stock",
        "message": null, "version": 3 });
    assert_eq!(first.data, expected);
    let second = feed.next().await.expect("a message");
    let expected = json!({ "sku": "b", "name": "b", "available": 1, "status": "low",
        "message": "Only 1 left!", "version": 5 });
    assert_eq!(second.data, expected);
    // Only the last of them says up to where the client has everything.
    assert_eq!(second.id.as_deref(), Some(feed.last_id.as_str()));
    assert!(feed.last_id.ends_with("-5"), "{}", feed.last_id);

    sale.held("c", &[("b", 1)]).await;
    let sold_out = feed.until_available("b", 0).await;
    assert_eq!(
        (&sold_out["status"], &sold_out["message"]),
        (&json!("sold_out"), &json!("Sold out"))
    );
    sale.sku("a", json!({ "name": "A", "low_stock_threshold": 9 })).await;
    let renamed = feed.next_of("stock").await;
    assert_eq!((&renamed["name"], &renamed["status"]), (&json!("A"), &json!("low")));
    sale.act("pause").await.ok(200);
    assert_eq!(feed.next_of("drop").await["state"], "paused");
}

#[tokio::test]
async fn a_quiet_stream_shows_that_it_is_alive() {
    let sale = Sale::open(&[("a", 9)]).await;
    follow(&sale, "").await.heartbeat().await;
}

#[tokio::test]
async fn what_happens_through_another_engine_is_seen_as_well() {
    let sale = Sale::open(&[("a", 9)]).await;
    let mut feed = follow(&sale.elsewhere(), "").await;
    feed.until_available("a", 9).await;
    let held = sale.held("c", &[("a", 4)]).await;
    feed.until_available("a", 5).await;
    sale.release(&held).send().await.ok(200);
    feed.until_available("a", 9).await;
}

#[tokio::test]
async fn a_client_that_comes_back_gets_what_it_missed_and_nothing_twice() {
    let sale = Sale::open(&[("a", 9), ("b", 9)]).await;
    let mut feed = follow(&sale, "").await;
    feed.until_available("a", 9).await;
    feed.until_available("b", 9).await;
    let last_id = feed.last_id.clone();
    drop(feed);
    sale.held("c", &[("b", 2)]).await;
    for (elsewhere, query) in [(false, ""), (true, &*format!("?last_event_id={last_id}"))] {
        let sale = if elsewhere { &sale.elsewhere() } else { &sale };
        let mut feed =
            if elsewhere { follow(sale, query).await } else { resume(sale, &last_id).await };
        assert_eq!(feed.next().await.expect("a message").event, "drop");
        // Of `a`, nothing has changed.
        let next = feed.next_of("stock").await;
        assert_eq!((&next["sku"], &next["available"]), (&json!("b"), &json!(7)));
        assert_ne!(feed.last_id, last_id);
    }
}

#[tokio::test]
async fn an_id_of_another_ledger_keeps_nobody_in_the_dark() {
    let sale = Sale::open(&[("a", 9)]).await;
    for id in ["1-999999", "999999-1", "0-0", "nonsense", "9223372036854775807-9223372036854775807"]
    {
        let mut feed = resume(&sale, id).await;
        feed.until_available("a", 9).await;
    }
    let wrong = sale.anonymous(Method::GET, &path(&sale, "?last_event_id=x&other=1")).send().await;
    wrong.invalid(&["/query/last_event_id", "/query/other"]);
}

#[tokio::test]
async fn time_alone_opens_and_closes_a_drop_for_those_who_watch() {
    let at = |seconds| Utc::now() + TimeDelta::milliseconds(seconds);
    let settings = json!({ "opens_at": at(1500), "closes_at": at(3000) });
    let sale = Sale::with(settings, &[("a", 9)]).await;
    let mut feed = follow(&sale, "").await;
    for state in ["scheduled", "open", "closed"] {
        assert_eq!(feed.next_of("drop").await["state"], state);
    }
}

#[tokio::test]
async fn a_token_shows_its_holder_every_change_of_a_reservation() {
    let sale = Sale::open(&[("a", 9)]).await;
    let held = sale.held("c", &[("a", 2)]).await;
    let other = sale.held("d", &[("a", 1)]).await;
    let query = format!("?watch={}", token(&held));
    let (mut here, mut there) =
        (follow(&sale, &query).await, follow(&sale.elsewhere(), &query).await);
    for feed in [&mut here, &mut there] {
        assert_eq!(feed.next_of("reservation").await, held);
    }
    sale.extend(&other, json!({})).send().await.ok(200);
    let extended = sale.extend(&held, json!({})).send().await.ok(200);
    for feed in [&mut here, &mut there] {
        let told = feed.next_of("reservation").await;
        assert_eq!((&told["id"], &told["expires_at"]), (&held["id"], &extended["expires_at"]));
    }
    sale.confirm(&held, json!({ "order_id": "o-7" })).send().await.ok(200);
    for feed in [&mut here, &mut there] {
        let told = feed.next_of("reservation").await;
        assert_eq!((&told["state"], &told["order_id"]), (&json!("confirmed"), &json!("o-7")));
    }
    // The same reservation has the same token, wherever it is read.
    let read = sale.elsewhere().reservation(&held).await;
    assert_eq!(token(&read), token(&held));
}

#[tokio::test]
async fn nobody_watches_with_a_token_that_is_not_theirs() {
    let sale = Sale::open(&[("a", 9)]).await;
    let held = sale.held("c", &[("a", 1)]).await;
    let elsewhere = Sale::open(&[("a", 9)]).await;
    let mut changed = token(&held).to_owned();
    let last = changed.pop().expect("a character");
    changed.push(if last == 'A' { 'E' } else { 'A' });
    let of = |drop: &Sale, token: &str| {
        drop.anonymous(Method::GET, &path(drop, &format!("?watch={token}"))).send()
    };
    of(&sale, &changed).await.problem(403, "forbidden");
    of(&elsewhere, token(&held)).await.problem(403, "forbidden");
    of(&sale, held["id"].as_str().expect("an id")).await.problem(403, "forbidden");
    let unknown = sale.anonymous(Method::GET, "/v1/drops/no-such-drop/events").send().await;
    unknown.problem(404, "unknown_drop");
}

#[tokio::test]
async fn holders_are_warned_before_their_time_is_over_and_told_when_it_is() {
    let sale = Sale::with(json!({ "expiring_soon_seconds": [2, 1] }), &[("a", 9)]).await;
    let held = sale.held_for(3, "c", &[("a", 1)]).await;
    let mut feed = follow(&sale, &format!("?watch={}", token(&held))).await;
    assert_eq!(feed.next_of("reservation").await["state"], "held");
    for seconds in [2, 1] {
        let warning = feed.next_of("expiring_soon").await;
        let expected = json!({ "id": held["id"], "drop": sale.id(),
            "expires_at": held["expires_at"], "seconds_left": seconds });
        assert_eq!(warning, expected);
    }
    assert_eq!(feed.next_of("reservation").await["state"], "expired");

    sale.admin(Method::PUT, "")
        .json(&json!({ "expiring_soon_seconds": [1, 2, 3, 4, 5, 6] }))
        .send()
        .await
        .invalid(&["/expiring_soon_seconds"]);
    let cleared = sale.configure(json!({ "expiring_soon_seconds": [] })).await;
    assert_eq!(cleared["expiring_soon_seconds"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_is_told_in_few_messages_and_its_end_always() {
    let sale = Sale::open(&[("a", 300)]).await;
    let mut feed = follow(&sale, "").await;
    feed.until_available("a", 300).await;
    let began = Instant::now();
    let buying = async {
        let holds = (0..300).map(|n| sale.reserve(&format!("c-{n}"), &[("a", 1)]).send());
        let replies: Vec<Reply> =
            futures_util::stream::iter(holds).buffer_unordered(32).collect().await;
        assert!(replies.iter().all(|reply| reply.status == 201));
    };
    let watching = async {
        let mut messages = 0;
        loop {
            messages += 1;
            if feed.next_of("stock").await["available"] == 0 {
                return messages;
            }
        }
    };
    let ((), messages) = tokio::join!(buying, watching);
    let most = began.elapsed().as_millis() / 100 + 2;
    assert!(messages <= most, "{messages} messages in {:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_only_rise_for_whoever_comes_back_to_whichever_engine() {
    let sale = Sale::open(&[("a", 100_000)]).await;
    let (redis, database) = (sale.world().redis_url(), sale.world().database_url());
    let mut buying = {
        let buyer = sale.elsewhere();
        tokio::spawn(async move {
            for n in 0.. {
                buyer.held(&format!("c-{n}"), &[("a", 1)]).await;
            }
        })
    };
    let (mut version, mut last_id) = (0, String::new());
    for _ in 0..3 {
        let engine = EngineProcess::serve(redis, database, &[]);
        let through = sale.through(&engine);
        let mut feed = resume(&through, &last_id).await;
        for _ in 0..5 {
            let newer = feed.next_of("stock").await["version"].as_i64().expect("a number");
            assert!(newer > version, "{newer} after {version}");
            version = newer;
        }
        engine.signal(Signal::SIGKILL);
        while let Some(told) = feed.next().await {
            if told.event == "stock" {
                let newer = told.data["version"].as_i64().expect("a number");
                assert!(newer > version, "{newer} after {version}");
                version = newer;
            }
        }
        last_id = feed.last_id.clone();
        let mut other = resume(&sale, &last_id).await;
        let newer = other.next_of("stock").await["version"].as_i64().expect("a number");
        assert!(newer > version, "{newer} after {version}");
        (version, last_id) = (newer, other.last_id.clone());
    }
    buying.abort();
    let _ = (&mut buying).await;
}

#[tokio::test]
async fn a_socket_says_the_same() {
    let sale = Sale::open(&[("a", 9)]).await;
    let held = sale.held("c", &[("a", 1)]).await;
    let url = sale.url(&format!("/v1/drops/{}/ws?watch={}", sale.id(), token(&held)));
    let (mut socket, _) =
        tokio_tungstenite::connect_async(url.replace("http://", "ws://")).await.expect("a socket");
    let mut next = async |event: &str| loop {
        let frame = timeout(PATIENCE, socket.next()).await.expect("in time").expect("a frame");
        let Frame::Text(text) = frame.expect("fine") else { continue };
        let message: Value = serde_json::from_str(&text).expect("JSON");
        if message["event"] == event {
            return message;
        }
    };
    assert_eq!(next("drop").await["data"]["state"], "open");
    let stock = next("stock").await;
    assert_eq!(stock["data"]["available"], 8);
    assert!(stock["id"].is_string(), "{stock}");
    assert_eq!(next("reservation").await["data"]["state"], "held");
    sale.release(&held).send().await.ok(200);
    assert_eq!(next("stock").await["data"]["available"], 9);
    // What a client sends is of no consequence, a ping is answered.
    socket.send(Frame::Text("hello".into())).await.expect("sent");
    socket.send(Frame::Ping(b"x".to_vec().into())).await.expect("sent");
    loop {
        let frame = timeout(PATIENCE, socket.next()).await.expect("in time").expect("a frame");
        if matches!(frame.expect("fine"), Frame::Pong(_)) {
            break;
        }
    }
    let plain = sale.anonymous(Method::GET, &format!("/v1/drops/{}/ws", sale.id())).send().await;
    plain.problem(400, "malformed_request");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_have_places_and_end_with_their_engine() {
    let sale = Sale::open(&[("a", 9)]).await;
    let (redis, database) = (sale.world().redis_url(), sale.world().database_url());
    let engine = EngineProcess::serve(redis, database, &[("DROPGATE_STREAMS", "201")]);
    let through = sale.through(&engine);
    let mut feeds = Vec::new();
    for _ in 0..200 {
        let mut feed = follow(&through, "").await;
        feed.until_available("a", 9).await;
        feeds.push(feed);
    }
    let url = through.url(&format!("/v1/drops/{}/ws", sale.id())).replace("http://", "ws://");
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.expect("a socket");
    let refused = through.anonymous(Method::GET, &path(&sale, "")).send().await;
    refused.problem(503, "unavailable");
    // A place is free again once its stream is gone.
    drop(feeds.pop());
    let mut again = eventually("a place is free", || async {
        let response = through.anonymous(Method::GET, &path(&sale, "")).open().await;
        (response.status() == 200).then(|| Feed::new(response))
    })
    .await;
    again.until_available("a", 9).await;
    feeds.push(again);

    engine.signal(Signal::SIGTERM);
    let began = Instant::now();
    for mut feed in feeds {
        while feed.next().await.is_some() {}
    }
    let mut last = None;
    while let Some(Ok(frame)) = timeout(PATIENCE, socket.next()).await.expect("in time") {
        last = Some(frame);
    }
    assert!(matches!(last, Some(Frame::Close(Some(_)))), "{last:?}");
    let engine = RefCell::new(engine);
    eventually("the engine ends", || async { engine.borrow_mut().ended() }).await;
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_stalls_finds_the_newest_state_in_the_end() {
    let sale = Sale::open(&[("a", 100_000)]).await;
    let mut feed = follow(&sale, "").await;
    feed.until_available("a", 100_000).await;
    let mut left = 100_000;
    for n in 0..100 {
        sale.held(&format!("c-{n}"), &[("a", 1)]).await;
        left -= 1;
    }
    feed.until_available("a", left).await;
    let body = json!({ "customer_id": "c", "lines": lines(&[("a", left)]) });
    // More than a line takes: it changes nothing, and nothing is told.
    sale.shop(Method::POST, "/reservations")
        .json(&body)
        .send()
        .await
        .problem(422, "invalid_request");
    sale.held("c", &[("a", 1)]).await;
    assert_eq!(feed.next_of("stock").await["available"], left - 1);
}

#[tokio::test]
async fn one_stream_follows_several_reservations() {
    let sale = Sale::open(&[("a", 9)]).await;
    let (one, two) = (sale.held("c", &[("a", 1)]).await, sale.held("c", &[("a", 2)]).await);
    let mut feed = follow(&sale, &format!("?watch={},{}", token(&one), token(&two))).await;
    let mut begun = [feed.next_of("reservation").await, feed.next_of("reservation").await];
    begun.sort_by_key(|told| told["lines"][0]["quantity"].as_i64());
    assert_eq!(begun, [one.clone(), two.clone()]);
    sale.release(&two).send().await.ok(200);
    let told = feed.next_of("reservation").await;
    assert_eq!((&told["id"], &told["state"]), (&two["id"], &json!("released")));
    let many = vec!["A"; 21].join(",");
    let refused = sale.anonymous(Method::GET, &path(&sale, &format!("?watch={many}"))).send().await;
    refused.invalid(&["/query/watch"]);
}
