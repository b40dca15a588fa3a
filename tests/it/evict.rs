//! A drop that is over leaves Redis, is answered for all the same, and comes back when it is needed.

use dropgate::local::TestServers;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::metrics::scrape;
use crate::support::{ADMIN_KEY, Call, EngineProcess, Sale, World, eventually, keys_with, lines};

/// Engines that let go of drops after a second. Those of the world keep theirs for a day.
async fn hasty() -> EngineProcess {
    let world = World::shared().await;
    let settings = [("DROPGATE_EVICT_AFTER_SECONDS", "1")];
    EngineProcess::serve(world.redis_url(), world.database_url(), &settings)
}

async fn in_redis(sale: &Sale) -> bool {
    let keys = keys_with(sale.world(), &format!("{{{}}}", sale.id())).await;
    // Whoever looks for the drop takes its lease, for half a second.
    keys.iter().any(|key| !key.ends_with(":writer"))
}

async fn until_gone(sale: &Sale) {
    eventually("it leaves Redis", || async { (!in_redis(sale).await).then_some(()) }).await;
}

#[tokio::test]
async fn a_drop_that_is_over_is_answered_for_from_the_ledger() {
    let whole = Sale::with(json!({ "hold_ttl_seconds": 60 }), &[("a", 9)]).await;
    let (one, two) = (hasty().await, hasty().await);
    let (sale, elsewhere) = (whole.through(&one), whole.through(&two));
    let held = sale.reserve("c", &[("a", 2)]).key("hold").send().await.ok(201);
    let body = json!({ "order_id": "o-1" });
    sale.confirm(&held, body.clone()).key("confirm").send().await.ok(200);
    let lost = sale.held("d", &[("a", 1)]).await;
    sale.act("close").await.ok(200);
    // While something is held it stays, however long.
    tokio::time::sleep(std::time::Duration::from_secs(13)).await;
    assert!(in_redis(&sale).await);
    sale.release(&lost).send().await.ok(200);
    until_gone(&sale).await;

    for sale in [&sale, &elsewhere, &whole] {
        // Reads, refusals, replays: none of them brings it back.
        let path = format!("/v1/drops/{}", sale.id());
        let shown = sale.anonymous(Method::GET, &path).send().await.ok(200);
        assert_eq!(
            (&shown["state"], &shown["skus"][0]["available"]),
            (&json!("closed"), &json!(7))
        );
        assert_eq!(sale.reservation(&held).await["state"], "confirmed");
        eventually("every engine knows", || async {
            let audit = sale.admin(Method::GET, "/audit").send().await;
            (audit.status == 200 && audit.body["skus"][0]["redis"] == Value::Null)
                .then(|| assert_eq!(audit.body["balanced"], true, "{}", audit.body))
        })
        .await;
        sale.reserve("e", &[("a", 1)]).send().await.problem(409, "drop_closed");
        sale.reserve("e", &[("a", 1)]).key("new").send().await.problem(409, "drop_closed");
        let again = sale.reserve("c", &[("a", 2)]).key("hold").send().await;
        assert!(again.is_replayed());
        assert_eq!(again.ok(201), held);
        let other = sale.reserve("c", &[("a", 1)]).key("hold").send().await;
        other.problem(422, "idempotency_key_reused");
        let long = json!({ "customer_id": "e", "lines": lines(&[("a", 1)]), "ttl_seconds": 61 });
        let long = sale.shop(Method::POST, "/reservations").json(&long).send().await;
        long.invalid(&["/ttl_seconds"]);
    }
    assert!(!in_redis(&sale).await);

    // What needs Redis brings it back, on whichever engine, once.
    let again = elsewhere.confirm(&held, body).key("confirm").send().await;
    assert!(again.is_replayed(), "{}", again.body);
    again.ok(200);
    until_gone(&sale).await;
    let calls = [&sale, &elsewhere].map(|sale| async {
        let part = json!({ "lines": lines(&[("a", 1)]) });
        sale.give_back(&held, part).send().await.ok(200)
    });
    futures_util::future::join_all(calls).await;
    assert_eq!(sale.counts("a").await, (9, 9, 0, 0));
    until_gone(&sale).await;

    // Opened again it sells again, and an engine that did not evict it agrees.
    sale.act("open").await.ok(200);
    let back = eventually("everybody knows that it is open", || async {
        let reply = whole.reserve("f", &[("a", 9)]).send().await;
        (reply.status == 201).then_some(reply.body)
    })
    .await;
    whole.release(&back).send().await.ok(200);
}

#[tokio::test]
async fn drops_in_redis_are_counted() {
    let servers = TestServers::shared().await.expect("servers");
    let database = servers.new_database("evict").await.expect("a database");
    let settings = [("DROPGATE_EVICT_AFTER_SECONDS", "1")];
    let engine = EngineProcess::serve(&servers.redis().url(), database.url(), &settings);
    let http = reqwest::Client::new();
    for (drop, state) in [("open", "open"), ("over", "closed"), ("past", "closed")] {
        let path = format!("{}/v1/admin/drops/{}-{drop}", engine.url(), Uuid::now_v7().simple());
        let call = Call::new(&http, Method::PUT, path).bearer(ADMIN_KEY);
        call.json(&json!({ "state": state })).send().await.ok(201);
    }
    let count = async || {
        let lines = scrape(engine.url()).await;
        let found = lines.iter().find_map(|line| line.strip_prefix("dropgate_drops_in_redis "));
        found.expect("the metric").parse::<f64>().expect("a number")
    };
    assert_eq!(count().await, 3.0);
    eventually("two are gone", || async { (count().await == 1.0).then_some(()) }).await;
}
