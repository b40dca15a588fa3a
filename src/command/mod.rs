//! The verbs: what is asked of a drop's script, and every answer it may give.
//!
//! One verb, one file, as in `lua/`. A verb knows how to write its arguments for the script
//! and how to read its outcome; it does no I/O. Refusals are outcomes, not errors.

mod change;
mod configure;
mod confirm;
mod expire;
mod extend;
mod refusal;
mod release;
mod reserve;
mod restock;
mod return_units;

pub use change::Change;
pub use configure::{Configure, Configured, DropAction};
pub use confirm::Confirm;
pub use expire::{Expire, Expired};
pub use extend::{Extend, ExtendTo};
pub use refusal::{Refusal, Shortage};
pub use release::Release;
pub use reserve::Reserve;
pub use restock::Restock;
pub use return_units::Return;

use crate::domain::{DropId, Millis, RequestKey, Reservation, ReservationId};

/// The scripts that change a drop through a lane, in the order in which a lane sends them:
/// what gives units back goes first, so that it serves the holds of the same turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// `lua/configure.lua`
    Configure,
    /// `lua/expire.lua`
    Expire,
    /// `lua/release.lua`
    Release,
    /// `lua/return.lua`
    Return,
    /// `lua/restock.lua`
    Restock,
    /// `lua/confirm.lua`
    Confirm,
    /// `lua/extend.lua`
    Extend,
    /// `lua/change.lua`
    Change,
    /// `lua/reserve.lua`
    Reserve,
}

impl Verb {
    /// Every verb, in the order in which a lane sends them.
    pub const ALL: [Verb; 9] = [
        Verb::Configure,
        Verb::Expire,
        Verb::Release,
        Verb::Return,
        Verb::Restock,
        Verb::Confirm,
        Verb::Extend,
        Verb::Change,
        Verb::Reserve,
    ];

    /// The script's name: its file in `lua/` without the ending.
    #[must_use]
    pub fn script(self) -> &'static str {
        match self {
            Verb::Configure => "configure",
            Verb::Expire => "expire",
            Verb::Release => "release",
            Verb::Return => "return",
            Verb::Restock => "restock",
            Verb::Confirm => "confirm",
            Verb::Extend => "extend",
            Verb::Change => "change",
            Verb::Reserve => "reserve",
        }
    }

    /// Arguments of one operation, as the script's header says.
    #[must_use]
    pub fn arity(self) -> usize {
        match self {
            Verb::Configure => 10,
            Verb::Expire => 1,
            Verb::Release => 5,
            Verb::Return => 8,
            Verb::Restock | Verb::Reserve => 6,
            Verb::Confirm => 7,
            Verb::Extend | Verb::Change => 4,
        }
    }

    /// The outcomes that the Rust side reads, in the order of the script's header.
    #[must_use]
    pub fn statuses(self) -> &'static [&'static str] {
        match self {
            Verb::Configure => Configure::STATUSES,
            Verb::Expire => Expire::STATUSES,
            Verb::Release => Release::STATUSES,
            Verb::Return => Return::STATUSES,
            Verb::Restock => Restock::STATUSES,
            Verb::Confirm => Confirm::STATUSES,
            Verb::Extend => Extend::STATUSES,
            Verb::Change => Change::STATUSES,
            Verb::Reserve => Reserve::STATUSES,
        }
    }
}

/// An outcome that no script of this version gives: the drop is asked nothing more until a
/// person has looked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{verb:?} answered {text:?}, which this version does not know")]
pub struct UnknownOutcome {
    /// Which script.
    pub verb: Verb,
    /// What it said.
    pub text: String,
}

/// What one operation came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<T> {
    /// It was done, now or (without a further effect) before.
    Done(T),
    /// The idempotency key was known with this very request: the answer is that of the
    /// event with this `seq`.
    Replayed {
        /// The event that answered first.
        seq: i64,
    },
    /// It was refused, and changed nothing.
    Refused(Refusal),
    /// More holds were due than one call frees: the same operation is sent again.
    Retry,
}

/// One verb's operation: its arguments for the script and the reading of its outcome.
pub trait Operation: Send + Sync + 'static {
    /// Which script.
    const VERB: Verb;
    /// The outcomes it may have, in order of precedence.
    const STATUSES: &'static [&'static str];
    /// What it answers when it is done.
    type Answer: Send + 'static;

    /// Appends the operation's arguments, [`Verb::arity`] of them.
    fn encode(&self, arguments: &mut Vec<String>);

    /// Reads the answer from a status that means "done"; `None` for any other status.
    fn decode(&self, drop: &DropId, status: &str, facts: &str) -> Option<Self::Answer>;

    /// Whether it would take units: such an operation is refused early while the ledger
    /// stands still or falls behind.
    const TAKES: bool = false;
}

/// Reads the outcome of `operation`.
///
/// # Errors
/// [`UnknownOutcome`] for a text that no script of this version writes.
pub fn read_outcome<O: Operation>(
    operation: &O,
    drop: &DropId,
    text: &str,
) -> Result<Outcome<O::Answer>, UnknownOutcome> {
    let (status, facts) = text.split_once(' ').unwrap_or((text, ""));
    let unknown = || UnknownOutcome { verb: O::VERB, text: text.to_owned() };
    if !O::STATUSES.contains(&status) {
        return Err(unknown());
    }
    match status {
        "RETRY" => Ok(Outcome::Retry),
        "REPLAYED" => facts.parse().map(|seq| Outcome::Replayed { seq }).map_err(|_| unknown()),
        _ => match operation.decode(drop, status, facts) {
            Some(answer) => Ok(Outcome::Done(answer)),
            None => Refusal::read(status, facts).map(Outcome::Refused).ok_or_else(unknown),
        },
    }
}

/// The ledger's version of a reservation that has left Redis, for a script to work on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handed {
    /// The reservation as the ledger has it.
    pub reservation: Reservation,
    /// The drop's time when the caller learnt that Redis doesn't have it.
    pub read_at: Millis,
}

fn push_handed(arguments: &mut Vec<String>, handed: Option<&Handed>) {
    arguments.push(handed.map(|handed| handed.reservation.pack()).unwrap_or_default());
    arguments.push(handed.map(|handed| handed.read_at.0.to_string()).unwrap_or_default());
}

fn push_key(arguments: &mut Vec<String>, key: Option<&RequestKey>) {
    arguments.push(key.map(|key| key.key.clone()).unwrap_or_default());
    arguments.push(key.map(|key| key.fingerprint.clone()).unwrap_or_default());
}

fn read_reservation(drop: &DropId, id: ReservationId, facts: &str) -> Option<Reservation> {
    Reservation::unpack(drop, id, facts)
}
