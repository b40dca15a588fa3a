//! What must always hold.

use stateright::Property;

use crate::Dropgate;
use crate::ledger::{Books, Chain, EventKind, Reservation};
use crate::reach;
use crate::redis::Redis;
use crate::state::{CALLS, CallId, Progress, State, Told, Verb, key_of};

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
/// Whoever looks at the ledger and at a Redis sees whether that one must be rebuilt.
pub const LOSS_NOTICED: &str = "a loss is noticed";
/// A script does nothing for a caller of another epoch, or for one who knows of more that is
/// durable than its Redis has.
pub const STRANGERS_REFUSED: &str = "a script refuses whom it does not serve";
/// A sound Redis is no reason for a fence.
pub const NO_NEEDLESS_FENCE: &str = "no needless fence";
/// Only the rebuild that owns Redis changes it.
pub const NO_OVERRUN: &str = "a late rebuilder changes nothing";
/// Nothing else takes the place of what Postgres lost. If it lost a fence too, a writer that froze
/// before that fence may get in what the fence had kept out; Redis then is in an epoch that the
/// ledger does not know, and the drop halts.
pub const NOTHING_REPLACED: &str = "nothing takes the place of what the ledger lost";

pub(crate) fn properties(model: &Dropgate) -> Vec<Property<Dropgate>> {
    let mut properties = vec![
        Property::always(NEVER_OVERSOLD, |_, state| never_oversold(state)),
        Property::always(NOTHING_LOST, |_, state| calls_all(state, acknowledged_is_durable)),
        Property::always(REFUSALS_DURABLE, |_, state| calls_all(state, refusal_is_durable)),
        Property::always(NONE_IS_NONE, |_, state| calls_all(state, none_is_none)),
        Property::always(ENDS_ONCE, |_, state| ends_once(state)),
        Property::always(ONE_EFFECT, |_, state| one_effect(state)),
        Property::always(ONE_CHAIN, |_, state| one_chain(state)),
        Property::always(REDIS_FOLLOWS, |_, state: &State| {
            state.redises().all(|redis| redis_follows(state, redis))
        }),
        Property::always(NO_GAP, |model: &Dropgate, state: &State| {
            let (epoch, cursor) = (state.ledger.cursor.epoch, state.ledger.cursor);
            model.faulted(state)
                || state.redises().all(|redis| !redis.open_at(epoch) || redis.sound(cursor))
        }),
        Property::always(LOSS_NOTICED, |model: &Dropgate, state: &State| {
            let cursor = state.ledger.cursor;
            state.redises().all(|redis| redis.sound(cursor) || model.condemns(redis, cursor))
        }),
        Property::always(STRANGERS_REFUSED, |model: &Dropgate, state: &State| {
            state.calls.iter().all(|call| match call.progress {
                Progress::Sent { stamp, .. } => state.redises().all(|redis| {
                    let strange = redis.epoch != stamp.epoch || redis.seq < stamp.durable;
                    !strange || !redis.admits(stamp, model.checks())
                }),
                Progress::Rest | Progress::Queued { .. } | Progress::Waiting { .. } => true,
            })
        }),
        Property::always(NO_NEEDLESS_FENCE, |_, state: &State| !state.fenced_needlessly),
        Property::always(NO_OVERRUN, |_, state: &State| !state.overrun),
        Property::always(NOTHING_REPLACED, |_, state| nothing_replaced(state)),
    ];
    properties.extend(reach::properties(model));
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
    let mut told = state.calls.iter().enumerate();
    told.all(|(id, call)| call.excused || holds(state, id, call.told))
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
        Verb::Hold { key: None, reservation } => !state.ledger.holds_event(kind, reservation),
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
    let held = state.ledger.rows.iter().filter(|row| row.event.kind == EventKind::Held);
    held.filter_map(|row| key_of(row.event.reservation))
        .all(|key| !std::mem::replace(&mut used[usize::from(key)], true))
}

fn one_chain(state: &State) -> bool {
    let mut chain = Chain::default();
    let linked = state.ledger.rows.iter().enumerate().all(|(index, row)| {
        chain = chain.next(row.event);
        row.chain == chain && usize::from(row.seq) == index + 1
    });
    linked && state.ledger.cursor.chain == chain
}

fn redis_follows(state: &State, redis: &Redis) -> bool {
    let cursor = state.ledger.cursor;
    if !redis.sound(cursor) {
        return true;
    }
    let mut books = state.ledger.books();
    redis.entries_after(cursor).iter().for_each(|entry| books.apply(entry.event));
    redis.books == books
}

fn nothing_replaced(state: &State) -> bool {
    let Some(before) = &state.lost else { return true };
    let mut both = state.ledger.rows.iter().zip(&before.rows);
    both.all(|(now, before)| now.chain == before.chain || now.epoch < before.epoch)
}
