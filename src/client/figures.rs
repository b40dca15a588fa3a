//! What the metrics of one process say about one drop.

use std::collections::BTreeMap;
use std::time::Duration;

/// Outcomes of the verbs that are no refusals.
const NO_REFUSALS: [&str; 5] = ["done", "replayed", "stalled", "unavailable", "unknown"];
/// Outcomes that are no answers.
const NO_ANSWERS: [&str; 3] = ["stalled", "unavailable", "unknown"];

/// One drop in the metrics of one process, at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Calls by verb and outcome since the process began.
    outcomes: BTreeMap<(String, String), f64>,
    /// Events that Redis has and the ledger lacks.
    pub backlog_events: f64,
    /// For how long, in seconds, the ledger has had work before it without moving.
    pub backlog_seconds: f64,
    /// For how long at most, in seconds, a hold has been due that is not free yet.
    pub expiry_seconds: f64,
    /// Calls that wait for the ledger.
    pub waiting_calls: f64,
    /// Whether the drop waits for a person.
    pub halted: bool,
}

/// What calls came to, a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// New holds.
    pub holds: f64,
    /// Holds that were confirmed.
    pub confirms: f64,
    /// Calls that were refused: sold out, over a limit, too late.
    pub refusals: f64,
    /// Calls that could not be answered.
    pub unanswered: f64,
}

impl Figures {
    /// Reads the figures of a drop out of the Prometheus text. `None` where it has no label of its
    /// own: nothing has happened to it in that process, or too many drops came first.
    #[must_use]
    pub fn read(text: &str, drop: &str) -> Option<Figures> {
        let mut figures = Figures::default();
        let mut known = false;
        for sample in text.lines().filter_map(Sample::read) {
            if sample.label("drop") != Some(drop) {
                continue;
            }
            known = true;
            match sample.name {
                "dropgate_outcomes_total" => {
                    let label = |name| sample.label(name).unwrap_or_default().to_owned();
                    figures.outcomes.insert((label("verb"), label("outcome")), sample.value);
                }
                "dropgate_backlog_events" => figures.backlog_events = sample.value,
                "dropgate_backlog_seconds" => figures.backlog_seconds = sample.value,
                "dropgate_expiry_lag_seconds" => figures.expiry_seconds = sample.value,
                "dropgate_waiting_calls" => figures.waiting_calls = sample.value,
                "dropgate_halted" => figures.halted = sample.value > 0.0,
                _ => {}
            }
        }
        known.then_some(figures)
    }

    /// What happened a second since `before`. Where a count went down the process began anew, and
    /// what it counts since then is all that is known.
    #[must_use]
    pub fn rates_since(&self, before: &Figures, elapsed: Duration) -> Rates {
        let mut rates = Rates::default();
        for (key, count) in &self.outcomes {
            let earlier = before.outcomes.get(key).copied().unwrap_or_default();
            let more = if *count >= earlier { count - earlier } else { *count };
            let (verb, outcome) = (key.0.as_str(), key.1.as_str());
            match (verb, outcome) {
                ("reserve", "done") => rates.holds += more,
                ("confirm", "done") => rates.confirms += more,
                _ if NO_ANSWERS.contains(&outcome) => rates.unanswered += more,
                _ if NO_REFUSALS.contains(&outcome) => {}
                _ => rates.refusals += more,
            }
        }
        let seconds = elapsed.as_secs_f64().max(0.001);
        let Rates { holds, confirms, refusals, unanswered } = rates;
        let [holds, confirms, refusals, unanswered] =
            [holds, confirms, refusals, unanswered].map(|count| count / seconds);
        Rates { holds, confirms, refusals, unanswered }
    }
}

/// One line of the Prometheus text.
struct Sample<'a> {
    name: &'a str,
    labels: &'a str,
    value: f64,
}

impl<'a> Sample<'a> {
    /// `None` for comments, and for metrics without labels.
    fn read(line: &'a str) -> Option<Sample<'a>> {
        let (name, rest) = line.split_once('{')?;
        // No label that is looked at has a bracket or a quote in its value.
        let (labels, value) = rest.rsplit_once('}')?;
        let value = value.split_whitespace().next()?.parse().ok()?;
        (!name.starts_with('#')).then_some(Sample { name, labels, value })
    }

    fn label(&self, name: &str) -> Option<&'a str> {
        self.labels.split(',').find_map(|label| {
            let (known, value) = label.split_once('=')?;
            (known.trim() == name).then(|| value.trim_matches('"'))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"# HELP dropgate_outcomes_total What calls came to, by {drop} and verb
# TYPE dropgate_outcomes_total counter
dropgate_outcomes_total{drop="summer",verb="reserve",outcome="done"} 12
dropgate_outcomes_total{drop="summer",verb="reserve",outcome="sold_out"} 30
dropgate_outcomes_total{drop="summer",verb="confirm",outcome="done"} 4
dropgate_outcomes_total{drop="summer",verb="reserve",outcome="unknown"} 2
dropgate_outcomes_total{drop="summer",verb="confirm",outcome="replayed"} 9
dropgate_outcomes_total{drop="winter",verb="reserve",outcome="done"} 1000
dropgate_connections 7
dropgate_backlog_events{drop="summer"} 5
dropgate_backlog_seconds{drop="summer"} 0.25
dropgate_expiry_lag_seconds{drop="summer"} 1.5
dropgate_waiting_calls{drop="summer"} 3
dropgate_halted{drop="summer"} 0
"#;

    #[test]
    fn figures_are_those_of_the_drop() {
        let figures = Figures::read(TEXT, "summer").expect("known");
        assert_eq!(figures.backlog_events, 5.0);
        assert_eq!(figures.backlog_seconds, 0.25);
        assert_eq!(figures.expiry_seconds, 1.5);
        assert_eq!(figures.waiting_calls, 3.0);
        assert!(!figures.halted);
        assert_eq!(Figures::read(TEXT, "autumn"), None);
    }

    #[test]
    fn rates_are_what_came_since() {
        let after = Figures::read(TEXT, "summer").expect("known");
        let rates = after.rates_since(&Figures::default(), Duration::from_secs(2));
        let expected = Rates { holds: 6.0, confirms: 2.0, refusals: 15.0, unanswered: 1.0 };
        assert_eq!(rates, expected);
        assert_eq!(after.rates_since(&after, Duration::from_secs(2)), Rates::default());
    }

    #[test]
    fn a_process_that_began_anew_counts_from_nothing() {
        let before = Figures::read(TEXT, "summer").expect("known");
        let text = r#"dropgate_outcomes_total{drop="summer",verb="reserve",outcome="done"} 3"#;
        let after = Figures::read(text, "summer").expect("known");
        let rates = after.rates_since(&before, Duration::from_secs(1));
        assert_eq!(rates, Rates { holds: 3.0, ..Rates::default() });
    }
}
