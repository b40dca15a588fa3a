//! On whose behalf something is logged: the call that the present task works for.
//!
//! Not a span of `tracing`: one costs each call more than reading its body does, and here
//! nothing is done until a line is written.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use tokio::task::futures::TaskLocalFuture;

use crate::trace::{self, TracedCall};

tokio::task_local! {
    static CALLER: Caller;
}

/// The ids of a call. Neither has a character that a log line or JSON would have to escape.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The request id: ASCII without quotes and spaces.
    pub request_id: Bytes,
    /// The trace to which the call belongs, if its client says so or it is traced here.
    pub trace_id: Option<u128>,
    /// Where its way is noted, if it is traced.
    pub traced: Option<Arc<TracedCall>>,
}

/// A future whose log lines name a call.
pub type OnBehalf<F> = TaskLocalFuture<Caller, F>;

impl Caller {
    /// Runs `future` on behalf of this call.
    pub fn runs<F: Future>(self, future: F) -> OnBehalf<F> {
        CALLER.scope(self, future)
    }

    /// The call that the present task works for.
    #[must_use]
    pub fn current() -> Option<Caller> {
        CALLER.try_with(Caller::clone).ok()
    }

    /// Where the way of the call is noted that the present task works for, if it is traced.
    #[must_use]
    pub fn traced() -> Option<Arc<TracedCall>> {
        if !trace::is_on() {
            return None;
        }
        CALLER.try_with(|caller| caller.traced.clone()).ok().flatten()
    }

    /// As members of a JSON object, without the braces.
    pub fn members(&self) -> impl fmt::Display {
        fmt::from_fn(|f| {
            write!(f, "\"request_id\":\"{}\"", self.request_id())?;
            match self.trace_id {
                Some(trace) => write!(f, ",\"trace_id\":\"{trace:032x}\""),
                None => Ok(()),
            }
        })
    }

    fn request_id(&self) -> &str {
        std::str::from_utf8(&self.request_id).unwrap_or_default()
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "request_id={}", self.request_id())?;
        match self.trace_id {
            Some(trace) => write!(f, " trace_id={trace:032x}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_knows_for_whom_it_works_and_only_while_it_does() {
        let request_id = Bytes::from_static(b"r-1");
        let caller = Caller { request_id, trace_id: Some(7), traced: None };
        let current = || Caller::current().map(|caller| caller.to_string());
        assert_eq!(current(), None);
        let seen = caller.clone().runs(async move {
            tokio::task::yield_now().await;
            current()
        });
        assert_eq!(seen.await, Some(caller.to_string()));
        assert_eq!(current(), None);
        let trace = "00000000000000000000000000000007";
        assert_eq!(caller.to_string(), format!("request_id=r-1 trace_id={trace}"));
        let object = format!("{{{}}}", caller.members());
        let object: serde_json::Value = serde_json::from_str(&object).expect("JSON");
        assert_eq!(object, serde_json::json!({ "request_id": "r-1", "trace_id": trace }));
    }
}
