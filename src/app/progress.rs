//! Bars for work that takes a while: on standard error, and only where that is a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::telemetry;

/// How often what moves by itself is drawn.
const TICK: Duration = Duration::from_millis(100);

/// A bar for so many steps; none to be seen where `quiet`.
pub(super) fn bar(steps: usize, quiet: bool) -> ProgressBar {
    let steps = u64::try_from(steps).unwrap_or(u64::MAX);
    let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(Some(steps), target);
    if let Ok(style) = ProgressStyle::with_template(
        "{spinner} [{elapsed_precise}] {bar:30} {human_pos}/{human_len} {msg}",
    ) {
        bar.set_style(style);
    }
    telemetry::write_above(&bar);
    bar.enable_steady_tick(TICK);
    bar
}
