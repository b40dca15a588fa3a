//! What clients hear of rate limits: the fields `RateLimit-Policy` and `RateLimit` of
//! draft-ietf-httpapi-ratelimit-headers-11, and 429 with `Retry-After`.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use pin_project_lite::pin_project;
use tokio::task::futures::TaskLocalFuture;

use super::problem::{Code, Problem};
use crate::caller::Caller;
use crate::config::LimitSettings;
use crate::domain::{RateLimit, Standing};
use crate::engine::{CUSTOMER_BUCKETS, Engine, Rates};

/// The limits that are in force.
pub(super) const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// How a caller stands by them.
pub(super) const STANDING: HeaderName = HeaderName::from_static("ratelimit");

tokio::task_local! {
    /// How the call stands that the present task answers.
    static STANDINGS: Cell<Standings>;
}

/// What is limited, in the order in which it is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limited {
    Customer,
    Key,
    Address,
}

impl Limited {
    const ALL: [Limited; 3] = [Limited::Customer, Limited::Key, Limited::Address];

    /// What the limit is called.
    pub(super) fn name(self) -> &'static str {
        match self {
            Limited::Customer => CUSTOMER_BUCKETS,
            Limited::Key => "key",
            Limited::Address => "address",
        }
    }

    /// As one of a set of limits.
    fn bit(self) -> usize {
        1 << self as usize
    }
}

/// The field of each set of limits that may be told of at once, written once.
pub(super) struct Policies([Option<HeaderValue>; 1 << Limited::ALL.len()]);

impl Policies {
    /// Those of `limits`.
    pub(super) fn of(limits: &LimitSettings) -> Policies {
        let limit_of = |limited| match limited {
            Limited::Customer => limits.customer,
            Limited::Key => limits.key,
            Limited::Address => limits.address,
        };
        let member = |limited: Limited| {
            let limit: RateLimit = limit_of(limited)?;
            let (calls, seconds) = (limit.calls(), limit.window_seconds());
            Some(format!("\"{}\";q={calls};w={seconds}", limited.name()))
        };
        Policies(std::array::from_fn(|set| {
            let told = Limited::ALL.into_iter().filter(|limited| set & limited.bit() != 0);
            let members: Vec<String> = told.filter_map(member).collect();
            let field = HeaderValue::try_from(members.join(", ")).ok();
            field.filter(|_| !members.is_empty())
        }))
    }
}

/// How a call stands by each limit that it was counted by.
#[derive(Clone, Copy, Debug, Default)]
struct Standings([Option<Left>; Limited::ALL.len()]);

/// What is told of a standing.
#[derive(Clone, Copy, Debug)]
struct Left {
    calls: u64,
    full_in_seconds: u64,
}

impl Standings {
    fn note(&mut self, Told { limited, standing }: Told) {
        let (calls, full_in) = match standing {
            Standing::Pass { left, full_in } => (left, full_in),
            Standing::Wait { full_in, .. } => (0, full_in),
        };
        self.0[limited as usize] = Some(Left { calls, full_in_seconds: seconds(full_in) });
    }

    /// Adds the fields to an answer.
    fn put_on(self, headers: &mut HeaderMap, policies: &Policies) {
        let mut text = Text::default();
        let mut set = 0;
        for limited in Limited::ALL {
            let Some(Left { calls, full_in_seconds }) = self.0[limited as usize] else { continue };
            let [begin, name] =
                if set == 0 { ["\"", limited.name()] } else { [", \"", limited.name()] };
            set |= limited.bit();
            text.push(begin).push(name).push("\";r=").number(calls);
            text.push(";t=").number(full_in_seconds);
        }
        // One line a field, whatever the number of policies: a line costs both sides more than a member.
        if let (Some(policy), Ok(standing)) =
            (&policies.0[set], HeaderValue::from_bytes(text.bytes()))
        {
            headers.insert(POLICY, policy.clone());
            headers.insert(STANDING, standing);
        }
    }
}

/// A text that needs no room of its own. Of each of three limits it has a name of at most eight letters and
/// two numbers of at most twenty digits.
struct Text {
    bytes: [u8; Text::LONGEST],
    length: usize,
}

impl Default for Text {
    fn default() -> Text {
        Text { bytes: [0; Text::LONGEST], length: 0 }
    }
}

impl Text {
    const LONGEST: usize = 3 * 64;

    fn push(&mut self, text: &str) -> &mut Text {
        let end = self.length + text.len();
        self.bytes[self.length..end].copy_from_slice(text.as_bytes());
        self.length = end;
        self
    }

    fn number(&mut self, number: u64) {
        self.push(itoa::Buffer::new().format(number));
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// A limit that all processes keep together, by whom each call is for.
#[derive(Clone)]
pub(super) struct Shared {
    rates: Arc<Rates>,
    limited: Limited,
}

impl Shared {
    /// The limit of `engine`.
    pub(super) fn new(engine: &Engine, limited: Limited, limit: RateLimit) -> Shared {
        Shared { rates: engine.rates(limited.name(), limit), limited }
    }

    /// Counts a call for `whose`; the answer to one that has to wait.
    pub(super) async fn turns_away(&self, whose: &str) -> Option<Response> {
        let traced = Caller::traced().map(|call| (call, Instant::now()));
        let standing = self.rates.ask(whose).await;
        if let Some((call, since)) = traced {
            call.limited(self.limited.name(), since.elapsed());
        }
        // When it can't be said how it stands, the call passes.
        let told = Told { limited: self.limited, standing: standing? };
        // Where nobody answers, nobody is told.
        let _ = STANDINGS.try_with(|standings| {
            let mut noted = standings.get();
            noted.note(told);
            standings.set(noted);
        });
        told.refusal()
    }
}

/// What is told of one limit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub(super) limited: Limited,
    pub(super) standing: Standing,
}

impl Told {
    /// The answer to a call that has to wait; `None` for one that may pass.
    pub(super) fn refusal(self) -> Option<Response> {
        let Standing::Wait { wait, .. } = self.standing else { return None };
        let name = self.limited.name();
        metrics::counter!("dropgate_rate_limited_total", "limit" => name).increment(1);
        let detail = "Nothing happened. Slow down, and try again after `Retry-After` seconds.";
        let problem = Problem::new(Code::RateLimited, detail).with("policy", name);
        let mut response = problem.into_response();
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds(wait).max(1)));
        Some(response)
    }
}

pin_project! {
    /// An answer on which is put how the call stands by all limits that it was counted by.
    pub(super) struct Telling<F> {
        #[pin]
        answer: TaskLocalFuture<Cell<Standings>, F>,
        policies: Arc<Policies>,
    }
}

impl<F> Telling<F> {
    /// An answer to a call that stands so before anybody else has counted it.
    pub(super) fn new(answer: F, told: Option<Told>, policies: Arc<Policies>) -> Telling<F>
    where
        F: Future,
    {
        let mut standings = Standings::default();
        if let Some(told) = told {
            standings.note(told);
        }
        Telling { answer: STANDINGS.scope(Cell::new(standings), answer), policies }
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for Telling<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Ok(mut response) = ready!(this.answer.as_mut().poll(context));
        if let Some(standings) = this.answer.take_value() {
            standings.get().put_on(response.headers_mut(), this.policies);
        }
        Poll::Ready(Ok(response))
    }
}

/// Whole seconds, none too few.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policies() -> Policies {
        let limit = |text: &str| Some(text.parse().expect("a limit"));
        Policies::of(&LimitSettings {
            key: limit("20/10s burst 5"),
            address: limit("7/s"),
            ..LimitSettings::default()
        })
    }

    fn fields(told: &[Told]) -> [String; 2] {
        let (mut standings, mut headers) = (Standings::default(), HeaderMap::new());
        told.iter().for_each(|told| standings.note(*told));
        standings.put_on(&mut headers, &policies());
        let text = |value: &HeaderValue| value.to_str().expect("ASCII").to_owned();
        [POLICY, STANDING].map(|name| headers.get(name).map(text).unwrap_or_default())
    }

    #[test]
    fn fields_tell_policy_and_standing() {
        let full_in = Duration::from_millis(1001);
        let key = Told { limited: Limited::Key, standing: Standing::Pass { left: 3, full_in } };
        assert_eq!(fields(&[key]), ["\"key\";q=20;w=10", "\"key\";r=3;t=2"]);
        let standing = Standing::Pass { left: 6, full_in: Duration::ZERO };
        let address = Told { limited: Limited::Address, standing };
        assert_eq!(
            fields(&[address, key]),
            ["\"key\";q=20;w=10, \"address\";q=7;w=1", "\"key\";r=3;t=2, \"address\";r=6;t=0"]
        );
        assert_eq!(fields(&[]), ["", ""]);
        let [wait, full_in] = [Duration::ZERO, Duration::from_secs(3)];
        let key = Told { limited: Limited::Key, standing: Standing::Wait { wait, full_in } };
        assert_eq!(fields(&[key])[1], "\"key\";r=0;t=3");
    }

    #[test]
    fn the_longest_text_has_room() {
        let mut standings = Standings::default();
        for limited in Limited::ALL {
            let standing =
                Standing::Pass { left: u64::MAX, full_in: Duration::from_secs(u64::MAX) };
            standings.note(Told { limited, standing });
        }
        let all = LimitSettings {
            customer: "1/s".parse().ok(),
            key: "1/s".parse().ok(),
            address: "1/s".parse().ok(),
            ..LimitSettings::default()
        };
        let mut headers = HeaderMap::new();
        standings.put_on(&mut headers, &Policies::of(&all));
        assert!(headers[STANDING].len() <= Text::LONGEST, "{headers:?}");
        assert_eq!(headers[POLICY].to_str().expect("ASCII").split(", ").count(), 3);
    }

    #[test]
    fn whoever_must_wait_is_told_how_long() {
        let full_in = Duration::from_secs(3);
        let told = |standing| Told { limited: Limited::Key, standing };
        assert!(told(Standing::Pass { left: 0, full_in }).refusal().is_none());
        for (wait, seconds) in [(1, "1"), (1000, "1"), (1001, "2")] {
            let wait = Duration::from_millis(wait);
            let response = told(Standing::Wait { wait, full_in }).refusal().expect("a refusal");
            assert_eq!(response.status(), 429);
            assert_eq!(response.headers()[header::RETRY_AFTER], seconds);
        }
    }
}
