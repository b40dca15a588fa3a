//! The whole table: who may call what.

use std::collections::BTreeSet;

use chrono::{TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{ADMIN_KEY, MadeKey, STOREFRONT_KEY, Sale, eventually};

/// A key that opens nothing.
const NOBODY: [&str; 6] = ["none", "wrong", "revoked", "expired", "rotated away", "overlap over"];
/// A key that opens something, each for every drop, for this one, and for another one.
const SCOPES: [&str; 4] = ["storefront", "admin", "read", "storefront and read"];

/// Who may call a route, by scope.
type Openers = &'static [&'static str];

const SELLERS: Openers =
    &["storefront", "admin", "storefront and read", "settings' storefront", "settings' admin"];
const LOOKERS_ON_SALES: Openers = &[
    "storefront",
    "admin",
    "read",
    "storefront and read",
    "settings' storefront",
    "settings' admin",
];
const MERCHANTS: Openers = &["admin", "settings' admin"];
const LOOKERS_ON_BOOKS: Openers = &["admin", "read", "storefront and read", "settings' admin"];

/// What a route is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    /// Nothing that needs a key.
    All,
    /// One drop: keys that are limited to others are no use.
    Drop,
    /// Drops: a key that is limited to some sees those.
    Drops,
    /// Keys, or what may tell of every drop: one that is limited at all is no use.
    Keys,
}

/// Every route: method, path, who opens it, what it is about.
const ROUTES: &[(&str, &str, Openers, About)] = &[
    ("get", "/healthz", &[], About::All),
    ("get", "/readyz", &[], About::All),
    ("get", "/metrics", &[], About::All),
    ("get", "/openapi.json", &[], About::All),
    ("get", "/docs", &[], About::All),
    ("get", "/v1/drops/{drop}", &[], About::All),
    ("get", "/v1/drops/{drop}/skus/{sku}", &[], About::All),
    ("get", "/v1/drops/{drop}/events", &[], About::All),
    ("get", "/v1/drops/{drop}/reservations", LOOKERS_ON_SALES, About::Drop),
    ("post", "/v1/drops/{drop}/reservations", SELLERS, About::Drop),
    ("get", "/v1/drops/{drop}/reservations/{id}", LOOKERS_ON_SALES, About::Drop),
    ("put", "/v1/drops/{drop}/reservations/{id}/lines", SELLERS, About::Drop),
    ("post", "/v1/drops/{drop}/reservations/{id}/extend", SELLERS, About::Drop),
    ("post", "/v1/drops/{drop}/reservations/{id}/confirm", SELLERS, About::Drop),
    ("post", "/v1/drops/{drop}/reservations/{id}/release", SELLERS, About::Drop),
    ("get", "/v1/admin/drops", LOOKERS_ON_BOOKS, About::Drops),
    ("get", "/v1/admin/drops/{drop}", LOOKERS_ON_BOOKS, About::Drop),
    ("put", "/v1/admin/drops/{drop}", MERCHANTS, About::Drop),
    ("put", "/v1/admin/drops/{drop}/skus/{sku}", MERCHANTS, About::Drop),
    ("post", "/v1/admin/drops/{drop}/skus/{sku}/restock", MERCHANTS, About::Drop),
    ("post", "/v1/admin/drops/{drop}/open", MERCHANTS, About::Drop),
    ("post", "/v1/admin/drops/{drop}/pause", MERCHANTS, About::Drop),
    ("post", "/v1/admin/drops/{drop}/close", MERCHANTS, About::Drop),
    ("get", "/v1/admin/drops/{drop}/reservations", LOOKERS_ON_BOOKS, About::Drop),
    ("post", "/v1/admin/drops/{drop}/reservations/{id}/return", MERCHANTS, About::Drop),
    ("get", "/v1/admin/drops/{drop}/sale", LOOKERS_ON_BOOKS, About::Drop),
    ("get", "/v1/admin/drops/{drop}/ledger", LOOKERS_ON_BOOKS, About::Drop),
    ("get", "/v1/admin/drops/{drop}/ledger.csv", LOOKERS_ON_BOOKS, About::Drop),
    ("get", "/v1/admin/drops/{drop}/audit", LOOKERS_ON_BOOKS, About::Drop),
    ("get", "/v1/admin/key", LOOKERS_ON_BOOKS, About::Drops),
    ("get", "/v1/admin/keys", MERCHANTS, About::Keys),
    ("post", "/v1/admin/keys", MERCHANTS, About::Keys),
    ("delete", "/v1/admin/keys/{id}", MERCHANTS, About::Keys),
    ("post", "/v1/admin/keys/{id}/rotate", MERCHANTS, About::Keys),
    ("post", "/v1/admin/customers/erase", MERCHANTS, About::Keys),
    ("get", "/v1/admin/webhooks", MERCHANTS, About::Keys),
    ("post", "/v1/admin/webhooks", MERCHANTS, About::Keys),
    ("get", "/v1/admin/webhooks/{webhook}", MERCHANTS, About::Keys),
    ("patch", "/v1/admin/webhooks/{webhook}", MERCHANTS, About::Keys),
    ("delete", "/v1/admin/webhooks/{webhook}", MERCHANTS, About::Keys),
    ("post", "/v1/admin/webhooks/{webhook}/rotate", MERCHANTS, About::Keys),
    ("post", "/v1/admin/webhooks/{webhook}/test", MERCHANTS, About::Keys),
    ("get", "/v1/admin/webhooks/{webhook}/deliveries", MERCHANTS, About::Keys),
    ("post", "/v1/admin/webhooks/{webhook}/deliveries/{delivery}/resend", MERCHANTS, About::Keys),
];

/// Which drops a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum For {
    Nothing,
    EveryDrop,
    ThisDrop,
    AnotherDrop,
}

/// Somebody who calls: what the key is, for which drops, and its secret if one is sent.
#[derive(Debug)]
struct Caller {
    name: &'static str,
    drops: For,
    secret: Option<String>,
}

/// What the table says of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Passes,
    Unauthenticated,
    Forbidden,
}

fn verdict(openers: Openers, about: About, caller: &Caller) -> Verdict {
    let opens = openers.contains(&caller.name);
    match (about, caller.drops) {
        (About::All, _) => Verdict::Passes,
        (_, For::Nothing) => Verdict::Unauthenticated,
        (About::Drop, For::AnotherDrop) | (About::Keys, For::ThisDrop | For::AnotherDrop) => {
            Verdict::Forbidden
        }
        _ if opens => Verdict::Passes,
        _ => Verdict::Forbidden,
    }
}

fn method(name: &str) -> Method {
    Method::from_bytes(name.to_uppercase().as_bytes()).expect("a method")
}

/// A call of a route with nothing but the key: enough to see whether it gets past that.
async fn call(sale: &Sale, route: (&str, &str), caller: &Caller) -> Verdict {
    let id = Uuid::now_v7().to_string();
    let mut path = route.1.replace("{drop}", sale.id()).replace("{sku}", "a");
    for name in ["{id}", "{webhook}", "{delivery}"] {
        path = path.replace(name, &id);
    }
    let call = sale.anonymous(method(route.0), &path);
    let call = match &caller.secret {
        Some(secret) => call.bearer(secret),
        None => call,
    };
    let (status, body) = call.send_bare().await;
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    match (status, body["code"].as_str()) {
        (401, Some("unauthenticated")) => Verdict::Unauthenticated,
        (403, Some("forbidden")) => Verdict::Forbidden,
        (401 | 403, code) => panic!("{route:?} {caller:?}: {status} {code:?}"),
        _ => Verdict::Passes,
    }
}

/// Every key that opens nothing, each for a reason of its own.
async fn nobodies(sale: &Sale) -> Vec<Caller> {
    let revoked = sale.make_key(&["admin"], None).await;
    sale.keys(Method::DELETE, &format!("/{}", revoked.id)).send().await.ok(200);
    let soon = (Utc::now() + TimeDelta::milliseconds(500)).to_rfc3339();
    let body = json!({ "name": "short", "scopes": ["admin"], "expires_at": soon });
    let expired = MadeKey::read(&sale.keys(Method::POST, "").json(&body).send().await.ok(201));
    let rotate = async |overlap: i64| {
        let key = sale.make_key(&["admin"], None).await;
        let body = json!({ "overlap_seconds": overlap });
        let call = sale.keys(Method::POST, &format!("/{}/rotate", key.id)).json(&body);
        call.send().await.ok(200);
        key
    };
    let (rotated, overlapping) = (rotate(0).await, rotate(1).await);
    for key in [&expired, &overlapping] {
        eventually("its time is over", || async {
            (sale.cart_status(&key.secret).await == 401).then_some(())
        })
        .await;
    }
    let wrong = "dgk_wrong-key-0123456789".to_owned();
    let secrets = [None, Some(wrong)].into_iter();
    let ended = [revoked, expired, rotated, overlapping].map(|key| Some(key.secret));
    let callers = NOBODY.into_iter().zip(secrets.chain(ended));
    callers.map(|(name, secret)| Caller { name, drops: For::Nothing, secret }).collect()
}

/// Every key that opens something.
async fn somebodies(sale: &Sale) -> Vec<Caller> {
    let settings = [("settings' storefront", STOREFRONT_KEY), ("settings' admin", ADMIN_KEY)];
    let mut callers: Vec<Caller> = settings
        .into_iter()
        .map(|(name, secret)| Caller {
            name,
            drops: For::EveryDrop,
            secret: Some(secret.to_owned()),
        })
        .collect();
    for name in SCOPES {
        let scopes: Vec<&str> = name.split(" and ").collect();
        let another = ["another-drop", "one-more"];
        let this = [sale.id(), "another-drop"];
        for (drops, ids) in [
            (For::EveryDrop, None),
            (For::ThisDrop, Some(this.as_slice())),
            (For::AnotherDrop, Some(another.as_slice())),
        ] {
            let secret = Some(sale.make_key(&scopes, ids).await.secret);
            callers.push(Caller { name, drops, secret });
        }
    }
    callers
}

#[tokio::test]
async fn nobody_gets_in_where_they_do_not_belong() {
    let sale = Sale::open(&[("a", 5)]).await;
    let mut callers = nobodies(&sale).await;
    callers.extend(somebodies(&sale).await);
    let table = ROUTES.iter().flat_map(|route| callers.iter().map(move |caller| (route, caller)));
    let (pass, refused): (Vec<_>, Vec<_>) = table
        .map(|(&(method, path, openers, about), caller)| {
            ((method, path), caller, verdict(openers, about, caller))
        })
        .partition(|(_, _, verdict)| *verdict == Verdict::Passes);
    assert!(pass.len() > 150 && refused.len() > 250, "{} {}", pass.len(), refused.len());
    let before = sale.admin(Method::GET, "").send().await.ok(200);
    for (route, caller, expected) in refused {
        assert_eq!(call(&sale, route, caller).await, expected, "{route:?} {caller:?}");
    }
    // Nothing of that has done anything.
    assert_eq!(sale.admin(Method::GET, "").send().await.ok(200), before);
    for (route, caller, expected) in pass {
        assert_eq!(call(&sale, route, caller).await, expected, "{route:?} {caller:?}");
    }
}

#[tokio::test]
async fn the_table_has_every_route() {
    let sale = Sale::unborn().await;
    let document = sale.anonymous(Method::GET, "/openapi.json").send().await.ok(200);
    let mut served = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        let methods: BTreeSet<&str> =
            methods.as_object().expect("methods").keys().map(String::as_str).collect();
        served.extend(methods.iter().map(|method| (*method, path.as_str())));
        // The router has no method besides those that are described.
        let real = path.replace(['{', '}'], "");
        let reply = sale.anonymous(method("brew"), &real).bearer(ADMIN_KEY).send().await;
        let allow = reply.header("allow").to_lowercase();
        let allowed: BTreeSet<&str> =
            allow.split(',').map(str::trim).filter(|method| *method != "head").collect();
        assert_eq!(allowed, methods, "{path}");
    }
    let listed: BTreeSet<_> = ROUTES.iter().map(|(method, path, ..)| (*method, *path)).collect();
    assert_eq!(listed, served);
    assert_eq!(listed.len(), ROUTES.len());
}

#[tokio::test]
async fn a_head_is_a_read_and_other_spellings_of_a_drop_are_that_drop() {
    let sale = Sale::open(&[("a", 5)]).await;
    let other = Sale::open(&[("a", 5)]).await;
    let key = sale.make_key(&["read"], Some(&[sale.id()])).await;
    let status = async |method: Method, path: &str| {
        sale.anonymous(method, path).bearer(&key.secret).send_bare().await.0
    };
    let path = |drop: &str| format!("/v1/admin/drops/{drop}/audit");
    let spelt = |drop: &str| drop.replace('t', "%74");
    for (path, expected) in [
        (path(sale.id()), 200),
        (path(&spelt(sale.id())), 200),
        (path(other.id()), 403),
        (path(&spelt(other.id())), 403),
        (path(&format!("{}%00", sale.id())), 403),
        (path("%ff"), 403),
    ] {
        for method in [Method::GET, Method::HEAD] {
            assert_eq!(status(method.clone(), &path).await, expected, "{method} {path}");
        }
    }
}
