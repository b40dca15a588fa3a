//! What must always hold, and what must be reachable for the model to say anything.

use stateright::Property;

use crate::Dropgate;
use crate::ledger::{Books, Chain, EventKind, Reservation, ReservationId};
use crate::state::{
    CALLS, CallId, FIRST_TRY, RELEASE, RETRY, SECOND_HOLD, State, THIRD_HOLD, Told, Verb, key_of,
};

/// At every prefix of the ledger, no count is negative and their sum is the total.
pub const NEVER_OVERSOLD: &str = "never oversold";
/// What was acknowledged is in the ledger.
pub const NOTHING_LOST: &str = "nothing acknowledged is lost";
/// A refusal about a reservation shows only what is in the ledger.
pub const REFUSALS_DURABLE: &str = "a refusal about a reservation is durable";
/// After `none`, neither this call nor an earlier try with its key has or will have an effect.
pub const NONE_IS_NONE: &str = "none means none";
/// A reservation is held once, then ends at most once.
pub const ENDS_ONCE: &str = "one reservation ends once";
/// A key makes at most one reservation.
pub const ONE_EFFECT: &str = "one key one effect";
/// Each row's chain follows from the one before.
pub const ONE_CHAIN: &str = "the ledger is one chain";
/// An open Redis that the ledger's chain leads to is the ledger and the journal beyond it.
pub const REDIS_FOLLOWS: &str = "redis is the ledger and the journal";
/// While Redis has lost nothing, its journal goes on from the ledger.
pub const NO_GAP: &str = "no gap without a fault";
/// Whoever looks at the ledger and then at Redis sees whether Redis must be rebuilt.
pub const LOSS_NOTICED: &str = "a loss is noticed";
/// A sound Redis is not fenced, unless somebody asks.
pub const NO_NEEDLESS_FENCE: &str = "no needless fence";
/// Only the rebuild that owns Redis changes it.
pub const NO_OVERRUN: &str = "a late rebuilder changes nothing";

pub(crate) fn properties(model: &Dropgate) -> Vec<Property<Dropgate>> {
    let mut properties = vec![
        Property::always(NEVER_OVERSOLD, |_, state| never_oversold(state)),
        Property::always(NOTHING_LOST, |_, state| calls_all(state, acknowledged_is_durable)),
        Property::always(REFUSALS_DURABLE, |_, state| calls_all(state, refusal_is_durable)),
        Property::always(NONE_IS_NONE, |_, state| calls_all(state, none_is_none)),
        Property::always(ENDS_ONCE, |_, state| ends_once(state)),
        Property::always(ONE_EFFECT, |_, state| one_effect(state)),
        Property::always(ONE_CHAIN, |_, state| one_chain(state)),
        Property::always(REDIS_FOLLOWS, |_, state| redis_follows(state)),
        Property::always(NO_GAP, |model: &Dropgate, state| {
            model.faulted(state) || !state.open_in_ledgers_epoch() || state.sound()
        }),
        Property::always(LOSS_NOTICED, |model: &Dropgate, state: &State| {
            state.sound() || model.condemns(&state.redis, state.ledger.cursor)
        }),
        Property::always(NO_NEEDLESS_FENCE, |_, state: &State| !state.fenced_needlessly),
        Property::always(NO_OVERRUN, |_, state: &State| !state.overrun),
    ];
    let bounds = model.bounds;
    let faults = bounds.budget.roll_backs + bounds.budget.wipes;
    if [FIRST_TRY, SECOND_HOLD, THIRD_HOLD].into_iter().all(|hold| model.plays(hold)) {
        properties.push(Property::sometimes("sold out", |_, state: &State| {
            state.calls.iter().any(|call| call.told == Told::SoldOut)
        }));
    }
    if model.plays(RELEASE) && bounds.budget.expiries > 0 {
        properties.push(Property::sometimes("too late to release", |_, state: &State| {
            matches!(state.calls[RELEASE].told, Told::Ended(_))
        }));
    }
    if model.plays(RETRY) {
        properties.push(Property::sometimes("a replay answered", |_, state: &State| {
            state.calls[RETRY].told == Told::Acked(reservation_of(FIRST_TRY))
        }));
    }
    if bounds.epochs > 1 && (faults + bounds.budget.rebuilds) > 0 {
        properties.push(Property::sometimes("rebuilt", |_, state: &State| {
            state.open_in_ledgers_epoch() && state.redis.epoch > 1 && state.ledger.cursor.seq > 0
        }));
        properties.push(Property::sometimes("none told", |_, state: &State| {
            state.calls.iter().any(|call| call.told == Told::None)
        }));
    }
    if bounds.budget.roll_backs > 0 {
        properties.push(Property::sometimes("a fork at the fence", |_, s| fork_at_fence(s)));
    }
    properties
}

fn never_oversold(state: &State) -> bool {
    let mut books = Books::opening();
    state.ledger.rows.iter().all(|row| {
        books.apply(row.event);
        books.balanced()
    })
}

fn calls_all(state: &State, holds: fn(&State, CallId, Told) -> bool) -> bool {
    state.calls.iter().enumerate().all(|(id, call)| holds(state, id, call.told))
}

fn acknowledged_is_durable(state: &State, id: CallId, told: Told) -> bool {
    match told {
        Told::Acked(reservation) => state.ledger.holds_event(CALLS[id].effect(), reservation),
        Told::UnknownReservation(reservation) => {
            !state.ledger.holds_event(EventKind::Held, reservation)
        }
        Told::Nothing | Told::SoldOut | Told::Ended(_) | Told::None | Told::Unknown => true,
    }
}

fn refusal_is_durable(state: &State, _: CallId, told: Told) -> bool {
    match told {
        Told::Ended(reservation) => {
            let stands = state.ledger.books().reservations[usize::from(reservation)];
            !matches!(stands, Reservation::Absent | Reservation::Held)
        }
        Told::Nothing
        | Told::Acked(_)
        | Told::SoldOut
        | Told::UnknownReservation(_)
        | Told::None
        | Told::Unknown => true,
    }
}

fn none_is_none(state: &State, id: CallId, told: Told) -> bool {
    if told != Told::None {
        return true;
    }
    let kind = CALLS[id].effect();
    match CALLS[id] {
        // Tries are numbered in the order in which they came in; a later one may well succeed.
        Verb::Hold { key, reservation } => (0..=reservation)
            .all(|earlier| key_of(earlier) != key || !state.ledger.holds_event(kind, earlier)),
        Verb::Confirm(_) | Verb::Release(_) => {
            state.subject(id).is_some_and(|subject| !state.ledger.holds_event(kind, subject))
        }
    }
}

fn ends_once(state: &State) -> bool {
    let mut reservations = [Reservation::Absent; crate::ledger::RESERVATIONS];
    state.ledger.rows.iter().all(|row| {
        let reservation = &mut reservations[usize::from(row.event.reservation)];
        let before = match row.event.kind {
            EventKind::Held => Reservation::Absent,
            EventKind::Confirmed | EventKind::Released | EventKind::Expired => Reservation::Held,
        };
        std::mem::replace(reservation, row.event.kind.leads_to()) == before
    })
}

fn one_effect(state: &State) -> bool {
    let mut used = [false; crate::redis::KEYS];
    state
        .ledger
        .rows
        .iter()
        .filter(|row| row.event.kind == EventKind::Held)
        .all(|row| !std::mem::replace(&mut used[usize::from(key_of(row.event.reservation))], true))
}

fn one_chain(state: &State) -> bool {
    let mut chain = Chain::default();
    let linked = state.ledger.rows.iter().enumerate().all(|(index, row)| {
        chain = chain.next(row.event);
        row.chain == chain && usize::from(row.seq) == index + 1
    });
    linked && state.ledger.cursor.chain == chain
}

fn redis_follows(state: &State) -> bool {
    if !state.sound() {
        return true;
    }
    let mut books = state.ledger.books();
    let cursor = state.ledger.cursor;
    state.redis.entries_after(cursor).iter().for_each(|entry| books.apply(entry.event));
    state.redis.books == books
}

/// An engine is about to commit an entry whose place in the ledger another one has.
fn fork_at_fence(state: &State) -> bool {
    let mut batches = state.engines.iter().filter_map(|engine| engine.batch.as_ref());
    batches.any(|batch| {
        batch.iter().any(|entry| {
            let row = state.ledger.rows.iter().find(|row| row.seq == entry.seq);
            row.is_some_and(|row| row.epoch == entry.epoch && row.chain != entry.chain)
        })
    })
}

fn reservation_of(id: CallId) -> ReservationId {
    match CALLS[id] {
        Verb::Hold { reservation, .. } => reservation,
        Verb::Confirm(_) | Verb::Release(_) => ReservationId::MAX,
    }
}
