//! Entity tags: a reader that has the newest version already is told so, without a body.

use axum::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// How long a copy of a public answer may be shown without asking again.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=1");

/// `body` under the tag `version`, or 304 if the reader says that it has that version.
pub(super) fn answer(request: &HeaderMap, version: &str, body: &impl Serialize) -> Response {
    let tag = format!("\"{version}\"");
    let unchanged = matches(request, &tag);
    let Ok(tag) = HeaderValue::try_from(tag) else {
        return Json(body).into_response();
    };
    let headers: [(HeaderName, HeaderValue); 2] =
        [(header::ETAG, tag), (header::CACHE_CONTROL, CACHE)];
    if unchanged {
        (StatusCode::NOT_MODIFIED, headers).into_response()
    } else {
        (headers, Json(body)).into_response()
    }
}

/// Whether `If-None-Match` names `tag`: `*`, or a list of tags. Weak ones match as well
/// (RFC 9110, 13.1.2). No tag of ours has a comma in it.
fn matches(request: &HeaderMap, tag: &str) -> bool {
    let given =
        request.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    given.flat_map(|value| value.split(',')).map(str::trim).any(|candidate| {
        candidate == "*" || candidate.strip_prefix("W/").unwrap_or(candidate) == tag
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
            let response = answer(&headers, "7", &"body");
            let unchanged = response.status() == StatusCode::NOT_MODIFIED;
            assert_eq!(unchanged, expected, "{given}");
            assert_eq!(response.headers()[header::ETAG], "\"7\"");
        }
    }
}
