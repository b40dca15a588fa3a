//! Entity tags: a reader that has the newest version already is told so, without a body.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;

use super::envelope;
use super::problem::Problem;
use crate::engine::{Effect, Rendered};

/// How long a copy of a public answer may be shown without asking again.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=1");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The answer `body` under the tag `version`.
pub(super) fn render(version: &str, body: &impl Serialize) -> Result<Rendered, Problem> {
    let body = serde_json::to_vec(body).map_err(|error| {
        tracing::error!(%error, "a public answer can't be written");
        Problem::unavailable(Effect::None)
    })?;
    Ok(Rendered { tag: format!("\"{version}\"").into(), body: body.into() })
}

/// A public answer, or 304 if the reader says that it has that version.
pub(super) fn answer(request: &HeaderMap, rendered: Rendered) -> Response {
    let Rendered { tag, body } = rendered;
    let mut response = Response::default();
    response.headers_mut().reserve(envelope::HEADERS);
    if matches(request, &tag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        *response.body_mut() = Body::from(body);
        response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    }
    // Digits, a state's name and quotes always make a header.
    if let Ok(tag) = HeaderValue::from_maybe_shared(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, CACHE);
    response
}

/// Whether `If-None-Match` names `tag`: `*`, or a list of tags. Weak ones match as well
/// (RFC 9110, 13.1.2). No tag of ours has a comma in it.
pub(super) fn matches(request: &HeaderMap, tag: &[u8]) -> bool {
    let given =
        request.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    given.flat_map(|value| value.split(',')).map(str::trim).any(|candidate| {
        candidate == "*" || candidate.strip_prefix("W/").unwrap_or(candidate).as_bytes() == tag
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_match_alone_in_lists_and_weakly() {
        for (given, expected) in [
            ("\"7\"", true),
            ("W/\"7\"", true),
            ("\"6\", \"7\"", true),
            ("\"6\",W/\"7\" ", true),
            ("*", true),
            ("\"70\"", false),
            ("7", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static(given));
            let response = answer(&headers, render("7", &"body").expect("JSON"));
            let unchanged = response.status() == StatusCode::NOT_MODIFIED;
            assert_eq!(unchanged, expected, "{given}");
            assert_eq!(response.headers()[header::ETAG], "\"7\"");
        }
    }
}
