//! A model of Dropgate's protocol: journal, chain, fence, rebuild and answers, explored to the end
//! with [stateright].
//!
//! One drop with one SKU of two units, three clients of whom one asks again with the same
//! idempotency key, two engines, one Redis, one Postgres. Each [`step::Action`] is one atomic step;
//! between two steps anything else may happen. An engine that freezes, is late or never comes back
//! is one whose next step is not taken for a while, or never. Redis may roll back to any of its
//! earlier moments, after which it may issue the same (epoch, seq) again with other content, and
//! may be wiped; engines may crash; a script whose reply is lost may run twice.
//!
//! | step in the model | piece in production |
//! |---|---|
//! | [`Send`] | `api` takes a call, the lane stamps it with epoch and durable seq; for a hold in a drop that has been rebuilt, the key is looked up in the ledger in the snapshot that gives the epoch |
//! | [`Run`], [`RunUnheard`] | the call's part of one script call: `lua/reserve.lua`, `confirm`, `release`; a batch of several operations is the same step taken several times |
//! | [`Expire`] | the sweep's script call |
//! | [`Read`], [`Commit`] | the write-behind: `XTRIM` and `XRANGE`, then the one fenced statement |
//! | [`Answer`] | the engine's look at Postgres, or the news of a commit, for a call that waits |
//! | [`GiveUp`] | 503 `unknown` by deadline, or the client's disconnect; the work goes on |
//! | [`Look`], [`Fence`] | reconcile: the ledger first, then Redis, then `epoch + 1` |
//! | [`AskForRebuild`] | `dropgate rebuild` |
//! | [`Rebuild`] | the rebuild's scripts: begin, the chunks, finish |
//! | [`RollBack`], [`Wipe`] | a replica takes over, an AOF lacks its end, a Redis starts empty |
//! | [`Crash`] | kill -9 and a restart |
//!
//! What must hold is in [`properties`], the rules that make it hold are what [`mutants`] takes out,
//! and how far each exploration goes is in [`bounds`].
//!
//! Left out: time (a deadline passes whenever it likes), leases and news (they only save work),
//! limits, several lines or SKUs, extend, change, return and restock (each is one more event in the
//! same atomic step), `DROPGATE_HOLD_ACK=redis`, a Postgres that goes back in time, and liveness.
//!
//! [`Send`]: step::Action::Send
//! [`Run`]: step::Action::Run
//! [`RunUnheard`]: step::Action::RunUnheard
//! [`Expire`]: step::Action::Expire
//! [`Read`]: step::Action::Read
//! [`Commit`]: step::Action::Commit
//! [`Answer`]: step::Action::Answer
//! [`GiveUp`]: step::Action::GiveUp
//! [`Look`]: step::Action::Look
//! [`Fence`]: step::Action::Fence
//! [`AskForRebuild`]: step::Action::AskForRebuild
//! [`Rebuild`]: step::Action::Rebuild
//! [`RollBack`]: step::Action::RollBack
//! [`Wipe`]: step::Action::Wipe
//! [`Crash`]: step::Action::Crash

pub mod bounds;
pub mod ledger;
pub mod mutants;
pub mod properties;
pub mod redis;
pub mod state;
pub mod step;

mod answer;
mod task;

pub use bounds::Bounds;
use mutants::Mutant;
use state::{CallId, State};
use stateright::{Model, Property};
use step::Action;

/// The protocol within bounds, whole or with one rule taken out.
#[derive(Clone, Copy, Debug)]
pub struct Dropgate {
    /// How far to explore.
    pub bounds: Bounds,
    /// The rule taken out.
    pub mutant: Option<Mutant>,
}

impl Dropgate {
    /// The protocol as it is.
    pub fn faithful(bounds: Bounds) -> Self {
        Self { bounds, mutant: None }
    }

    /// Whether this rule is taken out.
    pub fn has(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// Whether a client makes this call.
    pub fn plays(&self, call: CallId) -> bool {
        self.bounds.calls.contains(&call)
    }

    /// Whether Redis has lost anything so far.
    pub fn faulted(&self, state: &State) -> bool {
        let (all, left) = (self.bounds.budget, state.budget);
        (all.roll_backs, all.wipes) != (left.roll_backs, left.wipes)
    }
}

impl Model for Dropgate {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::opening(self.bounds.budget)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        step::actions(self, state, actions);
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        step::apply(self, last, action)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::properties(self)
    }
}
