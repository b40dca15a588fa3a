//! A figure, its goal, and how a number is shown.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::statistics::Spread;

/// What a figure must reach.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

impl Goal {
    /// Whether a value reaches it.
    #[must_use]
    pub fn is_met(self, value: f64) -> bool {
        match self {
            Goal::AtLeast(least) => value >= least,
            Goal::AtMost(most) => value <= most,
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Goal::AtLeast(least) => write!(f, "≥ {least}"),
            Goal::AtMost(most) => write!(f, "≤ {most}"),
        }
    }
}

/// One side of a ratio.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Side {
    /// Which.
    pub name: String,
    /// Of the values.
    pub unit: String,
    /// Over the rounds.
    #[serde(flatten)]
    pub values: Spread,
}

/// One figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// What it is.
    pub name: String,
    /// Of the values; empty for a plain ratio.
    pub unit: String,
    /// What it must reach, if anything.
    pub goal: Option<Goal>,
    /// Over the rounds.
    #[serde(flatten)]
    pub values: Spread,
    /// What it was made from.
    pub sides: Vec<Side>,
    /// Whether the median reaches the goal.
    pub met: Option<bool>,
}

impl Figure {
    /// A figure of a value a round, without a goal.
    #[must_use]
    pub fn new(name: impl Into<String>, unit: &str, rounds: &[f64]) -> Figure {
        Figure {
            name: name.into(),
            unit: unit.to_owned(),
            goal: None,
            values: Spread::of(rounds),
            sides: Vec::new(),
            met: None,
        }
    }

    /// Gives it a goal.
    #[must_use]
    pub fn goal(mut self, goal: Goal) -> Figure {
        self.goal = Some(goal);
        self.met = Some(goal.is_met(self.values.median));
        self
    }

    /// Names a side.
    #[must_use]
    pub fn side(mut self, name: impl Into<String>, unit: &str, rounds: &[f64]) -> Figure {
        let values = Spread::of(rounds);
        self.sides.push(Side { name: name.into(), unit: unit.to_owned(), values });
        self
    }
}

/// A number as a reader wants it: three digits that count, or whole from 1,000 on.
#[must_use]
pub fn number(value: f64) -> String {
    let size = value.abs();
    if !size.is_finite() {
        return "–".to_owned();
    }
    match size {
        1000.0.. => grouped(value),
        99.95.. => format!("{value:.0}"),
        9.995.. => format!("{value:.1}"),
        0.1.. => format!("{value:.2}"),
        0.0005.. => format!("{value:.3}"),
        _ => "0".to_owned(),
    }
}

/// A whole number: `1`, `12,345`.
#[must_use]
pub fn whole(value: u64) -> String {
    grouped(value as f64)
}

/// `12,345`.
fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::from(if value < 0.0 { "-" } else { "" });
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_met_by_the_median() {
        let figure = Figure::new("x", "", &[0.4, 0.5, 0.9]).goal(Goal::AtLeast(0.5));
        assert_eq!(figure.met, Some(true));
        let figure = Figure::new("x", "ms", &[0.4, 0.6, 0.9]).goal(Goal::AtMost(0.5));
        assert_eq!(figure.met, Some(false));
        let nothing = Figure::new("x", "", &[]).goal(Goal::AtLeast(0.5));
        assert_eq!(nothing.met, Some(false), "what was not measured is not met");
    }

    #[test]
    fn numbers_have_three_digits_that_count() {
        for (value, text) in [
            (0.0, "0"),
            (0.012_34, "0.012"),
            (0.5, "0.50"),
            (12.34, "12.3"),
            (123.4, "123"),
            (1234.5, "1,234"),
            (-1_234_567.0, "-1,234,567"),
            (f64::NAN, "–"),
        ] {
            assert_eq!(number(value), text);
        }
        assert_eq!((whole(1).as_str(), whole(1_000_000).as_str()), ("1", "1,000,000"));
    }
}
