//! A customer is erased: nothing of the id is left, and everything still adds up.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{
    ADMIN_KEY, Call, EngineProcess, Reply, Sale, checked, eventually, keys_with, lines, tables_with,
};

fn customer() -> String {
    format!("erase-me-{}", Uuid::now_v7().simple())
}

fn erase(sale: &Sale, customer: &str, drop: Option<&str>) -> Call {
    let body = json!({ "customer_id": customer, "drop": drop });
    sale.anonymous(Method::POST, "/v1/admin/customers/erase").bearer(ADMIN_KEY).json(&body)
}

/// The answer to a call that may meet a drop that is just being rebuilt.
async fn answered(call: impl AsyncFn() -> Reply) -> Reply {
    eventually("an answer", || async {
        let reply = call().await;
        (reply.status != 503).then_some(reply)
    })
    .await
}

/// Everything that can happen to somebody's reservations, ended in the end.
async fn buy(sale: &Sale, customer: &str) -> (Value, Value) {
    let bought = sale.reserve(customer, &[("a", 2), ("b", 1)]).key("hold-1").send().await.ok(201);
    sale.change(&bought, &[("a", 2)]).send().await.ok(200);
    sale.extend(&bought, json!({})).send().await.ok(200);
    let confirm = sale.confirm(&bought, json!({ "order_id": "o-7" })).key("confirm-1");
    let bought = confirm.send().await.ok(200);
    let body = json!({ "lines": lines(&[("a", 1)]), "reason": "too small" });
    sale.give_back(&bought, body).send().await.ok(200);
    let released = sale.held(customer, &[("b", 1)]).await;
    sale.release(&released).send().await.ok(200);
    sale.expired(customer, &[("a", 1)]).await;
    (bought, released)
}

#[tokio::test]
async fn nothing_of_a_customer_is_left() {
    let sale = Sale::with(json!({ "limit_per_customer": 4 }), &[("a", 50), ("b", 50)]).await;
    let other = Sale::open(&[("a", 5)]).await;
    let world = sale.world();
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let settings = [("DROPGATE_LOG", "trace"), ("DROPGATE_RATE_CUSTOMER", "1/h burst 50")];
    let mut command = EngineProcess::serving(world.redis_url(), world.database_url(), &settings);
    command.stderr(File::create(&log).expect("a file"));
    let engine = EngineProcess::start(command);
    let own = sale.through(&engine);

    let (gone, stays) = (customer(), customer());
    let (bought, released) = buy(&own, &gone).await;
    let kept = own.confirmed(&stays, &[("a", 1)]).await;
    other.confirmed(&gone, &[("a", 1)]).await;
    let active = own.held(&gone, &[("b", 1)]).await;

    // The look is one that finds something.
    let tables = tables_with(world, &gone).await;
    assert_eq!(tables, ["ledger", "requests", "reservations"]);
    let keys = keys_with(world, &gone).await;
    for name in ["reservations", "customers"] {
        assert!(keys.contains(&format!("dg:{{{}}}:{name}", sale.id())), "{keys:?}");
    }
    assert!(keys.iter().any(|key| key.starts_with("dg:{!rate}:customer:")), "{keys:?}");
    let before = checked(world, sale.id()).await;
    assert_eq!((before.0.unsealed, &before.0.violations), (0, &Vec::new()));

    // Not while a hold is active, and then nothing is changed, in no drop.
    let refused = erase(&own, &gone, None).send().await.problem(409, "hold_active");
    assert_eq!(refused["drops"], json!([sale.id()]));
    assert_eq!(own.reservation(&bought).await["customer_id"], gone.as_str());
    assert_eq!(tables_with(world, &gone).await, tables);
    sale.release(&active).send().await.ok(200);

    let before = checked(world, sale.id()).await;
    let counts = [sale.counts("a").await, sale.counts("b").await];
    let done = answered(async || erase(&own, &gone, None).send().await).await.ok(200);
    let erased =
        |drop: &str, reservations: i64| json!({ "drop": drop, "reservations": reservations });
    let items: BTreeSet<String> =
        done["drops"].as_array().expect("drops").iter().map(Value::to_string).collect();
    let expected = [erased(sale.id(), 4), erased(other.id(), 1)];
    assert_eq!(items, expected.iter().map(Value::to_string).collect());

    assert_eq!(tables_with(world, &gone).await, [""; 0]);
    assert_eq!(keys_with(world, &gone).await, [""; 0]);
    let said = fs::read_to_string(&log).expect("the log");
    assert!(said.contains("a customer is erased"), "the log is one that says something");
    assert!(!said.contains(&gone));
    // The other one is there, and everything adds up: counts, seals, chain.
    assert!(tables_with(world, &stays).await.contains(&"ledger".to_owned()));
    assert_eq!([sale.counts("a").await, sale.counts("b").await], counts);
    assert_eq!(checked(world, sale.id()).await, before);

    // One pseudonym for all of it, which says nothing.
    let read = answered(async || own.about(Method::GET, &bought, "").send().await).await.ok(200);
    let pseudonym = read["customer_id"].as_str().expect("a text").to_owned();
    assert!(pseudonym.starts_with("erased-"), "{pseudonym}");
    assert_eq!(own.reservation(&released).await["customer_id"], pseudonym.as_str());
    let rows = sale.admin(Method::GET, "/ledger?limit=1000").send().await.ok(200);
    let customers: BTreeSet<&str> = rows["items"]
        .as_array()
        .expect("items")
        .iter()
        .filter_map(|row| row["customer_id"].as_str())
        .collect();
    assert_eq!(customers, BTreeSet::from([pseudonym.as_str(), stays.as_str()]));

    // Asked again: there is nothing to do.
    let again = answered(async || erase(&own, &gone, None).send().await).await.ok(200);
    assert_eq!(again, json!({ "drops": [] }));
    // What can be repeated without the customer's id still is; a hold is not made a second time.
    let confirm =
        async || own.confirm(&bought, json!({ "order_id": "o-7" })).key("confirm-1").send().await;
    let repeated = answered(confirm).await;
    assert!(repeated.is_replayed());
    assert_eq!(repeated.ok(200)["customer_id"], pseudonym.as_str());
    let hold = async || own.reserve(&gone, &[("a", 2), ("b", 1)]).key("hold-1").send().await;
    answered(hold).await.problem(422, "idempotency_key_reused");
    assert_eq!(own.reservation(&kept).await["customer_id"], stays.as_str());

    // Whoever comes back is somebody new, with a limit of their own; the pseudonym still owns a unit.
    let back = answered(async || sale.reserve(&gone, &[("b", 4)]).send().await).await.ok(201);
    sale.release(&back).send().await.ok(200);
    answered(async || erase(&own, &gone, Some(sale.id())).send().await).await.ok(200);
    assert_eq!(tables_with(world, &gone).await, [""; 0]);
    assert_eq!(keys_with(world, &gone).await, [""; 0]);
}

#[tokio::test]
async fn a_customer_is_erased_while_buying_elsewhere() {
    let sale = Sale::open(&[("a", 100_000)]).await;
    let (world, elsewhere) = (sale.world(), sale.elsewhere());
    let gone = customer();
    let (buying, bought) = (AtomicBool::new(true), tokio::sync::Mutex::new(Vec::new()));
    let buyer = async |number: usize| {
        let mut turn = 0;
        while buying.load(Ordering::Relaxed) {
            turn += 1;
            let key = format!("{number}-{turn}");
            // The same key until it is resolved: an erasure may have cut the call off.
            let hold = async || sale.reserve(&gone, &[("a", 1)]).key(&key).send().await;
            let held = answered(hold).await.ok(201);
            answered(async || elsewhere.release(&held).send().await).await.ok(200);
            bought.lock().await.push(held);
            // Moments without a hold.
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let eraser = async {
        for _ in 0..3 {
            eventually("something is erased under way", || async {
                let reply = erase(&elsewhere, &gone, Some(sale.id())).send().await;
                match reply.status {
                    200 => (reply.body["drops"] != json!([])).then_some(()),
                    409 | 503 => None,
                    other => panic!("{other}: {}", reply.body),
                }
            })
            .await;
        }
        buying.store(false, Ordering::Relaxed);
    };
    tokio::join!(buyer(0), buyer(1), eraser);
    let last = answered(async || erase(&sale, &gone, None).send().await).await;
    last.ok(200);
    assert_eq!(tables_with(world, &gone).await, [""; 0]);
    assert_eq!(keys_with(world, &gone).await, [""; 0]);
    // Whoever was told of a hold finds it, under some pseudonym.
    let bought = bought.into_inner();
    assert!(!bought.is_empty());
    for held in &bought {
        let read = answered(async || sale.about(Method::GET, held, "").send().await).await.ok(200);
        assert_eq!(read["state"], "released");
        assert!(read["customer_id"].as_str().expect("a text").starts_with("erased-"), "{read}");
    }
    let (found, _) = checked(world, sale.id()).await;
    assert_eq!((found.unsealed, found.violations), (0, Vec::new()));
}

#[tokio::test]
async fn what_is_no_erasure_is_refused() {
    let sale = Sale::open(&[("a", 5)]).await;
    let call = |body: Value| {
        let call = sale.anonymous(Method::POST, "/v1/admin/customers/erase");
        call.bearer(ADMIN_KEY).json(&body).send()
    };
    call(json!({})).await.invalid(&["/customer_id"]);
    call(json!({ "customer_id": "a b", "drop": "{}", "x": 1 })).await.invalid(&[
        "/customer_id",
        "/drop",
        "/x",
    ]);
    call(json!({ "customer_id": "c", "drop": "there-is-none" })).await.problem(404, "unknown_drop");
    let nobody = call(json!({ "customer_id": customer() })).await.ok(200);
    assert_eq!(nobody, json!({ "drops": [] }));
}
