//! Keys that tests make.

use reqwest::Method;
use serde_json::{Value, json};

use super::call::Call;
use super::sale::Sale;
use super::world::ADMIN_KEY;

/// A key that was made over HTTP.
#[derive(Clone, Debug)]
pub(crate) struct MadeKey {
    pub(crate) id: String,
    pub(crate) secret: String,
}

impl MadeKey {
    /// Reads the answer to a call that made or rotated a key.
    pub(crate) fn read(body: &Value) -> MadeKey {
        let text = |name: &str| body[name].as_str().expect("a text").to_owned();
        MadeKey { id: text("id"), secret: text("secret") }
    }
}

impl Sale {
    /// A call to `/v1/admin/keys…` with the admin's key.
    pub(crate) fn keys(&self, method: Method, path: &str) -> Call {
        self.anonymous(method, &format!("/v1/admin/keys{path}")).bearer(ADMIN_KEY)
    }

    /// A key with these scopes, limited to `drops` if they are given.
    pub(crate) async fn make_key(&self, scopes: &[&str], drops: Option<&[&str]>) -> MadeKey {
        let body = json!({ "name": "for a test", "scopes": scopes, "drops": drops });
        MadeKey::read(&self.keys(Method::POST, "").json(&body).send().await.ok(201))
    }

    /// What a GET behind the storefront's scope comes back with, by this key.
    pub(crate) async fn cart_status(&self, secret: &str) -> u16 {
        let path = format!("/v1/drops/{}/reservations?customer_id=c", self.id());
        self.anonymous(Method::GET, &path).bearer(secret).send().await.status
    }
}
