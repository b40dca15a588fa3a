//! Who may call what.
//!
//! A key has scopes, and may be limited to some drops. The two keys from the settings are an
//! `admin` and a `storefront` for every drop.
//!
//! | routes | opened by |
//! |---|---|
//! | storefront | `storefront`, `admin`; their GETs also by `read` |
//! | admin | `admin`; their GETs also by `read` |
//! | keys, customers, webhooks | `admin` that is not limited to drops |

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{FromRequestParts as _, RawPathParams, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use subtle::{Choice, ConstantTimeEq};

use super::limits::Shared;
use super::problem::{Code, Problem};
use crate::config::KeySettings;
use crate::domain::{DropId, KeyDigest, Scope};
use crate::engine::{Keyring, KnownKey};

/// What a route wants of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wants {
    Storefront,
    Admin,
    Keys,
}

/// Whose key came along.
#[derive(Clone, Debug)]
enum Caller {
    /// Holds the admin key of the settings.
    Admin,
    /// Holds the storefront key of the settings.
    Storefront,
    /// Holds a key that was made.
    Known(Arc<KnownKey>),
}

/// The drops that a caller is limited to, for handlers of routes that name no drop.
#[derive(Clone, Debug)]
pub(super) struct OnlyDrops(Arc<KnownKey>);

/// What the key of a call to an admin route opens, for the handler that tells it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Opens {
    pub(super) scopes: Vec<Scope>,
    /// The only drops; `None` for every one.
    pub(super) drops: Option<BTreeSet<DropId>>,
}

/// Where the keys are: the two from the settings as digests of one length, so that comparing them
/// takes one time, and those that were made.
pub(super) struct Keys {
    admin: KeyDigest,
    storefront: KeyDigest,
    made: Arc<Keyring>,
    /// How fast one key may be used.
    limit: Option<Shared>,
}

/// Why it is not known who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoCaller {
    /// No key was sent.
    Silent,
    /// More than one was, or it is no bearer token.
    Unreadable,
    /// Nobody has that key, or nobody any more.
    Unknown,
}

impl OnlyDrops {
    pub(super) fn drops(&self) -> Option<&BTreeSet<DropId>> {
        self.0.drops.as_ref()
    }
}

impl Caller {
    fn holds(&self, scope: Scope) -> bool {
        match self {
            Caller::Admin => scope == Scope::Admin,
            Caller::Storefront => scope == Scope::Storefront,
            Caller::Known(key) => key.scopes.contains(&scope),
        }
    }

    /// What tells one key from the others.
    fn name(&self) -> Cow<'static, str> {
        match self {
            Caller::Admin => Cow::Borrowed("admin"),
            Caller::Storefront => Cow::Borrowed("storefront"),
            Caller::Known(key) => Cow::Owned(key.id.to_string()),
        }
    }

    /// The key, if it is limited to some drops.
    fn limited(&self) -> Option<(&Arc<KnownKey>, &BTreeSet<DropId>)> {
        match self {
            Caller::Admin | Caller::Storefront => None,
            Caller::Known(key) => key.drops.as_ref().map(|drops| (key, drops)),
        }
    }

    fn opens(&self) -> Opens {
        let all = [Scope::Storefront, Scope::Admin, Scope::Read];
        let scopes = all.into_iter().filter(|scope| self.holds(*scope)).collect();
        Opens { scopes, drops: self.limited().map(|(_, drops)| drops.clone()) }
    }

    /// Whether the key's scopes are enough.
    fn may(&self, wants: Wants, method: &Method) -> bool {
        let reads = *method == Method::GET || *method == Method::HEAD;
        let reader = reads && self.holds(Scope::Read);
        match wants {
            Wants::Storefront => {
                self.holds(Scope::Admin) || self.holds(Scope::Storefront) || reader
            }
            Wants::Admin => self.holds(Scope::Admin) || reader,
            Wants::Keys => self.holds(Scope::Admin) && self.limited().is_none(),
        }
    }
}

impl Keys {
    pub(super) fn new(keys: &KeySettings, made: Arc<Keyring>, limit: Option<Shared>) -> Keys {
        let digest = KeyDigest::of;
        let (admin, storefront) = (digest(keys.admin.expose()), digest(keys.storefront.expose()));
        Keys { admin, storefront, made, limit }
    }

    /// Whose key came along.
    fn caller(&self, headers: &HeaderMap) -> Result<Caller, NoCaller> {
        let given = KeyDigest::of(bearer(headers)?);
        // Both are compared, whatever the first says.
        let admin: Choice = given.0.ct_eq(&self.admin.0);
        let storefront: Choice = given.0.ct_eq(&self.storefront.0);
        if admin.into() {
            Ok(Caller::Admin)
        } else if storefront.into() {
            Ok(Caller::Storefront)
        } else {
            self.made.find(&given).map(Caller::Known).ok_or(NoCaller::Unknown)
        }
    }
}

/// The key that came along.
fn bearer(headers: &HeaderMap) -> Result<&str, NoCaller> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (only, another) = (given.next().ok_or(NoCaller::Silent)?, given.next());
    let parts = only.to_str().ok().and_then(|text| text.split_once(' '));
    match (parts, another) {
        (Some((scheme, key)), None) if scheme.eq_ignore_ascii_case("bearer") => {
            Ok(key.trim_start_matches(' '))
        }
        _ => Err(NoCaller::Unreadable),
    }
}

/// Lets those pass who may call storefront routes.
pub(super) async fn storefront(
    State(keys): State<Arc<Keys>>,
    request: Request,
    next: Next,
) -> Response {
    pass(&keys, Wants::Storefront, request, next).await
}

/// Lets those pass who may call admin routes.
pub(super) async fn admin(State(keys): State<Arc<Keys>>, request: Request, next: Next) -> Response {
    pass(&keys, Wants::Admin, request, next).await
}

/// Lets those pass who may manage what is about every drop: keys, customers, webhooks.
pub(super) async fn keys(State(keys): State<Arc<Keys>>, request: Request, next: Next) -> Response {
    pass(&keys, Wants::Keys, request, next).await
}

async fn pass(keys: &Keys, wants: Wants, request: Request, next: Next) -> Response {
    let caller = match keys.caller(request.headers()) {
        Ok(caller) => caller,
        Err(reason) => return unauthenticated(reason).into_response(),
    };
    if !caller.may(wants, request.method()) {
        return forbidden(match wants {
            Wants::Storefront => "Use a key of scope storefront or admin; read is for GETs.",
            Wants::Admin => "Use a key of scope admin, or for a GET of scope read.",
            Wants::Keys => "Use a key of scope admin that is limited to no drop.",
        });
    }
    let mut request = match caller.limited() {
        None => request,
        Some((key, drops)) => match within(request, key, drops).await {
            Some(request) => request,
            None => return forbidden("Use a key for this drop: this one is limited to others."),
        },
    };
    if wants == Wants::Admin {
        request.extensions_mut().insert(caller.opens());
    }
    if let Some(limit) = &keys.limit
        && let Some(refusal) = limit.turns_away(&caller.name()).await
    {
        return refusal;
    }
    let mut response = next.run(request).await;
    // What only a key opens is kept by no cache.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The request, if it is about one of `drops` or about none; the handler is then told which.
async fn within(
    request: Request,
    key: &Arc<KnownKey>,
    drops: &BTreeSet<DropId>,
) -> Option<Request> {
    let (mut parts, body) = request.into_parts();
    // A path that can't be read is about none of them.
    let names = RawPathParams::from_request_parts(&mut parts, &()).await.ok()?;
    let named = names.iter().find(|(name, _)| *name == "drop");
    if named.is_some_and(|(_, drop)| !drops.contains(drop)) {
        return None;
    }
    parts.extensions.insert(OnlyDrops(Arc::clone(key)));
    Some(Request::from_parts(parts, body))
}

/// No key came along that is known.
pub(super) fn unauthenticated(reason: NoCaller) -> Problem {
    let detail = match reason {
        NoCaller::Silent => "No key was sent: send `Authorization: Bearer <key>`.",
        NoCaller::Unreadable => "Send one header `Authorization: Bearer <key>`, and no other kind.",
        NoCaller::Unknown => {
            "The key that was sent is not valid: it is mistyped, or was revoked, or has ended. Ask \
             an admin for another."
        }
    };
    Problem::new(Code::Unauthenticated, detail)
}

fn forbidden(detail: &'static str) -> Response {
    Problem::new(Code::Forbidden, detail).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(admin: &str, storefront: &str) -> Keys {
        let digest = KeyDigest::of;
        Keys {
            admin: digest(admin),
            storefront: digest(storefront),
            made: Arc::default(),
            limit: None,
        }
    }

    fn scope(keys: &Keys, headers: &HeaderMap) -> Option<Scope> {
        match keys.caller(headers).ok()? {
            Caller::Admin => Some(Scope::Admin),
            Caller::Storefront => Some(Scope::Storefront),
            Caller::Known(_) => None,
        }
    }

    #[test]
    fn a_key_opens_its_scope() {
        let keys = keys("the-admin-key", "the-store-key");
        for (value, expected) in [
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
            assert_eq!(scope(&keys, &headers), expected, "{value:?}");
        }
        assert_eq!(scope(&keys, &HeaderMap::new()), None);
    }

    #[test]
    fn two_keys_are_none() {
        let keys = keys("a", "s");
        let mut headers = HeaderMap::new();
        headers.append(header::AUTHORIZATION, HeaderValue::from_static("Bearer a"));
        headers.append(header::AUTHORIZATION, HeaderValue::from_static("Bearer s"));
        assert_eq!(scope(&keys, &headers), None);
    }
}
