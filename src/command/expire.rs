//! Free the units of holds whose deadline has passed.

use super::{Operation, Verb};
use crate::domain::{DropId, Millis};

/// One bounded turn of the sweep.
#[derive(Clone, Debug)]
pub struct Expire {
    /// Holds to look at, at most.
    pub most: u32,
}

/// What a turn of the sweep leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expired {
    /// The nearest deadline to come, if there is one.
    pub next: Option<Millis>,
    /// Whether more is due already.
    pub more: bool,
    /// Holds that it freed.
    pub freed: i64,
}

impl Operation for Expire {
    const VERB: Verb = Verb::Expire;
    const STATUSES: &'static [&'static str] = &["EXPIRED"];
    type Answer = Expired;

    fn encode(&self, arguments: &mut Vec<String>) {
        arguments.push(self.most.to_string());
    }

    fn decode(&self, _: &DropId, _: &str, facts: &str) -> Option<Expired> {
        let (next, rest) = facts.split_once(' ')?;
        let (more, freed) = rest.split_once(' ')?;
        let next = match next {
            "*" => None,
            at => Some(Millis(at.parse().ok()?)),
        };
        Some(Expired { next, more: more == "1", freed: freed.parse().ok()? })
    }
}
