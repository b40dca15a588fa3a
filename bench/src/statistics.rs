//! Medians, spreads, and ratios of what was measured in the same round.

use std::fmt::Display;

use serde::{Deserialize, Serialize};

/// A median with the least and the most.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The middle one; of an even number the mean of the two in the middle.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The most.
    pub max: f64,
}

impl Spread {
    /// Of at least one value; all are NaN for none, which no goal is met by.
    #[must_use]
    pub fn of(values: &[f64]) -> Spread {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (Some(&min), Some(&max)) = (sorted.first(), sorted.last()) else {
            return Spread { median: f64::NAN, min: f64::NAN, max: f64::NAN };
        };
        let half = sorted.len() / 2;
        let median = match sorted.len() % 2 {
            0 => f64::midpoint(sorted[half - 1], sorted[half]),
            _ => sorted[half],
        };
        Spread { median, min, max }
    }
}

/// The median of at least one value.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    Spread::of(values).median
}

/// One value over the other, pair by pair.
#[must_use]
pub fn ratios(over: &[f64], under: &[f64]) -> Vec<f64> {
    over.iter().zip(under).map(|(over, under)| over / under).collect()
}

/// What each side came to, round by round: the values at one place belong together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples {
    sides: Vec<(String, Vec<f64>)>,
}

impl Samples {
    /// Adds what a side came to in its next round.
    pub fn push(&mut self, side: impl Display, value: f64) {
        let side = side.to_string();
        match self.sides.iter_mut().find(|(name, _)| *name == side) {
            Some((_, values)) => values.push(value),
            None => self.sides.push((side, vec![value])),
        }
    }

    /// The values of a side, by round.
    #[must_use]
    pub fn of(&self, side: impl Display) -> &[f64] {
        let side = side.to_string();
        self.sides.iter().find(|(name, _)| *name == side).map_or(&[], |(_, values)| values)
    }

    /// One value over the other, round by round.
    #[must_use]
    pub fn ratios(&self, over: impl Display, under: impl Display) -> Vec<f64> {
        ratios(self.of(over), self.of(under))
    }

    /// The larger of the sides' values, round by round.
    #[must_use]
    pub fn best(&self, sides: &[&str]) -> Vec<f64> {
        let rounds = sides.iter().map(|side| self.of(side).len()).min().unwrap_or(0);
        let best = |round: usize| {
            sides.iter().map(|side| self.of(side)[round]).fold(f64::NEG_INFINITY, f64::max)
        };
        (0..rounds).map(best).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(Spread::of(&[3.0, 1.0, 2.0]), Spread { median: 2.0, min: 1.0, max: 3.0 });
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_eq!(median(&[7.0]), 7.0);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn ratios_pair_what_was_measured_in_one_round() {
        let mut samples = Samples::default();
        // A round in which the machine was slow slows both sides, and the ratio stays.
        for (engine, none) in [(50.0, 100.0), (5.0, 10.0), (60.0, 100.0)] {
            samples.push("engine", engine);
            samples.push("none", none);
        }
        assert_eq!(samples.ratios("engine", "none"), [0.5, 0.5, 0.6]);
        assert_eq!(Spread::of(&samples.ratios("engine", "none")).median, 0.5);
        assert_eq!(samples.of("nobody"), [0.0; 0]);
    }

    #[test]
    fn the_best_is_taken_round_by_round() {
        let mut samples = Samples::default();
        for (spin, message) in [(1.0, 2.0), (4.0, 3.0)] {
            samples.push("spin", spin);
            samples.push("message", message);
        }
        assert_eq!(samples.best(&["spin", "message"]), [2.0, 4.0]);
    }
}
