//! Reading reservations: one, a customer's, a whole drop's.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::Sale;

fn ids(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().expect("items");
    items.iter().map(|item| item["id"].as_str().expect("an id")).collect()
}

#[tokio::test]
async fn a_customer_finds_the_cart_after_a_reload() {
    let sale = Sale::open(&[("a", 99)]).await;
    let held = sale.held("c@x", &[("a", 1)]).await;
    let bought = sale.confirmed("c@x", &[("a", 2)]).await;
    sale.held("another", &[("a", 1)]).await;
    let list = |query: &str| sale.shop(Method::GET, &format!("/reservations?{query}")).send();
    let reply = list("customer_id=c@x&state=").await;
    assert_eq!(reply.header("cache-control"), "no-store");
    let page = reply.ok(200);
    assert_eq!(page["next_cursor"], Value::Null);
    let items = page["items"].as_array().expect("items");
    assert_eq!(items.len(), 2);
    assert!(items.contains(&held) && items.contains(&bought), "{page}");
    let page = list("customer_id=c%40x&state=held").await.ok(200);
    assert_eq!(page["items"], json!([held]));
    let page = list("customer_id=c@x&state=returned").await.ok(200);
    assert_eq!(page["items"], json!([]));
    assert_eq!(list("customer_id=nobody").await.ok(200)["items"], json!([]));
}

#[tokio::test]
async fn a_shop_must_say_whose_and_say_it_right() {
    let sale = Sale::open(&[]).await;
    for (query, pointers) in [
        ("", vec!["/query/customer_id"]),
        ("customer_id=", vec!["/query/customer_id"]),
        ("customer_id=%7B%7D", vec!["/query/customer_id"]),
        ("customer_id=%ff", vec!["/query/customer_id"]),
        ("customer_id=a&customer_id=b", vec!["/query/customer_id"]),
        ("customer_id=a&state=Held", vec!["/query/state"]),
        ("customer_id=a&stat=held", vec!["/query/stat"]),
        (
            "state=x&limit=0&cursor=x",
            vec!["/query/customer_id", "/query/state", "/query/cursor", "/query/limit"],
        ),
    ] {
        let reply = sale.shop(Method::GET, &format!("/reservations?{query}")).send().await;
        reply.invalid(&pointers);
    }
    let unborn = Sale::unborn().await;
    let reply = unborn.shop(Method::GET, "/reservations?customer_id=c").send().await;
    reply.problem(404, "unknown_drop");
}

#[tokio::test]
async fn a_merchant_sees_all_page_by_page() {
    let sale = Sale::open(&[("a", 99)]).await;
    let mut made = Vec::new();
    for n in 0..7 {
        let held = sale.held(&format!("c-{}", n % 2), &[("a", 1)]).await;
        made.push(held["id"].as_str().expect("an id").to_owned());
    }
    made.sort();
    let list = |query: String| sale.admin(Method::GET, &format!("/reservations?{query}")).send();
    for limit in [1, 3, 7, 500] {
        let mut seen: Vec<String> = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = list(format!("limit={limit}&cursor={cursor}")).await.ok(200);
            let found = ids(&page);
            assert!(found.len() <= limit, "{page}");
            seen.extend(found.into_iter().map(str::to_owned));
            let Some(next) = page["next_cursor"].as_str() else { break };
            next.clone_into(&mut cursor);
        }
        seen.sort();
        assert_eq!(seen, made, "limit {limit}");
    }
    let page = list("customer_id=c-1&state=held".to_owned()).await.ok(200);
    assert_eq!(ids(&page).len(), 3);
    for (query, pointer) in [
        ("limit=501", "/query/limit"),
        ("cursor=e30", "/query/cursor"),
        ("customer_id=a%20b", "/query/customer_id"),
        ("order_id=o", "/query/order_id"),
    ] {
        list(query.to_owned()).await.invalid(&[pointer]);
    }
}

#[tokio::test]
async fn a_reservation_belongs_to_its_drop() {
    let (sale, other) = (Sale::open(&[("a", 9)]).await, Sale::open(&[("a", 9)]).await);
    let held = sale.held("c", &[("a", 1)]).await;
    let elsewhere = other.about(Method::GET, &held, "").send().await;
    elsewhere.problem(404, "unknown_reservation");
    other.release(&held).send().await.problem(404, "unknown_reservation");
    let confirm = other.confirm(&held, json!({ "order_id": "o" })).send().await;
    confirm.problem(404, "unknown_reservation");
    let unborn = Sale::unborn().await;
    unborn.about(Method::GET, &held, "").send().await.problem(404, "unknown_drop");
}

#[tokio::test]
async fn what_is_no_id_names_no_reservation() {
    let sale = Sale::open(&[("a", 9)]).await;
    let held = sale.held("c", &[("a", 1)]).await;
    let id = held["id"].as_str().expect("an id");
    for bad in ["x", "%00", "%7B%7D", "0", &id.replace('-', ""), &format!("%7B{id}%7D"), &id[1..]] {
        let reply = sale.shop(Method::GET, &format!("/reservations/{bad}")).send().await;
        reply.problem(404, "unknown_reservation");
        let reply = sale.shop(Method::POST, &format!("/reservations/{bad}/release")).send().await;
        reply.problem(404, "unknown_reservation");
    }
    let nobody = json!({ "id": Uuid::now_v7() });
    sale.about(Method::GET, &nobody, "").send().await.problem(404, "unknown_reservation");
    // A UUID is the same in capitals.
    let capitals = json!({ "id": id.to_uppercase() });
    assert_eq!(sale.reservation(&capitals).await, held);
}
