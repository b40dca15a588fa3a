//! Webhooks: whom they tell of what, how that is signed, and what becomes of what is not taken.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::support::{
    ADMIN_KEY, Act, Apart, Call, EngineProcess, Received, Receiver, Sale, event_of, eventually,
    firsts,
};

/// Settings with which a request is given up soon.
const IMPATIENT: [(&str, &str); 2] =
    [("DROPGATE_WEBHOOK_RETRY_SECONDS", "1"), ("DROPGATE_WEBHOOK_TIMEOUT_MS", "300")];

/// A call about webhooks, to an engine of the world.
fn webhooks(sale: &Sale, method: Method, path: &str) -> Call {
    sale.anonymous(method, &format!("/v1/admin/webhooks{path}")).bearer(ADMIN_KEY)
}

/// A webhook of the sale's drop, from its first event on.
async fn follow(sale: &Sale, receiver: &Receiver, more: Value) -> Value {
    let mut body = json!({ "url": receiver.url(), "drops": [sale.id()], "from": "start" });
    for (name, value) in more.as_object().expect("members") {
        body[name] = value.clone();
    }
    webhooks(sale, Method::POST, "").json(&body).send().await.ok(201)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().expect("a text")
}

/// Waits until so many different events were taken, and returns what was taken.
async fn taken(receiver: &Receiver, events: usize) -> Vec<Value> {
    eventually("every event was taken", || async {
        let taken = receiver.taken();
        let ids: BTreeSet<_> =
            taken.iter().map(|it| (text(it, "source").to_owned(), text(it, "id"))).collect();
        (ids.len() >= events).then(|| taken.clone())
    })
    .await
}

/// Whether the signature of a request is good, to an implementation that is not the engine's.
fn is_genuine(secret: &str, request: &Received) -> bool {
    let verifier = Webhook::new(secret).expect("a secret");
    let mut headers = http::HeaderMap::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        headers.insert(name, request.header(name).parse().expect("a value"));
    }
    verifier.verify(&request.body, &headers).is_ok()
}

#[tokio::test]
async fn each_event_of_the_ledger_comes_as_one_signed_cloud_event_in_order() {
    let sale = Sale::open(&[("a", 9), ("b", 9)]).await;
    let receiver = Receiver::start().await;
    let webhook = follow(&sale, &receiver, json!({})).await;
    let held = sale.held("c-1", &[("a", 1), ("b", 2)]).await;
    sale.confirm(&held, json!({ "order_id": "o-7" })).send().await.ok(200);
    let body = json!({ "quantity": -3, "reason": "broken", "reference": "r-1" });
    sale.restock("a", body).key("k").send().await.ok(200);
    sale.give_back(&held, json!({ "reason": "too small" })).send().await.ok(200);
    let page = sale.admin(Method::GET, "/ledger?limit=1000").send().await.ok(200);
    let rows = page["items"].as_array().expect("items");
    let mut known: Vec<_> =
        rows.iter().map(|row| (row["epoch"].clone(), row["seq"].clone())).collect();
    known.dedup();
    let events = taken(&receiver, known.len()).await;
    assert_eq!(events.len(), known.len(), "nothing failed, so nothing came twice");
    for (event, (epoch, seq)) in events.iter().zip(&known) {
        assert_eq!((&event["dropgateepoch"], &event["dropgateseq"]), (epoch, seq));
        assert_eq!(event["id"], format!("{epoch}-{seq}"));
        assert_eq!(event["source"], format!("/v1/drops/{}", sale.id()));
        assert_eq!(event["specversion"], "1.0");
        let of: Vec<&Value> = rows.iter().filter(|row| row["seq"] == *seq).collect();
        assert_eq!(event["type"], format!("dropgate.{}", text(of[0], "kind")));
        assert_eq!(event["time"], of[0]["occurred_at"]);
        let data = &event["data"];
        for name in ["kind", "reservation_id", "customer_id", "order_id", "reference", "reason"] {
            assert_eq!(data[name], of[0][name], "{name} of {event}");
        }
        assert_eq!(data["settings"], of[0]["settings"]);
        let lines: Vec<Value> = of
            .iter()
            .filter(|row| !row["sku"].is_null())
            .map(|row| json!({ "sku": row["sku"], "quantity": row["quantity"] }))
            .collect();
        assert_eq!(data["lines"], json!(lines));
        let subject = if of[0]["reservation_id"].is_null() { "sku" } else { "reservation_id" };
        assert_eq!(event.get("subject").unwrap_or(&Value::Null), &of[0][subject], "{event}");
    }
    let secret = text(&webhook, "secret");
    for request in receiver.received() {
        assert_eq!(request.header("content-type"), "application/cloudevents+json");
        assert!(is_genuine(secret, &request));
        let id = format!("{}_{}", sale.id(), text(&request.events()[0], "id"));
        assert_eq!(request.header("webhook-id"), id);
        refuses_what_is_not_genuine(secret, &request);
    }
    // What went well leaves no trace but progress.
    let id = text(&webhook, "id");
    eventually("progress is written", || async {
        let shown = webhooks(&sale, Method::GET, &format!("/{id}")).send().await.ok(200);
        (shown["pending"] == 0 && !shown["last_delivered_at"].is_null()).then_some(())
    })
    .await;
    let page = webhooks(&sale, Method::GET, &format!("/{id}/deliveries")).send().await.ok(200);
    assert_eq!(page["items"], json!([]));
    webhooks(&sale, Method::DELETE, &format!("/{id}")).send().await.ok(200);
}

/// An old request that is sent again, other words, another secret.
fn refuses_what_is_not_genuine(secret: &str, request: &Received) {
    let mut old = request.clone();
    let then = chrono::Utc::now().timestamp() - 3600;
    old.headers.insert("webhook-timestamp", then.into());
    assert!(!is_genuine(secret, &old));
    let mut other = request.clone();
    other.body = format!("{} ", String::from_utf8_lossy(&other.body)).into();
    assert!(!is_genuine(secret, &other));
    let stranger = format!("whsec_{}", "A".repeat(43) + "=");
    assert!(!is_genuine(&stranger, request));
}

#[tokio::test]
async fn both_secrets_sign_after_a_rotation() {
    let sale = Sale::open(&[("a", 100_000)]).await;
    let receiver = Receiver::start().await;
    let first = follow(&sale, &receiver, json!({ "from": "now" })).await;
    let id = text(&first, "id");
    let second = webhooks(&sale, Method::POST, &format!("/{id}/rotate")).send().await.ok(200);
    assert_ne!(first["secret"], second["secret"]);
    let shown = webhooks(&sale, Method::GET, &format!("/{id}")).send().await.ok(200);
    assert!(shown.get("secret").is_none());
    eventually("what is sent is signed by both", || async {
        sale.held("c", &[("a", 1)]).await;
        let received = receiver.received();
        let request = received.last()?;
        let both = [&first, &second].map(|it| is_genuine(text(it, "secret"), request));
        (both == [true, true]).then_some(())
    })
    .await;
    webhooks(&sale, Method::DELETE, &format!("/{id}")).send().await.ok(200);
}

#[tokio::test]
async fn a_batch_has_up_to_so_many_events() {
    let sale = Sale::open(&[("a", 99)]).await;
    for _ in 0..20 {
        sale.held("c", &[("a", 1)]).await;
    }
    let receiver = Receiver::start().await;
    let more = json!({ "batch": 8, "types": ["held", "restocked"] });
    let webhook = follow(&sale, &receiver, more).await;
    // The first stock, and the holds.
    let events = taken(&receiver, 21).await;
    assert!(events.iter().all(|event| event["type"] != "dropgate.configured"));
    let sizes: Vec<usize> = receiver.received().iter().map(|it| it.events().len()).collect();
    assert_eq!(sizes, [8, 8, 5]);
    for request in receiver.received() {
        assert_eq!(request.header("content-type"), "application/cloudevents-batch+json");
        assert!(is_genuine(text(&webhook, "secret"), &request));
    }
    let path = format!("/{}", text(&webhook, "id"));
    webhooks(&sale, Method::DELETE, &path).send().await.ok(200);
}

#[tokio::test]
async fn a_webhook_hears_of_its_drops_only_and_of_those_that_join_from_then_on() {
    let (sale, other) = (Sale::open(&[("a", 9)]).await, Sale::open(&[("a", 9)]).await);
    let receiver = Receiver::start().await;
    let webhook = follow(&sale, &receiver, json!({ "from": "now" })).await;
    let path = format!("/{}", text(&webhook, "id"));
    other.held("c", &[("a", 1)]).await;
    sale.held("c", &[("a", 1)]).await;
    let events = taken(&receiver, 1).await;
    assert_eq!(firsts(&events, sale.id()).len(), 1, "what was before is not told");
    assert_eq!(firsts(&events, other.id()).len(), 0);
    let drops = json!({ "drops": [sale.id(), other.id()], "description": "both" });
    let changed = webhooks(&sale, Method::PATCH, &path).json(&drops).send().await.ok(200);
    assert_eq!(changed["description"], "both");
    other.held("d", &[("a", 2)]).await;
    let events = taken(&receiver, 2).await;
    let told = firsts(&events, other.id());
    assert_eq!(told.len(), 1);
    assert_eq!(events.last().expect("an event")["data"]["customer_id"], "d");
    webhooks(&sale, Method::DELETE, &path).send().await.ok(200);
    let gone = webhooks(&sale, Method::GET, &path).send().await;
    gone.problem(404, "unknown_webhook");
}

#[tokio::test]
async fn a_paused_webhook_hears_everything_when_it_is_resumed() {
    let sale = Sale::open(&[("a", 99)]).await;
    let receiver = Receiver::start().await;
    let webhook = follow(&sale, &receiver, json!({})).await;
    let path = format!("/{}", text(&webhook, "id"));
    let before = taken(&receiver, 3).await.len();
    let state = async |state: &str| {
        let body = json!({ "state": state });
        webhooks(&sale, Method::PATCH, &path).json(&body).send().await.ok(200)
    };
    assert_eq!(state("paused").await["state"], "paused");
    // Whoever works it hears of that within a second or two.
    let quiet = eventually("nothing is sent any more", || async {
        sale.held("c", &[("a", 1)]).await;
        let count = receiver.received().len();
        tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
        (receiver.received().len() == count).then_some(count)
    })
    .await;
    assert!(quiet >= before);
    let shown = webhooks(&sale, Method::GET, &path).send().await.ok(200);
    assert!(shown["pending"].as_i64().is_some_and(|pending| pending > 0), "{shown}");
    assert_eq!(state("active").await["state"], "active");
    let rows = sale.ledger().await.len();
    // And the settings of the drop and of the SKU.
    let events = taken(&receiver, rows + 2).await;
    let told = firsts(&events, sale.id());
    assert!(told.windows(2).all(|pair| pair[0].1 + 1 == pair[1].1), "{told:?}");
    webhooks(&sale, Method::DELETE, &path).send().await.ok(200);
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_disabled_and_can_come_back() {
    let sale = Sale::open(&[("a", 9)]).await;
    let receiver = Receiver::start().await;
    receiver.behave(|_| Act::Answer(410));
    let webhook = follow(&sale, &receiver, json!({})).await;
    let path = format!("/{}", text(&webhook, "id"));
    let shown = eventually("it is disabled", || async {
        let shown = webhooks(&sale, Method::GET, &path).send().await.ok(200);
        (shown["state"] == "disabled").then_some(shown)
    })
    .await;
    assert_eq!((receiver.received().len(), &shown["last_error"]), (1, &json!("410 Gone")));
    assert!(!shown["failing_since"].is_null());
    receiver.behave(|_| Act::Answer(200));
    let body = json!({ "state": "active" });
    webhooks(&sale, Method::PATCH, &path).json(&body).send().await.ok(200);
    assert_eq!(firsts(&taken(&receiver, 3).await, sale.id())[0].1, 1);
    let body = json!({ "state": "disabled" });
    webhooks(&sale, Method::PATCH, &path).json(&body).send().await.invalid(&["/state"]);
    webhooks(&sale, Method::DELETE, &path).send().await.ok(200);
}

/// Dead letters: given up in their time, listed, and sent again.
#[tokio::test]
async fn what_is_never_taken_becomes_a_dead_letter_and_the_next_goes_on() {
    let apart = Apart::new("dead").await;
    let engine = apart.engine(&IMPATIENT);
    let drop = apart.new_drop(&engine, 50).await;
    let receiver = Receiver::start().await;
    // The first hold, and nothing else.
    let poison = |request: &Received| request.events()[0]["dropgateseq"] == 4;
    receiver.behave(move |request| Act::Answer(if poison(request) { 500 } else { 200 }));
    let more = json!({ "drops": [drop], "from": "start" });
    let webhook = apart.webhook(&engine, &receiver.url(), more).await;
    let id = text(&webhook, "id").to_owned();
    for _ in 0..3 {
        apart.held(&engine, &drop).await;
    }
    let list = async |state: &str| {
        let path = format!("/webhooks/{id}/deliveries?state={state}");
        let page = apart.admin(&engine, Method::GET, &path).send().await.ok(200);
        page["items"].as_array().expect("items").clone()
    };
    let retrying = eventually("it is retried", || async { list("retrying").await.pop() }).await;
    assert_eq!((&retrying["event"], &retrying["status"]), (&json!("1-4"), &json!(500)));
    assert!(!retrying["next_at"].is_null());
    let dead = eventually("it is given up", || async { list("dead").await.pop() }).await;
    assert_eq!((&dead["id"], &dead["type"]), (&retrying["id"], &json!("dropgate.held")));
    assert!(dead["attempts"].as_i64().is_some_and(|tries| tries > 2), "{dead}");
    assert_eq!(dead["error"], "500 Internal Server Error");
    assert!(dead["next_at"].is_null());
    apart.caught_up(&engine, &id).await;
    let told = firsts(&receiver.taken(), &drop);
    let known = apart.events(&engine, &drop).await;
    let without: Vec<_> = known.iter().filter(|event| event.1 != 4).cloned().collect();
    assert_eq!(told, without, "the others came, in order");
    let path = format!("/webhooks/{id}");
    let shown = apart.admin(&engine, Method::GET, &path).send().await.ok(200);
    assert_eq!((&shown["dead"], &shown["failing_since"]), (&json!(1), &Value::Null));

    receiver.behave(|_| Act::Answer(200));
    let again = format!("{path}/deliveries/{}/resend", text(&dead, "id"));
    let accepted = apart.admin(&engine, Method::POST, &again).send().await.ok(202);
    assert_eq!(accepted["id"], dead["id"]);
    eventually("it is taken in the end", || async { list("delivered").await.pop() }).await;
    let mut told = firsts(&receiver.taken(), &drop);
    told.sort();
    assert_eq!(told, known);
    let unknown = format!("{path}/deliveries/{id}/resend");
    apart.admin(&engine, Method::POST, &unknown).send().await.problem(404, "unknown_delivery");
}

#[tokio::test]
async fn one_that_hangs_delays_no_other() {
    let apart = Apart::new("hangs").await;
    let engine = apart.engine(&[("DROPGATE_WEBHOOK_TIMEOUT_MS", "60000")]);
    let (stuck, fine) = (Receiver::start().await, Receiver::start().await);
    stuck.behave(|_| Act::Hang);
    // As many drops as are told at a time, and more.
    let mut drops = Vec::new();
    for _ in 0..6 {
        drops.push(apart.new_drop(&engine, 50).await);
    }
    apart.webhook(&engine, &stuck.url(), json!({ "from": "start" })).await;
    let webhook = apart.webhook(&engine, &fine.url(), json!({ "from": "start" })).await;
    let begun = std::time::Instant::now();
    for drop in &drops {
        apart.held(&engine, drop).await;
    }
    apart.caught_up(&engine, text(&webhook, "id")).await;
    assert!(begun.elapsed() < std::time::Duration::from_secs(15), "{:?}", begun.elapsed());
    for drop in &drops {
        assert_eq!(firsts(&fine.taken(), drop), apart.events(&engine, drop).await);
    }
    assert_eq!(stuck.taken().len(), 0);
    assert!((1..=6).contains(&stuck.received().len()));
}

#[tokio::test]
async fn a_drop_that_fails_holds_up_no_other_of_the_same_webhook() {
    let apart = Apart::new("one-fails").await;
    let engine = apart.engine(&[]);
    let (bad, good) = (apart.new_drop(&engine, 50).await, apart.new_drop(&engine, 50).await);
    let receiver = Receiver::start().await;
    let source = json!(format!("/v1/drops/{bad}"));
    let asked = source.clone();
    receiver.behave(move |request| match request.events()[0]["source"] == asked {
        // It wants more time than it is given: the engine's own bound is smaller.
        true => Act::With(503, "retry-after", "1000000".to_owned()),
        false => Act::Answer(200),
    });
    let webhook = apart.webhook(&engine, &receiver.url(), json!({ "from": "start" })).await;
    for drop in [&bad, &good] {
        apart.held(&engine, drop).await;
    }
    let known = apart.events(&engine, &good).await;
    taken(&receiver, known.len()).await;
    assert_eq!(firsts(&receiver.taken(), &good), known);
    let path = format!("/webhooks/{}/deliveries", text(&webhook, "id"));
    let waits = &eventually("the failure is noted", || async {
        let page = apart.admin(&engine, Method::GET, &path).send().await.ok(200);
        page["items"].as_array().expect("items").first().cloned()
    })
    .await;
    assert_eq!((&waits["state"], &waits["event"]), (&json!("retrying"), &json!("1-1")));
    let times = ["last_at", "next_at"].map(|name| {
        let time = chrono::DateTime::parse_from_rfc3339(text(waits, name));
        time.expect("a time").timestamp()
    });
    assert!((598..=602).contains(&(times[1] - times[0])), "at most ten minutes: {waits}");
    // Whoever wants it sooner says so.
    receiver.behave(|_| Act::Answer(200));
    let again = format!("{path}/{}/resend", text(waits, "id"));
    apart.admin(&engine, Method::POST, &again).send().await.ok(202);
    apart.caught_up(&engine, text(&webhook, "id")).await;
    assert_eq!(firsts(&receiver.taken(), &bad), apart.events(&engine, &bad).await);
}

/// What `test` of a webhook came to.
async fn tried(apart: &Apart, engine: &EngineProcess, webhook: &Value) -> Value {
    let path = format!("/webhooks/{}/test", text(webhook, "id"));
    apart.admin(engine, Method::POST, &path).send().await.ok(200)
}

#[tokio::test]
async fn a_webhook_can_be_tried() {
    let apart = Apart::new("tried").await;
    let engine = apart.engine(&IMPATIENT);
    let receiver = Receiver::start().await;
    let webhook = apart.webhook(&engine, &receiver.url(), json!({})).await;
    let fine = tried(&apart, &engine, &webhook).await;
    assert_eq!((&fine["delivered"], &fine["status"]), (&json!(true), &json!(204)));
    assert!(fine["error"].is_null() && fine["milliseconds"].is_u64());
    let request = receiver.received().pop().expect("a request");
    assert_eq!(request.events()[0]["type"], "dropgate.test");
    assert!(is_genuine(text(&webhook, "secret"), &request));
    receiver.behave(|_| Act::Answer(500));
    let refused = tried(&apart, &engine, &webhook).await;
    assert_eq!((&refused["delivered"], &refused["status"]), (&json!(false), &json!(500)));
    receiver.behave(|_| Act::Hang);
    let late = tried(&apart, &engine, &webhook).await;
    assert_eq!((&late["status"], text(&late, "error")), (&Value::Null, "no answer within 300 ms"));
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let apart = Apart::new("redirects").await;
    let engine = apart.engine(&IMPATIENT);
    let (receiver, elsewhere) = (Receiver::start().await, Receiver::start().await);
    let to = elsewhere.url();
    for status in [301, 302, 307, 308] {
        let to = to.clone();
        receiver.behave(move |_| Act::With(status, "location", to.clone()));
        let webhook = apart.webhook(&engine, &receiver.url(), json!({})).await;
        let answer = tried(&apart, &engine, &webhook).await;
        assert_eq!((&answer["delivered"], &answer["status"]), (&json!(false), &json!(status)));
        assert!(text(&answer, "error").contains("redirects are not followed"));
    }
    assert!(elsewhere.received().is_empty());
}

#[tokio::test]
async fn private_addresses_are_refused_when_a_webhook_is_made_and_when_it_is_told() {
    let apart = Apart::new("private").await;
    let free = apart.engine(&[]);
    let bound = apart.engine(&[("DROPGATE_WEBHOOKS_ALLOW_PRIVATE", "false")]);
    let receiver = Receiver::start().await;
    let port = receiver.url().rsplit(':').next().expect("a port").to_owned();
    for host in [
        "127.0.0.1",
        "2130706433",
        "0x7f.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "169.254.169.254",
        "10.0.0.1",
        "0.0.0.0",
    ] {
        let body = json!({ "url": format!("https://{host}:{port}") });
        let made = apart.admin(&bound, Method::POST, "/webhooks").json(&body).send().await;
        made.invalid(&["/url"]);
    }
    for url in ["http://8.8.8.8/", "ftp://8.8.8.8/", "https://u:p@8.8.8.8/", "nowhere", "", "/x"] {
        let body = json!({ "url": url });
        let made = apart.admin(&bound, Method::POST, "/webhooks").json(&body).send().await;
        made.invalid(&["/url"]);
    }
    // What another engine has let pass is looked at again by each that sends.
    let localhost = format!("http://localhost:{port}");
    let webhook = apart.webhook(&free, &localhost, json!({})).await;
    assert_eq!(tried(&apart, &free, &webhook).await["delivered"], true);
    let came = receiver.received().len();
    let refused = tried(&apart, &bound, &webhook).await;
    assert!(text(&refused, "error").contains("https"), "{refused}");
    for url in [format!("https://localhost:{port}"), format!("https://127.0.0.1:{port}")] {
        let webhook = apart.webhook(&free, &url, json!({})).await;
        let refused = tried(&apart, &bound, &webhook).await;
        assert!(text(&refused, "error").contains("is not public"), "{refused}");
        let patch = json!({ "url": url });
        let path = format!("/webhooks/{}", text(&webhook, "id"));
        apart.admin(&bound, Method::PATCH, &path).json(&patch).send().await.invalid(&["/url"]);
    }
    assert_eq!(receiver.received().len(), came, "nothing came of all that");
}

#[tokio::test]
async fn an_erased_customer_is_told_by_the_pseudonym() {
    let sale = Sale::open(&[("a", 9)]).await;
    let customer = format!("c-{}", uuid::Uuid::now_v7().simple());
    let held = sale.held(&customer, &[("a", 1)]).await;
    sale.release(&held).send().await.ok(200);
    let erase = json!({ "customer_id": customer, "drop": sale.id() });
    let call = sale.anonymous(Method::POST, "/v1/admin/customers/erase").bearer(ADMIN_KEY);
    call.json(&erase).send().await.ok(200);
    let receiver = Receiver::start().await;
    let webhook = follow(&sale, &receiver, json!({ "types": ["held", "released"] })).await;
    for event in taken(&receiver, 2).await {
        assert!(text(&event["data"], "customer_id").starts_with("erased-"), "{event}");
        assert!(!event.to_string().contains(&customer));
        assert!(["held", "released"].contains(&event_of(&event).2.as_str()));
    }
    let path = format!("/{}", text(&webhook, "id"));
    webhooks(&sale, Method::DELETE, &path).send().await.ok(200);
}

#[tokio::test]
async fn the_list_is_paged_and_bodies_are_checked() {
    let apart = Apart::new("list").await;
    let engine = apart.engine(&[]);
    let mut made = Vec::new();
    for n in 0..3 {
        let more = json!({ "description": format!("number {n}") });
        let webhook = apart.webhook(&engine, "http://127.0.0.1:9/", more).await;
        made.push(webhook["id"].clone());
    }
    let list = async |query: &str| {
        let path = format!("/webhooks{query}");
        apart.admin(&engine, Method::GET, &path).send().await.ok(200)
    };
    let first = list("?limit=2").await;
    let next = list(&format!("?limit=2&cursor={}", text(&first, "next_cursor"))).await;
    assert!(next["next_cursor"].is_null());
    let items = [&first["items"], &next["items"]].map(|items| items.as_array().expect("items"));
    let ids: Vec<Value> =
        items.into_iter().flatten().map(|webhook| webhook["id"].clone()).collect();
    assert_eq!(ids, made);
    for (body, at) in [
        (json!({}), "/url"),
        (json!({ "url": 7 }), "/url"),
        (json!({ "url": "http://127.0.0.1/ x" }), "/url"),
        (json!({ "url": "http://h/", "drops": [] }), "/drops"),
        (json!({ "url": "http://h/", "types": ["sold"] }), "/types"),
        (json!({ "url": "http://h/", "batch": 0 }), "/batch"),
        (json!({ "url": "http://h/", "batch": 101 }), "/batch"),
        (json!({ "url": "http://h/", "from": "later" }), "/from"),
        (json!({ "url": "http://h/", "secret": "x" }), "/secret"),
        (json!({ "url": "http://h/", "state": "paused" }), "/state"),
    ] {
        let call = apart.admin(&engine, Method::POST, "/webhooks").json(&body);
        call.send().await.invalid(&[at]);
    }
}
