//! What happens when an invariant is found violated: it is counted, and the operator is told.
//!
//! Guards stay on in production. Whoever finds a violation stops what would build on it: a drop
//! whose counts can't be in Redis is fenced and rebuilt from the ledger, one whose events the
//! ledger refuses stands still.

use crate::{domain::DropId, measure};

/// Counts a violation and says what to do. `place` is where it was found: `script`, `reconcile`,
/// `decode` or `ledger`.
pub fn violation(drop: &DropId, place: &'static str, what: &str) {
    let label = measure::drop_label(drop);
    metrics::counter!("dropgate_invariant_violations_total", "drop" => label, "place" => place)
        .increment(1);
    tracing::error!(%drop, place, what, "an invariant is violated: nothing is told that rests on \
        it. A drop that is wrong in Redis is rebuilt from the ledger by itself, one whose events \
        the ledger refuses stands still; if this comes again, run `dropgate audit` and keep the \
        log");
}
