//! A reservation, its states and its lines.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{CustomerId, DropId, Millis, OrderId, ReservationId, SkuId};

/// The most lines one reservation may have.
pub const MAX_LINES: usize = 20;

/// The most units one line may have.
pub const MAX_QUANTITY: i64 = 10_000;

/// Where a reservation is in its life: `held`, then `confirmed`, `released` or
/// `expired`; from `confirmed`, `returned`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReservationState {
    /// Its units are set aside until the deadline.
    Held,
    /// Its units are sold for an order.
    Confirmed,
    /// Its units were given back before the deadline.
    Released,
    /// Its units were given back because the deadline passed.
    Expired,
    /// All its sold units were given back.
    Returned,
}

impl ReservationState {
    /// Every state, in the order of a reservation's life.
    pub const ALL: [ReservationState; 5] = [
        ReservationState::Held,
        ReservationState::Confirmed,
        ReservationState::Released,
        ReservationState::Expired,
        ReservationState::Returned,
    ];

    /// The word used in JSON, SQL and packed values.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ReservationState::Held => "held",
            ReservationState::Confirmed => "confirmed",
            ReservationState::Released => "released",
            ReservationState::Expired => "expired",
            ReservationState::Returned => "returned",
        }
    }

    /// The single letter used in Redis and in the journal.
    #[must_use]
    pub fn letter(self) -> char {
        match self {
            ReservationState::Held => 'H',
            ReservationState::Confirmed => 'C',
            ReservationState::Released => 'R',
            ReservationState::Expired => 'E',
            ReservationState::Returned => 'T',
        }
    }

    /// Reads what [`ReservationState::letter`] wrote.
    #[must_use]
    pub fn from_letter(letter: &str) -> Option<ReservationState> {
        Self::ALL.into_iter().find(|state| letter.chars().eq([state.letter()]))
    }
}

impl FromStr for ReservationState {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<ReservationState, &'static str> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or("a state is held, confirmed, released, expired or returned")
    }
}

/// One line: so many units of one SKU. The number is signed where a line says what moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What is reserved.
    pub sku: SkuId,
    /// How many units.
    pub quantity: i64,
}

/// Why a set of lines can't be a reservation's. `index` is the line at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinesError {
    /// No line, or more than [`MAX_LINES`] different SKUs.
    #[error("a reservation has 1 to {MAX_LINES} lines, not {0}")]
    Count(usize),
    /// A quantity below 1, or above [`MAX_QUANTITY`] once lines of one SKU are added up.
    #[error("a quantity is a whole number from 1 to {MAX_QUANTITY}, lines of one sku added up")]
    Quantity {
        /// The position of the line in what was given.
        index: usize,
    },
}

/// The lines of a reservation: 1 to 20, each SKU once, each 1 to 10,000 units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Lines(Vec<Line>);

impl Lines {
    /// Takes lines as they were given: a line that repeats a SKU is added to the first.
    ///
    /// # Errors
    /// [`LinesError`] for the first rule that is broken.
    pub fn new(given: impl IntoIterator<Item = Line>) -> Result<Lines, LinesError> {
        let mut lines: Vec<Line> = Vec::new();
        for (index, line) in given.into_iter().enumerate() {
            if index >= 10 * MAX_LINES {
                return Err(LinesError::Count(index + 1));
            }
            if !(1..=MAX_QUANTITY).contains(&line.quantity) {
                return Err(LinesError::Quantity { index });
            }
            match lines.iter_mut().find(|known| known.sku == line.sku) {
                Some(known) if known.quantity + line.quantity > MAX_QUANTITY => {
                    return Err(LinesError::Quantity { index });
                }
                Some(known) => known.quantity += line.quantity,
                None => lines.push(line),
            }
        }
        if lines.is_empty() || lines.len() > MAX_LINES {
            return Err(LinesError::Count(lines.len()));
        }
        Ok(Lines(lines))
    }

    /// The lines, in the order in which their SKUs were first named.
    #[must_use]
    pub fn as_slice(&self) -> &[Line] {
        &self.0
    }

    /// Packs as `sku:quantity,sku:quantity`, the form in scripts and journal.
    #[must_use]
    pub fn pack(&self) -> String {
        pack_lines(&self.0)
    }
}

/// Packs lines, signed or not, as `sku:quantity,…`; an empty list as `*`.
pub(super) fn pack_lines(lines: &[Line]) -> String {
    use fmt::Write as _;
    let mut text = String::with_capacity(lines.len() * 16);
    for line in lines {
        let comma = if text.is_empty() { "" } else { "," };
        // Writing to a String cannot fail.
        let _ = write!(text, "{comma}{}:{}", line.sku, line.quantity);
    }
    if text.is_empty() { "*".to_owned() } else { text }
}

/// Reads what [`pack_lines`] wrote; `None` for anything else.
pub(super) fn unpack_lines(text: &str) -> Option<Vec<Line>> {
    if text == "*" {
        return Some(Vec::new());
    }
    text.split(',')
        .map(|line| {
            let (sku, quantity) = line.split_once(':')?;
            Some(Line { sku: sku.parse().ok()?, quantity: quantity.parse().ok()? })
        })
        .collect()
}

/// One customer's hold on lines of a drop, as clients see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reservation {
    /// Its own id.
    pub id: ReservationId,
    /// The drop it belongs to.
    pub drop: DropId,
    /// Who reserved.
    pub customer_id: CustomerId,
    /// Where it is in its life.
    pub state: ReservationState,
    /// What it holds, held last, or sold.
    pub lines: Vec<Line>,
    /// The order it was confirmed for.
    pub order_id: Option<OrderId>,
    /// When it was made, by the Redis server's clock.
    pub created_at: Millis,
    /// When it ends unless confirmed, by the same clock.
    pub expires_at: Millis,
}

impl Reservation {
    /// Packs as `state customer created expires order lines`, the form in journal and answers.
    #[must_use]
    pub fn pack(&self) -> String {
        format!(
            "{} {} {} {} {} {}",
            self.state.letter(),
            self.customer_id,
            self.created_at.0,
            self.expires_at.0,
            self.order_id.as_ref().map_or("*", OrderId::as_str),
            pack_lines(&self.lines),
        )
    }

    /// Packs as `state+created ttl customer lines`, the form in which Redis keeps a hold, with
    /// ` order mark` behind it for one that has ended: `created` is counted from the id's own
    /// time, `ttl` from there. As in `lua/lib/store_reservation.lua`.
    #[must_use]
    pub fn store_form(&self, mark: Option<i64>) -> String {
        let (created, expires) = (self.created_at.0, self.expires_at.0);
        let mut text = format!(
            "{}{} {} {} {}",
            self.state.letter(),
            created - self.id.made_ms(),
            expires - created,
            self.customer_id,
            pack_lines(&self.lines),
        );
        if let Some(mark) = mark {
            use fmt::Write as _;
            let order = self.order_id.as_ref().map_or("*", OrderId::as_str);
            // Writing to a String cannot fail.
            let _ = write!(text, " {order} {mark}");
        }
        text
    }

    /// Reads what [`Reservation::pack`] or a script wrote; `None` for anything else.
    #[must_use]
    pub fn unpack(drop: &DropId, id: ReservationId, text: &str) -> Option<Reservation> {
        let mut part = text.split(' ');
        let reservation = Reservation {
            id,
            drop: drop.clone(),
            state: ReservationState::from_letter(part.next()?)?,
            customer_id: part.next()?.parse().ok()?,
            created_at: Millis(part.next()?.parse().ok()?),
            expires_at: Millis(part.next()?.parse().ok()?),
            order_id: match part.next()? {
                "*" => None,
                order => Some(order.parse().ok()?),
            },
            lines: unpack_lines(part.next()?)?,
        };
        part.next().is_none().then_some(reservation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(sku: &str, quantity: i64) -> Line {
        Line { sku: sku.parse().expect("a sku"), quantity }
    }

    #[test]
    fn lines_of_one_sku_are_added_up() {
        let lines = Lines::new([line("a", 1), line("b", 2), line("a", 3)]).expect("fine");
        assert_eq!(lines.pack(), "a:4,b:2");
    }

    #[test]
    fn lines_outside_the_bounds_are_refused() {
        assert_eq!(Lines::new([]), Err(LinesError::Count(0)));
        let many = (0..21).map(|n| line(&format!("s{n}"), 1));
        assert_eq!(Lines::new(many), Err(LinesError::Count(21)));
        for bad in [0, -1, MAX_QUANTITY + 1, i64::MAX] {
            assert_eq!(Lines::new([line("a", bad)]), Err(LinesError::Quantity { index: 0 }));
        }
        let sum = Lines::new([line("a", MAX_QUANTITY), line("a", 1)]);
        assert_eq!(sum, Err(LinesError::Quantity { index: 1 }));
    }

    #[test]
    fn redis_keeps_times_from_the_time_of_the_id() {
        let drop: DropId = "d".parse().expect("an id");
        let id: ReservationId = "0197a3b1-c2d4-7000-8000-000000000000".parse().expect("an id");
        let made = id.made_ms();
        assert_eq!(made, 0x0197_a3b1_c2d4);
        let form = |text: &str, mark| {
            let unpacked = Reservation::unpack(&drop, id, text).expect("a reservation");
            unpacked.store_form(mark)
        };
        let held = format!("H c-1 {} {} * a:1,b:2", made + 7, made + 900_007);
        assert_eq!(form(&held, None), "H7 900000 c-1 a:1,b:2");
        let sold = format!("C c-1 {} {} o1 a:1", made - 7, made);
        assert_eq!(form(&sold, Some(12)), "C-7 7 c-1 a:1 o1 12");
        let released = format!("R c-1 {made} {made} * a:1");
        assert_eq!(form(&released, Some(3)), "R0 0 c-1 a:1 * 3");
    }

    #[test]
    fn a_packed_reservation_comes_back() {
        let drop: DropId = "d".parse().expect("an id");
        let id = ReservationId::generate();
        for text in ["H c-1 5 9 * a:1,b:2", "C c:1 5 9 order-7 a:1", "T c 5 9 - a:1"] {
            let unpacked = Reservation::unpack(&drop, id, text).expect(text);
            assert_eq!(unpacked.pack(), text);
        }
        for text in ["", "H c 5 9 *", "X c 5 9 * a:1", "H c 5 9 * a", "H c 5 9 * a:1 more"] {
            assert_eq!(Reservation::unpack(&drop, id, text), None, "{text}");
        }
    }
}
