//! A drop of one test, and the calls about it.

use reqwest::{Client, Method};
use serde_json::{Value, json};
use uuid::Uuid;

use super::call::{Call, Reply};
use super::engine::EngineProcess;
use super::oracle;
use super::world::{ADMIN_KEY, STOREFRONT_KEY, World};

/// The four counts of a SKU, as `(total, available, held, sold)`.
pub(crate) type Counts = (i64, i64, i64, i64);

/// A drop that one test has for itself. When it goes, its books are checked.
pub(crate) struct Sale {
    world: &'static World,
    http: Client,
    drop: String,
    engine: usize,
    /// Another engine than those of the world.
    at: Option<String>,
    /// Whether the books are checked in the end: not for a second view of the same drop.
    checked: bool,
}

/// Lines of a reservation.
pub(crate) fn lines(of: &[(&str, i64)]) -> Value {
    of.iter().map(|(sku, quantity)| json!({ "sku": sku, "quantity": quantity })).collect()
}

impl Sale {
    /// A drop's id that nothing stands behind yet.
    pub(crate) async fn unborn() -> Sale {
        let drop = format!("t-{}", Uuid::now_v7().simple());
        let world = World::shared().await;
        Sale { world, http: Client::new(), drop, engine: 0, at: None, checked: false }
    }

    /// An open drop with these SKUs and units.
    pub(crate) async fn open(skus: &[(&str, i64)]) -> Sale {
        Sale::with(json!({}), skus).await
    }

    /// A drop with these settings, SKUs and units.
    pub(crate) async fn with(settings: Value, skus: &[(&str, i64)]) -> Sale {
        let mut sale = Sale::unborn().await;
        sale.admin(Method::PUT, "").json(&settings).send().await.ok(201);
        sale.checked = true;
        for (sku, units) in skus {
            sale.sku(sku, json!({ "initial_stock": units })).await;
        }
        sale
    }

    /// The same drop, seen through the other engine.
    pub(crate) fn elsewhere(&self) -> Sale {
        Sale {
            world: self.world,
            http: self.http.clone(),
            drop: self.drop.clone(),
            engine: self.engine + 1,
            at: None,
            checked: false,
        }
    }

    /// The same drop, seen through an engine that a test has for itself.
    pub(crate) fn through(&self, engine: &EngineProcess) -> Sale {
        let mut through = self.elsewhere();
        through.at = Some(engine.url().to_owned());
        through
    }

    /// The drop's id.
    pub(crate) fn id(&self) -> &str {
        &self.drop
    }

    /// The servers behind it.
    pub(crate) fn world(&self) -> &'static World {
        self.world
    }

    /// Any call, without a key.
    pub(crate) fn anonymous(&self, method: Method, path: &str) -> Call {
        Call::new(&self.http, method, self.url(path))
    }

    /// The address of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        let url = self.at.as_deref().unwrap_or_else(|| self.world.url(self.engine));
        format!("{url}{path}")
    }

    /// A call to `/v1/drops/{drop}…` with the storefront's key.
    pub(crate) fn shop(&self, method: Method, path: &str) -> Call {
        self.anonymous(method, &format!("/v1/drops/{}{path}", self.drop)).bearer(STOREFRONT_KEY)
    }

    /// A call to `/v1/admin/drops/{drop}…` with the admin's key.
    pub(crate) fn admin(&self, method: Method, path: &str) -> Call {
        self.anonymous(method, &format!("/v1/admin/drops/{}{path}", self.drop)).bearer(ADMIN_KEY)
    }

    /// Creates a SKU or changes its settings.
    pub(crate) async fn sku(&self, sku: &str, settings: Value) -> Value {
        let reply = self.admin(Method::PUT, &format!("/skus/{sku}")).json(&settings).send().await;
        assert!(matches!(reply.status, 200 | 201), "{}", reply.body);
        reply.body
    }

    /// Changes the drop's settings.
    pub(crate) async fn configure(&self, settings: Value) -> Value {
        self.admin(Method::PUT, "").json(&settings).send().await.ok(200)
    }

    /// Opens, pauses or closes the drop.
    pub(crate) async fn act(&self, action: &str) -> Reply {
        self.admin(Method::POST, &format!("/{action}")).send().await
    }

    /// A call that reserves.
    pub(crate) fn reserve(&self, customer: &str, of: &[(&str, i64)]) -> Call {
        let body = json!({ "customer_id": customer, "lines": lines(of) });
        self.shop(Method::POST, "/reservations").json(&body)
    }

    /// A reservation that is held.
    pub(crate) async fn held(&self, customer: &str, of: &[(&str, i64)]) -> Value {
        self.reserve(customer, of).send().await.ok(201)
    }

    /// A reservation that is held for so many seconds.
    pub(crate) async fn held_for(&self, seconds: i64, customer: &str, of: &[(&str, i64)]) -> Value {
        let body = json!({ "customer_id": customer, "lines": lines(of), "ttl_seconds": seconds });
        self.shop(Method::POST, "/reservations").json(&body).send().await.ok(201)
    }

    /// A reservation that is confirmed for the order `o-1`.
    pub(crate) async fn confirmed(&self, customer: &str, of: &[(&str, i64)]) -> Value {
        let held = self.held(customer, of).await;
        self.confirm(&held, json!({ "order_id": "o-1" })).send().await.ok(200)
    }

    /// A reservation that has expired, and whose units are back.
    pub(crate) async fn expired(&self, customer: &str, of: &[(&str, i64)]) -> Value {
        let held = self.held_for(1, customer, of).await;
        super::eventually("the hold expires", || async {
            let seen = self.reservation(&held).await;
            (seen["state"] == "expired").then_some(seen)
        })
        .await
    }

    /// A call about one reservation.
    pub(crate) fn about(&self, method: Method, reservation: &Value, verb: &str) -> Call {
        let id = reservation["id"].as_str().expect("an id");
        self.shop(method, &format!("/reservations/{id}{verb}"))
    }

    /// A call that replaces the lines.
    pub(crate) fn change(&self, reservation: &Value, of: &[(&str, i64)]) -> Call {
        self.about(Method::PUT, reservation, "/lines").json(&json!({ "lines": lines(of) }))
    }

    /// A call that confirms.
    pub(crate) fn confirm(&self, reservation: &Value, body: Value) -> Call {
        self.about(Method::POST, reservation, "/confirm").json(&body)
    }

    /// A call that extends.
    pub(crate) fn extend(&self, reservation: &Value, body: Value) -> Call {
        self.about(Method::POST, reservation, "/extend").json(&body)
    }

    /// A call that releases.
    pub(crate) fn release(&self, reservation: &Value) -> Call {
        self.about(Method::POST, reservation, "/release")
    }

    /// A call that returns units.
    pub(crate) fn give_back(&self, reservation: &Value, body: Value) -> Call {
        let id = reservation["id"].as_str().expect("an id");
        self.admin(Method::POST, &format!("/reservations/{id}/return")).json(&body)
    }

    /// A call that restocks.
    pub(crate) fn restock(&self, sku: &str, body: Value) -> Call {
        self.admin(Method::POST, &format!("/skus/{sku}/restock")).json(&body)
    }

    /// The reservation as it is read now.
    pub(crate) async fn reservation(&self, reservation: &Value) -> Value {
        self.about(Method::GET, reservation, "").send().await.ok(200)
    }

    /// The counts of a SKU.
    pub(crate) async fn counts(&self, sku: &str) -> Counts {
        let view = self.admin(Method::GET, "").send().await.ok(200);
        let skus = view["skus"].as_array().expect("skus");
        let found = skus.iter().find(|found| found["sku"] == sku).expect("the sku");
        let count = |name: &str| found[name].as_i64().expect("a count");
        (count("total"), count("available"), count("held"), count("sold"))
    }

    /// The rows of the ledger as `(kind, sku, quantity)`, without those of settings.
    pub(crate) async fn ledger(&self) -> Vec<(String, String, i64)> {
        let page = self.admin(Method::GET, "/ledger?limit=1000").send().await.ok(200);
        let rows = page["items"].as_array().expect("items").iter();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        rows.filter(|row| row["kind"] != "configured")
            .map(|row| {
                let quantity = row["quantity"].as_i64().expect("a quantity");
                (text(&row["kind"]), text(&row["sku"]), quantity)
            })
            .collect()
    }
}

impl Drop for Sale {
    fn drop(&mut self) {
        // A test that has failed has said enough.
        if !self.checked || std::thread::panicking() {
            return;
        }
        let (world, drop) = (self.world, self.drop.clone());
        let check = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(oracle::check(world, &drop));
        });
        if let Err(panic) = check.join() {
            std::panic::resume_unwind(panic);
        }
    }
}
