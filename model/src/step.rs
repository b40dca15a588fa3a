//! What can happen next. Every action is one atomic step of the production system; between two
//! steps of an engine anything else may happen, which is how an engine freezes, is late, or never
//! comes back.

use crate::Dropgate;
use crate::ledger::{Event, EventKind, Reservation, ReservationId};
use crate::mutants::Mutant;
use crate::redis::{Redis, Reply};
use crate::state::{
    CALLS, CallId, ENGINES, Engine, EngineId, FIRST_TRY, Progress, RETRY, State, Told, Verb,
};

/// One atomic step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A call comes in at an engine, which stamps it.
    Send(CallId, EngineId),
    /// The call's script runs in Redis.
    Run(CallId),
    /// The call's script runs in Redis, but the reply is lost and the script is sent again.
    RunUnheard(CallId),
    /// The call's engine looks in the ledger for an answer.
    Answer(CallId),
    /// The client has waited long enough; the engine works on.
    GiveUp(CallId),
    /// An engine's sweep finds this reservation due.
    Expire(EngineId, ReservationId),
    /// An engine looks at the ledger.
    Look(EngineId),
    /// An engine trims the journal behind what it knows to be durable, and reads the rest.
    Read(EngineId),
    /// An engine commits the batch that it has read.
    Commit(EngineId),
    /// An engine reads Redis, finds that it must be rebuilt, and fences.
    Fence(EngineId),
    /// A person asks an engine for a rebuild.
    AskForRebuild(EngineId),
    /// An engine runs the next script of its rebuild.
    Rebuild(EngineId),
    /// Redis becomes what it was so many changes ago.
    RollBack(usize),
    /// Redis loses everything.
    Wipe,
    /// An engine dies and starts again; what it had sent to Redis stays on its way.
    Crash(EngineId),
    /// Only [`Mutant::NoneOnBacklog`]: the call is turned away before its script.
    TurnAway(CallId),
    /// Only [`Mutant::CursorApart`]: an engine dies between the rows and the cursor.
    CommitRowsOnly(EngineId),
    /// Only [`Mutant::RedisReadFirst`]: an engine reads Redis before it looks at the ledger.
    SeeRedis(EngineId),
}

/// Lists what may be possible; [`apply`] answers whether it changes anything.
pub(crate) fn actions(model: &Dropgate, state: &State, actions: &mut Vec<Action>) {
    for call in 0..CALLS.len() {
        call_actions(model, state, call, actions);
    }
    for engine in 0..ENGINES {
        engine_actions(model, state, engine, actions);
    }
    if state.budget.roll_backs > 0 {
        actions.extend((1..=state.past.len()).map(Action::RollBack));
    }
    if state.budget.wipes > 0 && *state.redis != Redis::wiped() {
        actions.push(Action::Wipe);
    }
}

fn call_actions(model: &Dropgate, state: &State, call: CallId, actions: &mut Vec<Action>) {
    if state.calls[call].told == Told::Nothing && state.calls[call].progress == Progress::Rest {
        if model.plays(call) && due(state, call) {
            actions.extend((0..ENGINES).map(|engine| Action::Send(call, engine)));
        }
        return;
    }
    match state.calls[call].progress {
        Progress::Rest => {}
        Progress::Sent { resent, .. } => {
            actions.push(Action::Run(call));
            if state.budget.resends > 0 && !resent {
                actions.push(Action::RunUnheard(call));
            }
            if model.has(Mutant::NoneOnBacklog) && !resent {
                actions.push(Action::TurnAway(call));
            }
        }
        Progress::Waiting { .. } | Progress::Refused(_) => actions.push(Action::Answer(call)),
    }
    if call == FIRST_TRY && model.plays(RETRY) && state.calls[call].pending() {
        actions.push(Action::GiveUp(call));
    }
}

/// Whether the client has a reason to make this call now.
fn due(state: &State, call: CallId) -> bool {
    match CALLS[call] {
        Verb::Hold { .. } => {
            call != RETRY || matches!(state.calls[FIRST_TRY].told, Told::Unknown | Told::None)
        }
        Verb::Confirm(_) | Verb::Release(_) => state.subject(call).is_some(),
    }
}

fn engine_actions(model: &Dropgate, state: &State, id: EngineId, actions: &mut Vec<Action>) {
    let engine = &state.engines[id];
    if engine.ledger != state.ledger.cursor {
        actions.push(Action::Look(id));
    }
    if engine.batch.is_some() {
        actions.push(Action::Commit(id));
        if model.has(Mutant::CursorApart) {
            actions.push(Action::CommitRowsOnly(id));
        }
    } else if state.redis.epoch == engine.ledger.epoch {
        actions.push(Action::Read(id));
    }
    if engine.rebuild.is_some() {
        actions.push(Action::Rebuild(id));
    } else if state.ledger.cursor.epoch < model.bounds.epochs {
        actions.push(Action::Fence(id));
        if state.budget.rebuilds > 0 {
            actions.push(Action::AskForRebuild(id));
        }
    }
    if state.budget.expiries > 0 && state.redis.admits(engine.stamp(), true) {
        let held = |r: &ReservationId| {
            state.redis.books.reservations[usize::from(*r)] == Reservation::Held
        };
        let due = (0..state.redis.books.reservations.len() as ReservationId).filter(held);
        actions.extend(due.map(|reservation| Action::Expire(id, reservation)));
    }
    if state.budget.crashes > 0 {
        actions.push(Action::Crash(id));
    }
    if model.has(Mutant::RedisReadFirst) {
        actions.push(Action::SeeRedis(id));
    }
}

/// The state after the action; none if it changes nothing.
pub(crate) fn apply(model: &Dropgate, last: &State, action: Action) -> Option<State> {
    let mut state = last.clone();
    let changed = match action {
        Action::Send(call, engine) => model.send(&mut state, call, engine),
        Action::Run(call) => model.run(&mut state, call),
        Action::RunUnheard(call) => model.run_unheard(&mut state, call),
        Action::Answer(call) => model.answer(&mut state, call),
        Action::GiveUp(call) => {
            state.calls[call].tell(Told::Unknown);
            true
        }
        Action::TurnAway(call) => {
            state.calls[call].progress = Progress::Rest;
            state.calls[call].tell(Told::None);
            true
        }
        Action::Expire(engine, reservation) => model.expire(&mut state, engine, reservation),
        Action::Look(engine) => {
            state.engines[engine].ledger = state.ledger.cursor;
            true
        }
        Action::Read(engine) => model.read(&mut state, engine),
        Action::Commit(engine) => model.commit(&mut state, engine, true),
        Action::CommitRowsOnly(engine) => model.commit(&mut state, engine, false),
        Action::Fence(engine) => model.fence(&mut state, engine),
        Action::AskForRebuild(engine) => model.ask_for_rebuild(&mut state, engine),
        Action::Rebuild(engine) => model.rebuild(&mut state, engine),
        Action::SeeRedis(engine) => model.see_redis(&mut state, engine),
        Action::RollBack(changes) => roll_back(&mut state, changes),
        Action::Wipe => {
            state.budget.wipes -= 1;
            state.replace_redis(Redis::wiped());
            true
        }
        Action::Crash(engine) => crash(&mut state, engine),
    };
    state.forget(&model.bounds);
    changed.then_some(state)
}

fn roll_back(state: &mut State, changes: usize) -> bool {
    let kept = state.past.len() - changes;
    state.redis = state.past[kept].clone();
    state.past.truncate(kept);
    state.budget.roll_backs -= 1;
    true
}

fn crash(state: &mut State, id: EngineId) -> bool {
    state.budget.crashes -= 1;
    state.engines[id] = Engine::started(&state.ledger);
    for call in &mut state.calls {
        if call.engine == id && call.pending() {
            call.tell(Told::Unknown);
        }
    }
    true
}

impl Dropgate {
    /// The sweep: the same script as release, with another kind of event.
    fn expire(&self, state: &mut State, id: EngineId, reservation: ReservationId) -> bool {
        if !state.redis.admits(state.engines[id].stamp(), true) {
            return false;
        }
        let mut redis = (*state.redis).clone();
        let reply = redis.end(Event { kind: EventKind::Expired, reservation, resent: false });
        state.budget.expiries -= 1;
        state.replace_redis(redis);
        reply == Reply::Done
    }
}
