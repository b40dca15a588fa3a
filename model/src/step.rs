//! What can happen next. Every action is one atomic step of the production system; between two
//! steps of an engine anything else may happen, which is how an engine freezes, is late, or never
//! comes back.

use std::sync::Arc;

use crate::Dropgate;
use crate::ledger::{Epoch, Event, EventKind, Ledger, Reservation, ReservationId};
use crate::mutants::Mutant;
use crate::redis::{Checks, Redis, Reply};
use crate::state::{
    CALLS, CallId, ENGINES, Engine, EngineId, FIRST_TRY, Progress, RETRY, Server, ServerId, State,
    Told, Verb,
};

/// One atomic step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A call comes in at an engine, which stamps it.
    Send(CallId, EngineId),
    /// A call comes in at an engine, and its script runs on this server at once.
    Call(CallId, EngineId, ServerId),
    /// The call's script runs on this server.
    Run(CallId, ServerId),
    /// The call's script runs, but the reply is lost and the script is sent again.
    RunUnheard(CallId, ServerId),
    /// A call that a script refused as a whole is stamped anew.
    SendAgain(CallId),
    /// A call that a script refused as a whole is stamped anew, and its script runs at once.
    CallAgain(CallId, ServerId),
    /// The call's engine looks in the ledger for an answer.
    Answer(CallId),
    /// The client has waited long enough; the engine works on.
    GiveUp(CallId),
    /// An engine's sweep finds this reservation due on this server.
    Expire(EngineId, ServerId, ReservationId),
    /// An engine looks at the ledger.
    Look(EngineId),
    /// An engine trims a server's journal behind what it knows to be durable, and reads the rest.
    Read(EngineId, ServerId),
    /// An engine commits the batch that it has read.
    Commit(EngineId),
    /// An engine reads a server, finds that it must be rebuilt, and fences; or that the ledger has
    /// lost something, and halts the drop.
    Fence(EngineId, ServerId),
    /// A person asks an engine for a rebuild.
    AskForRebuild(EngineId),
    /// An engine runs the next script of its rebuild on this server.
    Rebuild(EngineId, ServerId),
    /// A server becomes what it was so many changes ago.
    RollBack(ServerId, usize),
    /// A server loses everything.
    Wipe(ServerId),
    /// A second server takes over as what the first one was so many changes ago; both live on.
    Failover(usize),
    /// An engine dies and starts again; what it had sent to Redis stays on its way.
    Crash(EngineId),
    /// Postgres becomes what it was after so many rows, in this epoch.
    LoseLedger(usize, Epoch),
    /// A person brings back the Postgres that was lost.
    RestoreLedger,
    /// Only [`Mutant::NoneOnBacklog`]: the call is turned away before its script.
    TurnAway(CallId),
    /// Only [`Mutant::NoneWhenStalled`]: the script finds the key free and takes nothing.
    Stall(CallId, ServerId),
    /// Only [`Mutant::CursorApart`]: an engine dies between the rows and the cursor.
    CommitRowsOnly(EngineId),
}

/// Lists what may be possible; [`apply`] answers whether it changes anything.
pub(crate) fn actions(model: &Dropgate, state: &State, actions: &mut Vec<Action>) {
    for call in 0..CALLS.len() {
        call_actions(model, state, call, actions);
    }
    for engine in 0..ENGINES {
        engine_actions(model, state, engine, actions);
        for server in 0..state.servers.len() {
            server_actions(state, engine, server, actions);
        }
    }
    fault_actions(state, actions);
}

fn call_actions(model: &Dropgate, state: &State, call: CallId, actions: &mut Vec<Action>) {
    let late = model.bounds.late.contains(&call);
    let servers = 0..state.servers.len();
    if state.calls[call].told == Told::Nothing && state.calls[call].progress == Progress::Rest {
        if !model.plays(call) || !due(state, call) {
            return;
        }
        for engine in 0..ENGINES {
            if late {
                actions.push(Action::Send(call, engine));
            } else {
                actions.extend(servers.clone().map(|server| Action::Call(call, engine, server)));
            }
        }
        return;
    }
    match state.calls[call].progress {
        Progress::Rest => {}
        Progress::Sent { resent, .. } => {
            actions.extend(servers.clone().map(|server| Action::Run(call, server)));
            let survives = CALLS[call].key().is_some() || model.has(Mutant::ResentWithoutKey);
            if state.budget.resends > 0 && !resent && survives {
                actions.extend(servers.clone().map(|server| Action::RunUnheard(call, server)));
            }
            if model.has(Mutant::NoneOnBacklog) && !resent {
                actions.push(Action::TurnAway(call));
            }
            if model.has(Mutant::NoneWhenStalled) && !resent {
                actions.extend(servers.map(|server| Action::Stall(call, server)));
            }
        }
        Progress::Queued { .. } if late => actions.push(Action::SendAgain(call)),
        Progress::Queued { .. } => {
            actions.extend(servers.map(|server| Action::CallAgain(call, server)));
        }
        Progress::Waiting { .. } => actions.push(Action::Answer(call)),
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
    }
    let asked = engine.rebuild.is_none() && state.budget.rebuilds > 0;
    if asked && state.ledger.cursor.epoch < model.bounds.epochs && state.lost.is_none() {
        actions.push(Action::AskForRebuild(id));
    }
    if state.budget.crashes > 0 {
        actions.push(Action::Crash(id));
    }
}

/// What an engine may do with a server.
fn server_actions(state: &State, id: EngineId, server: ServerId, actions: &mut Vec<Action>) {
    let engine = &state.engines[id];
    let redis = &state.servers[server].redis;
    if engine.batch.is_none() && redis.epoch == engine.ledger.epoch {
        actions.push(Action::Read(id, server));
    }
    if engine.rebuild.is_some() {
        actions.push(Action::Rebuild(id, server));
    } else {
        actions.push(Action::Fence(id, server));
    }
    if state.budget.expiries > 0 && redis.admits(engine.stamp(), Checks::ALL) {
        let held =
            |r: &ReservationId| redis.books.reservations[usize::from(*r)] == Reservation::Held;
        let due = (0..redis.books.reservations.len() as ReservationId).filter(held);
        actions.extend(due.map(|reservation| Action::Expire(id, server, reservation)));
    }
}

fn fault_actions(state: &State, actions: &mut Vec<Action>) {
    for (id, server) in state.servers.iter().enumerate() {
        if state.budget.roll_backs > 0 {
            actions.extend((1..=server.past.len()).map(|changes| Action::RollBack(id, changes)));
        }
        if state.budget.wipes > 0 && *server.redis != Redis::wiped() {
            actions.push(Action::Wipe(id));
        }
    }
    if state.budget.failovers > 0 {
        actions.extend((0..=state.servers[0].past.len()).map(Action::Failover));
    }
    if state.budget.ledger_losses > 0 {
        actions.extend(moments(&state.ledger));
    }
    // What was committed since must be in what is brought back, or it would be lost a second time:
    // whoever restores a ledger has to look.
    let extends = |lost: &Ledger| lost.holds_chain(state.ledger.cursor.chain);
    if state.ledger.lost && state.lost.as_ref().is_some_and(|lost| extends(lost)) {
        actions.push(Action::RestoreLedger);
    }
}

/// Every earlier moment of the ledger: so many rows, in an epoch that it had with them.
fn moments(ledger: &Ledger) -> impl Iterator<Item = Action> {
    (0..=ledger.rows.len()).flat_map(|rows| {
        let from = rows.checked_sub(1).map_or(1, |last| ledger.rows[last].epoch);
        let next = ledger.rows.get(rows).map_or(ledger.cursor.epoch - 1, |row| row.epoch);
        (from..=next).map(move |epoch| Action::LoseLedger(rows, epoch))
    })
}

/// The state after the action; none if it changes nothing.
pub(crate) fn apply(model: &Dropgate, last: &State, action: Action) -> Option<State> {
    let mut next = last.clone();
    let state = &mut next;
    let changed = match action {
        Action::Send(call, engine) => model.send(state, call, engine),
        Action::Call(call, engine, server) => {
            model.send(state, call, engine) && model.run(state, call, server)
        }
        Action::Run(call, server) => model.run(state, call, server),
        Action::RunUnheard(call, server) => model.run_unheard(state, call, server),
        Action::SendAgain(call) => model.send_again(state, call),
        Action::CallAgain(call, server) => {
            model.send_again(state, call) && model.run(state, call, server)
        }
        Action::Answer(call) => model.answer(state, call),
        Action::GiveUp(call) => {
            state.calls[call].tell(Told::Unknown);
            true
        }
        Action::TurnAway(call) => {
            state.calls[call].progress = Progress::Rest;
            state.calls[call].tell(Told::None);
            true
        }
        Action::Stall(call, server) => model.stall(state, call, server),
        Action::Expire(engine, server, reservation) => {
            model.expire(state, engine, server, reservation)
        }
        Action::Look(engine) => {
            let seen = state.ledger.cursor;
            model.note(&mut state.engines[engine], seen);
            true
        }
        Action::Read(engine, server) => model.read(state, engine, server),
        Action::Commit(engine) => model.commit(state, engine, true),
        Action::CommitRowsOnly(engine) => model.commit(state, engine, false),
        Action::Fence(engine, server) => model.fence(state, engine, server),
        Action::AskForRebuild(engine) => model.ask_for_rebuild(state, engine),
        Action::Rebuild(engine, server) => model.rebuild(state, engine, server),
        Action::RollBack(server, changes) => roll_back(state, server, changes),
        Action::Wipe(server) => {
            state.budget.wipes -= 1;
            state.replace_redis(server, Redis::wiped());
            true
        }
        Action::Failover(changes) => fail_over(state, changes),
        Action::Crash(engine) => crash(model, state, engine),
        Action::LoseLedger(rows, epoch) => lose_ledger(state, rows, epoch),
        Action::RestoreLedger => restore_ledger(state),
    };
    next.forget(&model.bounds);
    changed.then_some(next)
}

fn roll_back(state: &mut State, server: ServerId, changes: usize) -> bool {
    let server = &mut state.servers[server];
    let kept = server.past.len() - changes;
    server.redis = Arc::clone(&server.past[kept]);
    server.past.truncate(kept);
    state.budget.roll_backs -= 1;
    true
}

fn fail_over(state: &mut State, changes: usize) -> bool {
    let Server { redis, past } = &state.servers[0];
    let kept = past.len() - changes;
    let redis = Arc::clone(past.get(kept).unwrap_or(redis));
    let past = past[..kept].to_vec();
    state.servers.push(Server { redis, past });
    state.budget.failovers -= 1;
    true
}

fn crash(model: &Dropgate, state: &mut State, id: EngineId) -> bool {
    state.budget.crashes -= 1;
    state.engines[id] = Engine::started(&state.ledger);
    let seen = state.ledger.cursor;
    model.note(&mut state.engines[id], seen);
    for call in &mut state.calls {
        if call.engine == id && call.pending() {
            call.tell(Told::Unknown);
        }
    }
    true
}

fn lose_ledger(state: &mut State, rows: usize, epoch: Epoch) -> bool {
    state.budget.ledger_losses -= 1;
    let earlier = Arc::new(state.ledger.earlier(rows, epoch));
    state.lost = Some(std::mem::replace(&mut state.ledger, earlier));
    // What was said on the ground of a ledger that is gone is gone with it.
    for call in &mut state.calls {
        call.excused = call.told != Told::Nothing;
    }
    true
}

fn restore_ledger(state: &mut State) -> bool {
    let Some(before) = state.lost.take() else { return false };
    state.ledger = before;
    true
}

impl Dropgate {
    /// The sweep: the same script as release, with another kind of event.
    fn expire(
        &self,
        state: &mut State,
        id: EngineId,
        server: ServerId,
        reservation: ReservationId,
    ) -> bool {
        if !state.servers[server].redis.admits(state.engines[id].stamp(), Checks::ALL) {
            return false;
        }
        let mut redis = (*state.servers[server].redis).clone();
        let reply = redis.end(Event { kind: EventKind::Expired, reservation, resent: false });
        state.budget.expiries -= 1;
        state.replace_redis(server, redis);
        reply == Reply::Done
    }
}
