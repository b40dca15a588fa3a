//! How a sale looks on a terminal.

use std::time::Instant;

use indicatif::HumanCount;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use super::look::Seen;
use super::picture::{Picture, Silence};
use crate::client::{Drop, Sku};
use crate::domain::Stock;

/// The columns between two others.
const GAP: usize = 2;
const TITLES: [&str; 4] = ["AVAILABLE", "HELD", "SOLD", "TOTAL"];
/// A bar with fewer columns says nothing.
const LEAST_BAR: usize = 10;
/// The most columns of a SKU's id.
const MOST_ID: usize = 32;

const DIM: Style = Style::new().add_modifier(Modifier::DIM);
const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
const SOLD: Style = Style::new().fg(Color::Green);
const HELD: Style = Style::new().fg(Color::Yellow);
const ALARM: Style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);

/// From which SKU on the list is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Scroll(usize);

impl Scroll {
    /// So many lines further down, or up.
    pub(super) fn by(&mut self, lines: i32) {
        let step = usize::try_from(lines.unsigned_abs()).unwrap_or_default();
        self.0 = if lines < 0 { self.0.saturating_sub(step) } else { self.0 + step };
    }

    /// Not beyond the last line of `all`, of which `room` fit.
    fn within(&mut self, all: usize, room: usize) -> usize {
        self.0 = self.0.min(all.saturating_sub(room));
        self.0
    }
}

/// Draws what is known at `now`.
pub(super) fn draw(frame: &mut Frame<'_>, picture: &Picture, scroll: &mut Scroll, now: Instant) {
    let rows = [
        Constraint::Length(2),
        Constraint::Length(1),
        Constraint::Min(1),
        Constraint::Length(4),
        Constraint::Length(1),
    ];
    let [head, _, body, figures, foot] = Layout::vertical(rows).areas(frame.area());
    let text = |frame: &mut Frame<'_>, lines: Vec<Line<'_>>, area: Rect| {
        frame.render_widget(Paragraph::new(lines), area);
    };
    match picture.at(now) {
        None => {
            text(frame, title(picture, None), head);
            text(frame, vec![Line::styled("Asking for the first time …", DIM)], body);
        }
        Some(Ok(seen)) => {
            text(frame, title(picture, Some(&seen.drop)), head);
            text(frame, stocks(&seen.drop, body, scroll), body);
            text(frame, going(seen), figures);
        }
        Some(Err(silence)) => {
            text(frame, title(picture, None), head);
            let hint = "Nothing is shown that may have changed; it goes on with the next answer.";
            let lines = vec![silent(&silence), Line::styled(hint, DIM)];
            frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: true }), body);
        }
    }
    text(frame, vec![Line::styled("q quits", DIM)], foot);
}

fn title(picture: &Picture, drop: Option<&Drop>) -> Vec<Line<'static>> {
    let mut first = vec![Span::styled(picture.drop.clone(), BOLD)];
    if let Some(drop) = drop {
        if !drop.name.is_empty() && drop.name != drop.id {
            first.push(Span::raw(format!("  {}", drop.name)));
        }
        first.push(Span::styled(format!("  {}", drop.state.as_str()), BOLD));
        let until = |word: &str, at| format!("  {word} {at}");
        first.extend(drop.opens_at.map(|at| Span::styled(until("opens", at), DIM)));
        first.extend(drop.closes_at.map(|at| Span::styled(until("closes", at), DIM)));
        first.push(Span::styled(format!("  epoch {}, seq {}", drop.epoch, drop.seq), DIM));
    }
    vec![Line::from(first), Line::styled(picture.url.clone(), DIM)]
}

fn silent(Silence { since, why }: &Silence) -> Line<'static> {
    let seconds = since.as_secs();
    let why = why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    Line::styled(format!("no answer since {seconds} s{why}"), ALARM)
}

/// The SKUs that fit, each with its counts and a bar.
fn stocks(drop: &Drop, area: Rect, scroll: &mut Scroll) -> Vec<Line<'static>> {
    let (width, height) = (usize::from(area.width), usize::from(area.height));
    let longest = drop.skus.iter().map(|sku| sku.sku.len()).max().unwrap_or_default();
    let id = longest.clamp(3, MOST_ID);
    // No count is larger than the total.
    let largest = drop.skus.iter().map(|sku| units(sku.stock.total).len()).max();
    let count = largest.unwrap_or_default().max(TITLES[0].len()) + GAP;
    let bar = width.checked_sub(id + TITLES.len() * count + GAP);
    let columns = Columns { id, count, bar: bar.filter(|bar| *bar >= LEAST_BAR) };
    let titles: String = TITLES.iter().map(|title| format!("{title:>count$}")).collect();
    let mut lines = vec![Line::styled(format!("{:<id$}{titles}", "SKU"), DIM)];
    // One line for the titles, one for what does not fit.
    let mut room = height.saturating_sub(1);
    let all = drop.skus.len();
    if all > room {
        room = room.saturating_sub(1);
    }
    let from = scroll.within(all, room);
    lines.extend(drop.skus.iter().skip(from).take(room).map(|sku| stock(sku, columns)));
    let below = all.saturating_sub(from + room);
    if all > room && (below > 0 || from > 0) {
        lines.push(Line::styled(format!("… {from} above, {below} below (↑ ↓)"), DIM));
    }
    lines
}

/// How wide the parts of a SKU's line are.
#[derive(Clone, Copy)]
struct Columns {
    id: usize,
    count: usize,
    /// `None` where there is no room for one.
    bar: Option<usize>,
}

fn stock(Sku { sku, stock, .. }: &Sku, Columns { id, count, bar }: Columns) -> Line<'static> {
    let name: String = sku.chars().take(id).collect();
    let cell = |number: i64, style| Span::styled(format!("{:>count$}", units(number)), style);
    let plain = Style::new();
    let free = if stock.available == 0 { ALARM } else { plain };
    let mut spans = vec![
        Span::raw(format!("{name:<id$}")),
        cell(stock.available, free),
        cell(stock.held, if stock.held > 0 { HELD } else { plain }),
        cell(stock.sold, if stock.sold > 0 { SOLD } else { plain }),
        cell(stock.total, plain),
    ];
    if let Some(width) = bar {
        let [sold, held, free] = shares(*stock, width);
        spans.push(Span::raw(" ".repeat(GAP)));
        spans.push(Span::styled("█".repeat(sold), SOLD));
        spans.push(Span::styled("▓".repeat(held), HELD));
        spans.push(Span::styled("░".repeat(free), DIM));
    }
    Line::from(spans)
}

/// How many of `width` columns are sold, held and free. They differ in form too, not only by
/// colour.
fn shares(stock: Stock, width: usize) -> [usize; 3] {
    let Ok(total @ 1..) = u128::try_from(stock.total) else { return [0; 3] };
    let share = |units: i64| {
        let units = u128::try_from(units).unwrap_or_default();
        let columns = (units * width as u128 + total / 2) / total;
        usize::try_from(columns).unwrap_or(width).min(width)
    };
    let sold = share(stock.sold);
    let taken = share(stock.sold.saturating_add(stock.held)).max(sold);
    [sold, taken - sold, width - taken]
}

/// What happens, and how far the engine is behind with it.
fn going(seen: &Seen) -> Vec<Line<'static>> {
    let named = |name: &str, value: String, style: Style| {
        vec![Span::styled(format!("{name} "), DIM), Span::styled(value, style), Span::raw("   ")]
    };
    let legend = vec![
        Span::styled("█ sold  ", SOLD),
        Span::styled("▓ held  ", HELD),
        Span::styled("░ available", DIM),
    ];
    let mut lines = vec![Line::default(), Line::from(legend)];
    lines.push(match seen.rates {
        None => Line::styled("holds, confirms and refusals a second: not known yet", DIM),
        Some(rates) => {
            let lost = if rates.unanswered > 0.0 { ALARM } else { BOLD };
            let spans = [
                named("holds/s", rate(rates.holds), BOLD),
                named("confirms/s", rate(rates.confirms), BOLD),
                named("refusals/s", rate(rates.refusals), BOLD),
                named("unanswered/s", rate(rates.unanswered), lost),
            ];
            Line::from(spans.concat())
        }
    });
    lines.push(match &seen.figures {
        None => Line::styled("this engine tells nothing of the drop in its metrics", DIM),
        Some(figures) if figures.halted => {
            Line::styled("the drop stands still and waits for a person: `dropgate audit`", ALARM)
        }
        Some(figures) => {
            let late = |seconds: f64| if seconds >= 1.0 { ALARM } else { BOLD };
            let behind = format!(
                "{} events, {:.1} s",
                whole(figures.backlog_events),
                figures.backlog_seconds
            );
            let spans = [
                named("ledger behind", behind, late(figures.backlog_seconds)),
                named(
                    "expiry behind",
                    format!("{:.1} s", figures.expiry_seconds),
                    late(figures.expiry_seconds),
                ),
                named("waiting calls", whole(figures.waiting_calls), BOLD),
            ];
            Line::from(spans.concat())
        }
    });
    lines
}

fn units(count: i64) -> String {
    u64::try_from(count).map_or_else(|_| count.to_string(), |count| HumanCount(count).to_string())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast from a float saturates, and what is shown is rounded anyway"
)]
fn whole(number: f64) -> String {
    HumanCount(number.round() as u64).to_string()
}

/// Of few calls also the tenths.
fn rate(number: f64) -> String {
    if number < 100.0 { format!("{number:.1}") } else { whole(number) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stock(total: i64, held: i64, sold: i64) -> Stock {
        Stock { total, available: total - held - sold, held, sold }
    }

    #[test]
    fn a_bar_is_as_long_as_it_may_be_and_no_longer() {
        assert_eq!(shares(stock(100, 30, 50), 10), [5, 3, 2]);
        assert_eq!(shares(stock(3, 1, 2), 10), [7, 3, 0]);
        assert_eq!(shares(stock(0, 0, 0), 10), [0, 0, 0]);
        for (held, sold) in [(0, 0), (1, 0), (0, 1), (333_333_333, 333_333_333), (0, 1_000_000_000)]
        {
            let shares = shares(stock(1_000_000_000, held, sold), 77);
            assert_eq!(shares.iter().sum::<usize>(), 77, "{held} {sold}");
        }
    }

    #[test]
    fn scrolling_ends_with_the_list() {
        let mut scroll = Scroll::default();
        scroll.by(-1);
        assert_eq!(scroll.within(10, 4), 0);
        scroll.by(99);
        assert_eq!(scroll.within(10, 4), 6);
        assert_eq!(scroll.within(3, 4), 0);
    }

    #[test]
    fn numbers_are_for_people() {
        assert_eq!((units(1_234_567), units(-1)), ("1,234,567".to_owned(), "-1".to_owned()));
        assert_eq!([0.0, 9.96, 1234.5].map(rate), ["0.0", "10.0", "1,235"]);
    }
}
