//! The console, in a real browser: who gets in, what a running sale looks like, what can be done to
//! a drop. Everything that is done is looked up by the API.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{ADMIN_KEY, Browser, Line, STOREFRONT_KEY, Sale, eventually};

const KEY: &str = "[name=key]";
const ENTER: &str = ".signin [type=submit]";
const ASKED: &str = "dialog [type=submit]";
const NEWS: &str = "#news";

/// A browser in the console, by this key.
pub(crate) async fn signed_in(sale: &Sale, secret: &str, hash: &str) -> Browser {
    let browser = Browser::open(1200, 900).await;
    browser.goto(&sale.url(&format!("/console{hash}"))).await;
    sign_in(&browser, secret).await;
    browser.has("#sign-out", true).await;
    browser
}

async fn sign_in(browser: &Browser, secret: &str) {
    browser.has(KEY, true).await;
    browser.fill(KEY, secret).await;
    browser.click(ENTER).await;
}

/// A refusal is noted by the browser itself.
fn refusals(line: &str) -> bool {
    ["401 (Unauthorized)", "403 (Forbidden)", "404 (Not Found)", "409 (Conflict)"]
        .iter()
        .any(|status| line.contains(status))
}

#[tokio::test]
async fn who_has_a_key_gets_in_and_nobody_else() {
    if !Browser::is_there() {
        return;
    }
    let sale = Sale::open(&[("a", 3)]).await;
    let own = [sale.id()];
    let admin = sale.make_key(&["admin"], Some(&own)).await;
    let looker = sale.make_key(&["read"], Some(&own)).await;
    let browser = Browser::open(1000, 800).await;
    browser.goto(&sale.url("/console")).await;
    for (secret, told) in [
        ("dgk_nobody-has-this-key", "opens nothing"),
        ("schlüssel", "opens nothing"),
        (STOREFRONT_KEY, "not for the console"),
    ] {
        sign_in(&browser, secret).await;
        browser.sees(".signin .trouble", told).await;
    }
    browser.is_accessible("a refused sign-in").await;
    assert_eq!(browser.run("return sessionStorage.length").await, 0);

    sign_in(&browser, &admin.secret).await;
    browser.sees("h1", "Drops").await;
    browser.sees(&format!("[data-drop={}] .state", sale.id()), "Open").await;
    // The key is in this tab and nowhere else; a page that is loaded again has it still.
    assert_eq!(browser.run("return document.cookie + localStorage.length").await, "0");
    browser.goto(&sale.url("/console")).await;
    browser.sees("h1", "Drops").await;
    browser.click("#sign-out").await;
    browser.sees("h1", "Sign in").await;
    assert_eq!(browser.run("return sessionStorage.length").await, 0);

    // Who may look on sees nothing to press.
    sign_in(&browser, &looker.secret).await;
    browser.sees(".top", "look only").await;
    browser.click(&format!("[data-drop={}] a", sale.id())).await;
    browser.sees("#audit", "Audit").await;
    browser.has("[data-do=restock]", false).await;
    browser.click("#sign-out").await;

    // A key that is revoked meanwhile leads back to the door.
    sign_in(&browser, &admin.secret).await;
    browser.sees("h1", "Drops").await;
    sale.keys(Method::DELETE, &format!("/{}", admin.id)).send().await.ok(200);
    browser.sees(".trouble", "does not open the console any more").await;
    browser.sees("h1", "Sign in").await;
    browser.close(refusals).await;
}

#[tokio::test]
async fn a_sale_is_seen_as_it_runs() {
    if !Browser::is_there() {
        return;
    }
    let sale = Sale::open(&[("a", 6), ("b", 4)]).await;
    let key = sale.make_key(&["admin"], Some(&[sale.id()])).await;
    let browser = signed_in(&sale, &key.secret, "").await;
    let row = format!("[data-drop={}]", sale.id());
    browser.sees(&format!("{row} [data-count=available]"), "10").await;
    let held = sale.held("c-1", &[("a", 2)]).await;
    browser.sees(&format!("{row} [data-count=held]"), "2").await;
    browser.is_accessible("the drops").await;
    browser.keep_picture("console-drops").await;
    browser.click(&format!("{row} a")).await;
    let of = |sku: &str, count: &str| format!("[data-sku=\"{sku}\"] [data-count={count}]");
    browser.sees(&of("a", "held"), "2").await;
    browser.run("window.sameDocument = true").await;

    // Everything that follows is seen without a reload.
    sale.elsewhere().confirm(&held, json!({ "order_id": "o-1" })).send().await.ok(200);
    browser.sees(&of("a", "sold"), "2").await;
    browser.sees(&of("", "sold"), "2").await;
    sale.held_for(600, "c-2", &[("b", 3)]).await;
    sale.elsewhere().reserve("c-3", &[("b", 2)]).send().await.problem(409, "sold_out");
    browser.sees(&of("b", "available"), "1").await;
    browser.sees("[data-outcome=\"reserve sold_out\"]", "1").await;
    let figures = eventually("the figures stand still", || async {
        let figures = sale.admin(Method::GET, "/sale").send().await.ok(200);
        (figures["unheld"]["outcomes"][0]["calls"] == 1).then_some(figures)
    })
    .await;
    for (css, number) in [
        ("[data-bar=Attempts]", &figures["funnel"]["attempts"]),
        ("[data-bar=Holds]", &figures["funnel"]["holds"]),
        ("[data-bar=Confirms]", &figures["funnel"]["confirms"]),
        ("[data-bar=\"under 10 min\"]", &json!(1)),
    ] {
        browser.sees(css, &number.to_string()).await;
    }
    browser.sees("#write-behind", "0 events").await;
    browser.sees("#expiry", "0 holds").await;
    browser.sees("#median", "s").await;
    browser.has(".plot polyline.line-1", true).await;
    let bar = "return document.querySelector('[data-sku=b] svg').getAttribute('aria-label')";
    assert_eq!(browser.run(bar).await, "0 sold, 3 held, 1 available, of 4");
    browser.click("[data-do=audit]").await;
    browser.sees("#audited", "Balanced").await;
    assert_eq!(browser.run("return window.sameDocument").await, true);
    looks_right(&browser, "drop").await;
    browser.close(refusals).await;
}

/// Nothing keeps anybody from using a page, on a desk or on a phone.
pub(crate) async fn looks_right(browser: &Browser, name: &str) {
    browser.is_accessible(name).await;
    browser.keep_picture(&format!("console-{name}")).await;
    browser.resize(390, 844).await;
    browser.fits(name).await;
    browser.is_accessible(&format!("{name} on a phone")).await;
    browser.keep_picture(&format!("console-{name}-phone")).await;
    browser.resize(1200, 900).await;
}

#[tokio::test]
async fn each_action_does_what_it_says() {
    if !Browser::is_there() {
        return;
    }
    let sale = Sale::open(&[("a", 6), ("b", 4)]).await;
    let key = sale.make_key(&["admin"], Some(&[sale.id()])).await;
    let browser = signed_in(&sale, &key.secret, &format!("#/drops/{}", sale.id())).await;
    let state = async || sale.admin(Method::GET, "").send().await.ok(200)["state"].clone();
    browser.sees(".state", "Open").await;

    // What is not meant can be taken back, and nothing has happened.
    browser.click("[data-do=pause]").await;
    browser.sees("dialog h2", "Pause the drop?").await;
    looks_right(&browser, "asked").await;
    browser.type_keys(&char::from(fantoccini::key::Key::Escape).to_string()).await;
    browser.has("dialog", false).await;
    assert_eq!(state().await, "open");

    for (verb, shown) in [("pause", "Paused"), ("open", "Open")] {
        browser.click(&format!("[data-do={verb}]")).await;
        browser.click(ASKED).await;
        browser.sees(".state", shown).await;
        assert_eq!(state().await, shown.to_lowercase());
    }

    restock(&browser, &sale).await;
    limits(&browser, &sale).await;

    browser.click("[data-do=close]").await;
    browser.click(ASKED).await;
    browser.sees(".state", "Closed").await;
    assert_eq!(state().await, "closed");
    // A refusal is told where it was asked for.
    browser.run("document.querySelector('[data-do=pause]').disabled = false").await;
    browser.click("[data-do=pause]").await;
    browser.click(ASKED).await;
    browser.sees("dialog .trouble", "The sale is over").await;
    browser.close(refusals).await;
}

async fn restock(browser: &Browser, sale: &Sale) {
    browser.click("[data-do=restock]").await;
    browser.choose("dialog [name=sku]", "b").await;
    browser.fill("dialog [name=quantity]", "5").await;
    browser.fill("dialog [name=reason]", "found some").await;
    browser.click(ASKED).await;
    browser.sees(NEWS, "b has 9 units now").await;
    assert_eq!(sale.counts("b").await, (9, 9, 0, 0));
    browser.sees("[data-sku=b] [data-count=total]", "9").await;
    // What can't be is told, and the dialog stays.
    browser.click("[data-do=restock]").await;
    browser.choose("dialog [name=sku]", "a").await;
    browser.fill("dialog [name=quantity]", "-50").await;
    browser.click(ASKED).await;
    browser.sees("dialog .trouble", "6").await;
    browser.click("dialog .actions button").await;
    browser.has("dialog", false).await;
    assert_eq!(sale.counts("a").await, (6, 6, 0, 0));
}

async fn limits(browser: &Browser, sale: &Sale) {
    let set = async |sku: &str, limit: &str| {
        browser.click("[data-do=limits]").await;
        browser.choose("dialog [name=sku]", sku).await;
        browser.fill("dialog [name=limit]", limit).await;
        browser.click(ASKED).await;
        browser.has("dialog", false).await;
    };
    let view = async || sale.admin(Method::GET, "").send().await.ok(200);
    set("", "3").await;
    browser.sees("#limit", "at most 3 a customer").await;
    assert_eq!(view().await["limit_per_customer"], 3);
    set("b", "2").await;
    eventually("the SKU's limit", || async {
        (view().await["skus"][1]["limit_per_customer"] == 2).then_some(())
    })
    .await;
    sale.reserve("c", &[("b", 3)]).send().await.problem(409, "limit_exceeded");
    browser.run("window.scrollTo(0, 0)").await;
    set("", "").await;
    browser.sees("#limit", "no limit a customer").await;
    assert_eq!(view().await["limit_per_customer"], Value::Null);
}

/// A restock whose answer is lost is tried again with its key: it happens once.
#[tokio::test]
async fn a_restock_whose_answer_is_lost_happens_once() {
    if !Browser::is_there() {
        return;
    }
    let sale = Sale::open(&[("a", 6)]).await;
    let key = sale.make_key(&["admin"], Some(&[sale.id()])).await;
    let browser = signed_in(&sale, &key.secret, &format!("#/drops/{}", sale.id())).await;
    // The first answer to a restock gets lost behind the engine's work.
    browser
        .run(
            "const real = window.fetch;
            let lost = 0;
            window.fetch = async (path, options) => {
                const answer = await real(path, options);
                if (String(path).endsWith('/restock') && lost++ < 1) throw new TypeError('lost');
                return answer;
            };",
        )
        .await;
    browser.has("[data-do=restock]", true).await;
    browser.click("[data-do=restock]").await;
    browser.fill("dialog [name=quantity]", "4").await;
    browser.click(ASKED).await;
    browser.sees(NEWS, "a has 10 units now").await;
    assert_eq!(sale.counts("a").await, (10, 10, 0, 0));
    let restocks = sale.ledger().await;
    assert_eq!(restocks.iter().filter(|(kind, ..)| kind == "restocked").count(), 2);
    browser.close(refusals).await;
}

/// While nobody answers the figures are said to be old, and they come back by themselves.
#[tokio::test]
async fn a_lost_connection_is_told_and_heals() {
    if !Browser::is_there() {
        return;
    }
    let sale = Sale::open(&[("a", 6)]).await;
    let address = sale.url("").trim_start_matches("http://").to_owned();
    let line = Line::to(&address).await;
    let browser = Browser::open(1000, 800).await;
    browser.goto(&format!("http://{}/console#/drops/{}", line.address(), sale.id())).await;
    sign_in(&browser, ADMIN_KEY).await;
    browser.sees("[data-sku=a] [data-count=held]", "0").await;
    line.cut();
    browser.sees(".trouble", "no answer").await;
    browser.sees(".trouble", "These figures are of").await;
    sale.held("c-1", &[("a", 2)]).await;
    line.mend();
    browser.sees("[data-sku=a] [data-count=held]", "2").await;
    browser.has(".trouble", false).await;
    browser.close(|line| line.contains("net::ERR") || refusals(line)).await;
}

#[tokio::test]
async fn the_page_is_small_strict_and_whole() {
    let sale = Sale::unborn().await;
    let page = sale.anonymous(Method::GET, "/console").open().await;
    assert_eq!(page.status(), 200);
    let policy = page.headers()["content-security-policy"].to_str().expect("ASCII").to_owned();
    assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self'"));
    assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
    let html = page.text().await.expect("a page");
    let mut weight = html.len();
    // What each file names is there, down to the last; nothing comes from elsewhere.
    let mut wanted: Vec<String> = named(&html, "/console");
    let mut seen = Vec::new();
    while let Some(path) = wanted.pop() {
        if seen.contains(&path) {
            continue;
        }
        let file = sale.anonymous(Method::GET, &path).open().await;
        assert_eq!(file.status(), 200, "{path}");
        let text = file.text().await.expect("text");
        weight += text.len();
        wanted.extend(named(&text, &path));
        seen.push(path);
    }
    assert!(seen.len() >= 14, "{seen:?}");
    assert!(weight < 100_000, "{weight} bytes");
    println!("the console is {weight} bytes in {} files", seen.len() + 1);
}

/// The addresses of what a file loads.
fn named(text: &str, at: &str) -> Vec<String> {
    let base = url::Url::parse(&format!("http://engine{at}")).expect("an address");
    let marks = ["src=\"", "href=\"/assets", " from \""];
    let mut found = Vec::new();
    for mark in marks {
        for (place, _) in text.match_indices(mark) {
            let start = place + mark.find('"').expect("a quote") + 1;
            let name = text[start..].split('"').next().expect("an end");
            let address = base.join(name).expect("an address");
            assert_eq!(address.host_str(), Some("engine"), "{name}");
            found.push(address.path().to_owned());
        }
    }
    found
}
