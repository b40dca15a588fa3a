//! What clients hear of rate limits: the fields `RateLimit-Policy` and `RateLimit` of
//! draft-ietf-httpapi-ratelimit-headers-11, and 429 with `Retry-After`.

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::header::Entry;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::problem::{Code, Problem};
use crate::caller::Caller;
use crate::domain::{RateLimit, Standing};
use crate::engine::{Engine, Rates};

/// The limit that is in force.
pub(super) const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// How a caller stands by it.
pub(super) const STANDING: HeaderName = HeaderName::from_static("ratelimit");

/// A standing has two numbers of at most twenty digits each, and the name of one of three limits.
const LONGEST: usize = 64;

/// A limit that all processes keep together, by whom each call is for.
#[derive(Clone)]
pub(super) struct Shared {
    rates: Arc<Rates>,
    policy: Policy,
}

/// A limit as it is told of, written once.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    name: &'static str,
    field: HeaderValue,
}

impl Policy {
    /// A limit that is called `name`.
    pub(super) fn new(name: &'static str, limit: RateLimit) -> Policy {
        let text = format!("\"{name}\";q={};w={}", limit.calls(), limit.window_seconds());
        // It lives as long as the process, and each of its many copies costs nothing.
        let field = HeaderValue::from_static(Box::leak(text.into_boxed_str()));
        Policy { name, field }
    }
}

impl Shared {
    /// The limit of `engine` that is called `name`.
    pub(super) fn new(engine: &Engine, name: &'static str, limit: RateLimit) -> Shared {
        Shared { rates: engine.rates(name, limit), policy: Policy::new(name, limit) }
    }

    /// How a call for `whose` stands; `None` when it can't be said, and the call passes.
    pub(super) async fn ask(&self, whose: &str) -> Option<Told> {
        let name = self.policy.name;
        let traced = Caller::traced().map(|call| (call, Instant::now()));
        let standing = self.rates.ask(whose).await;
        if let Some((call, since)) = traced {
            call.limited(name, since.elapsed());
        }
        let standing = standing?;
        Some(Told { policy: self.policy.clone(), standing })
    }
}

/// What is told of one limit.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) policy: Policy,
    pub(super) standing: Standing,
}

impl Told {
    /// The answer to a call that has to wait; `None` for one that may pass.
    pub(super) fn refusal(&self) -> Option<Response> {
        let Standing::Wait { wait, .. } = self.standing else { return None };
        let name = self.policy.name;
        metrics::counter!("dropgate_rate_limited_total", "limit" => name).increment(1);
        let detail = "Nothing happened. Slow down, and try again after `Retry-After` seconds.";
        let problem = Problem::new(Code::RateLimited, detail).with("policy", name);
        let mut response = problem.into_response();
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds(wait).max(1)));
        self.add_to(headers);
        Some(response)
    }

    /// Adds the fields to an answer.
    pub(super) fn add_to(&self, headers: &mut HeaderMap) {
        let (left, full_in) = match self.standing {
            Standing::Pass { left, full_in } => (left, full_in),
            Standing::Wait { full_in, .. } => (0, full_in),
        };
        let Policy { name, field } = &self.policy;
        let mut standing = [0; LONGEST];
        let mut rest = standing.as_mut_slice();
        let written = write!(rest, "\"{name}\";r={left};t={}", seconds(full_in));
        let length = LONGEST - rest.len();
        add(headers, POLICY, field.clone());
        if let (Ok(()), Ok(standing)) = (written, HeaderValue::from_bytes(&standing[..length])) {
            add(headers, STANDING, standing);
        }
    }
}

/// Adds a member to a list: where more than one policy is told of, each field has one line all the
/// same, for a line costs both sides more than a member.
fn add(headers: &mut HeaderMap, name: HeaderName, member: HeaderValue) {
    match headers.entry(name) {
        Entry::Vacant(entry) => {
            entry.insert(member);
        }
        Entry::Occupied(mut entry) => {
            let list = [entry.get().as_bytes(), b", ", member.as_bytes()].concat();
            // Values with a comma between are a value.
            if let Ok(list) = HeaderValue::from_maybe_shared(list) {
                entry.insert(list);
            }
        }
    }
}

/// Whole seconds, none too few.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(standing: Standing) -> Told {
        Told { policy: Policy::new("key", "20/10s burst 5".parse().expect("a limit")), standing }
    }

    #[test]
    fn fields_tell_policy_and_standing() {
        let mut headers = HeaderMap::new();
        let full_in = Duration::from_millis(1001);
        told(Standing::Pass { left: 3, full_in }).add_to(&mut headers);
        assert_eq!(headers[POLICY], "\"key\";q=20;w=10");
        assert_eq!(headers[STANDING], "\"key\";r=3;t=2");
        let limit = "7/s".parse().expect("a limit");
        let standing = Standing::Pass { left: 6, full_in: Duration::ZERO };
        Told { policy: Policy::new("address", limit), standing }.add_to(&mut headers);
        assert_eq!(headers[POLICY], "\"key\";q=20;w=10, \"address\";q=7;w=1");
        assert_eq!(headers[STANDING], "\"key\";r=3;t=2, \"address\";r=6;t=0");
        assert_eq!(headers.len(), 2);
    }

    #[test]
    fn whoever_must_wait_is_told_how_long() {
        let full_in = Duration::from_secs(3);
        assert!(told(Standing::Pass { left: 0, full_in }).refusal().is_none());
        for (wait, seconds) in [(1, "1"), (1000, "1"), (1001, "2")] {
            let wait = Duration::from_millis(wait);
            let response = told(Standing::Wait { wait, full_in }).refusal().expect("a refusal");
            assert_eq!(response.status(), 429);
            assert_eq!(response.headers()[header::RETRY_AFTER], seconds);
            assert_eq!(response.headers()[STANDING], "\"key\";r=0;t=3");
        }
    }
}
