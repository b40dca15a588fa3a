//! What the checker may find.

use serde::{Deserialize, Serialize};

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A promise that can be broken.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(rename_all = "snake_case")]
        pub enum Rule { $($(#[$doc])* $name,)* }

        impl Rule {
            /// All of them.
            pub const ALL: &[Rule] = &[$(Rule::$name),*];

            /// Its name in reports.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Rule::$name => $text,)* }
            }
        }
    };
}

rules! {
    /// Something acknowledged is not in the ledger, or is there otherwise than it was told.
    Lost = "lost",
    /// Counts that can't be, at some prefix of the ledger.
    Oversold = "oversold",
    /// A customer was granted more than the limit in force.
    OverLimit = "over_limit",
    /// A hold ended before a deadline that its holder was told.
    EarlyExpiry = "early_expiry",
    /// One key, or one request without a key, had two effects.
    TwoEffects = "two_effects",
    /// Two successes of one key that are not alike.
    UnequalAnswers = "unequal_answers",
    /// A key that had been answered with a success was told something else later.
    KeyForgotten = "key_forgotten",
    /// An effect that nobody asked for, or whose every try was told that it did nothing.
    Phantom = "phantom",
    /// A try was told that nothing had happened when it had.
    FalseNone = "false_none",
    /// The ledger is not one row of events from 1, its epochs fall, or its entries don't fit.
    BrokenLedger = "broken_ledger",
    /// A reservation went from one state to another that can't follow.
    EndedTwice = "ended_twice",
    /// Facts and kept tables of the ledger disagree.
    TablesDisagree = "tables_disagree",
    /// A read or a refusal showed what the ledger never had, or no longer has.
    FalseRead = "false_read",
    /// A SKU's public version fell.
    VersionFell = "version_fell",
    /// Redis and the ledger disagree once everything is at rest.
    Unbalanced = "unbalanced",
    /// An outcome could not be found out.
    Unresolved = "unresolved",
    /// An answer that the API never gives.
    Absurd = "absurd",
    /// An answer took longer than promised.
    SlowAnswer = "slow_answer",
    /// No hold was granted for too long behind a fault.
    SlowRecovery = "slow_recovery",
    /// A drop was rebuilt though nothing had been done to Redis.
    NeedlessRebuild = "needless_rebuild",
}

/// A broken promise, and where it shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Which promise.
    pub rule: Rule,
    /// In which drop; empty where it is none's.
    pub drop: String,
    /// What was seen.
    pub text: String,
}

/// Collects findings of one drop.
#[derive(Debug)]
pub(super) struct Notes<'a> {
    pub(super) drop: &'a str,
    pub(super) findings: Vec<Finding>,
}

impl<'a> Notes<'a> {
    pub(super) fn of(drop: &'a str) -> Notes<'a> {
        Notes { drop, findings: Vec::new() }
    }

    pub(super) fn note(&mut self, rule: Rule, text: impl Into<String>) {
        self.findings.push(Finding { rule, drop: self.drop.to_owned(), text: text.into() });
    }

    pub(super) fn unless(&mut self, fine: bool, rule: Rule, text: impl FnOnce() -> String) {
        if !fine {
            self.note(rule, text());
        }
    }
}
