//! The figures of a sale: true, and those of all engines together.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::cli::run;
use crate::support::{ADMIN_KEY, EngineProcess, Line, STOREFRONT_KEY, Sale, eventually};

async fn sale_of(sale: &Sale) -> Value {
    sale.admin(Method::GET, "/sale").send().await.ok(200)
}

/// What the figures say once they say what is wanted of them.
async fn once(sale: &Sale, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
    eventually(what, || async {
        let figures = sale_of(sale).await;
        fits(&figures).then_some(figures)
    })
    .await
}

fn calls(figures: &Value, verb: &str, outcome: &str) -> i64 {
    let outcomes = figures["unheld"]["outcomes"].as_array().expect("outcomes").iter();
    let known = outcomes.filter(|one| one["verb"] == verb && one["outcome"] == outcome);
    known.map(|one| one["calls"].as_i64().expect("a count")).sum()
}

fn sum(figures: &Value, what: &str) -> i64 {
    let seconds = figures["per_second"][what].as_array().expect("seconds");
    assert_eq!(seconds.len(), 300);
    seconds.iter().map(|count| count.as_i64().expect("a count")).sum()
}

/// Holds by the bound of their time.
fn remaining(figures: &Value) -> Vec<(Option<i64>, i64)> {
    let parts = figures["remaining"].as_array().expect("parts").iter();
    let part = |part: &Value| (part["under_seconds"].as_i64(), part["holds"].as_i64().expect("n"));
    parts.map(part).filter(|(_, holds)| *holds > 0).collect()
}

#[tokio::test]
async fn they_are_those_of_all_engines() {
    let settings = json!({ "limit_per_customer": 4, "max_hold_seconds": 7200 });
    let sale = Sale::with(settings, &[("a", 4), ("b", 2)]).await;
    let other = sale.elsewhere();
    let fresh = sale_of(&sale).await;
    assert_eq!(fresh["funnel"], json!({ "attempts": 0, "holds": 0, "confirms": 0 }));
    assert_eq!(
        fresh["hold_to_confirm"],
        json!({ "confirms": 0, "median_ms": null, "p95_ms": null })
    );
    assert_eq!((&fresh["unheld"]["since"], remaining(&fresh)), (&Value::Null, Vec::new()));

    let first = sale.held("c-1", &[("a", 1), ("b", 1)]).await;
    let short = other.held_for(90, "c-2", &[("a", 2)]).await;
    // Two engines refuse, and one call is repeated: that is no attempt of its own.
    sale.reserve("c-3", &[("a", 2)]).send().await.problem(409, "sold_out");
    for _ in 0..2 {
        other.reserve("c-4", &[("a", 2)]).send().await.problem(409, "sold_out");
    }
    other.reserve("c-2", &[("a", 3)]).send().await.problem(409, "limit_exceeded");
    sale.change(&short, &[("b", 3), ("a", 2)]).send().await.problem(409, "limit_exceeded");
    sale.reserve("c-5", &[("b", 1)]).key("k").send().await.ok(201);
    assert!(sale.reserve("c-5", &[("b", 1)]).key("k").send().await.is_replayed());
    other.confirm(&first, json!({ "order_id": "o-1" })).send().await.ok(200);

    for seen in [&sale, &other] {
        let figures = once(seen, "every engine has told, and the seconds are over", |figures| {
            calls(figures, "reserve", "sold_out") == 3
                && calls(figures, "reserve", "limit_exceeded") == 1
                && calls(figures, "change", "limit_exceeded") == 1
                && sum(figures, "holds") == 3
                && sum(figures, "confirms") == 1
                && sum(figures, "refusals") == 4
        })
        .await;
        assert_eq!(figures["funnel"], json!({ "attempts": 7, "holds": 3, "confirms": 1 }));
        let events = &figures["events"];
        assert_eq!((&events["held"], &events["confirmed"]), (&json!(3), &json!(1)), "{events}");
        assert_eq!(
            (&events["restocked"], &events["configured"]),
            (&json!(2), &json!(3)),
            "{events}"
        );
        let counts = json!({ "total": 6, "available": 1, "held": 3, "sold": 2 });
        assert_eq!(figures["counts"], counts);
        assert_eq!(
            figures["skus"][0],
            json!({ "sku": "a", "name": "a", "total": 4, "available": 1, "held": 2, "sold": 1 })
        );
        assert!(figures["unheld"]["since"].is_string());
        let took = &figures["hold_to_confirm"];
        let (median, p95) = (took["median_ms"].as_i64(), took["p95_ms"].as_i64());
        assert_eq!((&took["confirms"], median), (&json!(1), p95), "{took}");
        assert!(median.is_some_and(|ms| (0..60_000).contains(&ms)), "{took}");
        assert_eq!(remaining(&figures), [(Some(120), 1), (Some(900), 1)]);
        assert_eq!(figures["expiry"]["due"], 0);
        assert_eq!(figures["write_behind"], json!({ "events": 0, "lag_seconds": 0.0 }));
        // Nothing is counted twice by being asked again.
        assert_eq!(sale_of(seen).await["funnel"], figures["funnel"]);
    }
    // What is confirmed later comes on top of what was summed up.
    sale.confirm(&short, json!({ "order_id": "o-2" })).send().await.ok(200);
    for seen in [&sale, &other] {
        let figures = sale_of(seen).await;
        assert_eq!(figures["funnel"], json!({ "attempts": 7, "holds": 3, "confirms": 2 }));
        assert_eq!(figures["hold_to_confirm"]["confirms"], 2);
    }
}

#[tokio::test]
async fn a_rebuilt_drop_has_the_same_ones() {
    let sale = Sale::open(&[("a", 4)]).await;
    let held = sale.held("c-1", &[("a", 1)]).await;
    sale.held("c-2", &[("a", 3)]).await;
    sale.reserve("c-3", &[("a", 1)]).send().await.problem(409, "sold_out");
    sale.confirm(&held, json!({ "order_id": "o-1" })).send().await.ok(200);
    let before =
        once(&sale, "the refusal is told", |it| calls(it, "reserve", "sold_out") == 1).await;
    let servers = [
        ("DROPGATE_REDIS_URL", sale.world().redis_url()),
        ("DROPGATE_DATABASE_URL", sale.world().database_url()),
        ("DROPGATE_LOG", "warn"),
    ];
    run(&format!("rebuild --drop {} --json", sale.id()), &servers).await.json();
    let after = once(&sale, "it is in a later epoch", |it| it["epoch"] != before["epoch"]).await;
    for what in ["funnel", "counts", "hold_to_confirm"] {
        assert_eq!(after[what], before[what], "{what}");
    }
    assert_eq!(calls(&after, "reserve", "sold_out"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_the_ledger_s_part_is_shown() {
    let sale = Sale::open(&[("a", 4)]).await;
    let redis = sale.world().redis_url();
    let (scheme, address) = redis.split_once("://").expect("an address");
    let line = Line::to(address.trim_end_matches('/')).await;
    let cut = format!("{scheme}://{}", line.address());
    let engine = EngineProcess::serve(&cut, sale.world().database_url(), &[]);
    let through = sale.through(&engine);
    sale.held("c-1", &[("a", 1)]).await;
    let whole = sale_of(&through).await;
    assert!(whole["unheld"].is_object() && whole["write_behind"].is_object(), "{whole}");
    line.cut();
    sale.held("c-2", &[("a", 1)]).await;
    let partly = once(&through, "what Redis has is not shown", |it| it["unheld"].is_null()).await;
    assert_eq!(partly["write_behind"], Value::Null);
    assert_eq!(partly["per_second"]["refusals"], Value::Null);
    assert_eq!(partly["funnel"], json!({ "attempts": null, "holds": 2, "confirms": 0 }));
    assert_eq!(partly["counts"]["held"], 2);
    line.mend();
    once(&through, "Redis is there again", |it| it["unheld"].is_object()).await;
}

#[tokio::test]
async fn a_hold_that_is_due_is_told_until_it_is_free() {
    let sale = Sale::open(&[("a", 4)]).await;
    sale.held_for(1, "c-1", &[("a", 1)]).await;
    let figures = once(&sale, "it is free", |it| it["counts"]["held"] == 0).await;
    assert_eq!((remaining(&figures), &figures["expiry"]["due"]), (Vec::new(), &json!(0)));
    assert_eq!(figures["events"]["expired"], 1);
}

#[tokio::test]
async fn a_key_tells_what_it_opens() {
    let sale = Sale::open(&[]).await;
    let own = async |secret: &str| {
        sale.anonymous(Method::GET, "/v1/admin/key").bearer(secret).send().await
    };
    let admin = own(ADMIN_KEY).await.ok(200);
    assert_eq!(admin, json!({ "scopes": ["admin"], "drops": null }));
    own(STOREFRONT_KEY).await.problem(403, "forbidden");
    let looker = sale.make_key(&["read", "storefront"], Some(&[sale.id(), "b-drop"])).await;
    let read = own(&looker.secret).await.ok(200);
    assert_eq!(read["scopes"], json!(["storefront", "read"]));
    assert_eq!(read["drops"].as_array().map(Vec::len), Some(2));
}
