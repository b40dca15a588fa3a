//! The curve of a drop as a picture: sold, held and available units over time.

use std::fmt::Write;

use crate::figures::{CurvePoint, Figures};

const WIDTH: f64 = 920.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 48.0;
const BOTTOM: f64 = 24.0;

/// An SVG of the whole sale; the areas stand on each other and sum up to the total.
pub(super) fn svg(figures: &Figures) -> String {
    let points = &figures.curve;
    let end = points.last().map_or(1.0, |point| point.at).max(1.0);
    let most = points.iter().map(|point| point.stock.total).max().unwrap_or(1).max(1);
    let x = |at: f64| LEFT + at / end * (WIDTH - LEFT - 8.0);
    let y = |units: i64| HEIGHT - BOTTOM - units as f64 / most as f64 * (HEIGHT - BOTTOM - 12.0);
    let area = |class: &str, lower: fn(&CurvePoint) -> i64, upper: fn(&CurvePoint) -> i64| {
        let mut path = String::new();
        for (index, point) in points.iter().enumerate() {
            // Counts change at an instant and stay: steps, not slopes.
            let verb = if index == 0 { 'M' } else { 'L' };
            let before = &points[index.saturating_sub(1)];
            let (at, from, to) = (x(point.at), y(upper(before)), y(upper(point)));
            let _ = write!(path, "{verb}{at:.1} {from:.1}L{at:.1} {to:.1}");
        }
        for (index, point) in points.iter().enumerate().rev() {
            let before = &points[index.saturating_sub(1)];
            let (at, from, to) = (x(point.at), y(lower(before)), y(lower(point)));
            let _ = write!(path, "L{at:.1} {to:.1}L{at:.1} {from:.1}");
        }
        format!("<path class=\"{class}\" d=\"{path}Z\"/>")
    };
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-label=\"Sold, held and available units over time\">"
    );
    svg.push_str(&area("sold", |_| 0, |point| point.stock.sold));
    let taken = |point: &CurvePoint| point.stock.sold + point.stock.held;
    svg.push_str(&area("held", |point| point.stock.sold, taken));
    svg.push_str(&area("available", taken, |point| point.stock.total));
    for part in 0..=4 {
        let units = most * part / 4;
        let line = y(units);
        let _ = write!(
            svg,
            "<path class=\"grid\" d=\"M{LEFT} {line:.1}H{WIDTH}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{units}</text>",
            LEFT - 6.0,
            line + 4.0
        );
    }
    for part in 0..=5 {
        let at = end * f64::from(part) / 5.0;
        let anchor = if part == 5 { "end" } else { "middle" };
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{at:.1} s</text>",
            x(at),
            HEIGHT - 6.0
        );
    }
    svg.push_str("</svg>");
    svg
}
