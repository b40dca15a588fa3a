//! Plots as SVG: lines over an axis, on a white card, so that they read on any page.

use anyhow::anyhow;
use plotters::{
    coord::{
        Shift,
        ranged1d::{AsRangedCoord, Ranged, ValueFormatter},
    },
    drawing::DrawingAreaErrorKind,
    prelude::*,
};
use serde::{Deserialize, Serialize};

use crate::report::number;

/// Pixels, as far as an SVG has them.
const SIZE: (u32, u32) = (860, 420);
/// How much of it the legend takes.
const LEGEND: u32 = 160;
/// Told apart by people who see few colours as well (Okabe and Ito).
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];

/// An axis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Axis {
    /// What it shows, with its unit.
    pub label: String,
    /// Whether equal steps are equal ratios.
    pub log: bool,
}

impl Axis {
    /// Equal steps are equal differences; it starts at 0.
    #[must_use]
    pub fn linear(label: &str) -> Axis {
        Axis { label: label.to_owned(), log: false }
    }

    /// Equal steps are equal ratios.
    #[must_use]
    pub fn log(label: &str) -> Axis {
        Axis { label: label.to_owned(), log: true }
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// As the legend calls it.
    pub name: String,
    /// x and y.
    pub points: Vec<(f64, f64)>,
}

/// A plot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plot {
    /// Its file, without `.svg`.
    pub file: String,
    /// What stands above.
    pub title: String,
    /// Across.
    pub x: Axis,
    /// Upwards.
    pub y: Axis,
    /// What is drawn.
    pub lines: Vec<Line>,
}

impl Plot {
    /// A plot without lines.
    #[must_use]
    pub fn new(file: &str, title: &str, x: Axis, y: Axis) -> Plot {
        Plot { file: file.to_owned(), title: title.to_owned(), x, y, lines: Vec::new() }
    }

    /// Adds a line.
    pub fn line(&mut self, name: impl Into<String>, points: Vec<(f64, f64)>) {
        self.lines.push(Line { name: name.into(), points });
    }

    /// Draws it.
    ///
    /// # Errors
    /// When there is nothing to draw.
    pub fn svg(&self) -> anyhow::Result<String> {
        let x = self.range(&self.x, |point| point.0)?;
        let y = self.range(&self.y, |point| point.1)?;
        match (self.x.log, self.y.log) {
            (false, false) => self.draw(x, y),
            (false, true) => self.draw(x, y.log_scale()),
            (true, false) => self.draw(x.log_scale(), y),
            (true, true) => self.draw(x.log_scale(), y.log_scale()),
        }
    }

    /// From where to where an axis goes.
    fn range(
        &self,
        axis: &Axis,
        of: impl Fn(&(f64, f64)) -> f64,
    ) -> anyhow::Result<std::ops::Range<f64>> {
        let all = self.lines.iter().flat_map(|line| &line.points).map(of);
        let shown: Vec<f64> = all.filter(|v| v.is_finite() && (!axis.log || *v > 0.0)).collect();
        let least = shown.iter().copied().reduce(f64::min);
        let most = shown.iter().copied().reduce(f64::max);
        let (least, most) =
            least.zip(most).ok_or_else(|| anyhow!("{} has nothing to draw", self.title))?;
        Ok(match axis.log {
            true => least / 1.3..most * 1.3,
            false => least.min(0.0)..most.max(1e-9) * 1.05,
        })
    }

    fn draw<X, Y>(&self, x: X, y: Y) -> anyhow::Result<String>
    where
        X: AsRangedCoord<Value = f64>,
        Y: AsRangedCoord<Value = f64>,
        X::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
        Y::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
    {
        let failed = |error: &dyn std::fmt::Display| anyhow!("{}: {error}", self.title);
        let mut svg = String::new();
        {
            let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
            area.fill(&WHITE).map_err(|error| failed(&error))?;
            let legend = if self.lines.len() > 1 { LEGEND } else { 0 };
            let (main, beside) = area.split_horizontally(SIZE.0 - legend);
            let mut chart = ChartBuilder::on(&main)
                .margin(14)
                .caption(&self.title, ("sans-serif", 18))
                .x_label_area_size(46)
                .y_label_area_size(72)
                .build_cartesian_2d(x, y)
                .map_err(|error| failed(&error))?;
            chart
                .configure_mesh()
                .light_line_style(RGBColor(238, 238, 238))
                .bold_line_style(RGBColor(214, 214, 214))
                .label_style(("sans-serif", 13))
                .x_desc(&self.x.label)
                .y_desc(&self.y.label)
                .x_label_formatter(&|value| number(*value))
                .y_label_formatter(&|value| number(*value))
                .draw()
                .map_err(|error| failed(&error))?;
            for (line, colour) in self.lines.iter().zip(COLOURS.iter().cycle()) {
                let shown = line.points.iter().copied();
                let shown = shown.filter(|(x, y)| x.is_finite() && y.is_finite());
                chart
                    .draw_series(LineSeries::new(shown, colour.stroke_width(2)))
                    .map_err(|error| failed(&error))?;
            }
            self.legend(&beside).map_err(|error| failed(&error))?;
            area.present().map_err(|error| failed(&error))?;
        }
        Ok(svg)
    }

    /// Says which line is which, beside the plot, where it covers nothing.
    fn legend<E: DrawingBackend>(
        &self,
        area: &DrawingArea<E, Shift>,
    ) -> Result<(), DrawingAreaErrorKind<E::ErrorType>> {
        if self.lines.len() < 2 {
            return Ok(());
        }
        for ((line, colour), at) in self.lines.iter().zip(COLOURS.iter().cycle()).zip(0..) {
            let y = 60 + 22 * at;
            let stroke = PathElement::new([(0, y + 7), (18, y + 7)], colour.stroke_width(2));
            area.draw(&stroke)?;
            area.draw(&Text::new(line.name.as_str(), (24, y), ("sans-serif", 13)))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_axis_can_be_drawn() {
        for x in [Axis::linear("load, calls/s"), Axis::log("holds")] {
            for y in [Axis::linear("latency, ms"), Axis::log("cost, µs")] {
                let mut plot = Plot::new("file", "Latency", x.clone(), y.clone());
                plot.line("p50 of the engine", vec![(1.0, 0.5), (1000.0, 7.0)]);
                plot.line("p50 of none", vec![(1.0, 0.25), (1000.0, 0.5)]);
                let svg = plot.svg().expect("drawn");
                for text in ["Latency", "p50 of none", &x.label, &y.label] {
                    assert!(svg.contains(text), "no {text} in {svg}");
                }
            }
        }
    }

    #[test]
    fn nothing_can_not_be_drawn() {
        let plot = Plot::new("file", "Empty", Axis::linear("x"), Axis::log("y"));
        assert!(plot.svg().is_err());
    }
}
