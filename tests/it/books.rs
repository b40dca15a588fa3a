//! The ledger and the audit over HTTP.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Sale, eventually};

#[tokio::test]
async fn every_event_has_its_rows() {
    let sale = Sale::open(&[("a", 9), ("b", 9)]).await;
    let one = sale.held("c", &[("a", 2), ("b", 1)]).await;
    sale.change(&one, &[("a", 1), ("b", 1)]).send().await.ok(200);
    sale.confirm(&one, json!({ "order_id": "o-1" })).send().await.ok(200);
    let body = json!({ "lines": [{ "sku": "a", "quantity": 1 }], "restock": false });
    sale.give_back(&one, body).send().await.ok(200);
    let two = sale.held_for(30, "c", &[("a", 1)]).await;
    sale.extend(&two, json!({})).send().await.ok(200);
    sale.release(&two).send().await.ok(200);
    let page = sale.admin(Method::GET, "/ledger").send().await.ok(200);
    assert_eq!(page["next_cursor"], Value::Null);
    let rows: Vec<(i64, &str, &str, i64)> = page["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|row| {
            let text = |name: &str| row[name].as_str().unwrap_or("");
            let number = |name: &str| row[name].as_i64().expect("a number");
            (number("seq"), text("kind"), text("sku"), number("quantity"))
        })
        .collect();
    let expected = [
        (1, "configured", "", 0),
        (2, "configured", "a", 0),
        (3, "restocked", "a", 9),
        (4, "configured", "b", 0),
        (5, "restocked", "b", 9),
        (6, "held", "a", 2),
        (6, "held", "b", 1),
        (7, "changed", "a", -1),
        (8, "confirmed", "a", 1),
        (8, "confirmed", "b", 1),
        (9, "returned", "a", 1),
        (10, "restocked", "a", -1),
        (11, "held", "a", 1),
        (12, "extended", "", 0),
        (13, "released", "a", 1),
    ];
    assert_eq!(rows, expected);
    let held = &page["items"][5];
    assert_eq!((&held["reservation_id"], &held["customer_id"]), (&one["id"], &json!("c")));
    assert_eq!(held["occurred_at"], one["created_at"]);
    assert!(held["epoch"].is_i64(), "{held}");
}

#[tokio::test]
async fn the_ledger_is_read_page_by_page() {
    let sale = Sale::open(&[("a", 99), ("b", 99)]).await;
    for _ in 0..5 {
        sale.held("c", &[("a", 1), ("b", 1)]).await;
    }
    let read = |query: String| sale.admin(Method::GET, &format!("/ledger?{query}")).send();
    let all = read(String::new()).await.ok(200)["items"].clone();
    for limit in [1, 2, 3, 1000] {
        let (mut seen, mut after) = (Vec::new(), "0".to_owned());
        loop {
            let page = read(format!("limit={limit}&after_seq={after}")).await.ok(200);
            seen.extend(page["items"].as_array().expect("items").iter().cloned());
            let Some(next) = page["next_cursor"].as_str() else { break };
            next.clone_into(&mut after);
        }
        assert_eq!(Value::Array(seen), all, "limit {limit}");
    }
    for (query, pointer) in [
        ("limit=0", "/query/limit"),
        ("limit=1001", "/query/limit"),
        ("after_seq=-1", "/query/after_seq"),
        ("after_seq=x", "/query/after_seq"),
        ("after=1", "/query/after"),
    ] {
        read(query.to_owned()).await.invalid(&[pointer]);
    }
    let empty = read("after_seq=9223372036854775807".to_owned()).await.ok(200);
    assert_eq!(empty, json!({ "items": [], "next_cursor": null }));
    let unborn = Sale::unborn().await;
    unborn.admin(Method::GET, "/ledger").send().await.problem(404, "unknown_drop");
}

#[tokio::test]
async fn an_audit_shows_both_sides() {
    let sale = Sale::open(&[("a", 9), ("b", 0)]).await;
    sale.held("c", &[("a", 2)]).await;
    sale.confirmed("c", &[("a", 1)]).await;
    let report = eventually("the ledger catches up", || async {
        let report = sale.admin(Method::GET, "/audit").send().await.ok(200);
        (report["seq"] == report["durable_seq"]).then_some(report)
    })
    .await;
    let counts = json!({ "total": 9, "available": 6, "held": 2, "sold": 1 });
    let of_a = json!({ "sku": "a", "redis": counts, "ledger": counts });
    assert_eq!((&report["balanced"], &report["violations"]), (&json!(true), &json!([])));
    assert!(report["skus"].as_array().is_some_and(|skus| skus.contains(&of_a)), "{report}");
    assert!(report["epoch"].is_i64(), "{report}");
    let unborn = Sale::unborn().await;
    unborn.admin(Method::GET, "/audit").send().await.problem(404, "unknown_drop");
}
