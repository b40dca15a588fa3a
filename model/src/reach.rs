//! What must be reachable for the model to say anything: each of these is a moment that the
//! exploration has to come upon, or the freedom that it claims is not there.

use stateright::{Model, Property};

use crate::Dropgate;
use crate::ledger::{Epoch, ReservationId};
use crate::redis::{Phase, Redis};
use crate::state::{
    CALLS, Engine, EngineId, FIRST_TRY, Progress, RELEASE, RETRY, SECOND_HOLD, Stage, State,
    THIRD_HOLD, Told, Verb,
};
use crate::step::Action;

/// A writer that froze over a fence and a rebuild commits, and is refused.
pub const ZOMBIE_WRITER: &str = "a zombie's commit is refused";
/// Two Redis servers serve at once, and what the refused one did is in nobody's ledger.
pub const OLD_SIDE_REFUSED: &str = "both servers are open and one of them is refused";
/// Redis has lost what a writer had read from it, and the writer saves it.
pub const TAIL_SAVED: &str = "the ledger has what redis lost";
/// The postgres that lost something got the same rows again.
pub const LOSS_MENDED: &str = "the ledger got back what it lost";

type Sometimes = fn(&Dropgate, &State) -> bool;

/// Where a rebuilder thaws, and what it finds there.
const LATE: [(&str, Sometimes); 6] = [
    ("a rebuilder's first script is late for another's rebuild", |m, s| {
        late(m, s, Stage::Begin, rebuilding)
    }),
    ("a rebuilder's chunk is late for another's rebuild", |m, s| {
        late(m, s, Stage::Chunk(1), rebuilding)
    }),
    ("a rebuilder's last script is late for another's rebuild", |m, s| {
        late(m, s, Stage::Finish, rebuilding)
    }),
    ("a rebuilder's first script is late for an open drop", |m, s| {
        late(m, s, Stage::Begin, Redis::open_at)
    }),
    ("a rebuilder's chunk is late for an open drop", |m, s| {
        late(m, s, Stage::Chunk(1), Redis::open_at)
    }),
    ("a rebuilder's last script is late for an open drop", |m, s| {
        late(m, s, Stage::Finish, Redis::open_at)
    }),
];

pub(crate) fn properties(model: &Dropgate) -> Vec<Property<Dropgate>> {
    let (bounds, budget) = (model.bounds, model.bounds.budget);
    let fenced = bounds.epochs > 1 && (budget.redis_faults() + budget.rebuilds) > 0;
    let keyless = bounds.calls.iter().any(|call| CALLS[*call].key().is_none());
    let plays = |calls: &[usize]| calls.iter().all(|call| model.plays(*call));
    let mut all: Vec<(bool, &'static str, Sometimes)> = vec![
        (plays(&[FIRST_TRY, SECOND_HOLD, THIRD_HOLD]), "sold out", |_, state| {
            state.calls.iter().any(|call| call.told == Told::SoldOut)
        }),
        (plays(&[RELEASE]) && budget.expiries > 0, "too late to release", |_, state| {
            matches!(state.calls[RELEASE].told, Told::Ended(_))
        }),
        (plays(&[RETRY]), "an unknown is resolved by a replay", |_, state| {
            let first = state.calls[FIRST_TRY];
            first.told == Told::Unknown && state.calls[RETRY].told == Told::Acked(made(FIRST_TRY))
        }),
        (plays(&[RETRY]) && fenced, "an unknown is resolved by a new hold", |_, state| {
            let first = state.calls[FIRST_TRY];
            first.told == Told::Unknown && state.calls[RETRY].told == Told::Acked(made(RETRY))
        }),
        (fenced, "rebuilt and open again", |_, state| {
            let cursor = state.ledger.cursor;
            let sold = cursor.epoch > 1 && cursor.seq > 0;
            sold && state.redises().any(|redis| redis.sound(cursor))
        }),
        (fenced && keyless, "none told", |_, state| {
            state.calls.iter().any(|call| call.told == Told::None)
        }),
        (fenced, ZOMBIE_WRITER, zombie_refused),
        (budget.roll_backs > 0, "a fork at the fence", |_, state| fork_at_fence(state)),
        (budget.roll_backs + budget.failovers > 0, TAIL_SAVED, |_, state| {
            let cursor = state.ledger.cursor;
            let mut redises = state.redises();
            redises.any(|redis| redis.open_at(cursor.epoch) && redis.seq < cursor.seq)
        }),
        (budget.failovers > 0, OLD_SIDE_REFUSED, old_side_refused),
        (budget.ledger_losses > 0, LOSS_MENDED, |_, state| {
            let lost = state.lost.as_ref();
            lost.is_some_and(|lost| lost.cursor.seq > 0 && lost.cursor == state.ledger.cursor)
        }),
        (budget.ledger_losses > 0, "a person must decide", |_, state| state.ledger.lost),
    ];
    all.extend(LATE.map(|(name, late)| (bounds.names_late_rebuilders, name, late)));
    let wanted = all.into_iter().filter(|(wanted, ..)| *wanted);
    wanted.map(|(_, name, reached)| Property::sometimes(name, reached)).collect()
}

/// The reservation that this hold makes.
fn made(hold: usize) -> ReservationId {
    match CALLS[hold] {
        Verb::Hold { reservation, .. } => reservation,
        Verb::Confirm(_) | Verb::Release(_) => ReservationId::MAX,
    }
}

/// A step is there to be taken, and leaves the ledger and every Redis as they are.
fn changes_nothing(model: &Dropgate, state: &State, action: Action) -> bool {
    let next = model.next_state(state, action);
    next.is_none_or(|next| next.ledger == state.ledger && next.servers == state.servers)
}

fn engines(state: &State) -> impl Iterator<Item = (EngineId, &Engine)> {
    state.engines.iter().enumerate()
}

fn zombie_refused(model: &Dropgate, state: &State) -> bool {
    let cursor = state.ledger.cursor;
    let open = state.redises().any(|redis| redis.sound(cursor));
    open && engines(state).any(|(id, engine)| {
        let entry = engine.batch.as_ref().and_then(|batch| batch.first());
        entry.is_some_and(|entry| entry.epoch < cursor.epoch)
            && changes_nothing(model, state, Action::Commit(id))
    })
}

/// Whether a rebuilder of an older epoch is about to run this script on a Redis that another
/// rebuild has taken over, and changes nothing.
fn late(model: &Dropgate, state: &State, stage: Stage, finds: fn(&Redis, Epoch) -> bool) -> bool {
    engines(state).any(|(id, engine)| {
        let rebuild = engine.rebuild.filter(|rebuild| rebuild.stage == stage);
        rebuild.is_some_and(|rebuild| {
            state.redises().enumerate().any(|(server, redis)| {
                redis.epoch > rebuild.snapshot.epoch
                    && finds(redis, redis.epoch)
                    && changes_nothing(model, state, Action::Rebuild(id, server))
            })
        })
    })
}

fn rebuilding(redis: &Redis, _: Epoch) -> bool {
    matches!(redis.phase, Phase::Rebuilding { .. })
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

/// Both servers are open, the ledger follows one of them, and a call waits for what the other has
/// done and will never hear of it.
fn old_side_refused(model: &Dropgate, state: &State) -> bool {
    let cursor = state.ledger.cursor;
    let open = state.redises().all(|redis| redis.phase == Phase::Open);
    let followed = state.redises().filter(|redis| redis.sound(cursor)).count();
    let waits = |progress: Progress| match progress {
        Progress::Waiting { chain, .. } => {
            let old = |redis: &&Redis| !redis.sound(cursor) && redis.chain == chain;
            state.redises().any(|redis| old(&redis)) && !state.ledger.holds_chain(chain)
        }
        Progress::Rest | Progress::Sent { .. } | Progress::Queued { .. } => false,
    };
    let refused = |id: usize| {
        let next = model.next_state(state, Action::Answer(id));
        next.is_none_or(|next| matches!(next.calls[id].told, Told::Unknown | Told::None))
    };
    let mut calls = state.calls.iter().enumerate();
    open && followed == 1 && calls.any(|(id, call)| waits(call.progress) && refused(id))
}
