//! Who may call what: two bearer keys, one for each scope.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::problem::{Code, Problem};
use crate::config::KeySettings;

/// What a key allows. An admin may do what a storefront may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Storefront,
    Admin,
}

/// Digests of the two keys: of one length, so that comparing them takes one time.
pub(super) struct Keys {
    admin: [u8; 32],
    storefront: [u8; 32],
}

impl Keys {
    pub(super) fn new(keys: &KeySettings) -> Keys {
        Keys { admin: digest(keys.admin.expose()), storefront: digest(keys.storefront.expose()) }
    }

    /// The scope of the key that came along; `None` without one that is known.
    fn scope(&self, headers: &HeaderMap) -> Option<Scope> {
        let mut given = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(only), None) = (given.next(), given.next()) else { return None };
        let (scheme, key) = only.to_str().ok()?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let given = digest(key.trim_start_matches(' '));
        // Both are compared, whatever the first says.
        let admin: Choice = given.ct_eq(&self.admin);
        let storefront: Choice = given.ct_eq(&self.storefront);
        if admin.into() {
            Some(Scope::Admin)
        } else {
            bool::from(storefront).then_some(Scope::Storefront)
        }
    }
}

fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

/// Lets holders of either key pass.
pub(super) async fn storefront(
    State(keys): State<Arc<Keys>>,
    request: Request,
    next: Next,
) -> Response {
    match keys.scope(request.headers()) {
        Some(Scope::Storefront | Scope::Admin) => answer(request, next).await,
        None => unauthenticated().into_response(),
    }
}

/// Lets holders of the admin key pass.
pub(super) async fn admin(State(keys): State<Arc<Keys>>, request: Request, next: Next) -> Response {
    match keys.scope(request.headers()) {
        Some(Scope::Admin) => answer(request, next).await,
        Some(Scope::Storefront) => {
            Problem::new(Code::Forbidden, "Use the admin key for this call.").into_response()
        }
        None => unauthenticated().into_response(),
    }
}

/// What only a key opens is kept by no cache.
async fn answer(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn unauthenticated() -> Problem {
    Problem::new(Code::Unauthenticated, "Send `Authorization: Bearer <key>` with a valid key.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_opens_its_scope() {
        let keys = Keys { admin: digest("the-admin-key"), storefront: digest("the-store-key") };
        for (value, scope) in [
            ("Bearer the-admin-key", Some(Scope::Admin)),
            ("bearer  the-store-key", Some(Scope::Storefront)),
            ("Bearer the-store-key ", None),
            ("Bearer the-store-ke", None),
            ("Bearer ", None),
            ("Bearer", None),
            ("Basic the-admin-key", None),
            ("the-admin-key", None),
            ("", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_static(value));
            assert_eq!(keys.scope(&headers), scope, "{value:?}");
        }
        assert_eq!(keys.scope(&HeaderMap::new()), None);
    }

    #[test]
    fn two_keys_are_none() {
        let keys = Keys { admin: digest("a"), storefront: digest("s") };
        let mut headers = HeaderMap::new();
        headers.append(header::AUTHORIZATION, HeaderValue::from_static("Bearer a"));
        headers.append(header::AUTHORIZATION, HeaderValue::from_static("Bearer s"));
        assert_eq!(keys.scope(&headers), None);
    }
}
