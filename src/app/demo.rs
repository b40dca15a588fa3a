//! The demo drop of `dev`, and what the terminal says about it.

use std::{net::SocketAddr, path::Path};

use crate::{
    config::KeySettings,
    domain::{DropId, DropPatch, DropState, SkuId, SkuPatch},
    engine::{CallError, Engine},
};

const DROP: &str = "demo";
const SKUS: [(&str, &str, i64, &str); 3] = [
    ("shirt-m", "Shirt, medium", 100, "29.00"),
    ("shirt-l", "Shirt, large", 50, "29.00"),
    ("poster", "Signed poster", 5, "59.00"),
];

fn id<T: std::str::FromStr>(text: &str) -> Result<T, CallError> {
    text.parse().map_err(|_| CallError::none("the demo's ids are wrong"))
}

/// Creates the demo drop unless it is there already; what somebody did with it stays.
pub(super) async fn create(engine: &Engine) -> Result<(), CallError> {
    let drop: DropId = id(DROP)?;
    let known = match engine.drop_view(&drop).await {
        Ok(view) => view.skus.len(),
        Err(CallError::UnknownDrop) => 0,
        Err(error) => return Err(error),
    };
    if known == SKUS.len() {
        return Ok(());
    }
    let patch = DropPatch {
        name: Some("Demo drop".to_owned()),
        state: Some(DropState::Open),
        limit_per_customer: Some(Some(4)),
        ..DropPatch::default()
    };
    engine.put_drop(&drop, patch).await?;
    for (sku, name, units, price) in SKUS {
        let details = serde_json::json!({ "price": price, "currency": "EUR" });
        let patch = SkuPatch {
            name: Some(name.to_owned()),
            details: details.as_object().cloned(),
            initial_stock: Some(units),
            ..SkuPatch::default()
        };
        let sku: SkuId = id(sku)?;
        engine.put_sku(&drop, &sku, patch).await?;
    }
    Ok(())
}

/// Says where to look and what to try.
pub(super) fn print_welcome(address: SocketAddr, keys: &KeySettings, file: &Path) {
    let url = format!("http://{address}");
    println!(
        "Dropgate is ready on {url}, with the drop `{DROP}`.

  admin key       {admin}
  storefront key  {storefront}
  storefront      {url}/shop/{DROP}
  console         {url}/console

Try, in another terminal:

  . {file}
  curl {url}/v1/drops/{DROP}/skus/poster
  curl {url}/v1/drops/{DROP}/reservations \\
    -H \"Authorization: Bearer $DROPGATE_STOREFRONT_KEY\" -H 'Content-Type: application/json' \\
    -d '{{\"customer_id\": \"c-1\", \"lines\": [{{\"sku\": \"poster\", \"quantity\": 1}}]}}'
  curl {url}/v1/admin/drops/{DROP}/audit -H \"Authorization: Bearer $DROPGATE_ADMIN_KEY\"
  make drop
",
        admin = keys.admin.expose(),
        storefront = keys.storefront.expose(),
        file = file.display(),
    );
}
