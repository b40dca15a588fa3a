//! The kinds of buyers, and in what proportion they come.

use std::fmt;
use std::str::FromStr;

/// A kind of buyer. Each is played by the file of its name in `buyer/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Holds and confirms.
    Eager,
    /// Holds and walks away.
    Abandon,
    /// Holds, extends, and decides late.
    Dawdle,
    /// Sends everything several times with one idempotency key.
    Retry,
    /// Wants more than the limit.
    Greedy,
    /// Fills a cart with several SKUs and changes its mind.
    Cart,
    /// Hammers without an idempotency key.
    Bot,
}

impl Kind {
    /// Every kind, in the order of reports.
    pub(crate) const ALL: [Kind; 7] = [
        Kind::Eager,
        Kind::Abandon,
        Kind::Dawdle,
        Kind::Retry,
        Kind::Greedy,
        Kind::Cart,
        Kind::Bot,
    ];

    /// The word in options, reports and customer ids.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Kind::Eager => "eager",
            Kind::Abandon => "abandon",
            Kind::Dawdle => "dawdle",
            Kind::Retry => "retry",
            Kind::Greedy => "greedy",
            Kind::Cart => "cart",
            Kind::Bot => "bot",
        }
    }

    /// The position in [`Kind::ALL`].
    pub(crate) fn index(self) -> usize {
        self as usize
    }
}

/// The weight of each kind, by [`Kind::index`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mix([u32; Kind::ALL.len()]);

/// What most drops look like: most people want one thing and pay for it.
pub(crate) const DEFAULT_MIX: &str =
    "eager=45,abandon=15,dawdle=10,retry=10,greedy=5,cart=10,bot=5";

impl Mix {
    /// Divides `people` by weight, the largest remainders rounded up: the parts sum up to
    /// `people`. With `at_least_one`, a kind that has a weight gets somebody as long as there
    /// are as many people as kinds.
    pub(crate) fn divide(&self, people: usize, at_least_one: bool) -> [usize; Kind::ALL.len()] {
        let total: u64 = self.0.iter().map(|&weight| u64::from(weight)).sum();
        let mut parts = [0; Kind::ALL.len()];
        let mut remainders = Vec::new();
        for (index, &weight) in self.0.iter().enumerate() {
            let exact = people as u64 * u64::from(weight);
            parts[index] = usize::try_from(exact / total).unwrap_or(usize::MAX);
            remainders.push((exact % total, index));
        }
        remainders.sort_by_key(|&(remainder, index)| (std::cmp::Reverse(remainder), index));
        let missing = people - parts.iter().sum::<usize>();
        for &(_, index) in remainders.iter().take(missing) {
            parts[index] += 1;
        }
        let weighted = self.0.map(|weight| weight > 0 && at_least_one);
        for empty in (0..parts.len()).filter(|&index| weighted[index]) {
            let largest = (0..parts.len()).max_by_key(|&index| parts[index]).unwrap_or(empty);
            if parts[empty] == 0 && parts[largest] > 1 {
                parts[largest] -= 1;
                parts[empty] += 1;
            }
        }
        parts
    }
}

impl FromStr for Mix {
    type Err = String;

    fn from_str(text: &str) -> Result<Mix, String> {
        let mut weights = [None; Kind::ALL.len()];
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, weight) =
                part.split_once('=').ok_or_else(|| format!("{part:?} is not kind=weight"))?;
            let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == name.trim());
            let kind = kind.ok_or_else(|| {
                let known = Kind::ALL.map(Kind::as_str).join(", ");
                format!("{name:?} is not a kind of buyer; they are {known}")
            })?;
            let weight = weight.trim().parse::<u32>().ok().filter(|&weight| weight <= 1_000_000);
            let weight = weight.ok_or_else(|| {
                format!("the weight of {name} must be a whole number from 0 to 1000000")
            })?;
            if weights[kind.index()].replace(weight).is_some() {
                return Err(format!("{name} is given twice"));
            }
        }
        let weights = weights.map(Option::unwrap_or_default);
        if weights.iter().all(|&weight| weight == 0) {
            return Err("at least one kind needs a weight above 0".to_owned());
        }
        Ok(Mix(weights))
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let given = Kind::ALL.into_iter().zip(self.0).filter(|&(_, weight)| weight > 0);
        let parts: Vec<_> = given.map(|(kind, n)| format!("{}={n}", kind.as_str())).collect();
        f.write_str(&parts.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mix(text: &str) -> Mix {
        text.parse().expect("a mix")
    }

    #[test]
    fn a_mix_is_read_and_shown() {
        assert_eq!(mix(DEFAULT_MIX).to_string(), DEFAULT_MIX);
        assert_eq!(mix(" bot = 1 , eager=2,").to_string(), "eager=2,bot=1");
    }

    #[test]
    fn a_wrong_mix_is_refused() {
        for (text, complaint) in [
            ("", "above 0"),
            ("eager=0", "above 0"),
            ("eager", "kind=weight"),
            ("keen=1", "not a kind"),
            ("eager=-1", "whole number"),
            ("eager=1.5", "whole number"),
            ("eager=1,eager=2", "twice"),
        ] {
            let error = text.parse::<Mix>().expect_err(text);
            assert!(error.contains(complaint), "{text:?}: {error}");
        }
    }

    #[test]
    fn nobody_is_lost_or_added_by_dividing() {
        for people in [1, 2, 6, 7, 8, 99, 5_000] {
            assert_eq!(mix(DEFAULT_MIX).divide(people, false).iter().sum::<usize>(), people);
            assert_eq!(mix(DEFAULT_MIX).divide(people, true).iter().sum::<usize>(), people);
        }
        assert_eq!(mix(DEFAULT_MIX).divide(100, false), [45, 15, 10, 10, 5, 10, 5]);
        assert_eq!(mix("eager=1,bot=2").divide(10, false), [3, 0, 0, 0, 0, 0, 7]);
    }

    #[test]
    fn every_kind_that_comes_has_a_place_in_the_crowd() {
        assert_eq!(mix("eager=1000,bot=1").divide(10, true), [9, 0, 0, 0, 0, 0, 1]);
        assert_eq!(mix(DEFAULT_MIX).divide(7, true), [1; 7]);
    }
}
