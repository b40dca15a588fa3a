//! `PUT /v1/admin/drops/{drop}/skus/{sku}`: what is sold.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Sale, eventually};

#[tokio::test]
async fn a_sku_has_defaults_and_keeps_what_is_not_given() {
    let sale = Sale::open(&[]).await;
    let put = |body: Value| sale.admin(Method::PUT, "/skus/shoe_42-B").json(&body).send();
    let reply = put(json!({})).await;
    let location = format!("/v1/drops/{}/skus/shoe_42-B", sale.id());
    assert_eq!(reply.header("location"), location);
    let created = reply.ok(201);
    let expected = json!({
        "sku": "shoe_42-B", "name": "shoe_42-B", "total": 0, "available": 0, "held": 0, "sold": 0,
        "limit_per_customer": null, "low_stock_threshold": 5, "details": {}, "version": 2,
    });
    assert_eq!(created, expected);
    let details = json!({ "price": 12.5, "tags": ["a", null, true], "text": "ü \" \\ \n 🌞" });
    let given = json!({ "name": "Shoe 42", "details": details, "limit_per_customer": 2,
        "low_stock_threshold": 0 });
    let set = put(given).await.ok(200);
    assert_eq!((&set["details"], &set["version"]), (&details, &json!(3)));
    let kept = put(json!({ "name": "Shoe" })).await.ok(200);
    let mut expected = set.clone();
    (expected["name"], expected["version"]) = (json!("Shoe"), json!(4));
    assert_eq!(kept, expected);
    let cleared = put(json!({ "limit_per_customer": null, "details": {} })).await.ok(200);
    assert_eq!((&cleared["limit_per_customer"], &cleared["details"]), (&Value::Null, &json!({})));
    let view = sale.admin(Method::GET, "").send().await.ok(200);
    assert_eq!(view["skus"], json!([cleared]));
}

#[tokio::test]
async fn it_starts_with_units_once() {
    let sale = Sale::open(&[]).await;
    let put = |body: Value| sale.admin(Method::PUT, "/skus/a").json(&body).send();
    let created = put(json!({ "initial_stock": 7 })).await.ok(201);
    assert_eq!((&created["total"], &created["available"]), (&json!(7), &json!(7)));
    let again = put(json!({ "initial_stock": 9 })).await.ok(200);
    assert_eq!((&again["total"], &again["available"]), (&json!(7), &json!(7)));
    assert_eq!(sale.ledger().await, [("restocked".to_owned(), "a".to_owned(), 7)]);
}

#[tokio::test]
async fn skus_stand_in_the_order_of_their_making() {
    let sale = Sale::open(&[("z", 1), ("a", 1), ("m", 0)]).await;
    sale.sku("z", json!({ "name": "changed" })).await;
    let path = format!("/v1/drops/{}", sale.id());
    let view = sale.anonymous(Method::GET, &path).send().await.ok(200);
    let skus = view["skus"].as_array().expect("skus").iter();
    let names: Vec<&str> = skus.filter_map(|sku| sku["sku"].as_str()).collect();
    assert_eq!(names, ["z", "a", "m"]);
}

#[tokio::test]
async fn wrong_settings_are_all_named() {
    let sale = Sale::open(&[]).await;
    let put = |body: Value| sale.admin(Method::PUT, "/skus/a").json(&body).send();
    let wrong = json!({ "name": 1, "details": [], "limit_per_customer": 1.5,
        "low_stock_threshold": -1, "initial_stock": 1_000_000_001, "stock": 5 });
    let pointers = [
        "/name",
        "/details",
        "/limit_per_customer",
        "/low_stock_threshold",
        "/initial_stock",
        "/stock",
    ];
    put(wrong).await.invalid(&pointers);
    let null = json!({ "name": null, "details": null, "low_stock_threshold": null,
        "initial_stock": null });
    put(null).await.invalid(&["/name", "/details", "/low_stock_threshold", "/initial_stock"]);
    sale.admin(Method::PUT, "/skus/a").send().await.problem(400, "malformed_request");
    for bad in ["a%20b", "%7B%7D", "%00", "%C3%BC", "a.b", &"x".repeat(65)] {
        let call = sale.admin(Method::PUT, &format!("/skus/{bad}")).json(&json!({}));
        call.send().await.invalid(&["/path/sku"]);
    }
    let view = sale.admin(Method::GET, "").send().await.ok(200);
    assert_eq!(view["skus"], json!([]));
    let unborn = Sale::unborn().await;
    let call = unborn.admin(Method::PUT, "/skus/a").json(&json!({}));
    call.send().await.problem(404, "unknown_drop");
}

#[tokio::test]
async fn details_come_back_as_they_were_given() {
    let sale = Sale::open(&[]).await;
    let details = json!({
        "": { "deep": [[[[{ "a": [] }]]]] },
        "numbers": [0, -0.5, 12.34, 1e100, -1e-100, i64::MAX, u64::MAX, 0.1 + 0.2],
        "text": "\u{1} \u{7f} \u{2028} \u{fffe} \u{10ffff} \" \\ / \n é e\u{301} *",
        "a \n key": null,
    });
    let view = sale.sku("a", json!({ "details": details, "name": "* \u{2028} %s \\ \"" })).await;
    assert_eq!(view["details"], details);
    let path = format!("/v1/drops/{}/skus/a", sale.id());
    let shown = eventually("the other engine shows it", || async {
        let reply = sale.elsewhere().anonymous(Method::GET, &path).send().await;
        (reply.status == 200).then_some(reply.body)
    })
    .await;
    assert_eq!((&shown["details"], &shown["name"]), (&details, &view["name"]));
    // What is in the ledger is the same, and the ledger goes on behind it.
    let page = sale.admin(Method::GET, "/ledger").send().await.ok(200);
    assert_eq!(page["items"][1]["settings"]["details"], details);
    sale.sku("a", json!({ "name": "plain" })).await;
}

#[tokio::test]
async fn details_are_bounded() {
    let sale = Sale::open(&[]).await;
    let put = |length: usize| {
        let details = json!({ "text": "x".repeat(length) });
        sale.admin(Method::PUT, "/skus/a").json(&json!({ "details": details })).send()
    };
    // {"text":""} takes 11 bytes.
    put(16_384 - 10).await.invalid(&["/details"]);
    let view = put(16_384 - 11).await.ok(201);
    assert_eq!(view["details"]["text"].as_str().map(str::len), Some(16_384 - 11));
    let nul = json!({ "details": { "text": "a\0b" } });
    sale.admin(Method::PUT, "/skus/a").json(&nul).send().await.invalid(&["/details"]);
    for number in [f64::MAX, -1e200, 5e-324] {
        let huge = json!({ "details": { "number": number } });
        sale.admin(Method::PUT, "/skus/a").json(&huge).send().await.invalid(&["/details"]);
    }
    let path = format!("/v1/drops/{}/skus/a", sale.id());
    let shown = sale.anonymous(Method::GET, &path).send().await.ok(200);
    assert_eq!(shown["details"], view["details"]);
}
