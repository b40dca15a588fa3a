//! Pages for people. Their files stand in `web/`, as they are served: nothing is built, and nothing
//! comes from another host.

mod console;
mod shop;

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::problem::{Code, Problem};
use super::{Api, etag};

/// What pages may load and do: their own files, calls to this engine, nothing else.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
/// Always asked for again, mostly answered with 304: a new version of the engine is seen at once.
const ASK: HeaderValue = HeaderValue::from_static("no-cache");

/// A file that pages load.
struct Asset {
    name: &'static str,
    kind: &'static str,
    text: &'static str,
}

const CSS: &str = "text/css";
const SCRIPT: &str = "text/javascript";

/// The files of `web/` with their type.
macro_rules! assets {
    ($($name:literal $kind:ident),* $(,)?) => {
        [$(Asset { name: $name, kind: $kind, text: include_str!(concat!("../../../web/", $name)) }),*]
    };
}

const ASSETS: [Asset; 16] = assets![
    "shop.css" CSS,
    "shop.js" SCRIPT,
    "console/console.css" CSS,
    "console/actions.js" SCRIPT,
    "console/api.js" SCRIPT,
    "console/charts.js" SCRIPT,
    "console/customers.js" SCRIPT,
    "console/dialog.js" SCRIPT,
    "console/drop.js" SCRIPT,
    "console/drops.js" SCRIPT,
    "console/format.js" SCRIPT,
    "console/ledger.js" SCRIPT,
    "console/main.js" SCRIPT,
    "console/signin.js" SCRIPT,
    "console/webhooks.js" SCRIPT,
    "vendor/lit-html.js" SCRIPT,
];

/// The entity tag of each, in quotes.
static TAGS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let tag = |asset: &Asset| URL_SAFE_NO_PAD.encode(&Sha256::digest(asset.text)[..12]);
    ASSETS.iter().map(|asset| format!("\"{}\"", tag(asset))).collect()
});

/// The pages, and what they load.
pub(super) fn router(api: &Arc<Api>) -> Router<Arc<Api>> {
    Router::new()
        .route("/assets/{*name}", get(asset))
        .merge(console::router())
        .merge(shop::router(api))
}

async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    let found = ASSETS.iter().zip(TAGS.iter()).find(|(asset, _)| asset.name == name);
    let (asset, tag) = found.ok_or_else(|| Problem::new(Code::NotFound, "Load the page again."))?;
    let mut response = if etag::matches(&headers, tag.as_bytes()) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let kind = format!("{}; charset=utf-8", asset.kind);
        ([(header::CONTENT_TYPE, kind)], asset.text).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, ASK);
    if let Ok(tag) = HeaderValue::from_str(tag) {
        headers.insert(header::ETAG, tag);
    }
    Ok(response)
}
