//! What bad input gets: a 4xx that says where, never a 500, and no effect.

use reqwest::Method;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use crate::support::{ADMIN_KEY, Call, STOREFRONT_KEY, Sale, connect, status};

/// A cart of one line whose quantity is this text.
fn cart(quantity: &str) -> String {
    format!(r#"{{"customer_id":"c","lines":[{{"sku":"a","quantity":{quantity}}}]}}"#)
}

fn reserve(sale: &Sale) -> Call {
    sale.shop(Method::POST, "/reservations")
}

#[tokio::test]
async fn a_quantity_is_a_whole_number_from_1_to_10000() {
    let sale = Sale::open(&[("a", 1_000_000)]).await;
    for text in [
        "0",
        "-1",
        "-0",
        "1.5",
        "1.0",
        "1e3",
        "1E0",
        "\"1\"",
        "\"NaN\"",
        "null",
        "true",
        "[]",
        "[1]",
        "{}",
        "10001",
        "2147483648",
        "9007199254740993",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551616",
        "-9223372036854775808",
        "1e308",
    ] {
        let reply = reserve(&sale).raw(cart(text)).send().await;
        reply.invalid(&["/lines/0/quantity"]);
    }
    for text in ["NaN", "Infinity", "-Infinity", "0x10", "01", "+1", "1.", ".5", "1_000", ""] {
        let reply = reserve(&sale).raw(cart(text)).send().await;
        reply.problem(400, "malformed_request");
    }
    // Larger than any number there is.
    reserve(&sale).raw(cart("1e999")).send().await.problem(400, "malformed_request");
    assert_eq!(sale.counts("a").await, (1_000_000, 1_000_000, 0, 0));
    reserve(&sale).raw(cart("10000")).send().await.ok(201);
}

#[tokio::test]
async fn ids_have_their_alphabet_and_their_length() {
    let sale = Sale::open(&[("a", 9)]).await;
    let long = ["x".repeat(129), "x".repeat(20_000)];
    for bad in [
        "", " ", "{}", "{a}", "a b", "a,b", "a\"b", "a\\b", "a\0", "a\r\nb", "\u{7f}", "ü", "🌞",
        "a;b", "a=b", "a/b", "a*", "a|b", "%41", &long[0], &long[1],
    ] {
        let body = json!({ "customer_id": bad, "lines": [{ "sku": "a", "quantity": 1 }] });
        reserve(&sale).json(&body).send().await.invalid(&["/customer_id"]);
        let body = json!({ "customer_id": "c", "lines": [{ "sku": bad, "quantity": 1 }] });
        reserve(&sale).json(&body).send().await.invalid(&["/lines/0/sku"]);
    }
    for bad in ["a.b", "a:b", "a@b"] {
        let body = json!({ "customer_id": bad, "lines": [{ "sku": bad, "quantity": 1 }] });
        reserve(&sale).json(&body).send().await.invalid(&["/lines/0/sku"]);
    }
    for bad in [json!(1), json!(null), json!(true), json!([]), json!({}), json!(1.5)] {
        let body = json!({ "customer_id": bad, "lines": [{ "sku": bad, "quantity": 1 }] });
        reserve(&sale).json(&body).send().await.invalid(&["/customer_id", "/lines/0/sku"]);
    }
    let longest = "x".repeat(128);
    assert_eq!(sale.held(&longest, &[("a", 1)]).await["customer_id"], longest);
    let reply = sale.reserve("c", &[(&"x".repeat(64), 1)]).send().await;
    reply.problem(404, "unknown_sku");
}

#[tokio::test]
async fn everything_wrong_is_told_at_once() {
    let sale = Sale::open(&[("a", 9)]).await;
    let body = json!({
        "customer_id": "",
        "lines": [
            { "sku": "a", "quantity": 0 },
            { "sku": "", "quantity": "1", "q/x~": 1 },
            [],
            { },
        ],
        "ttl_seconds": 0,
        "ttl_second": 60,
    });
    reserve(&sale).json(&body).send().await.invalid(&[
        "/customer_id",
        "/lines/0/quantity",
        "/lines/1/sku",
        "/lines/1/quantity",
        "/lines/1/q~1x~0",
        "/lines/2",
        "/lines/3/sku",
        "/lines/3/quantity",
        "/ttl_seconds",
        "/ttl_second",
    ]);
    let ttl =
        |text: &str| format!(r#"{},"ttl_seconds":{text}}}"#, &cart("1")[..cart("1").len() - 1]);
    for text in ["0", "-1", "1.5", "\"60\"", "null", "1e1", "2592001", "9223372036854775808"] {
        reserve(&sale).raw(ttl(text)).send().await.invalid(&["/ttl_seconds"]);
    }
    for body in ["[]", "null", "1", "\"x\"", "true"] {
        reserve(&sale).raw(body).send().await.invalid(&[""]);
    }
    reserve(&sale).raw("{}").send().await.invalid(&["/customer_id", "/lines"]);
    for body in [r#"{"customer_id":"c","lines":{}}"#, r#"{"customer_id":"c","lines":null}"#] {
        reserve(&sale).raw(body).send().await.invalid(&["/lines"]);
    }
    assert_eq!(sale.counts("a").await, (9, 9, 0, 0));
}

#[tokio::test]
async fn a_body_must_be_json() {
    let sale = Sale::open(&[("a", 9)]).await;
    let deep = "[".repeat(65) + &"]".repeat(65);
    let deeper = "[".repeat(60_000);
    let objects = "{\"a\":".repeat(5_000);
    for body in [
        "",
        " ",
        "{",
        "}",
        "nope",
        "{\"a\":1,}",
        "{'a':1}",
        "{\"a\":\"\\ud800\"}",
        "\u{feff}{}",
        "{\"a\":\"\n\"}",
        "{} {}",
        &deep,
        &deeper,
        &objects,
    ] {
        reserve(&sale).raw(body).send().await.problem(400, "malformed_request");
    }
    let not_text: &[u8] = b"{\"customer_id\":\"\xff\xfe\"}";
    reserve(&sale).raw(not_text).send().await.problem(400, "malformed_request");
    reserve(&sale).send().await.problem(400, "malformed_request");
}

#[tokio::test]
async fn a_body_says_that_it_is_json() {
    let sale = Sale::open(&[("a", 9)]).await;
    let body = cart("1");
    for kind in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("application/jsonp"),
        Some("application/problem+json"),
        Some(""),
    ] {
        let reply = reserve(&sale).typed(kind, &body).send().await;
        reply.problem(415, "unsupported_media_type");
    }
    let packed = reserve(&sale).raw(body.clone()).header("content-encoding", "gzip");
    packed.send().await.problem(415, "unsupported_media_type");
    for kind in ["application/json; charset=utf-8", "APPLICATION/JSON"] {
        reserve(&sale).typed(Some(kind), &body).send().await.ok(201);
    }
    // Where nothing has to be said, nothing has to be of any type.
    let held = sale.held("c", &[("a", 1)]).await;
    let release = sale.release(&held).typed(Some("text/plain"), "");
    release.send().await.ok(200);
}

#[tokio::test]
async fn a_body_is_bounded() {
    let sale = Sale::open(&[("a", 9)]).await;
    let padded = |length: usize| {
        let body = cart("1");
        let padding = " ".repeat(length - body.len());
        body + &padding
    };
    reserve(&sale).raw(padded(64 * 1024 + 1)).send().await.problem(413, "too_large");
    // Far too large: a client that writes all of it first still hears why.
    reserve(&sale).raw(padded(3_000_000)).send().await.problem(413, "too_large");
    reserve(&sale).raw(padded(64 * 1024)).send().await.ok(201);
    // Nobody hides a large body by not telling its length.
    let mut stream = connect(sale.world().url(0)).await;
    let path = format!("/v1/drops/{}/reservations", sale.id());
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {STOREFRONT_KEY}\r\n\
         content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    let chunk = format!("2000\r\n{}\r\n", " ".repeat(0x2000));
    stream.write_all((head + &chunk.repeat(9)).as_bytes()).await.expect("a large body");
    assert_eq!(status(&mut stream).await, 413);
    assert_eq!(sale.counts("a").await, (9, 8, 1, 0));
}

#[tokio::test]
async fn hostile_paths_are_not_found() {
    let sale = Sale::open(&[("a", 9)]).await;
    let long = "x".repeat(5_000);
    for bad in ["%7B%7D", "%00", "%0d%0a", "%ff", "%zz", "%", "a%20b", "..%2f..", "a.b", &long] {
        let path = format!("/v1/drops/{bad}/reservations");
        let call = sale.anonymous(Method::POST, &path).bearer(STOREFRONT_KEY);
        call.raw(cart("1")).send().await.problem(404, "unknown_drop");
        let path = format!("/v1/admin/drops/{bad}");
        let call = sale.anonymous(Method::GET, &path).bearer(ADMIN_KEY);
        call.send().await.problem(404, "unknown_drop");
        let call = sale.admin(Method::POST, &format!("/skus/{bad}/restock")).key("k");
        call.json(&json!({ "quantity": 1 })).send().await.problem(404, "unknown_sku");
    }
    // What is spelled in another way is the same drop.
    let spelled = sale.id().replace("t-", "%74%2D");
    sale.anonymous(Method::GET, &format!("/v1/drops/{spelled}")).send().await.ok(200);
}
