//! The console's books, in a real browser: a customer's reservations and what is done with one, the
//! ledger with its filters and as a file.

use reqwest::Method;
use serde_json::json;

use crate::console::{looks_right, signed_in};
use crate::support::{Browser, Sale, eventually};

const ASKED: &str = "dialog [type=submit]";

#[tokio::test]
async fn a_customer_is_found_and_helped() {
    if !Browser::is_there() {
        return;
    }
    let sale = Sale::open(&[("a", 9), ("b", 9)]).await;
    let held = sale.held("c-1", &[("a", 2)]).await;
    let sold = sale.confirmed("c-1", &[("a", 3), ("b", 1)]).await;
    sale.held("c-2", &[("b", 1)]).await;
    let key = sale.make_key(&["admin"], Some(&[sale.id()])).await;
    let browser = signed_in(&sale, &key.secret, &format!("#/drops/{}", sale.id())).await;
    browser.has("a[href$=customers]", true).await;
    browser.click("a[href$=customers]").await;
    browser.has("[name=customer_id]", true).await;
    browser.fill("[name=customer_id]", "c-1").await;
    browser.type_keys(&char::from(fantoccini::key::Key::Enter).to_string()).await;
    browser.sees("main [role=status]", "2 reservations").await;
    let row =
        |id: &serde_json::Value| format!("[data-reservation=\"{}\"]", id.as_str().expect("an id"));
    let (held_row, sold_row) = (row(&held["id"]), row(&sold["id"]));
    browser.sees(&held_row, "2 × a").await;
    browser.sees(&sold_row, "3 × a, 1 × b").await;
    looks_right(&browser, "customers").await;

    browser.click(&format!("{held_row} [data-do=release]")).await;
    browser.click(ASKED).await;
    browser.has(&format!("{held_row}[data-state=released]"), true).await;
    assert_eq!(sale.reservation(&held).await["state"], "released");

    // A part comes back, damaged: it leaves the total.
    browser.click(&format!("{sold_row} [data-do=return]")).await;
    looks_right(&browser, "return").await;
    browser.fill("[name=\"line a\"]", "1").await;
    browser.fill("[name=\"line b\"]", "0").await;
    browser.fill("dialog [name=reason]", "torn").await;
    browser.click("dialog [name=restock]").await;
    browser.click(ASKED).await;
    browser.sees(&sold_row, "2 × a, 1 × b").await;
    assert_eq!(sale.counts("a").await, (8, 6, 0, 2));
    // And then the rest.
    browser.click(&format!("{sold_row} [data-do=return]")).await;
    browser.click(ASKED).await;
    browser.has(&format!("{sold_row}[data-state=returned]"), true).await;
    assert_eq!(sale.counts("a").await, (8, 8, 0, 0));

    browser.choose("[name=state]", "held").await;
    browser.fill("[name=customer_id]", "").await;
    browser.click(".filters [type=submit]").await;
    browser.sees("main [role=status]", "1 reservation").await;
    browser.sees("tbody", "c-2").await;
    browser
        .close(|line| line.contains("404 (Not Found)") || line.contains("403 (Forbidden)"))
        .await;
}

#[tokio::test]
async fn the_ledger_is_filtered_and_downloaded() {
    if !Browser::is_there() {
        return;
    }
    let sale = Sale::open(&[("a", 500)]).await;
    sale.confirmed("c-1", &[("a", 3)]).await;
    for n in 0..110 {
        sale.held(&format!("d-{n}"), &[("a", 1)]).await;
    }
    let key = sale.make_key(&["admin"], Some(&[sale.id()])).await;
    let browser = signed_in(&sale, &key.secret, &format!("#/drops/{}/ledger", sale.id())).await;
    // The newest first, and the rest when it is asked for.
    browser.has("tbody tr:first-child[data-kind=held]", true).await;
    browser.sees("tbody tr:first-child", "d-109").await;
    let rows = async || browser.run("return document.querySelectorAll('tbody tr').length").await;
    assert_eq!(rows().await, 100);
    browser.run("[...document.querySelectorAll('button')].find((b) => b.textContent === 'Earlier').click()").await;
    let whole = sale.admin(Method::GET, "/ledger?limit=1000").send().await.ok(200);
    let whole = whole["items"].as_array().expect("items").len();
    eventually("the whole ledger", || async { (rows().await == json!(whole)).then_some(()) }).await;

    browser.run("window.scrollTo(0, 0)").await;
    browser.choose("[name=kind]", "confirmed").await;
    browser.fill("[name=customer_id]", "c-1").await;
    browser.click(".filters [type=submit]").await;
    eventually("what fits", || async { (rows().await == 1).then_some(()) }).await;
    browser.sees("tbody", "o-1").await;
    looks_right(&browser, "ledger").await;
    browser.click("[data-do=csv]").await;
    let file = browser.downloaded(&format!("{}-ledger.csv", sale.id())).await;
    let same = sale.admin(Method::GET, "/ledger.csv?kind=confirmed&customer_id=c-1");
    assert_eq!(file.as_bytes(), same.send_bare().await.1);
    assert_eq!(file.lines().count(), 2, "{file}");

    browser.fill("[name=customer_id]", "nobody").await;
    browser.click(".filters [type=submit]").await;
    browser.sees("main [role=status]", "Nothing fits.").await;
    browser.fill("[name=customer_id]", "no body").await;
    browser.click(".filters [type=submit]").await;
    browser.has("main .trouble", true).await;
    let fine = ["404 (Not Found)", "403 (Forbidden)", "422 (Unprocessable"];
    browser.close(|line| fine.iter().any(|known| line.contains(known))).await;
}
