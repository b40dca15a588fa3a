//! `PUT /v1/admin/drops/{drop}`, open, pause, close: what a drop is and when it sells.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{ADMIN_KEY, Sale, eventually};

/// A time so many milliseconds from now, as the API writes it.
fn in_ms(millis: i64) -> String {
    (Utc::now() + TimeDelta::milliseconds(millis)).to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().expect("a time").parse().expect("RFC 3339")
}

#[tokio::test]
async fn a_drop_has_defaults_and_keeps_what_is_not_given() {
    let sale = Sale::unborn().await;
    let put = |body: Value| sale.admin(Method::PUT, "").json(&body).send();
    let reply = put(json!({})).await;
    assert_eq!(reply.header("location"), format!("/v1/admin/drops/{}", sale.id()));
    assert_eq!(reply.header("cache-control"), "no-store");
    let created = reply.ok(201);
    let expected = json!({
        "id": sale.id(), "name": sale.id(), "state": "open", "opens_at": null, "closes_at": null,
        "hold_ttl_seconds": 900, "max_hold_seconds": 3600, "limit_per_customer": null,
        "expiring_soon_seconds": [60, 10], "epoch": created["epoch"], "seq": 1, "skus": [],
    });
    assert_eq!(created, expected);
    let given = json!({
        "name": "Summer 🌞", "opens_at": "2026-01-01T11:00:00+01:00",
        "closes_at": "2999-01-01T00:00:00.5Z", "hold_ttl_seconds": 60, "max_hold_seconds": 120,
        "limit_per_customer": 3, "state": "paused",
    });
    let set = put(given).await.ok(200);
    assert_eq!(set["opens_at"], "2026-01-01T10:00:00.000Z");
    assert_eq!(set["closes_at"], "2999-01-01T00:00:00.500Z");
    let kept = put(json!({ "name": "Autumn" })).await.ok(200);
    let mut expected = set.clone();
    (expected["name"], expected["seq"]) = (json!("Autumn"), json!(3));
    assert_eq!(kept, expected);
    let clears = json!({ "opens_at": null, "closes_at": null, "limit_per_customer": null });
    let cleared = put(clears).await.ok(200);
    for name in ["opens_at", "closes_at", "limit_per_customer"] {
        assert_eq!(cleared[name], Value::Null, "{name}");
    }
    assert_eq!(cleared["hold_ttl_seconds"], 60);
    assert_eq!(sale.admin(Method::GET, "").send().await.ok(200), cleared);
    let path = format!("/v1/admin/drops/{}", sale.id());
    eventually("the other engine shows it", || async {
        let view = sale.elsewhere().anonymous(Method::GET, &path).bearer(ADMIN_KEY);
        (view.send().await.body == cleared).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_drop_opens_and_closes_by_itself() {
    let (opens, closes) = (in_ms(1000), in_ms(2500));
    let settings = json!({ "opens_at": opens, "closes_at": closes });
    let sale = Sale::with(settings, &[("a", 1_000_000)]).await;
    let problem = sale.reserve("c", &[("a", 1)]).send().await.problem(409, "drop_not_open");
    assert_eq!(problem["opens_at"], opens);
    let view = sale.anonymous(Method::GET, &format!("/v1/drops/{}", sale.id()));
    assert_eq!(view.send().await.ok(200)["state"], "scheduled");
    eventually("the drop opens", || async {
        (sale.reserve("c", &[("a", 1)]).send().await.status == 201).then_some(())
    })
    .await;
    let view = sale.anonymous(Method::GET, &format!("/v1/drops/{}", sale.id()));
    assert_eq!(view.send().await.ok(200)["state"], "open");
    let refused = eventually("the drop closes", || async {
        let reply = sale.reserve("c", &[("a", 1)]).send().await;
        (reply.status != 201).then_some(reply)
    })
    .await;
    assert_eq!(refused.problem(409, "drop_closed")["opens_at"], opens);
    let page = sale.admin(Method::GET, "/reservations?limit=500").send().await.ok(200);
    let made = page["items"].as_array().expect("items");
    let times = time(&json!(opens))..time(&json!(closes));
    assert!(made.iter().all(|held| times.contains(&time(&held["created_at"]))), "{page}");
    // What is held can still be bought or given back.
    sale.confirm(&made[0], json!({ "order_id": "o-1" })).send().await.ok(200);
    sale.release(&made[1]).send().await.ok(200);
    sale.act("open").await.problem(409, "drop_closed");
    sale.act("pause").await.problem(409, "drop_closed");
    assert_eq!(sale.act("close").await.ok(200)["state"], "closed");
}

#[tokio::test]
async fn a_paused_drop_does_not_open_itself() {
    let opens = in_ms(300);
    let sale = Sale::with(json!({ "opens_at": opens }), &[("a", 5)]).await;
    assert_eq!(sale.act("pause").await.ok(200)["state"], "paused");
    let late = eventually("the opening time passes", || async {
        let reply = sale.reserve("c", &[("a", 1)]).send().await;
        (Utc::now() > time(&json!(opens)) + TimeDelta::milliseconds(200)).then_some(reply)
    })
    .await;
    assert_eq!(late.problem(409, "drop_paused")["opens_at"], opens);
    assert_eq!(sale.act("open").await.ok(200)["state"], "open");
    sale.held("c", &[("a", 1)]).await;
}

#[tokio::test]
async fn a_drop_can_be_opened_early_and_opened_again() {
    let sale = Sale::with(json!({ "opens_at": in_ms(3_600_000) }), &[("a", 9)]).await;
    sale.reserve("c", &[("a", 1)]).send().await.problem(409, "drop_not_open");
    let opened = sale.act("open").await;
    assert_eq!(opened.header("cache-control"), "no-store");
    assert_eq!(opened.ok(200)["state"], "open");
    sale.held("c", &[("a", 1)]).await;
    for (action, state, code) in
        [("pause", "paused", "drop_paused"), ("close", "closed", "drop_closed")]
    {
        for _ in 0..2 {
            assert_eq!(sale.act(action).await.ok(200)["state"], state);
        }
        sale.elsewhere().reserve("c", &[("a", 1)]).send().await.problem(409, code);
        assert_eq!(sale.elsewhere().act("open").await.ok(200)["state"], "open");
        sale.held("c", &[("a", 1)]).await;
    }
}

#[tokio::test]
async fn a_state_can_be_set_like_any_setting() {
    let sale = Sale::with(json!({ "state": "scheduled" }), &[("a", 9)]).await;
    let problem = sale.reserve("c", &[("a", 1)]).send().await.problem(409, "drop_not_open");
    assert!(problem.get("opens_at").is_none(), "{problem}");
    for (state, code) in [("paused", "drop_paused"), ("closed", "drop_closed")] {
        assert_eq!(sale.configure(json!({ "state": state })).await["state"], state);
        sale.reserve("c", &[("a", 1)]).send().await.problem(409, code);
    }
    sale.configure(json!({ "state": "open" })).await;
    sale.held("c", &[("a", 1)]).await;
}

#[tokio::test]
async fn a_drop_must_open_before_it_closes() {
    let sale = Sale::open(&[]).await;
    let put = |body: Value| sale.admin(Method::PUT, "").json(&body).send();
    let (one, two) = ("2030-01-01T00:00:00Z", "2031-01-01T00:00:00Z");
    put(json!({ "opens_at": two, "closes_at": one })).await.invalid(&["/closes_at"]);
    put(json!({ "opens_at": one, "closes_at": one })).await.invalid(&["/closes_at"]);
    put(json!({ "opens_at": one, "closes_at": two })).await.ok(200);
    put(json!({ "opens_at": two })).await.invalid(&["/closes_at"]);
    put(json!({ "closes_at": one })).await.invalid(&["/closes_at"]);
    put(json!({ "opens_at": two, "closes_at": null })).await.ok(200);
}

#[tokio::test]
async fn wrong_settings_are_all_named() {
    let sale = Sale::unborn().await;
    let put = |body: Value| sale.admin(Method::PUT, "").json(&body).send();
    let wrong = json!({
        "name": "", "opens_at": "tomorrow", "closes_at": 5, "hold_ttl_seconds": 0,
        "max_hold_seconds": 2_592_001, "limit_per_customer": 0, "state": "Open", "ttl": 1,
    });
    let pointers = [
        "/name",
        "/state",
        "/opens_at",
        "/closes_at",
        "/hold_ttl_seconds",
        "/max_hold_seconds",
        "/limit_per_customer",
        "/ttl",
    ];
    put(wrong).await.invalid(&pointers);
    let null = json!({ "name": null, "state": null, "hold_ttl_seconds": null });
    put(null).await.invalid(&["/name", "/state", "/hold_ttl_seconds"]);
    for name in ["x".repeat(201), "a\nb".to_owned(), "\0".to_owned()] {
        put(json!({ "name": name })).await.invalid(&["/name"]);
    }
    for text in ["1969-12-31T23:59:59Z", "10000-01-01T00:00:00Z", "2026-01-01", ""] {
        put(json!({ "opens_at": text })).await.invalid(&["/opens_at"]);
    }
    sale.admin(Method::PUT, "").send().await.problem(400, "malformed_request");
    sale.admin(Method::GET, "").send().await.problem(404, "unknown_drop");
    sale.act("open").await.problem(404, "unknown_drop");
    let path = "/v1/admin/drops/%7Bx%7D";
    let bad = sale.anonymous(Method::PUT, path).bearer(ADMIN_KEY).json(&json!({}));
    bad.send().await.invalid(&["/path/drop"]);
}

#[tokio::test]
async fn all_drops_are_listed_page_by_page() {
    let sales = [Sale::open(&[("a", 1)]).await, Sale::open(&[]).await, Sale::open(&[]).await];
    let mut seen: Vec<String> = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/v1/admin/drops?limit=2&cursor={cursor}");
        let call = sales[0].anonymous(Method::GET, &path).bearer(ADMIN_KEY);
        let page = call.send().await.ok(200);
        let items = page["items"].as_array().expect("items");
        assert!(items.len() <= 2, "{page}");
        let mine = items.iter().find(|item| item["id"] == sales[0].id());
        if let Some(mine) = mine {
            assert_eq!(*mine, sales[0].admin(Method::GET, "").send().await.ok(200));
        }
        seen.extend(items.iter().map(|item| item["id"].as_str().expect("an id").to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        next.clone_into(&mut cursor);
    }
    for sale in &sales {
        assert_eq!(seen.iter().filter(|id| *id == sale.id()).count(), 1);
    }
    let list = |query: &str| {
        let path = format!("/v1/admin/drops?{query}");
        sales[0].anonymous(Method::GET, &path).bearer(ADMIN_KEY).send()
    };
    for (query, pointer) in [
        ("limit=0", "/query/limit"),
        ("limit=501", "/query/limit"),
        ("limit=x", "/query/limit"),
        ("cursor=nonsense!", "/query/cursor"),
        ("page=2", "/query/page"),
    ] {
        list(query).await.invalid(&[pointer]);
    }
}
